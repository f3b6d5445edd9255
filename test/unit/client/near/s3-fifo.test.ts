// The store of the near cache: a random history beside a model of arrays that any reader can check,
// the bound in bytes, and its hit ratio beside LRU and the simulated S3-FIFO of the benchmarks.
// What the near cache keeps and when is tested in test/client/near.test.ts.

import { describe, expect, test } from "bun:test";
import { simulate } from "../../../../scripts/bench/simulate/policies.ts";
import { generateTrace } from "../../../../scripts/bench/trace.ts";
import { EvictedKeys } from "../../../../src/client/near/evicted-keys.ts";
import { S3Fifo } from "../../../../src/client/near/s3-fifo.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";

interface Kept {
  readonly key: string;
  value: number;
  bytes: number;
  uses: number;
}

/** S3-FIFO as its paper has it, in O(n): the oldest of a queue comes first. */
class Model {
  private small: Kept[] = [];
  private main: Kept[] = [];
  private readonly ghosts = new EvictedKeys();
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get all(): Kept[] {
    return [...this.small, ...this.main];
  }

  use(key: string): number | undefined {
    const kept = this.all.find((one) => one.key === key);
    if (kept !== undefined) kept.uses = Math.min(3, kept.uses + 1);
    return kept?.value;
  }

  set(key: string, value: number, bytes: number): void {
    const known = this.all.find((one) => one.key === key);
    if (bytes > this.maxBytes / 8) {
      this.delete(key);
    } else if (known !== undefined) {
      Object.assign(known, { value, bytes });
      this.makeRoom(0);
    } else {
      const isBack = this.ghosts.recall(key);
      this.makeRoom(bytes);
      (isBack ? this.main : this.small).push({ key, value, bytes, uses: 0 });
      this.ghosts.reserve(this.all.length);
    }
  }

  delete(key: string): void {
    this.small = this.small.filter((one) => one.key !== key);
    this.main = this.main.filter((one) => one.key !== key);
  }

  clear(): void {
    this.small = [];
    this.main = [];
    this.ghosts.clear();
  }

  private makeRoom(bytes: number): void {
    while (sum(this.all) + bytes > this.maxBytes) {
      const isSmall = sum(this.small) >= this.maxBytes / 10 || this.main.length === 0;
      const oldest = (isSmall ? this.small : this.main).shift();
      if (oldest === undefined) throw new Error("nothing is left to evict");
      if (isSmall && oldest.uses >= 2) this.main.push({ ...oldest, uses: 0 });
      else if (isSmall) this.ghosts.remember(oldest.key);
      else if (oldest.uses > 0) this.main.push({ ...oldest, uses: oldest.uses - 1 });
    }
  }
}

function sum(kept: readonly Kept[]): number {
  return kept.reduce((total, { bytes }) => total + bytes, 0);
}

function sorted(kept: Iterable<readonly [string, number]>): (readonly [string, number])[] {
  return [...kept].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Small keys are often met again, and large values often push out many. */
function step(random: Random, cache: S3Fifo<number>, model: Model, time: number): void {
  const key = `k${Math.min(random.below(60), random.below(60))}`;
  const action = random.weighted([
    [50, "use"],
    [40, "set"],
    [8, "delete"],
    [random.chance(0.02) ? 1 : 0, "clear"],
  ] as const);
  if (action === "use") expect(cache.use(key)?.value).toBe(model.use(key));
  else if (action === "set") {
    const bytes = random.chance(0.05) ? random.between(60, 140) : random.between(1, 40);
    expect(cache.set(key, time, bytes)).toBe(bytes <= 100);
    model.set(key, time, bytes);
  } else if (action === "delete") {
    cache.delete(key);
    model.delete(key);
  } else {
    cache.clear();
    model.clear();
  }
}

describe("S3-FIFO", () => {
  test("keeps and evicts what a model of arrays keeps and evicts", () => {
    const random = new Random(seedFor("S3_FIFO_SEED"));
    const cache = new S3Fifo<number>(800);
    const model = new Model(800);
    for (let time = 0; time < repetitions(6000, 200_000); time++) {
      step(random, cache, model, time);
      if (time % 16 !== 0) continue;
      cache.checkInvariants();
      const kept = [...cache.keys()].map((key) => [key, cache.find(key)?.value ?? -1] as const);
      expect(sorted(kept)).toEqual(sorted(model.all.map(({ key, value }) => [key, value])));
    }
    expect(cache.evictions).toBeGreaterThan(100);
  });

  test("an entry that is used twice outlives a scan, and one that is not does not", () => {
    const cache = new S3Fifo<number>(1000);
    cache.set("hot", 1, 10);
    cache.set("cold", 1, 10);
    for (let i = 0; i < 3; i++) cache.use("hot");
    for (let i = 0; i < 1000; i++) cache.set(`scan ${i}`, i, 10);
    expect(cache.find("hot")?.value).toBe(1);
    expect(cache.find("cold")).toBeUndefined();
  });

  test("a value of more than an eighth of the bytes is not kept, nor what it replaces", () => {
    const cache = new S3Fifo<string>(800);
    expect(cache.set("k", "small", 100)).toBe(true);
    expect(cache.set("k", "large", 101)).toBe(false);
    expect(cache.find("k")).toBeUndefined();
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });

  test("who awaits an entry shares one promise, until another value is in its place", async () => {
    const cache = new S3Fifo<number>(800);
    cache.set("k", 1, 10);
    const first = cache.use("k")?.promised;
    expect(cache.use("k")?.promised).toBe(first as Promise<number>);
    expect(await first).toBe(1);
    cache.set("k", 2, 10);
    expect(await cache.use("k")?.promised).toBe(2);
  });

  test("a value that grows in its place pushes out others, and the bound holds", () => {
    const cache = new S3Fifo<number>(800);
    for (let i = 0; i < 80; i++) cache.set(`k${i}`, i, 10);
    for (let i = 0; i < 80; i++) if (cache.find(`k${i}`) !== undefined) cache.set(`k${i}`, i, 90);
    cache.checkInvariants();
    expect(cache.size).toBeGreaterThan(0);
  });

  test("more requests hit than with LRU, and as many as with the simulated S3-FIFO", () => {
    const requests = repetitions(100_000, 2_000_000);
    const trace = generateTrace({
      ...{ requests, objects: requests / 5, exponent: 0.9 },
      ...{ scanShare: 0.1, scanLength: 1000, seed: 1 },
    });
    const capacity = requests / 50;
    const cache = new S3Fifo<number>(capacity);
    let hits = 0;
    for (const id of trace.ids) {
      const key = `obj:${id}`;
      if (cache.use(key) !== undefined) hits++;
      else cache.set(key, id, 1);
    }
    const ratio = (hits / trace.ids.length) * 100;
    expect(ratio).toBeGreaterThan(simulate("LRU", capacity, trace) + 2);
    expect(Math.abs(ratio - simulate("S3-FIFO", capacity, trace))).toBeLessThan(0.5);
  });
});

describe("the ghosts", () => {
  test("a key that left lately is recalled once", () => {
    const ghosts = new EvictedKeys();
    ghosts.remember("a");
    expect([ghosts.recall("a"), ghosts.recall("a"), ghosts.recall("b")]).toEqual([
      ...[true, false, false],
    ]);
  });

  test("most of as many keys as there are entries are remembered, and old ones are not", () => {
    const ghosts = new EvictedKeys();
    ghosts.reserve(64);
    for (let i = 0; ghosts.capacity < 4096; i++) ghosts.reserve(64 + i);
    for (let i = 0; i < 40_000; i++) ghosts.remember(`k${i}`);
    const known = Array.from({ length: 40_000 }, (_, i) => ghosts.recall(`k${i}`));
    const count = (from: number, to: number) => known.slice(from, to).filter(Boolean).length;
    expect(count(39_000, 40_000)).toBe(1000);
    expect(count(40_000 - 4096, 40_000)).toBeGreaterThan(3000);
    expect(count(0, 20_000)).toBe(0);
  });

  test("growing forgets nobody", () => {
    const ghosts = new EvictedKeys();
    for (let i = 0; i < 500; i++) {
      ghosts.reserve(i * 8);
      ghosts.remember(`k${i}`);
    }
    for (let i = 400; i < 500; i++) expect(ghosts.recall(`k${i}`)).toBe(true);
  });
});
