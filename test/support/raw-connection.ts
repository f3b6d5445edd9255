// A TCP connection without any protocol, for tests that say byte for byte what is sent and read.
// Every read waits for what it names, for a limited time, and says what was there instead.
// Invariant: bytes that are read are not read again; what is left at the end can be seen.

import { type Socket, connect as tcpConnect } from "node:net";
import { patienceMs } from "./patience.ts";

/** What is written is what is sent. */
export class RawConnection implements AsyncDisposable {
  private readonly socket: Socket;
  /**
   * Chunks as they came; joined only when bytes are taken, or 64 MB would be copied a thousand
   * times.
   */
  private chunks: Buffer[] = [];
  private length = 0;
  private hasClosed = false;
  private wake = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.length += chunk.length;
      this.changed();
    });
    // "close" follows, and that is what a test looks at.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.hasClosed = true;
      this.changed();
    });
  }

  /** Text is written as latin1: one character, one byte. */
  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Exactly so many bytes; fails when the connection closes before. */
  async readExactly(length: number, timeoutMs: number = patienceMs): Promise<Buffer> {
    await this.until(() => this.length >= length, `${length} bytes`, timeoutMs);
    return this.take(length);
  }

  /** Everything up to and including the mark. */
  async readUntil(mark: string | Uint8Array, timeoutMs: number = patienceMs): Promise<Buffer> {
    const wanted = typeof mark === "string" ? Buffer.from(mark, "latin1") : Buffer.from(mark);
    const what = JSON.stringify(wanted.toString("latin1"));
    await this.until(() => this.join().indexOf(wanted) >= 0, what, timeoutMs);
    return this.take(this.join().indexOf(wanted) + wanted.length);
  }

  /** Resolves when the other side has closed, to the bytes that were not read before. */
  async closed(timeoutMs: number = patienceMs): Promise<Buffer> {
    await this.until(() => this.hasClosed, "the connection to close", timeoutMs);
    return this.take(this.length);
  }

  get isClosed(): boolean {
    return this.hasClosed;
  }

  /** Bytes that have arrived and were not read. */
  get unread(): Buffer {
    return Buffer.from(this.join());
  }

  /** Hands over whatever has arrived, waiting for something new when there is nothing. */
  async readSome(timeoutMs: number = patienceMs): Promise<Buffer> {
    await this.until(() => this.length > 0, "more bytes", timeoutMs);
    return this.take(this.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.until(() => this.hasClosed, "its own end", patienceMs);
  }

  private take(length: number): Buffer {
    const all = this.join();
    const rest = all.subarray(length);
    this.chunks = rest.length > 0 ? [rest] : [];
    this.length = rest.length;
    return all.subarray(0, length);
  }

  private join(): Buffer {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0] ?? Buffer.alloc(0);
  }

  private changed(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }

  private async until(isDone: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => late.reject(new Error(this.story(what))), timeoutMs);
    try {
      while (!isDone()) {
        if (this.hasClosed) throw new Error(`closed before ${what}; ${this.story(what)}`);
        await Promise.race([this.wake.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private story(what: string): string {
    const seen = JSON.stringify(this.join().toString("latin1", 0, 200));
    return `waited for ${what}; ${this.length} bytes unread: ${seen}`;
  }
}

/** Connects; fails when nobody listens. */
export function rawConnection(
  port: number,
  host = "127.0.0.1",
  from?: string,
): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket = tcpConnect({ port, host, localAddress: from });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(new RawConnection(socket));
    });
  });
}
