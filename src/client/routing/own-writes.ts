// Read-your-writes: a read is never older than the writes that this client called before it. Before
// the first read after a write, it asks the leader where in its history the write is
// (WRITEOFFSET), and the node that serves reads waits for that place (WAITOFFSET), but not for
// long: then the leader serves the reads. Over a Redis that has neither, INFO tells the places, and
// the leader serves until the follower has caught up.
// Invariant: a read goes to a node other than the leader only if that connection's node was seen to
// have every write before the read.

import { monotonicMs } from "../../base/clock.ts";
import { ClosedError, ServerError } from "../client-errors.ts";
import { Connection, rejectAll } from "../link/client-connection.ts";
import type { Holder, Ledger } from "../link/ledger.ts";
import { Queue } from "../link/queue.ts";
import type { Request, Shape } from "../wire/client-request.ts";
import { text, truth } from "../wire/shapes.ts";
import type { Target } from "./leader-search.ts";

/** How long a read waits at a follower before it goes to the leader. */
const waitMsMax = 100;
/** For how long reads go to the leader after a follower has let one wait in vain. */
const restMs = 1_000;
/** How often, and at most how many times, a Redis is asked whether it has caught up. */
const pollMs = 10;
const pollsMax = 50;

/** A place in the history of a leader. */
interface HistoryPlace {
  readonly replid: string;
  readonly offset: number;
}

/** What this needs of the router. */
export interface OwnWritesSource {
  /** Where reads go without writes. */
  readonly readers: Target;
  readonly leader: Target;
  /** The connection that serves reads; null while there is none. */
  reader(): Connection | null;
  /** Whether reads go where writes go. */
  readsAtLeader(): boolean;
}

export class OwnWrites implements Target, Holder {
  private readonly ledger: Ledger;
  private readonly source: OwnWritesSource;
  /** Reads that wait for the node that serves them: for the next round, and in the present one. */
  private waiting = new Queue<Request>();
  private round = new Queue<Request>();
  /** How many writes there were, and how many of them `seenBy` has for certain. */
  private writes = 0;
  private seen = 0;
  private seenBy: Connection | null = null;
  /** Where the first `placed` writes are in history. */
  private place: HistoryPlace | null = null;
  private placed = 0;
  private busy = false;
  /** Whether a node has no WRITEOFFSET or WAITOFFSET. */
  private isPlain = false;
  private restUntil = 0;
  /** The question of arrived() that is not answered yet, and for how many writes it is. */
  private arrival: { readonly writes: number; readonly answer: Promise<boolean> } | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(ledger: Ledger, source: OwnWritesSource) {
    this.ledger = ledger;
    this.source = source;
    ledger.holders.add(this);
  }

  /** A write is about to be sent. */
  note(): void {
    this.writes++;
  }

  send(request: Request): void {
    const { source } = this;
    if (this.writes === 0 || source.readsAtLeader()) {
      source.readers.send(request);
      return;
    }
    const reader = source.reader();
    if (reader !== null && reader === this.seenBy && this.seen === this.writes) {
      reader.send(request);
      return;
    }
    const mustNotWait = reader === null || this.isPlain || monotonicMs() < this.restUntil;
    if (mustNotWait) source.leader.send(request);
    else this.waiting.push(request);
    if (this.busy || (mustNotWait && !this.isPlain)) return;
    this.busy = true;
    queueMicrotask(() => void this.catchUp()); // for all reads of this turn
  }

  /**
   * Whether the node that serves reads has every write up to now; it may wait for them. Calls for
   * the same writes share one answer.
   */
  arrived(): Promise<boolean> {
    const { source, arrival } = this;
    if (this.writes === 0 || source.readsAtLeader()) return Promise.resolve(true);
    if (arrival?.writes === this.writes) return arrival.answer;
    const answer = this.isReaderCaughtUp().finally(() => {
      if (this.arrival?.answer === answer) this.arrival = null;
    });
    this.arrival = { writes: this.writes, answer };
    return answer;
  }

  expire(): void {
    this.ledger.dropOverdue(this.round);
    this.ledger.dropOverdue(this.waiting);
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    rejectAll(this.ledger, this.round, new ClosedError());
    rejectAll(this.ledger, this.waiting, new ClosedError());
  }

  // --- internal ---

  /** Round after round, until no read waits. Each is for the reads that wait at its beginning. */
  private async catchUp(): Promise<void> {
    do {
      [this.round, this.waiting] = [this.waiting, this.round];
      const has = await this.isReaderCaughtUp();
      const target = (has ? this.source.reader() : null) ?? this.source.leader;
      for (let request = this.round.shift(); request; request = this.round.shift()) {
        target.send(request);
      }
    } while (this.waiting.length > 0 && !this.ledger.isClosed);
    this.busy = false;
  }

  /** Whether the node that serves reads has every write up to now, and serves them still. */
  private async isReaderCaughtUp(): Promise<boolean> {
    const reader = this.source.reader();
    if (reader === null) return false;
    const has = await this.isCaughtUp(reader);
    const isResting = monotonicMs() < this.restUntil;
    if (!has && !this.isPlain && !isResting) this.restUntil = monotonicMs() + restMs;
    return has && reader === this.source.reader();
  }

  /** Whether the node has every write up to now; it may wait for them. */
  private async isCaughtUp(reader: Connection): Promise<boolean> {
    const target = this.writes;
    if (reader === this.seenBy && this.seen === target) return true;
    if (!this.isPlain && monotonicMs() < this.restUntil) return false;
    try {
      const place = await this.placeOf(target);
      const has = this.isPlain
        ? await this.polled(reader, place)
        : await this.awaited(reader, place);
      if (!has) return false;
    } catch (cause) {
      // Else it was lost, or has another history.
      if (cause instanceof ServerError && /unknown command/i.test(cause.message)) {
        this.isPlain = true;
        this.place = null;
      }
      return false;
    }
    this.seen = target;
    this.seenBy = reader;
    return true;
  }

  /** It goes the way of the writes, so it is behind them. */
  private async placeOf(target: number): Promise<HistoryPlace> {
    if (this.place !== null && this.placed === target) return this.place;
    const { leader } = this.source;
    const place = this.isPlain
      ? placeIn(await this.ask(leader, ["INFO", "replication"], text), "master_repl_offset")
      : await this.ask(leader, ["WRITEOFFSET"], historyPlace);
    this.place = place;
    this.placed = target;
    return place;
  }

  private awaited(reader: Connection, { replid, offset }: HistoryPlace): Promise<boolean> {
    const waitMs = Math.ceil(Math.min(waitMsMax, this.ledger.settings.requestTimeoutMs / 2));
    return this.ask(reader, ["WAITOFFSET", replid, offset, waitMs], truth);
  }

  private async polled(reader: Connection, place: HistoryPlace): Promise<boolean> {
    for (let i = 0; i < pollsMax && reader.isOpen; i++) {
      const info = await this.ask(reader, ["INFO", "replication"], text);
      const { replid, offset } = placeIn(info, "slave_repl_offset");
      if (replid === place.replid && offset >= place.offset) return true;
      await new Promise<void>((resolve) => {
        this.timer = setTimeout(resolve, pollMs);
      });
    }
    return false;
  }

  private ask<T>(target: Target, command: (string | number)[], shape: Shape<T>): Promise<T> {
    if (target instanceof Connection && !target.isOpen) return Promise.reject(new ClosedError());
    const request = this.ledger.createOwn(command, shape, target === this.source.leader);
    target.send(request as Request);
    return request.promise;
  }
}

/** WRITEOFFSET's [replid, offset]. */
const historyPlace: Shape<HistoryPlace> = {
  expected: "a replid and an offset",
  asBytes: false,
  read(reply) {
    if (!Array.isArray(reply)) return undefined;
    const [replid, offset] = reply;
    if (typeof replid !== "string" || typeof offset !== "number") return undefined;
    return { replid, offset };
  },
};

/** What INFO replication says of the place of its node. */
function placeIn(info: string, offsetName: string): HistoryPlace {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1] ?? "";
  return { replid: field("master_replid"), offset: Number(field(offsetName) || Number.NaN) };
}
