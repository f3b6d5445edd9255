// GET /v1/events: server-sent events for a dashboard, one `sample` a second with levels and rates
// as JSON. All streams share one gathering; without a stream there is no timer. Each keeps the
// connection that it logged in by and asks for INFO on it before each sample, so it ends at once
// with its user or its rights.
// Invariant: a stream that does not take its samples is ended, not buffered for.

import { adminStreamsMax } from "../../base/limits.ts";
import { LatencyWindow } from "../../command/timing/latency-window.ts";
import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import type { InfoSource } from "../node-info.ts";
import { answer, problem } from "./admin-response.ts";
import type { Rates, Sample } from "./observations.ts";
import { errorResponse } from "./reply-json.ts";

const sampleEveryMs = 1_000;
/** Samples that may wait for a client. */
const waitingMax = 8;

/** What a stream needs of the connection by which it logged in. */
export interface StreamDoor extends Disposable {
  run(...command: readonly string[]): Promise<Reply>;
}

interface Stream {
  readonly door: StreamDoor;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
}

/** What grows; a sample has how much in a second. */
type Counters = Rates;

export class EventStreams {
  private readonly gather: () => Promise<InfoSource>;
  private readonly everyMs: number;
  private readonly streams = new Set<Stream>();
  private timer: Timer | null = null;
  private last: { readonly atMs: number; readonly counters: Counters } | null = null;
  private latency = new LatencyWindow();
  private readonly encoder = new TextEncoder();

  constructor(gather: () => Promise<InfoSource>, everyMs = sampleEveryMs) {
    this.gather = gather;
    this.everyMs = everyMs;
  }

  /** Takes the connection over; whatever it answers, the caller is rid of it. */
  async open(door: StreamDoor): Promise<Response> {
    const reply = await door.run("INFO", "modules");
    const isFull = this.streams.size >= adminStreamsMax;
    if (reply instanceof ReplyError || isFull) {
      door[Symbol.dispose]();
      if (reply instanceof ReplyError) return errorResponse(reply);
      return problem(503, `${adminStreamsMax} streams are open`, { "Retry-After": "5" });
    }
    let stream: Stream | null = null;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          stream = { door, controller };
          this.streams.add(stream);
          controller.enqueue(this.encoder.encode("retry: 2000\n\n"));
        },
        cancel: () => {
          if (stream !== null) this.drop(stream);
        },
      },
      { highWaterMark: waitingMax },
    );
    this.timer ??= setInterval(() => void this.sample(), this.everyMs).unref();
    return answer(200, "text/event-stream", body);
  }

  private async sample(): Promise<void> {
    const allowed = await Promise.all([...this.streams].map((stream) => this.mayGoOn(stream)));
    if (!allowed.includes(true)) return;
    const text = `event: sample\ndata: ${JSON.stringify(this.sampleOf(await this.gather()))}\n\n`;
    const bytes = this.encoder.encode(text);
    for (const { controller } of this.streams) controller.enqueue(bytes);
  }

  /** Its user may still see it, and it takes what it gets. */
  private async mayGoOn(stream: Stream): Promise<boolean> {
    const reply = await stream.door.run("INFO", "modules").catch(() => null); // it was closed
    const isTaking = (stream.controller.desiredSize ?? 0) > 0;
    if (reply !== null && !(reply instanceof ReplyError) && isTaking) return true;
    if (this.streams.has(stream)) stream.controller.close();
    this.drop(stream);
    return false;
  }

  private drop(stream: Stream): void {
    this.streams.delete(stream);
    stream.door[Symbol.dispose]();
    if (this.streams.size > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.last = null;
    this.latency = new LatencyWindow();
  }

  private sampleOf(info: InfoSource): Sample {
    const counters = countersOf(info);
    const { last } = this;
    this.last = { atMs: info.uptimeMs, counters };
    const { store, threads } = info;
    this.latency.add(info.histograms);
    const { dead_bytes: deadBytes, unused_bytes: unusedBytes } = store.memory;
    return {
      atMs: info.nowMs,
      perSecond: last === null ? null : ratesOf(last.counters, counters, info.uptimeMs - last.atMs),
      latencyUsec: { last1s: this.latency.last(1), last10s: this.latency.last(10) },
      items: store.items,
      memory: {
        usedBytes: store.memoryUsedBytes,
        limitBytes: info.config.maxMemory,
        deadBytes,
        unusedBytes,
        indexBytes: store.memory.index_bytes,
        ghostBytes: store.memory.ghost_bytes,
      },
      clients: Math.max(0, threads.connections - info.followerLinks),
      clientMemoryBytes: info.clientMemoryBytes,
      followers: info.followerLinks,
    };
  }

  close(): void {
    for (const stream of [...this.streams]) this.drop(stream);
  }
}

function countersOf({ threads, store, traffic }: InfoSource): Counters {
  return {
    commands: threads.commandsProcessed,
    hits: store.hits,
    misses: store.misses,
    evictions: store.evictions,
    expirations: store.expirations,
    receivedBytes: threads.bytesReceived + traffic.receivedBytes,
    sentBytes: threads.bytesSent,
  };
}

/** After CONFIG RESETSTAT a counter is smaller than before, and says nothing of this second. */
function ratesOf(before: Counters, after: Counters, ms: number): Rates {
  const rates: { -readonly [Name in keyof Rates]: number } = { ...after };
  for (const name of Object.keys(after) as (keyof Rates)[]) {
    const rate = Math.max(0, after[name] - before[name]) / (ms / 1000);
    rates[name] = Math.round(rate * 10) / 10;
  }
  return rates;
}
