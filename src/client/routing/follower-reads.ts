// Serves reads from a follower: finds one, keeps a connection to it, and looks for another one when
// it is lost. While there is none, reads go to the leader.
// Invariant: `connection` is null or open to a node that followed its leader when it was asked.
//
//   idle -> searching     a read came, and the last search is long enough ago
//   searching -> serving  a candidate says that it follows and has its leader
//   searching -> idle     no candidate does; reads go to the leader
//   serving -> idle       the connection was lost

import { monotonicMs } from "../../base/clock.ts";
import { formatPlace, type Place } from "../../base/place.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { ClosedError } from "../client-errors.ts";
import { backoffMs } from "../link/backoff.ts";
import { Connection, type ConnectionOwner, rejectAll } from "../link/client-connection.ts";
import type { Holder, Ledger } from "../link/ledger.ts";
import { Queue } from "../link/queue.ts";
import type { Request, Shape } from "../wire/client-request.ts";

/** What the reads need of their router. */
export interface FollowerSource {
  /** Places where followers may be, best first; some may lead, or not answer. */
  candidates(): Promise<readonly Place[]>;
  /** Sends the read to the leader. */
  toLeader(request: Request): void;
}

export class FollowerReads implements Holder {
  private readonly ledger: Ledger;
  private readonly owner: ConnectionOwner;
  private readonly source: FollowerSource;
  /** Reads that wait for the end of a search. */
  private readonly waiting = new Queue<Request>();
  private connection: Connection | null = null;
  private searching = false;
  private failures = 0;
  /** Until then no search begins after one that has failed. */
  private restUntil = 0;

  constructor(ledger: Ledger, owner: ConnectionOwner, source: FollowerSource) {
    this.ledger = ledger;
    this.owner = owner;
    this.source = source;
    ledger.holders.add(this);
  }

  /** The connection that serves reads; null while there is none. */
  get present(): Connection | null {
    return this.connection;
  }

  send(request: Request): void {
    if (this.connection !== null) {
      this.connection.send(request);
      return;
    }
    this.wake();
    // A read that waited for a search after a failed one could wait for long.
    if (this.searching && this.failures === 0) this.waiting.push(request);
    else this.source.toLeader(request);
  }

  /** Looks for a follower if there is none, and not again too soon. */
  wake(): void {
    if (this.connection !== null || this.searching || monotonicMs() < this.restUntil) return;
    this.searching = true;
    void this.search();
  }

  /** Whether this is the connection that serves reads. */
  uses(connection: Connection): boolean {
    return this.connection === connection;
  }

  lost(): void {
    this.connection = null;
  }

  expire(): void {
    this.ledger.dropOverdue(this.waiting);
  }

  close(): void {
    rejectAll(this.ledger, this.waiting, new ClosedError());
  }

  // --- internal ---

  private async search(): Promise<void> {
    try {
      this.connection = await this.find();
    } catch {
      // As if there were no follower: the leader serves, and says what is wrong with it.
    }
    this.searching = false;
    if (this.connection === null) {
      this.failures++;
      const delay = backoffMs(this.failures, this.ledger.settings.reconnect, Math.random());
      this.restUntil = monotonicMs() + delay;
    } else {
      this.failures = 0;
    }
    for (let request = this.waiting.shift(); request; request = this.waiting.shift()) {
      if (this.connection !== null) this.connection.send(request);
      else this.source.toLeader(request);
    }
  }

  private async find(): Promise<Connection | null> {
    const tried = new Set<string>();
    for (const place of await this.source.candidates()) {
      if (this.ledger.isClosed) return null;
      if (tried.has(formatPlace(place))) continue;
      tried.add(formatPlace(place));
      try {
        const connection = await Connection.open(place, this.ledger, this.owner);
        if (await this.follows(connection)) return connection;
        connection.retire();
      } catch {
        // The next one may do.
      }
    }
    return null;
  }

  private async follows(connection: Connection): Promise<boolean> {
    if (connection.saidLeader) return false;
    const request = this.ledger.createOwn(["ROLE"], isInStep);
    connection.send(request);
    return (await request.promise) && connection.isOpen;
  }
}

/** ROLE's [slave, host, port, state, offset]: whether it has its leader, and its data. */
const isInStep: Shape<boolean> = {
  expected: "a role",
  asBytes: false,
  read: (reply) => (Array.isArray(reply) ? reply[3] === "connected" : undefined),
};

/** ROLE's [master, offset, followers]: the addresses of the followers. */
export const followersOf: Shape<readonly Place[]> = {
  expected: "a role",
  asBytes: false,
  read(reply) {
    if (!Array.isArray(reply)) return undefined;
    const [kind, , followers] = reply;
    if (kind !== "master" || !Array.isArray(followers)) return [];
    return followers.flatMap(followerPlace);
  },
};

function followerPlace(follower: Reply): readonly Place[] {
  if (!Array.isArray(follower)) return [];
  const [host, port] = follower;
  // A copy in somebody's program has no port.
  const isPlace = typeof host === "string" && host !== "" && Number(port) > 0;
  return isPlace ? [{ host, port: Number(port) }] : [];
}
