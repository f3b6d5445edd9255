// A tiny server for tests of the load generator: RESP and memcached text over a Map, with
// faults that a test may ask for. It parses only what the generator sends, and buffers until a
// request is whole. Invariant: requests are answered in order, whatever pieces they come in.

import type { Socket, TCPSocketListener } from "bun";

export interface Faults {
  /** Bytes changed in each value that is read. */
  readonly corrupt?: boolean;
  /** Every write is refused. */
  readonly refuse?: boolean;
  /** Closes the connection instead of answering. */
  readonly hangUp?: boolean;
  /** The most bytes that go out in one write; 0 for all. */
  readonly pieceBytes?: number;
  /** The password that AUTH must bring. */
  readonly password?: string;
  /** Milliseconds before the first answer goes out. */
  readonly firstDelayMs?: number;
}

interface Request {
  readonly words: readonly string[];
  readonly size: number;
}

export class FakeServer implements AsyncDisposable {
  readonly data = new Map<string, string>();
  readonly requests: string[][] = [];
  private readonly listener: TCPSocketListener<{ pending: string }>;
  private readonly faults: Faults;
  private delayed = false;

  constructor(faults: Faults = {}) {
    this.faults = faults;
    this.listener = Bun.listen<{ pending: string }>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.data = { pending: "" };
        },
        data: (socket, chunk) => this.onData(socket, chunk.toString("latin1")),
      },
    });
  }

  get target() {
    return { host: "127.0.0.1", port: this.listener.port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.stop(true);
  }

  private onData(socket: Socket<{ pending: string }>, text: string): void {
    if (this.faults.hangUp) {
      socket.end();
      return;
    }
    socket.data.pending += text;
    let answer = "";
    for (;;) {
      const request = readRequest(socket.data.pending);
      if (request === null) break;
      socket.data.pending = socket.data.pending.slice(request.size);
      this.requests.push([...request.words]);
      answer += this.answer(request.words);
    }
    this.sendLater(socket, answer);
  }

  private sendLater(socket: Socket<{ pending: string }>, answer: string): void {
    if (this.faults.firstDelayMs === undefined || this.delayed) {
      this.send(socket, answer);
      return;
    }
    this.delayed = true;
    setTimeout(() => this.send(socket, answer), this.faults.firstDelayMs);
  }

  private send(socket: Socket<{ pending: string }>, answer: string): void {
    const size = this.faults.pieceBytes || Math.max(1, answer.length);
    for (let at = 0; at < answer.length; at += size) {
      socket.write(Buffer.from(answer.slice(at, at + size), "latin1"));
      socket.flush();
    }
  }

  private answer(words: readonly string[]): string {
    const [name, key, value] = words;
    if (name === "AUTH") return key === this.faults.password ? "+OK\r\n" : "-WRONGPASS no\r\n";
    const memcache = name === name.toLowerCase();
    if (name.toUpperCase() === "SET") {
      if (this.faults.refuse) return memcache ? "SERVER_ERROR full\r\n" : "-OOM full\r\n";
      this.data.set(key, value);
      return memcache ? "STORED\r\n" : "+OK\r\n";
    }
    const found = this.data.get(key);
    if (found === undefined) return memcache ? "END\r\n" : "$-1\r\n";
    const sent = this.faults.corrupt ? `${found.slice(0, -1)}!` : found;
    if (memcache) return `VALUE ${key} 0 ${sent.length}\r\n${sent}\r\nEND\r\n`;
    return `$${sent.length}\r\n${sent}\r\n`;
  }
}

function readRequest(text: string): Request | null {
  const end = text.indexOf("\r\n");
  if (end < 0) return null;
  return text.startsWith("*") ? readArray(text, end) : readLine(text, end);
}

function readArray(text: string, end: number): Request | null {
  const words: string[] = [];
  let at = end + 2;
  for (let left = Number(text.slice(1, end)); left > 0; left--) {
    const mark = text.indexOf("\r\n", at);
    if (mark < 0) return null;
    const length = Number(text.slice(at + 1, mark));
    if (text.length < mark + 2 + length + 2) return null;
    words.push(text.slice(mark + 2, mark + 2 + length));
    at = mark + 2 + length + 2;
  }
  return { words, size: at };
}

function readLine(text: string, end: number): Request | null {
  const words = text.slice(0, end).split(" ");
  if (words[0] !== "set") return { words, size: end + 2 };
  const length = Number(words[4]);
  if (text.length < end + 2 + length + 2) return null;
  const value = text.slice(end + 2, end + 2 + length);
  return { words: [words[0], words[1], value, words[3]], size: end + 2 + length + 2 };
}
