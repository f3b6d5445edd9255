// GET /v1/events: server-sent events for a dashboard. What they tell is made once a second for all
// streams (live-reports.ts); without a stream there is no timer. Each stream keeps the connection
// that it logged in by: it ends at once with that, and after a change of users it goes on only if
// INFO is still allowed there.
// Invariant: a stream that does not take its events is ended, not buffered for.

import { adminStreamsMax } from "../../base/limits.ts";
import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import { answer, problem } from "./admin-response.ts";
import { errorResponse } from "./reply-json.ts";

const sampleEveryMs = 1_000;
/** Parts that may wait for a client: one a second. */
const waitingMax = 8;

/** What a stream needs of the connection by which it logged in. */
export interface StreamDoor extends Disposable {
  readonly isOpen: boolean;
  run(...command: readonly string[]): Promise<Reply>;
  /** It is not idle, though it runs nothing. */
  stayActive(): void;
}

/** What streams tell. */
export interface Reports {
  next(withLists: boolean): Promise<readonly { readonly name: string; readonly data: unknown }[]>;
  forget(): void;
}

interface Stream {
  readonly door: StreamDoor;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** It has had nothing yet. */
  isNew: boolean;
  /** Users have changed: whether it may go on is to be asked. */
  isDoubtful: boolean;
}

export class EventStreams {
  private readonly reports: Reports;
  private readonly everyMs: number;
  private readonly streams = new Set<Stream>();
  private timer: Timer | null = null;
  private isTelling = false;
  private readonly encoder = new TextEncoder();

  constructor(reports: Reports, everyMs = sampleEveryMs) {
    this.reports = reports;
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
    return answer(200, "text/event-stream", this.bodyFor(door));
  }

  private bodyFor(door: StreamDoor): ReadableStream<Uint8Array> {
    let stream: Stream | null = null;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          stream = { door, controller, isNew: true, isDoubtful: false };
          this.streams.add(stream);
          controller.enqueue(this.encoder.encode("retry: 2000\n\n"));
        },
        cancel: () => {
          if (stream !== null) this.drop(stream);
        },
      },
      { highWaterMark: waitingMax },
    );
    if (this.timer === null) {
      this.timer = setInterval(() => void this.tell(), this.everyMs).unref();
      void this.tell(); // the first need not wait for its second
    }
    return body;
  }

  /** The rights of streams may have changed. */
  usersChanged(): void {
    for (const stream of this.streams) stream.isDoubtful = true;
  }

  /** A look at the node that takes longer than a second delays the next one. */
  private async tell(): Promise<void> {
    if (this.isTelling) return;
    this.isTelling = true;
    try {
      await this.tellAll();
    } finally {
      this.isTelling = false;
    }
  }

  private async tellAll(): Promise<void> {
    for (const stream of [...this.streams]) {
      if (!(await this.mayGoOn(stream))) this.end(stream);
    }
    const streams = [...this.streams];
    if (streams.length === 0) return;
    const withLists = streams.some(({ isNew }) => isNew);
    const events = await this.reports.next(withLists);
    const text = events.map(
      ({ name, data }) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`,
    );
    const bytes = this.encoder.encode(text.join(""));
    for (const stream of streams) {
      if (!this.streams.has(stream)) continue; // it ended meanwhile
      stream.isNew = false;
      stream.controller.enqueue(bytes);
    }
  }

  /** Its user may still see it, and it takes what it gets. */
  private async mayGoOn(stream: Stream): Promise<boolean> {
    const { door, controller } = stream;
    if (!door.isOpen || (controller.desiredSize ?? 0) <= 0) return false;
    door.stayActive();
    if (!stream.isDoubtful) return true;
    stream.isDoubtful = false;
    const reply = await door.run("INFO", "modules").catch(() => null); // it was closed
    return reply !== null && !(reply instanceof ReplyError);
  }

  private end(stream: Stream): void {
    if (this.streams.has(stream)) stream.controller.close();
    this.drop(stream);
  }

  private drop(stream: Stream): void {
    this.streams.delete(stream);
    stream.door[Symbol.dispose]();
    if (this.streams.size > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.reports.forget();
  }

  close(): void {
    for (const stream of [...this.streams]) this.drop(stream);
  }
}
