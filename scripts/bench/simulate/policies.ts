// The table of simulated policies by name, and the replay of a sequence of ids through one. Hit
// ratios cover the whole sequence from an empty cache, including first requests.
// Invariant: every policy gets the same ids and the same number of places.

import { Lfu } from "./lfu.ts";
import { Lru } from "./lru.ts";
import type { MakePolicy } from "./policy.ts";
import { S3Fifo } from "./s3-fifo.ts";
import { Sieve } from "./sieve.ts";
import { WTinyLfu } from "./w-tiny-lfu.ts";

export const policies = {
  LRU: (capacity, ids) => new Lru(capacity, ids),
  LFU: (capacity, ids) => new Lfu(capacity, ids),
  SIEVE: (capacity, ids) => new Sieve(capacity, ids),
  "S3-FIFO": (capacity, ids) => new S3Fifo(capacity, ids),
  "W-TinyLFU": (capacity, ids) => new WTinyLfu(capacity, ids),
} as const satisfies Record<string, MakePolicy>;

export type PolicyName = keyof typeof policies;

export const policyNames = Object.keys(policies) as PolicyName[];

export interface Trace {
  readonly name: string;
  readonly ids: Uint32Array;
  /** One more than the largest id. */
  readonly idCount: number;
  /** Number of different ids. */
  readonly distinct: number;
}

/** The share of requests that found their object, in percent. */
export function simulate(name: PolicyName, capacity: number, trace: Trace): number {
  const policy = policies[name](Math.max(1, Math.floor(capacity)), trace.idCount);
  let hits = 0;
  for (let i = 0; i < trace.ids.length; i++) {
    if (policy.access(trace.ids[i])) hits++;
  }
  return (hits / Math.max(1, trace.ids.length)) * 100;
}
