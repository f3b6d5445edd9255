// The store against a Map: random operations over many configurations while time advances. Every
// result is compared, and invariants() is checked again and again. The listener reports each
// eviction and expiry to the model, so the model is exact. STORE_FUZZ_SEED replays a run, and
// STORE_FUZZ_OPERATIONS requests more than the million operations of a long run.
// Invariant: the store finds what the model holds and has not expired, and nothing else.

import { expect, test } from "bun:test";
import type { StoreOptions } from "../../../src/store/memory.ts";
import {
  FULL,
  type RemovalListener,
  STORED,
  type Store,
  TOO_LARGE,
} from "../../../src/store/store.ts";
import { repetitions } from "../../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../../support/seed.ts";
import { currentKey, currentValue, KiB, MiB, openStore, pattern } from "./harness.ts";

interface Entry {
  value: Uint8Array;
  expiresAt: number;
  clientFlags: number;
}

interface Configuration {
  name: string;
  options: Partial<StoreOptions>;
  keys: number;
  /** Draws the length of a value. */
  valueLength(random: Random): number;
  /** A share of keys that are longer than a header's byte, some longer than part of a segment. */
  longKeys?: boolean;
  follower?: boolean;
  /** Share of items with an expiry. */
  expiring?: number;
  /** What a long run must have met, lest it tests something else than its name says. */
  meets: "evictions" | "refusals" | "expirations" | "overdraft";
  /** Keys are spread so widely that hardly any comes twice: growth. */
  weightOfSet?: number;
  /** Keys live in several databases, which are swapped and flushed; otherwise in database 0. */
  databases?: number;
}

const small = (random: Random) => random.below(random.chance(0.1) ? 300 : 40);
const mixed = (random: Random) =>
  random.chance(0.02) ? random.below(60 * KiB) : random.below(random.chance(0.3) ? 2000 : 100);
const large = (random: Random) =>
  random.chance(0.3) ? random.below(200 * KiB) : random.below(9000);

const configurations: readonly Configuration[] = [
  {
    name: "1 MB of small items",
    options: { memoryLimitBytes: MiB },
    keys: 60_000,
    valueLength: small,
    expiring: 0.05,
    weightOfSet: 20,
    meets: "evictions",
  },
  {
    name: "4 MB of mixed sizes",
    options: { memoryLimitBytes: 4 * MiB },
    keys: 20_000,
    valueLength: mixed,
    meets: "evictions",
  },
  {
    name: "4 MB of chains and long keys",
    options: { memoryLimitBytes: 4 * MiB },
    keys: 300,
    valueLength: large,
    longKeys: true,
    meets: "evictions",
  },
  {
    name: "a reserve no larger than the limit",
    options: { memoryLimitBytes: MiB, reserveBytes: MiB },
    keys: 3000,
    valueLength: mixed,
    longKeys: true,
    meets: "evictions",
  },
  {
    name: "2 MB without eviction",
    options: { memoryLimitBytes: 2 * MiB, eviction: "none" },
    keys: 9000,
    valueLength: mixed,
    expiring: 0.05,
    meets: "refusals",
  },
  {
    name: "64 MB that grows in 16 shards",
    options: { memoryLimitBytes: 64 * MiB },
    keys: 400_000,
    valueLength: small,
    expiring: 0.3,
    weightOfSet: 30,
    meets: "expirations",
  },
  {
    name: "locks taken by one thread",
    options: { memoryLimitBytes: 4 * MiB, concurrent: true },
    keys: 3000,
    valueLength: small,
    expiring: 0.4,
    meets: "expirations",
  },
  {
    name: "a follower that may only compact",
    options: { memoryLimitBytes: MiB, reserveBytes: 8 * MiB },
    keys: 2000,
    valueLength: mixed,
    follower: true,
    meets: "overdraft",
  },
  {
    name: "4 MB of mixed sizes in four databases",
    options: { memoryLimitBytes: 4 * MiB },
    keys: 3000,
    valueLength: mixed,
    longKeys: true,
    databases: 4,
    meets: "evictions",
  },
  {
    name: "three databases in shards with locks",
    options: { memoryLimitBytes: 32 * MiB, concurrent: true },
    keys: 5000,
    valueLength: small,
    expiring: 0.4,
    databases: 3,
    meets: "expirations",
  },
  {
    name: "three databases without eviction",
    options: { memoryLimitBytes: MiB, eviction: "none" },
    keys: 9000,
    valueLength: mixed,
    weightOfSet: 30,
    databases: 3,
    meets: "refusals",
  },
];

class Fuzzer implements RemovalListener {
  private readonly random: Random;
  private readonly configuration: Configuration;
  private readonly store: Store;
  /** By the number of the database. */
  private readonly models: Map<string, Entry>[];
  private readonly limit: number;
  private readonly evicts: boolean;
  private now = 1_000_000_000_000;
  private refusals = 0;
  private overdraftMax = 0;

  constructor(configuration: Configuration, random: Random) {
    this.configuration = configuration;
    this.random = random;
    this.store = openStore(configuration.options);
    const { databases = 1 } = configuration;
    this.models = Array.from({ length: databases }, () => new Map());
    this.limit = this.store.limitBytes;
    this.evicts = configuration.options.eviction !== "none" && configuration.follower !== true;
    this.store.expires = configuration.follower !== true;
    this.store.listener = this;
  }

  run(operations: number): void {
    const steps: readonly (readonly [number, () => void])[] = [
      [this.configuration.weightOfSet ?? 10, () => this.set()],
      [10, () => this.get()],
      [3, () => this.delete()],
      [2, () => this.setRange()],
      [1, () => this.setExpiry()],
      [1, () => this.sweep()],
      [0.5, () => this.passTime()],
      [0.02, () => this.scan()],
      [0.1, () => this.randomItem()],
      [0.01, () => this.changeLimit()],
      [0.0003, () => this.clear()],
      ...(this.models.length > 1 ? this.databaseSteps() : []),
    ];
    const checkEvery = Math.ceil(operations / 12);
    for (let done = 1; done <= operations; done++) {
      this.random.weighted(steps)();
      if (done % checkEvery === 0) this.checkEverything();
    }
    this.checkEverything();
  }

  private databaseSteps(): [number, () => void][] {
    return [
      [3, () => this.select()],
      [0.05, () => this.swap()],
      [0.05, () => this.clearDatabase()],
    ];
  }

  /** What the selected database holds. */
  private get model(): Map<string, Entry> {
    return this.models[this.store.databases.selected];
  }

  /** How often the run reached what it is meant to test. */
  met(what: Configuration["meets"]): number {
    const { evictions, expirations } = this.store.statistics();
    const overdraft = this.overdraftMax;
    return { evictions, expirations, refusals: this.refusals, overdraft }[what];
  }

  removed(reason: string, bytes: Uint8Array, start: number, end: number, database: number): void {
    const key = text(bytes.slice(start, end));
    const entry = this.models[database].get(key);
    if (entry === undefined) throw new Error(`${reason}: ${key} is not in ${database}`);
    if (this.configuration.follower) throw new Error("a follower removes nothing by itself");
    const due = entry.expiresAt !== 0 && entry.expiresAt <= this.now;
    if (reason === "expired" && !due) throw new Error(`${key} expired too early`);
    if (reason === "evicted" && this.configuration.options.eviction === "none") {
      throw new Error(`${key} was evicted without eviction`);
    }
    this.models[database].delete(key);
  }

  // ---- steps ------------------------------------------------------------------------------------

  private key(): string {
    // Squared, so that some keys are used far more than others.
    const number = Math.floor(this.random.next() ** 2 * this.configuration.keys);
    if (!this.configuration.longKeys || number % 10 !== 0) return `key:${number}`;
    const length = number % 20 === 0 ? 300 : 2000 + (number % 7) * 3000;
    return `key:${number}:`.padEnd(length, "x");
  }

  private live(key: string): Entry | undefined {
    const entry = this.model.get(key);
    return entry && (entry.expiresAt === 0 || entry.expiresAt > this.now) ? entry : undefined;
  }

  private expiry(): number {
    return this.random.chance(this.configuration.expiring ?? 0.2)
      ? this.now + this.random.between(-5, 4000)
      : 0;
  }

  private set(): void {
    const key = this.key();
    const k = bytes(key);
    const value = this.noise(this.configuration.valueLength(this.random));
    const entry = {
      value,
      expiresAt: this.expiry(),
      clientFlags: this.random.chance(0.1) ? 7 : 0,
    };
    if (!this.makeRoom(k, value.length)) return;
    const { expiresAt, clientFlags } = entry;
    const result = this.store.set(k, 0, k.length, value, 0, value.length, expiresAt, clientFlags);
    this.expectResult(result, value.length);
    if (result === STORED) this.model.set(key, entry);
  }

  /** Bytes that differ by position and from value to value. */
  private noise(length: number): Uint8Array {
    const from = this.random.below(noise.length - length);
    return noise.subarray(from, from + length);
  }

  private makeRoom(key: Uint8Array, length: number): boolean {
    // Sometimes makes no room, since a command may overdraw.
    if (this.random.chance(0.05)) return true;
    const made = this.store.makeRoom(key, 0, key.length, key.length + length, this.now);
    if (!made && this.evicts) throw new Error("with eviction there is always room");
    if (!made) this.refusals++;
    return made;
  }

  private expectResult(result: number, length: number): void {
    const { follower } = this.configuration;
    const tooLarge = !follower && length > this.store.limitBytes / 4;
    if (tooLarge !== (result === TOO_LARGE)) throw new Error(`length ${length}: result ${result}`);
    if (result === FULL && this.evicts) throw new Error("with eviction every write succeeds");
  }

  private get(): void {
    const key = this.key();
    const k = bytes(key);
    const entry = this.live(key);
    const counted = this.random.chance(0.5);
    const found = counted
      ? this.store.read(k, 0, k.length, this.now)
      : this.store.find(k, 0, k.length, this.now);
    if (found !== (entry !== undefined)) throw new Error(`${key}: found ${found}`);
    if (entry !== undefined) this.expectCurrent(key, entry);
  }

  private expectCurrent(key: string, entry: Entry): void {
    const { expiresAt, clientFlags } = this.store;
    if (expiresAt !== entry.expiresAt || clientFlags !== entry.clientFlags) {
      throw new Error(`${key}: expiry ${expiresAt} for ${entry.expiresAt}, flags ${clientFlags}`);
    }
    if (Buffer.compare(currentValue(this.store), entry.value) !== 0) {
      throw new Error(`${key}: not the value of ${entry.value.length} bytes that was written`);
    }
    if (entry.value.length > 2) this.expectPart(entry.value);
  }

  private expectPart(value: Uint8Array): void {
    const from = this.random.below(value.length);
    const part = new Uint8Array(this.random.below(value.length - from + 1) + 2);
    this.store.copyTo(part, 1, from, part.length - 2);
    const wanted = value.subarray(from, from + part.length - 2);
    if (Buffer.compare(part.subarray(1, part.length - 1), wanted) !== 0) throw new Error("a part");
    if (part[0] !== 0 || part[part.length - 1] !== 0) throw new Error("copied too much");
  }

  private delete(): void {
    const key = this.key();
    const k = bytes(key);
    const live = this.live(key) !== undefined;
    if (this.store.delete(k, 0, k.length, this.now) !== live) throw new Error(`delete ${key}`);
    if (live) this.model.delete(key);
  }

  private setRange(): void {
    const key = this.key();
    const k = bytes(key);
    const old = this.live(key);
    const length = old?.value.length ?? 0;
    const appends = this.random.chance(0.5);
    const offset = appends ? length : this.random.below(length * 1.2 + 20);
    const part = pattern(this.configuration.valueLength(this.random) >> 1, this.random.below(1e9));
    const grown = Math.max(length, offset + part.length);
    if (!this.makeRoom(k, grown)) return;
    const result = this.store.setRange(k, 0, k.length, offset, part, 0, part.length, this.now);
    // Making room may have evicted this item; it is then created again.
    const kept = this.live(key);
    const value = new Uint8Array(Math.max(kept?.value.length ?? 0, offset + part.length));
    this.expectResult(result, value.length);
    if (result !== STORED) return;
    if (kept !== undefined) value.set(kept.value);
    value.set(part, offset);
    const entry = { value, expiresAt: kept?.expiresAt ?? 0, clientFlags: kept?.clientFlags ?? 0 };
    this.model.set(key, entry);
    this.expectCurrent(key, entry);
  }

  private setExpiry(): void {
    const key = this.key();
    const k = bytes(key);
    const entry = this.live(key);
    if (entry === undefined || !this.store.find(k, 0, k.length, this.now)) return;
    const expiresAt = this.random.chance(0.3) ? 0 : this.now + this.random.below(4000) + 1;
    if (this.store.setExpiry(k, 0, k.length, expiresAt)) entry.expiresAt = expiresAt;
    else if (this.evicts && this.live(key)) throw new Error("with eviction there is room to move");
  }

  private sweep(): void {
    this.store.sweep(this.random.below(20), this.now);
  }

  private passTime(): void {
    this.now += this.random.below(200);
  }

  private scan(): void {
    const wanted = new Set([...this.model.keys()].filter((key) => this.live(key)));
    const visit = (store: Store) => {
      const key = currentKey(store);
      if (!wanted.delete(key)) throw new Error(`a scan met ${key}, which it should not`);
      this.expectCurrent(key, this.model.get(key) as Entry);
    };
    let cursor = 0;
    do cursor = this.store.scan(cursor, this.now, { visit });
    while (cursor !== 0);
    if (wanted.size > 0) throw new Error(`a scan missed ${[...wanted].slice(0, 3)}`);
  }

  private randomItem(): void {
    const found = this.store.randomItem(this.random.below(2 ** 32), this.now);
    const isThere = [...this.model.keys()].some((key) => this.live(key));
    if (found !== isThere) throw new Error(`a random item: ${found}`);
    if (!found) return;
    const key = currentKey(this.store);
    const entry = this.live(key);
    if (entry === undefined) throw new Error(`a random item, ${key}, that does not live`);
    this.expectCurrent(key, entry);
  }

  private changeLimit(): void {
    const limit = Math.max(MiB, Math.floor(this.limit * (0.5 + this.random.next())));
    const allowed = limit <= (this.configuration.options.reserveBytes ?? 2 * this.limit);
    if (this.store.setLimit(limit) !== allowed) throw new Error(`setLimit(${limit})`);
  }

  private clear(): void {
    this.store.clear();
    for (const model of this.models) model.clear();
    if (this.store.count() !== 0) throw new Error("cleared, yet it counts items");
  }

  private select(): void {
    this.store.databases.select(this.random.below(this.models.length));
  }

  private swap(): void {
    const one = this.random.below(this.models.length);
    const other = this.random.below(this.models.length);
    this.store.databases.swap(one, other);
    [this.models[one], this.models[other]] = [this.models[other], this.models[one]];
  }

  private clearDatabase(): void {
    this.store.databases.clear();
    this.model.clear();
    if (this.store.count() !== 0) throw new Error("flushed, yet it counts items");
  }

  // ---- the whole --------------------------------------------------------------------------------

  private checkEverything(): void {
    this.store.invariants();
    const { selected } = this.store.databases;
    for (let number = 0; number < this.models.length; number++) {
      this.store.databases.select(number);
      this.checkDatabase();
    }
    this.store.databases.select(selected);
    const overdraft = this.store.memoryUsed() - this.store.limitBytes;
    this.overdraftMax = Math.max(this.overdraftMax, overdraft);
  }

  private checkDatabase(): void {
    this.scan();
    const entries = [...this.model.values()];
    const { items = 0, expiringItems = 0 } =
      this.store.databases.reports().find((it) => it.number === this.store.databases.selected) ??
      {};
    const expiring = entries.filter(({ expiresAt }) => expiresAt !== 0).length;
    if (items !== entries.length || expiringItems !== expiring) {
      throw new Error(`${items} items for ${entries.length}, ${expiringItems} for ${expiring}`);
    }
  }
}

const noise = pattern(MiB);
const text = (buffer: Uint8Array) => Buffer.from(buffer).toString("latin1");
const bytes = (key: string) => Buffer.from(key, "latin1");

const operations = numberFromEnvironment("STORE_FUZZ_OPERATIONS", repetitions(15_000, 1_000_000));
const seed = seedFor("STORE_FUZZ_SEED");

test.each(configurations.map((configuration, index) => ({ ...configuration, index })))(
  "the store agrees with a Map: $name",
  (configuration) => {
    const fuzzer = new Fuzzer(configuration, new Random(seed + configuration.index));
    const steps = Math.ceil(operations / configurations.length);
    fuzzer.run(steps);
    if (steps >= 100_000) expect(fuzzer.met(configuration.meets)).toBeGreaterThan(0);
  },
  600_000,
);
