// Replacements against two Maps: one for the serving items and one for the gathered ones. Reads,
// writes, walks, limits and FLUSHALL continue in the first while the second grows and takes over
// early, late, or never; between two replacements the node may lead for a while and evict.
// REPLACEMENT_FUZZ_SEED replays a run.
// Invariant: the serving items are exactly their Map; gathered items are exactly theirs once they
// serve.

import { expect, test } from "bun:test";
import { FULL, type RemovalListener, type Replacement, STORED } from "../../../src/store/store.ts";
import { repetitions } from "../../support/repetitions.ts";
import { Random, seedFor } from "../../support/seed.ts";
import { currentKey, currentValue, expire, MiB, openStore, pattern, remove } from "./harness.ts";

type Items = Map<string, Uint8Array>;

const keys = 4000;
const noise = pattern(MiB);
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

class Fuzzer implements RemovalListener {
  private readonly random: Random;
  private readonly store = openStore({ memoryLimitBytes: 2 * MiB, reserveBytes: 16 * MiB });
  private served: Items = new Map();
  private gathered: Items | null = null;
  private replacement: Replacement | null = null;
  /** How often each end of a replacement was reached, to check that the run tests it. */
  readonly met = { whole: 0, early: 0, abandoned: 0, evicted: 0 };

  constructor(random: Random) {
    this.random = random;
    this.store.expires = false;
    this.store.listener = this;
  }

  run(operations: number): void {
    const steps: readonly (readonly [number, () => void])[] = [
      [10, () => this.gather()],
      [5, () => this.set()],
      [5, () => this.get()],
      [2, () => this.delete()],
      [0.5, () => this.expiry()],
      [0.5, () => this.store.sweep(this.random.below(20), 0)],
      [0.02, () => this.scan()],
      [0.02, () => this.end()],
      [0.05, () => this.lead()],
      [0.005, () => this.changeLimit()],
      [0.002, () => this.clear()],
    ];
    for (let done = 1; done <= operations; done++) {
      this.random.weighted(steps)();
      if (done % Math.ceil(operations / 20) === 0) this.checkEverything();
    }
    this.checkEverything();
  }

  removed(reason: string, bytes: Uint8Array, start: number, end: number): void {
    if (this.replacement !== null) throw new Error(`${reason} while something is replaced`);
    if (!this.served.delete(textOf(bytes.slice(start, end)))) throw new Error("a foreign key");
    this.met.evicted++;
  }

  // ---- steps ------------------------------------------------------------------------------------

  private item(): { key: string; k: Uint8Array; value: Uint8Array } {
    const key = `key:${this.random.below(keys)}`;
    const length = this.random.below(this.random.chance(0.02) ? 50_000 : 900);
    const from = this.random.below(noise.length - length);
    return { key, k: Buffer.from(key), value: noise.subarray(from, from + length) };
  }

  private gather(): void {
    const { key, k, value } = this.item();
    if (this.replacement === null || this.gathered === null) {
      if (this.random.chance(0.001)) this.begin();
      return;
    }
    if (this.gathered !== this.served && !this.replacement.fits(k.length + value.length)) {
      this.met.early++;
      this.takeOver();
    }
    const result = this.replacement.set(k, 0, k.length, value, 0, value.length, 0, 0);
    if (result === STORED) this.gathered.set(key, value);
    else if (result !== FULL) throw new Error(`a replacement answered ${result}`);
    // Early or late, a replacement that has taken over continues for a while.
    if (this.gathered === this.served && this.random.chance(0.01)) this.replacement = null;
  }

  private begin(): void {
    this.store.expires = false;
    this.replacement = this.store.beginReplacement();
    this.gathered = new Map();
  }

  private takeOver(): void {
    this.replacement?.takeOver();
    this.served = this.gathered ?? new Map();
  }

  private end(): void {
    if (this.replacement === null || this.gathered === this.served) return;
    if (this.random.chance(0.5)) {
      this.met.whole++;
      this.takeOver();
    } else {
      this.met.abandoned++;
      this.replacement.abandon();
    }
    this.replacement = null;
    this.gathered = null;
    this.checkEverything();
  }

  private set(): void {
    const { key, k, value } = this.item();
    const bytes = k.length + value.length;
    if (!this.store.makeRoom(k, 0, k.length, bytes, 0)) return;
    const result = this.store.set(k, 0, k.length, value, 0, value.length, 0, 0);
    if (result === STORED) this.served.set(key, value);
    else if (this.store.expires) throw new Error(`a leader's set answered ${result}`);
  }

  private get(): void {
    const { key, k } = this.item();
    const wanted = this.served.get(key);
    const found = this.store.read(k, 0, k.length, 0);
    if (found !== (wanted !== undefined)) throw new Error(`${key}: found ${found}`);
    if (wanted !== undefined) this.expectCurrent(key, wanted);
  }

  private delete(): void {
    const { key } = this.item();
    if (remove(this.store, key) !== this.served.delete(key)) throw new Error(`delete ${key}`);
  }

  private expiry(): void {
    const { key } = this.item();
    if (this.served.has(key)) expire(this.store, key, 1 + this.random.below(1000));
  }

  private scan(): void {
    const missing = new Set(this.served.keys());
    const visit = () => {
      const key = currentKey(this.store);
      if (!missing.delete(key)) throw new Error(`a scan met ${key}`);
      this.expectCurrent(key, this.served.get(key) ?? noise);
    };
    let cursor = 0;
    do cursor = this.store.scan(cursor, 0, { visit });
    while (cursor !== 0);
    if (missing.size > 0) throw new Error(`a scan missed ${[...missing].slice(0, 3)}`);
  }

  private expectCurrent(key: string, value: Uint8Array): void {
    const same = Buffer.compare(currentValue(this.store), value) === 0;
    if (!same) throw new Error(`${key}: not the ${value.length} bytes that were written`);
  }

  private lead(): void {
    if (this.replacement !== null) return;
    this.store.expires = this.random.chance(0.5);
    // Below what the items take, so that it evicts before the next replacement begins.
    if (this.store.expires) this.store.setLimit(MiB);
  }

  private changeLimit(): void {
    this.store.setLimit(Math.floor(2 * MiB * (0.6 + this.random.next())));
  }

  private clear(): void {
    this.store.clear();
    this.served.clear();
  }

  private checkEverything(): void {
    this.store.invariants();
    this.scan();
    if (this.store.count() !== this.served.size) throw new Error("items are miscounted");
  }
}

test("a store whose items are replaced repeatedly agrees with its Maps", () => {
  const fuzzer = new Fuzzer(new Random(seedFor("REPLACEMENT_FUZZ_SEED")));
  fuzzer.run(repetitions(80_000, 4_000_000));
  // A short run may miss one of the ends by chance: it goes on for a while until it has met all.
  for (let more = 0; more < 20 && Object.values(fuzzer.met).includes(0); more++) fuzzer.run(20_000);
  for (const [what, times] of Object.entries(fuzzer.met)) {
    expect(`${what} ${times > 0}`).toBe(`${what} true`);
  }
}, 600_000);
