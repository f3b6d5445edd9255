// A near cache over several shards: one near cache for each, which that shard alone keeps right. So
// a shard that is gone makes the keys of no other one doubtful.
// Invariant: a key is held in the part of its shard only.
// Hot path: a hit costs the hash of its key more than at one group of nodes.

import { inspected, shownAs } from "../../base/inspected.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { NearCache, NearCounters } from "../near/near-cache.ts";
import { maxBytesMin, type NearOptions, resolveNearOptions } from "../near/near-options.ts";
import type { ShardMap } from "./shard-map.ts";

type OpenPart<T> = (index: number, options: NearOptions<T>) => Promise<NearCache<T>>;

export class ShardedNearCache<T> implements NearCache<T> {
  private readonly map: ShardMap;
  private readonly parts: readonly NearCache<T>[];

  private constructor(map: ShardMap, parts: readonly NearCache<T>[]) {
    this.map = map;
    this.parts = parts;
  }

  /** Opens all parts, or none. */
  static async open<T>(
    map: ShardMap,
    options: NearOptions<T>,
    openPart: OpenPart<T>,
  ): Promise<ShardedNearCache<T>> {
    const { names } = map;
    const maxBytes = Math.floor(resolveNearOptions(options).maxBytes / names.length);
    if (maxBytes < maxBytesMin) {
      const least = maxBytesMin * names.length;
      throw new InvalidArgumentError(`maxBytes must be at least ${least} for these shards`);
    }
    const opened = await Promise.allSettled(
      names.map((_, index) => openPart(index, { ...options, maxBytes })),
    );
    const parts = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const whole = new ShardedNearCache(map, parts);
    for (const one of opened) {
      if (one.status === "fulfilled") continue;
      await whole.close();
      throw one.reason;
    }
    return whole;
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("NearCache", { shards: this.map.names });
  }

  peek(key: string): T | null | undefined {
    return this.at(key).peek(key);
  }

  get(key: string): Promise<T | null> {
    return this.at(key).get(key);
  }

  forget(key: string): void {
    this.at(key).forget(key);
  }

  clear(): void {
    for (const part of this.parts) part.clear();
  }

  /** The sums of the counters of all parts. */
  get counters(): NearCounters {
    const [first, ...others] = this.parts.map((part) => part.counters);
    const sums: { -readonly [Name in keyof NearCounters]: number } = { ...(first as NearCounters) };
    const names = Object.keys(sums) as (keyof NearCounters)[];
    for (const one of others) for (const name of names) sums[name] += one[name];
    return sums;
  }

  /** Whether every part may serve what it holds. */
  get isVouchedFor(): boolean {
    return this.parts.every((part) => part.isVouchedFor);
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- internal ---

  private at(key: string): NearCache<T> {
    // What is no string is refused by any part.
    const index = typeof key === "string" ? this.map.indexOfKey(key) : 0;
    return this.parts[index] as NearCache<T>;
  }
}
