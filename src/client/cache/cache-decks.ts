// What a cache and its namespaces work with: one deck over a client of one group, or one for each
// shard. In a shard, the cache is whole: an entry, its lock, and the generations that it depends on
// are there, so all that must be one step is one, and a shard that is gone takes its entries alone.
// Invariant: a path is always in the same deck; an invalidation is acknowledged by all of them.

import { wallClockMs } from "../../base/clock.ts";
import type { Client } from "../client.ts";
import { everyResult } from "../shards/every-result.ts";
import { ShardedClient } from "../shards/sharded-client.ts";
import { CacheEvents } from "./cache-events.ts";
import type { CacheSettings } from "./cache-options.ts";
import { CacheServer } from "./cache-server.ts";
import { Dictionaries } from "./dictionaries.ts";
import { EntryStore, valueKey } from "./entry-store.ts";
import type { FlightDeck } from "./flight.ts";
import { Flights } from "./flights.ts";
import { HeldLocks } from "./held-locks.ts";
import { LookBatch } from "./look-batch.ts";
import { WakeUps } from "./wake-ups.ts";

export interface Deck extends FlightDeck {
  readonly flights: Flights;
}

export class CacheDecks {
  readonly events: CacheEvents;
  readonly prefixDepth: number;
  private readonly all: readonly Deck[];
  /** Whose shards the decks are, in their order; null: there is one deck. */
  private readonly sharded: ShardedClient | null;
  private readonly prefix: string;

  /** `now` is the clock by which dictionaries are replaced: milliseconds since 1970. */
  constructor(client: Client, settings: CacheSettings, now = wallClockMs) {
    this.events = new CacheEvents(settings.name, settings.onEvent);
    this.prefixDepth = settings.prefixDepth;
    this.prefix = settings.prefix;
    this.sharded = client instanceof ShardedClient ? client : null;
    const clients = this.sharded?.shards.map((name) => this.sharded?.shard(name) as Client);
    this.all = (clients ?? [client]).map((one) => openDeck(one, settings, this.events, now));
  }

  /** The deck that has the entry. */
  at(path: string): Deck {
    return this.all[this.indexOf(path)] as Deck;
  }

  /** Does something with the paths of each deck. Rejects when all are done, if one has failed. */
  inParts<T>(
    paths: readonly string[],
    work: (deck: Deck, part: readonly string[]) => Promise<T>,
  ): Promise<T[]> {
    const parts = Map.groupBy(paths, (path) => this.at(path));
    return everyResult([...parts].map(([deck, part]) => work(deck, part)));
  }

  /** Does something in all decks. Rejects when all are done, if one has failed. */
  everywhere<T>(work: (deck: Deck) => Promise<T>): Promise<T[]> {
    return everyResult(this.all.map(work));
  }

  // --- internal ---

  /** As the client itself would find the value of the entry. */
  private indexOf(path: string): number {
    const { sharded, prefix } = this;
    return sharded === null ? 0 : sharded.shards.indexOf(sharded.shardOf(valueKey(prefix, path)));
  }
}

// --- internal ---

function openDeck(
  client: Client,
  settings: CacheSettings,
  events: CacheEvents,
  now: () => number,
): Deck {
  const { failOpen, retryDelay } = settings;
  const server = new CacheServer(client, settings.serverTimeout, retryDelay, events);
  const dictionaries = new Dictionaries(server, settings.prefix, now);
  const store = new EntryStore(server, settings.prefix, dictionaries);
  const deck = {
    ...{ store, dictionaries, events, failOpen, retryDelay, looks: new LookBatch(store) },
    ...{ locks: new HeldLocks(store, settings.lease), wakeUps: new WakeUps(client) },
  };
  return { ...deck, flights: new Flights(deck) };
}
