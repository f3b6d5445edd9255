// A socket without a system below it: commands that come by HTTP run on an ordinary connection, and
// this is what that connection takes for its socket. What is written goes to a function.
// Invariant: it takes everything at once, so that nothing ever waits for a `drain`; who receives
// bounds what it keeps.

/** What a connection uses of its socket. */
export interface ConnectionSocket {
  readonly remoteAddress: string | undefined;
  write(bytes: Uint8Array, offset?: number, length?: number): number;
  pause(): void;
  resume(): void;
  end(): void;
  terminate(): void;
}

interface Receiver {
  /** Gets a copy. */
  received(bytes: Uint8Array): void;
  /** Called once, in a later turn. */
  closed(): void;
}

export class MemorySocket implements ConnectionSocket {
  /** "host" of the peer, for whom this stands. */
  readonly remoteAddress: string;
  private readonly receiver: Receiver;
  private isClosed = false;

  constructor(remoteAddress: string, receiver: Receiver) {
    this.remoteAddress = remoteAddress;
    this.receiver = receiver;
  }

  write(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
    if (!this.isClosed) this.receiver.received(bytes.slice(offset, offset + length));
    return length;
  }

  /** Its owner sends a request only when it wants the answer. */
  pause(): void {}

  resume(): void {}

  end(): void {
    this.terminate();
  }

  terminate(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    setImmediate(() => this.receiver.closed());
  }
}
