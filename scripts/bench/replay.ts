// Replays a trace against a real server the way a cache is used: GET, and SET on a miss. Requests
// travel in windows of up to sixteen different ids. One message carries the SETs for the misses of
// the previous message, the GETs of ids repeated in its window, and the GETs of the next window:
// one round trip per window, and each GET sees the effect of the SETs before it to within one
// window.
// Invariant: every request of the trace is one GET, and every miss is followed by one SET.

import type { Socket } from "bun";
import type { Target } from "../../src/bench/load-connection.ts";
import { MISS, type ReplyReader } from "../../src/bench/replies.ts";
import { replyReader } from "../../src/bench/reply-formats.ts";
import { BenchError, defaultWorkload, GET, type Protocol, SET } from "../../src/bench/workload.ts";
import { ReplayWriter } from "./replay-writer.ts";
import type { Trace } from "./simulate/policies.ts";
import { traceValueLength } from "./trace.ts";

/** Number of different ids in a window. */
const distinctMax = 16;
/** Requests in a window, so that even a trace of a single id has bounded messages. */
const windowMax = 64;
/** A message has the repeats of one window and the different ids of the next, ... */
const getsMax = windowMax + distinctMax;
/** ... each of which may miss and become a SET in the message after it. */
const messageMax = 2 * getsMax;

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
  const link = new ReplayLink(new Message(protocol), protocol);
  await link.open(target);
  try {
    const requests = new Requests(trace);
    while (requests.compose(link.message, link.reader.outcomes)) await link.exchange();
    const { hits, errors, firstError } = link.reader.tally;
    return { hitPercent: (hits / trace.ids.length) * 100, errors, firstError };
  } finally {
    link.close();
  }
}

/** Requests that travel together: their bytes, and what their replies are checked against. */
class Message {
  readonly kinds = new Uint8Array(messageMax);
  readonly ids = new Int32Array(messageMax);
  readonly lengths = new Int32Array(messageMax);
  readonly writer: ReplayWriter;
  count = 0;

  constructor(protocol: Protocol) {
    this.writer = new ReplayWriter(protocol, getsMax, getsMax);
  }

  clear(): void {
    this.writer.clear();
    this.count = 0;
  }

  add(kind: number, id: number): void {
    const length = traceValueLength(id);
    if (kind === GET) this.writer.get(id);
    else this.writer.set(id, length);
    this.kinds[this.count] = kind;
    this.ids[this.count] = id;
    this.lengths[this.count++] = length;
  }
}

/** The position of a replay in its trace, and what the next message must add. */
class Requests {
  private readonly trace: Trace;
  /** The window, counted from 1, in which an id was last asked for. */
  private readonly windowOf: Uint32Array;
  private window = 0;
  private at = 0;
  private readonly missed = new Int32Array(getsMax);
  /** Ids that were repeated within the last window. */
  private readonly repeats = new Int32Array(windowMax);
  private repeatCount = 0;

  constructor(trace: Trace) {
    this.trace = trace;
    this.windowOf = new Uint32Array(trace.idCount);
  }

  /** Turns an answered message into the next one; false at the end of the replay. */
  compose(message: Message, outcomes: Uint8Array): boolean {
    const missedCount = this.collectMissed(message, outcomes);
    message.clear();
    for (let i = 0; i < missedCount; i++) message.add(SET, this.missed[i]);
    for (let i = 0; i < this.repeatCount; i++) message.add(GET, this.repeats[i]);
    this.addWindow(message);
    return message.count > 0;
  }

  private collectMissed({ count, ids }: Message, outcomes: Uint8Array): number {
    let missedCount = 0;
    for (let i = 0; i < count; i++) {
      if (outcomes[i] === MISS) this.missed[missedCount++] = ids[i];
    }
    return missedCount;
  }

  private addWindow(message: Message): void {
    const { ids } = this.trace;
    const end = Math.min(this.at + windowMax, ids.length);
    this.window++;
    this.repeatCount = 0;
    for (let distinct = 0; this.at < end && distinct < distinctMax; this.at++) {
      const id = ids[this.at];
      if (this.windowOf[id] === this.window) {
        this.repeats[this.repeatCount++] = id;
        continue;
      }
      this.windowOf[id] = this.window;
      distinct++;
      message.add(GET, id);
    }
  }
}

/** One connection that sends a message and waits for all of its replies. */
class ReplayLink {
  readonly message: Message;
  readonly reader: ReplyReader;
  private sent = 0;
  private socket: Socket<undefined> | null = null;
  private outstanding = 0;
  private answered: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Why the connection ended, which may be between two messages. */
  private failure: Error | null = null;

  constructor(message: Message, protocol: Protocol) {
    this.message = message;
    this.reader = replyReader({ ...defaultWorkload, protocol, depth: messageMax });
  }

  async open(target: Target): Promise<void> {
    const fail = (error: Error) => {
      this.failure ??= error;
      this.answered.reject(error);
    };
    this.socket = await Bun.connect({
      hostname: target.host,
      port: target.port,
      socket: {
        data: (_socket, chunk) => this.onData(chunk),
        drain: () => this.flush(),
        close: () => fail(new Error("the server closed the connection")),
        error: (_socket, error) => fail(error),
      },
    });
  }

  async exchange(): Promise<void> {
    if (this.failure !== null) throw this.failure;
    const { kinds, ids, lengths, count } = this.message;
    this.answered = Promise.withResolvers();
    this.reader.expect(kinds, ids, lengths);
    this.outstanding = count;
    this.sent = 0;
    this.flush();
    await this.answered.promise;
  }

  close(): void {
    this.answered.promise.catch(() => {}); // closing rejects what nobody waits for any more
    this.socket?.end();
  }

  private flush(): void {
    const { bytes, size } = this.message.writer;
    if (this.sent >= size) return;
    const taken = this.socket?.write(bytes, this.sent, size - this.sent) ?? 0;
    this.sent += Math.max(0, taken);
  }

  private onData(chunk: Uint8Array): void {
    this.outstanding -= this.reader.feed(chunk);
    if (this.outstanding < 0) throw new BenchError("there are more replies than requests");
    if (this.outstanding === 0) this.answered.resolve();
  }
}
