// Which node a link connects to: the next of those given to connect(), or the leader that Sentinels
// name. Opens connections and keeps none; the link decides when to try again.
// Invariant: open() tries each node, or what each Sentinel names, at most once.

import { formatPlace, type Place } from "../../base/place.ts";
import { reasonOf } from "../../base/reason.ts";
import { ConnectError } from "../client-errors.ts";
import { Connection, type ConnectionOwner } from "../link/client-connection.ts";
import type { Ledger } from "../link/ledger.ts";
import { SentinelGroup } from "./sentinel-group.ts";

/** Opens connections for a link. */
export interface Nodes {
  /** What messages name before a connection was opened. */
  readonly name: string;
  /** The node that open() gave last, or tries next if it is known. */
  readonly place: Place;
  /** Connects to a node. Rejects with ConnectError if none can be used. */
  open(): Promise<Connection>;
  /** The node that open() gave last was lost: it is the last to be tried again. */
  skip(): void;
}

export function nodesFor(ledger: Ledger, owner: ConnectionOwner): Nodes {
  return ledger.settings.sentinel === null
    ? new ListedNodes(ledger, owner)
    : new GuardedLeader(ledger, owner);
}

class ListedNodes implements Nodes {
  private readonly ledger: Ledger;
  private readonly owner: ConnectionOwner;
  /** The index among the places of the node that is tried next. */
  private at = 0;

  constructor(ledger: Ledger, owner: ConnectionOwner) {
    this.ledger = ledger;
    this.owner = owner;
  }

  get name(): string {
    return formatPlace(this.place);
  }

  get place(): Place {
    const { places } = this.ledger.settings;
    return places[this.at % places.length] as Place;
  }

  async open(): Promise<Connection> {
    const { ledger, owner } = this;
    const { places } = ledger.settings;
    const failures: unknown[] = [];
    for (; ; this.at++) {
      try {
        return asNode(await Connection.open(this.place, ledger, owner));
      } catch (cause) {
        if (ledger.isClosed || places.length === 1) throw cause;
        failures.push(cause);
      }
      if (failures.length === places.length) throw noneOf(places, failures);
    }
  }

  skip(): void {
    this.at++;
  }
}

class GuardedLeader implements Nodes {
  private readonly ledger: Ledger;
  private readonly owner: ConnectionOwner;
  private readonly group: SentinelGroup;
  place: Place;

  constructor(ledger: Ledger, owner: ConnectionOwner) {
    this.ledger = ledger;
    this.owner = owner;
    this.group = new SentinelGroup(ledger);
    this.place = ledger.settings.places[0] as Place;
  }

  get name(): string {
    return `the leader "${this.ledger.settings.sentinel?.leaderName}"`;
  }

  /** A Sentinel that was cut off may name a leader that is none any more: the node says. */
  async open(): Promise<Connection> {
    const failures: unknown[] = [];
    const tried = new Set<string>();
    for await (const answer of this.group.leaders()) {
      if (answer instanceof ConnectError) failures.push(answer);
      else if (!tried.has(formatPlace(answer))) {
        tried.add(formatPlace(answer));
        try {
          return await this.openLeader(answer);
        } catch (cause) {
          failures.push(cause);
        }
      }
      if (this.ledger.isClosed) throw failures[0];
    }
    throw noneOf(this.ledger.settings.places, failures);
  }

  skip(): void {}

  private async openLeader(place: Place): Promise<Connection> {
    const connection = await Connection.open(place, this.ledger, this.owner);
    if (connection.saidLeader) {
      this.place = place;
      return connection;
    }
    connection.retire();
    throw new ConnectError(connection.address, "a Sentinel names it as the leader, but it follows");
  }
}

/** Rejects a Sentinel before the first request fails in words about commands. */
function asNode(connection: Connection): Connection {
  if (!connection.saidSentinel) return connection;
  connection.retire();
  const what = "it is a Sentinel, which has no keys: the option sentinel names the group to find";
  throw new ConnectError(connection.address, what);
}

function noneOf(places: readonly Place[], failures: readonly unknown[]): ConnectError {
  const [only] = failures;
  if (failures.length === 1 && only instanceof ConnectError) return only;
  const reasons = failures.map(reasonOf).join("; ");
  const cause = new AggregateError(failures);
  return new ConnectError(
    places.map(formatPlace).join(", "),
    `none can be used: ${reasons}`,
    cause,
  );
}
