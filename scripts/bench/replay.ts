// Replays a trace against a real server as a cache is used: GET, and on a miss SET. Requests
// travel in windows of up to sixteen different ids; an id that comes again begins the next
// window, so each GET sees what the SETs before it did, to within one window.
// Invariant: every request of the trace is one GET, and every miss is followed by one SET.

import type { Socket } from "bun";
import type { Target } from "../../src/bench/connection.ts";
import { HIT, MISS, type ReplyReader } from "../../src/bench/replies.ts";
import { replyReader } from "../../src/bench/reply-formats.ts";
import { fillerByte } from "../../src/bench/requests.ts";
import { DEFAULT_WORKLOAD, GET, type Protocol, SET } from "../../src/bench/workload.ts";
import type { Trace } from "./simulate/policies.ts";
import { traceKey, traceValueLength } from "./trace.ts";

const WINDOW = 16;
const VALUE_BYTES_MAX = 2047;
const FILLER = Uint8Array.from({ length: VALUE_BYTES_MAX }, (_, i) => fillerByte(i));

export interface ReplayResult {
  readonly hitPercent: number;
  readonly errors: number;
  readonly firstError: string;
}

export async function replay(
  target: Target,
  protocol: Protocol,
  trace: Trace,
): Promise<ReplayResult> {
  const link = new ReplayLink(protocol);
  await link.open(target);
  try {
    let hits = 0;
    for (let at = 0; at < trace.ids.length; ) {
      const ids = windowAt(trace.ids, at);
      at += ids.length;
      const outcomes = await link.exchange(ids, GET);
      hits += outcomes.filter((outcome) => outcome === HIT).length;
      const missed = ids.filter((_, i) => outcomes[i] === MISS);
      if (missed.length > 0) await link.exchange(missed, SET);
    }
    const { errors, firstError } = link.reader.tally;
    return { hitPercent: (hits / trace.ids.length) * 100, errors, firstError };
  } finally {
    link.close();
  }
}

function windowAt(ids: Uint32Array, from: number): number[] {
  const window: number[] = [];
  for (let i = from; i < ids.length && window.length < WINDOW; i++) {
    if (window.includes(ids[i])) break;
    window.push(ids[i]);
  }
  return window;
}

/** One connection that sends a window and waits for its replies. */
class ReplayLink {
  readonly reader: ReplyReader;
  readonly #protocol: Protocol;
  readonly #encoder = new TextEncoder();
  readonly #bytes = new Uint8Array(WINDOW * (VALUE_BYTES_MAX + 128));
  #size = 0;
  #sent = 0;
  #socket: Socket<undefined> | null = null;
  #outstanding = 0;
  #answered: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
    this.reader = replyReader({ ...DEFAULT_WORKLOAD, protocol, depth: WINDOW });
  }

  async open(target: Target): Promise<void> {
    const fail = (error: Error) => this.#answered.reject(error);
    this.#socket = await Bun.connect({
      hostname: target.host,
      port: target.port,
      socket: {
        data: (_socket, chunk) => this.#onData(chunk),
        drain: () => this.#flush(),
        close: () => fail(new Error("the server closed the connection")),
        error: (_socket, error) => fail(error),
      },
    });
  }

  async exchange(ids: readonly number[], kind: number): Promise<Uint8Array> {
    this.#answered = Promise.withResolvers();
    this.#size = 0;
    this.#sent = 0;
    for (const id of ids) this.#encode(id, kind);
    const kinds = new Uint8Array(ids.length).fill(kind);
    this.reader.expect(kinds, Int32Array.from(ids), Int32Array.from(ids, traceValueLength));
    this.#outstanding = ids.length;
    this.#flush();
    await this.#answered.promise;
    return this.reader.outcomes.slice(0, ids.length);
  }

  close(): void {
    this.#answered.promise.catch(() => {}); // closing rejects what nobody waits for any more
    this.#socket?.end();
  }

  #encode(id: number, kind: number): void {
    const key = traceKey(id);
    const resp = this.#protocol === "resp";
    const head = resp ? `$3\r\n${kind === GET ? "GET" : "SET"}\r\n$${key.length}\r\n${key}` : key;
    if (kind === GET) {
      this.#append(resp ? `*2\r\n${head}\r\n` : `get ${head}\r\n`);
      return;
    }
    const length = traceValueLength(id);
    this.#append(resp ? `*3\r\n${head}\r\n$${length}\r\n` : `set ${head} 0 0 ${length}\r\n`);
    this.#bytes.set(FILLER.subarray(0, length), this.#size);
    this.#size += length;
    this.#append("\r\n");
  }

  #append(text: string): void {
    this.#size += this.#encoder.encodeInto(text, this.#bytes.subarray(this.#size)).written;
  }

  #flush(): void {
    if (this.#sent >= this.#size) return;
    const taken = this.#socket?.write(this.#bytes, this.#sent, this.#size - this.#sent) ?? 0;
    this.#sent += Math.max(0, taken);
  }

  #onData(chunk: Uint8Array): void {
    this.#outstanding -= this.reader.feed(chunk);
    if (this.#outstanding === 0) this.#answered.resolve();
  }
}
