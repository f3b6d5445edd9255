// The output side of a connection: gathered replies go to the socket, what it does not take goes to
// the backlog, and messages of channels go behind the reply that is being written. It disconnects
// nobody: its connection watches the waiting bytes.
// Invariants: bytes leave in the order in which they came, messages never inside a reply; a socket
// that took less than it was offered is not written to before its next `drain`.
// Hot path: flush().

import type { Output } from "../../base/output.ts";
import { OutputAccount, type OutputBound } from "../../base/output-bound.ts";
import { Peak } from "../../base/peak.ts";
import { Backlog, type BacklogContents, type Sink } from "./backlog.ts";
import type { EncodedMessage } from "./encoded-message.ts";

interface Writable {
  write(bytes: Uint8Array, offset?: number, length?: number): number;
}

const noContents: BacklogContents = { bufferedBytes: 0, listed: 0, listedBytes: 0 };

/** Counts sent bytes, and how often the socket was given some. */
interface Counter {
  bytesSent: number;
  writes: number;
}

export class Outbox implements Sink {
  private readonly socket: Writable;
  private readonly counter: Counter;
  /** Null until the socket does not take everything at once, which most always do. */
  private backlog: Backlog | null;
  /**
   * Messages that are not on their way yet: those of a turn leave together, and those that arrive
   * while a reply is being written or awaited wait for its end. Null until the first message.
   */
  waiting: Backlog | null;
  /** Of its waiting bytes, as its connection notes it. */
  readonly peak: Peak;
  private readonly account: OutputAccount;
  private isStalled: boolean;
  private isClosed: boolean;
  /** A send has failed: the peer has broken the connection. */
  isBroken: boolean;

  constructor(socket: Writable, counter: Counter) {
    this.socket = socket;
    this.counter = counter;
    this.backlog = null;
    this.waiting = null;
    this.peak = new Peak();
    this.account = new OutputAccount();
    this.isStalled = false;
    this.isClosed = false;
    this.isBroken = false;
  }

  /** Bytes of replies and messages that the socket has not taken. */
  get unsentBytes(): number {
    return this.backlog === null ? 0 : this.backlog.bytes;
  }

  /** Bytes of messages that wait for the end of a reply. */
  get messageBytes(): number {
    return this.waiting?.bytes ?? 0;
  }

  /** What waits, and how large the buffers are into which it is packed, for CLIENT LIST. */
  contents(): BacklogContents & { readonly bufferBytes: number } {
    const sent = this.backlog?.contents() ?? noContents;
    const waiting = this.waiting?.contents() ?? noContents;
    return {
      bufferedBytes: sent.bufferedBytes + waiting.bufferedBytes,
      listed: sent.listed + waiting.listed,
      listedBytes: sent.listedBytes + waiting.listedBytes,
      bufferBytes: (this.backlog?.bufferBytes ?? 0) + (this.waiting?.bufferBytes ?? 0),
    };
  }

  /** Whether its client is too slow to be kept. */
  isOverdue(bound: OutputBound, nowMs: number): boolean {
    return this.account.isOverdue(this.unsentBytes + this.messageBytes, bound, nowMs);
  }

  /** Hands the gathered replies to the socket; what it does not take is kept. Clears `out`. */
  flush(out: Output): void {
    const { length } = out;
    if (this.unsentBytes > 0) this.flushBehind(out);
    else if (length > 0) {
      const taken = this.write(out.bytes, length);
      if (taken < length) this.keep(out, taken);
    }
    out.clear();
  }

  private flushBehind(out: Output): void {
    if (out.length > 0) this.keep(out, 0);
    if (!this.isStalled) this.drain();
  }

  /** Keeps a part of a reply that is longer than the output, and empties the output. */
  spill(out: Output): void {
    this.keep(out, 0);
    out.clear();
  }

  private keep(out: Output, from: number): void {
    if (this.isClosed) return;
    this.backlog ??= new Backlog();
    this.backlog.keep(out, from);
  }

  /** Writes past the backlog, which must be empty, and returns how many bytes the socket took. */
  write(bytes: Uint8Array, length = bytes.length): number {
    if (this.isClosed || this.unsentBytes > 0) return 0;
    const taken = this.offer(bytes, 0, length);
    this.counter.bytesSent += taken;
    this.counter.writes++;
    this.isStalled = taken < length;
    return taken;
  }

  /**
   * Hands bytes to the socket, for the backlog, and returns how many it took. A failure is kept:
   * the system tells it once, and Bun (1.4.5) does not close a paused socket without it.
   */
  offer(bytes: Uint8Array, start: number, length: number): number {
    const taken = this.socket.write(bytes, start, length);
    if (taken >= 0) return taken;
    this.isBroken = true;
    return 0;
  }

  /** Sends what the socket takes of the backlog. True if nothing is left. */
  drain(): boolean {
    const before = this.unsentBytes;
    const isEmpty = this.backlog === null || this.backlog.drain(this);
    this.isStalled = !isEmpty;
    if (!this.isClosed) this.counter.bytesSent += before - this.unsentBytes;
    this.counter.writes++;
    return isEmpty;
  }

  // ---- messages of channels ---------------------------------------------------------------------

  /** Keeps a message until sendMessages(). */
  deliver(message: EncodedMessage): void {
    if (this.isClosed) return;
    this.waiting ??= new Backlog();
    message.addTo(this.waiting);
  }

  sendMessages(): void {
    const { waiting } = this;
    if (waiting === null || waiting.bytes === 0) return;
    this.backlog ??= new Backlog();
    waiting.moveTo(this.backlog);
    if (!this.isStalled) this.drain();
  }

  /** Sends what an EXEC has published to its own connection, behind its reply. */
  sendOwnMessages(out: Output): void {
    if (this.messageBytes === 0) return;
    this.flush(out);
    this.sendMessages();
  }

  /** Drops everything and writes nothing more. */
  close(): void {
    this.isClosed = true;
    this.backlog?.clear();
    this.waiting?.clear();
    this.waiting = null;
  }
}
