/**
 * The strings that a copy keeps of what it has read: random writes, removals, flushes, swaps,
 * replacements and expiries of a store, and after each the rule that what is found is what the
 * store has at that moment; and when nothing is found although it is there. That follow() itself
 * keeps the rule is tried with its leaders (follow-leaders.test.ts, follow-chaos.test.ts).
 */

import { expect, test } from "bun:test";
import { wallClockMs } from "../../../src/base/clock.ts";
import { RecentTexts } from "../../../src/embed/recent-texts.ts";
import { Random, seedFor } from "../../support/seed.ts";
import { SmallStore } from "../../support/small-store.ts";

const MiB = 1024 * 1024;
/** One read of so many is kept. */
const readsPerEntry = 4;

/** A store with the strings that were read from it. */
class Bed {
  readonly store: SmallStore;
  readonly recent: RecentTexts;
  found = 0;

  constructor(bytesMax = MiB) {
    this.store = new SmallStore();
    this.store.expires = false;
    this.recent = new RecentTexts(this.store, bytesMax);
  }

  /** What the store has. */
  held(name: string): string | undefined {
    const key = Buffer.from(name);
    if (!this.store.find(key, 0, key.length, 0)) return undefined;
    const { expiresAt } = this.store;
    return expiresAt !== 0 && expiresAt <= wallClockMs() ? undefined : this.store.text();
  }

  /** Reads as a copy does; what is found must be what is held. */
  read(name: string): boolean {
    this.store.databases.select(0);
    const held = this.held(name);
    const found = this.recent.find(name); // later: what has expired by now had not before
    if (found !== undefined) {
      expect([name, found]).toEqual([name, held as string]);
      this.found++;
    } else if (held !== undefined) {
      const key = Buffer.from(name);
      this.store.find(key, 0, key.length, 0);
      this.recent.note(name, key, key.length, held);
    }
    return found !== undefined;
  }

  /** Whether it is found after so many reads as make it known. */
  becomesKnown(name: string): boolean {
    for (let i = 0; i < readsPerEntry; i++) this.read(name);
    return this.read(name);
  }
}

const names = Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? `kéy:${i}` : `key:${i}`));

function write(bed: Bed, random: Random): void {
  const { store } = bed;
  const key = Buffer.from(random.pick(names));
  const text = random.pick(["", "é", "日本", "ascii".repeat(random.below(30))]);
  const value = Buffer.from(`${random.below(1000)}${text}`);
  const ttl = random.pick([0, 0, 0, 2]);
  const expiresAt = ttl === 0 ? 0 : wallClockMs() + ttl;
  const actions: readonly (readonly [number, () => void])[] = [
    [30, () => void store.set(key, 0, key.length, value, 0, value.length, expiresAt, 0)],
    [8, () => void store.delete(key, 0, key.length, 0)],
    [8, () => void store.setRange(key, 0, key.length, random.below(9), value, 0, value.length, 0)],
    [8, () => void store.setExpiry(key, 0, key.length, expiresAt)],
    [3, () => store.databases.select(random.below(3))],
    [2, () => store.databases.swap(random.below(3), random.below(3))],
    [2, () => store.databases.clear()],
    [1, () => store.clear()],
    [4, () => void store.sweep(64, wallClockMs())],
    [2, () => replace(bed, key, value, random.chance(0.7))],
  ];
  random.weighted(actions)();
}

function replace({ store }: Bed, key: Buffer, value: Buffer, takesOver: boolean): void {
  const replacement = store.beginReplacement();
  replacement.set(key, 0, key.length, value, 0, value.length, 0, 0);
  if (takesOver) replacement.takeOver();
  else replacement.abandon();
}

test("what is found is what the store has, whatever happened to it", () => {
  const random = new Random(seedFor("RECENT_TEXTS_SEED"));
  const bed = new Bed();
  for (let step = 0; step < 60_000; step++) {
    if (random.chance(0.2)) write(bed, random);
    bed.read(random.pick(names));
  }
  expect(bed.found).toBeGreaterThan(1500);
});

test("a text is known after a few reads, and not after its time", () => {
  const bed = new Bed();
  bed.store.put("plain", "x");
  expect(bed.becomesKnown("plain")).toBe(true);
  const end = wallClockMs() + 50;
  bed.store.put("brief", "x", end);
  expect(bed.becomesKnown("brief") || wallClockMs() >= end).toBe(true);
  while (wallClockMs() < end);
  expect(bed.recent.find("brief")).toBeUndefined();
  expect(bed.recent.find("plain")).toBe("x");
});

test("long values and long keys are not kept", () => {
  const bed = new Bed();
  bed.store.put("long", "x".repeat(1025));
  bed.store.put("k".repeat(257), "x");
  expect([bed.becomesKnown("long"), bed.becomesKnown("k".repeat(257))]).toEqual([false, false]);
});

/** Two texts fit. */
function fullBed(): Bed {
  const bed = new Bed(2000);
  for (const name of ["a", "b", "c"]) bed.store.put(name, "x".repeat(500));
  expect([bed.becomesKnown("a"), bed.becomesKnown("b")]).toEqual([true, true]);
  return bed;
}

test("a key that is no Unicode text is never taken for another", () => {
  const bed = new Bed();
  bed.store.put("\xef\xbf\xbd", "of U+FFFD");
  for (let i = 0; i < 3 * readsPerEntry; i++) bed.read("\ud800");
  expect([bed.recent.find("\ud800"), bed.recent.find("\ufffd")]).toEqual([undefined, undefined]);
  expect(bed.becomesKnown("\ufffd")).toBe(true);
});

test("beyond its bytes it drops all, and goes on if most reads found what they asked for", () => {
  const bed = fullBed();
  for (let i = 0; i < 100; i++) bed.read("a");
  expect([bed.becomesKnown("c"), bed.read("a")]).toEqual([false, false]);
  expect([bed.becomesKnown("a"), bed.becomesKnown("c")]).toEqual([true, true]);
});

test("if most reads found nothing, it rests for many times as many", () => {
  const bed = fullBed();
  expect(bed.becomesKnown("c")).toBe(false);
  const missed = 3 * readsPerEntry;
  for (let i = 0; i < 31 * missed; i++) expect(bed.read("a")).toBe(false);
  let reads = 0;
  while (!bed.read("a")) expect(++reads).toBeLessThan(10 * missed);
});

test("in a store that is nearly full every read is the store's, which must learn of its use", () => {
  const bed = new Bed(16 * MiB);
  bed.store.put("hot", "x");
  expect(bed.becomesKnown("hot")).toBe(true);
  const { limitBytes } = bed.store;
  for (let i = 0; bed.store.memoryUsed() <= (limitBytes * 7) / 8; i++) {
    bed.store.put(`filler:${i}`, Buffer.alloc(4000));
  }
  expect([bed.read("hot"), bed.becomesKnown("hot")]).toEqual([false, false]);
});
