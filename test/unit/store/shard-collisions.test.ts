// Colliding keys, which only an attacker who knows the hash's key can choose: no chain of the index
// exceeds its bound, whatever is written, so no operation gets slower. The tests know the key, or
// give the shard the same hash for all keys.

import { describe, expect, test } from "bun:test";
import { chainBucketsMax } from "../../../src/base/limits.ts";
import { Attachment } from "../../../src/store/attachment.ts";
import { entriesPerBucket } from "../../../src/store/bucket-index.ts";
import { Hasher, hashKeyOf } from "../../../src/store/hash.ts";
import { EXPIRES, ITEMS, reserveStore } from "../../../src/store/memory.ts";
import { FULL, Shard, STORED } from "../../../src/store/shard.ts";
import { crowdedWrites } from "../../../src/store/statistics.ts";
import type { Store } from "../../../src/store/store.ts";
import { get, MiB, openStore, put, read, remove, storeOptions, toBytes } from "./harness.ts";

const entriesMax = chainBucketsMax * entriesPerBucket;
const colliding = 0x2545f491;

/** A shard in which all keys have the same hash. */
function openShard(eviction: "s3fifo" | "none" = "s3fifo"): Shard {
  const attachment = new Attachment(
    reserveStore(storeOptions({ memoryLimitBytes: 4 * MiB, eviction })),
    0,
  );
  Object.defineProperty(attachment, "hasher", { value: { hash: () => colliding } });
  return new Shard(attachment, 0);
}

function putIn(shard: Shard, name: string): number {
  const key = toBytes(name);
  return shard.set(colliding, key, 0, key.length, key, 0, key.length, 0, 0);
}

function isIn(shard: Shard, name: string): boolean {
  const key = toBytes(name);
  return shard.find(colliding, key, 0, key.length, 0);
}

/** The buckets in the chain of the colliding keys. */
function chainLength({ index }: Shard): number {
  let length = 1;
  let bucket = index.bucketOf(colliding);
  for (; index.nextBucket(bucket) !== 0; bucket = index.nextBucket(bucket)) length++;
  return length;
}

describe("10,000 keys of one hash", () => {
  test("displace each other but not earlier keys, and each eviction is reported", () => {
    const shard = openShard();
    const told: string[] = [];
    shard.attachment.listener = {
      removed: (reason, bytes, start, end) =>
        told.push(`${reason} ${Buffer.from(bytes.subarray(start, end))}`),
    };
    for (let i = 0; i < 10_000; i++) {
      if (putIn(shard, `key:${i}`) !== STORED) throw new Error(`key:${i} is refused`);
      if (!isIn(shard, `key:${i}`)) throw new Error(`key:${i} is not found`);
    }
    expect(chainLength(shard)).toBe(chainBucketsMax);
    expect(shard.state[ITEMS]).toBe(entriesMax);
    expect(crowdedWrites([shard])).toBe(10_000 - entriesMax);
    expect(told).toHaveLength(10_000 - entriesMax);
    expect(told.every((line) => line.startsWith("evicted key:"))).toBe(true);
    for (let i = 0; i < entriesMax - entriesPerBucket; i++) {
      expect(isIn(shard, `key:${i}`)).toBe(true);
    }
  });

  test("are refused beyond the bound if nothing may be evicted, but may be overwritten", () => {
    const shard = openShard("none");
    for (let i = 0; i < entriesMax; i++) expect(putIn(shard, `key:${i}`)).toBe(STORED);
    for (let i = entriesMax; i < 1000; i++) expect(putIn(shard, `key:${i}`)).toBe(FULL);
    expect(putIn(shard, "key:3")).toBe(STORED);
    expect(shard.state[ITEMS]).toBe(entriesMax);
    expect(crowdedWrites([shard])).toBe(1000 - entriesMax);
  });

  test("are all kept by a follower, and counted", () => {
    const shard = openShard();
    shard.attachment.global[EXPIRES] = 0;
    for (let i = 0; i < 3000; i++) expect(putIn(shard, `key:${i}`)).toBe(STORED);
    expect(shard.state[ITEMS]).toBe(3000);
    for (let i = 0; i < 3000; i += 100) expect(isIn(shard, `key:${i}`)).toBe(true);
    expect(crowdedWrites([shard])).toBeGreaterThan(0);
  });
});

describe("keys chosen by an attacker who knows the hash's key", () => {
  const hashKey = hashKeyOf(0x1234567, 0);

  const memoryLimitBytes = 4 * MiB; // two shards
  /** So many that the shards' tables grow beyond the bits in which the chosen keys agree. */
  const fillers = 40_000;

  /** Keys that agree in that many low bits of their hashes, and in the top one: the shard. */
  function chooseKeys(count: number, bits: number): string[] {
    const hasher = new Hasher(hashKey);
    const mask = (1 << 31) | ((1 << bits) - 1);
    const chosen: string[] = [];
    for (let i = 0; chosen.length < count; i++) {
      const key = toBytes(`evil:${i}`);
      if ((hasher.hash(key, 0, key.length) & mask) === 0) chosen.push(`evil:${i}`);
    }
    return chosen;
  }

  /** The most items that a step of a scan meets: those of one chain. */
  function longestStep(store: Store): number {
    let longest = 0;
    let cursor = 0;
    do {
      let met = 0;
      cursor = store.scan(cursor, 0, { visit: () => met++ });
      longest = Math.max(longest, met);
    } while (cursor !== 0);
    return longest;
  }

  test("make no chain beyond the bound, and other keys stay", () => {
    const store = openStore({ memoryLimitBytes, hashKey });
    for (let i = 0; i < 1000; i++) put(store, `other:${i}`, "value");
    for (const key of chooseKeys(1500, 8)) expect(put(store, key, "value")).toBe(STORED);
    expect(longestStep(store)).toBeLessThanOrEqual(entriesMax);
    expect(store.crowdedWrites()).toBeGreaterThan(500);
    const { evictions, evictionsByReason } = store.statistics();
    expect(evictionsByReason).toEqual({ unused: 0, cold: 0, crowded: evictions });
    for (let i = 0; i < 1000; i++) expect(read(store, `other:${i}`)).toBe(true);
    store.invariants();
  });

  test("make no such chain when the table shrinks", () => {
    const store = openStore({ memoryLimitBytes, hashKey });
    for (let i = 0; i < fillers; i++) put(store, `filler:${i}`, "");
    const keys = chooseKeys(600, 8);
    for (const key of keys) put(store, key, "value");
    expect(store.crowdedWrites()).toBe(0);
    for (let i = 0; i < fillers; i++) remove(store, `filler:${i}`);
    expect(longestStep(store)).toBeLessThanOrEqual(entriesMax);
    for (const key of keys) expect(get(store, key)).not.toBeNull();
    store.invariants();
  });
});
