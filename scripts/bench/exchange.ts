// One RESP connection of a memory load: sends blocks of commands and waits for the end of their
// replies, which it recognizes by a PING with a unique text; or stops reading. It checks replies
// only for an error at their beginning, so that the server limits a load, not the client.

import { connect, type Socket } from "node:net";
import { commandBytes } from "../../src/protocol/resp/command-bytes.ts";

const mark = "--the end of these answers--";
const marker = encode("PING", mark);
/** How long a server may accept no bytes before the client stops sending. */
const stalledMs = 300;

/** One command as RESP. */
export function encode(...words: readonly (string | number)[]): Buffer {
  return commandBytes(words.map(String));
}

export class Exchange {
  private readonly socket: Socket;
  private tail = Buffer.alloc(0);
  private isFirst = true;
  private waiting: PromiseWithResolvers<void> | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.received(chunk));
    socket.on("error", () => {}); // a close follows
    socket.on("close", () => this.waiting?.reject(new Error("the server closed a connection")));
  }

  static connect(port: number): Promise<Exchange> {
    const { promise, resolve, reject } = Promise.withResolvers<Exchange>();
    const socket = connect({ host: "127.0.0.1", port }, () => resolve(new Exchange(socket)));
    socket.once("error", reject);
    return promise;
  }

  /** Sends commands, and resolves when all replies have arrived. */
  ask(commands: Uint8Array): Promise<void> {
    this.waiting = Promise.withResolvers();
    this.isFirst = true;
    this.socket.write(Buffer.concat([commands, marker]));
    return this.waiting.promise;
  }

  /** Sends without waiting for replies, as much as the server accepts. */
  async send(bytes: Uint8Array): Promise<void> {
    const sent = new Promise((resolve) => this.socket.write(bytes, resolve));
    let before = -1;
    for (let isDone = false; !isDone && before !== this.socket.bytesWritten; ) {
      before = this.socket.bytesWritten;
      isDone = await Promise.race([sent.then(() => true), Bun.sleep(stalledMs).then(() => false)]);
    }
  }

  /** Stops reading: the server's output fills up. */
  pause(): void {
    this.socket.pause();
  }

  close(): void {
    this.waiting = null;
    this.socket.destroy();
  }

  private received(chunk: Buffer): void {
    if (this.waiting === null) return;
    if (this.isFirst && chunk[0] === 0x2d) {
      this.waiting.reject(new Error(chunk.toString("latin1", 0, 200).split("\r\n")[0]));
    }
    this.isFirst = false;
    const seam = Buffer.concat([this.tail, chunk.subarray(0, mark.length)]);
    if (seam.includes(mark) || chunk.includes(mark)) {
      this.tail = Buffer.alloc(0);
      this.waiting.resolve();
    } else {
      this.tail = Buffer.from(
        chunk.length >= mark.length
          ? chunk.subarray(1 - mark.length)
          : seam.subarray(1 - mark.length),
      );
    }
  }
}
