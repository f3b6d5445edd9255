// One RESP connection that sends a server one request at a time and reports how long each reply
// took. It measures from outside, beside a load, and adds almost nothing to it.
// Invariant: a reply belongs to the last request; a lost connection is an error, not a wait.

import { commandBytes } from "../../src/protocol/resp/command-bytes.ts";

const answerTimeoutMs = 20_000;

export class Probe implements AsyncDisposable {
  private readonly socket: Bun.Socket;
  private buffer = "";
  private waiting: PromiseWithResolvers<string> | null = null;

  private constructor(socket: Bun.Socket) {
    this.socket = socket;
  }

  static async connect(port: number): Promise<Probe> {
    const { promise, resolve } = Promise.withResolvers<Probe>();
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: async (_socket, chunk) => (await promise).received(chunk.toString("latin1")),
        close: async () => (await promise).failed("the server closed the connection"),
        error: async (_socket, error) => (await promise).failed(error.message),
      },
    });
    socket.setNoDelay(true);
    const probe = new Probe(socket);
    resolve(probe);
    return probe;
  }

  /** The first line of the reply without its type, or the text of a bulk string; "" for null. */
  async ask(...words: string[]): Promise<string> {
    const waiting = Promise.withResolvers<string>();
    this.waiting = waiting;
    const limit = setTimeout(() => this.failed("no answer"), answerTimeoutMs);
    this.socket.write(commandBytes(words));
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(limit);
    }
  }

  /** Milliseconds until the reply to a PING. */
  async ping(): Promise<number> {
    const begin = performance.now();
    await this.ask("PING");
    return performance.now() - begin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.end();
  }

  private received(text: string): void {
    this.buffer += text;
    const answer = wholeAnswer(this.buffer);
    if (answer === null) return;
    this.buffer = "";
    this.waiting?.resolve(answer);
    this.waiting = null;
  }

  private failed(reason: string): void {
    this.waiting?.reject(new Error(reason));
    this.waiting = null;
  }
}

function wholeAnswer(buffer: string): string | null {
  const end = buffer.indexOf("\r\n");
  if (end < 0) return null;
  if (!buffer.startsWith("$")) return buffer.slice(1, end);
  const length = Number(buffer.slice(1, end));
  if (length < 0) return "";
  return buffer.length >= end + 4 + length ? buffer.slice(end + 2, end + 2 + length) : null;
}
