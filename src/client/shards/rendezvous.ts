// Which shard has a key: rendezvous hashing. Every shard has a score for the key, and the highest
// wins, so a new shard takes keys from all others and no key moves between those. Another client,
// in any language, finds the same shard by the same four lines:
//
//   tag   = what stands between the first "{" and the next "}" behind it; the key if that is empty
//   score = murmur3(the 4 bytes of murmur3(tag, seed 0), lowest first, seed murmur3(name, seed 0))
//
// where murmur3 is MurmurHash3 x86_32, unsigned, of UTF-8.
// Invariant: the place depends on the names and the key alone, not on the order of the shards.
// Hot path: a key of 20 characters takes 45 ns with two shards, 65 with ten.

import { InvalidArgumentError } from "../client-errors.ts";
import type { Argument } from "../wire/command-writer.ts";
import { murmur3, murmur3OfNumber } from "./murmur3.ts";

const opening = 0x7b; // {
const closing = 0x7d; // }

export class Rendezvous {
  private readonly seeds: Uint32Array;

  /** Throws an InvalidArgumentError if two names cannot be told apart by their hashes. */
  constructor(names: readonly string[]) {
    this.seeds = Uint32Array.from(names, (name) => murmur3(name, 0));
    if (new Set(this.seeds).size === names.length) return;
    const seen = new Map<number, string>();
    for (const [i, name] of names.entries()) {
      const other = seen.get(this.seeds[i] as number);
      if (other !== undefined) throw sameHash(other, name);
      seen.set(this.seeds[i] as number, name);
    }
  }

  /** The index of the shard that has the key. */
  indexOf(key: Argument | undefined): number {
    const hash = tagHash(typeof key === "object" ? key : String(key));
    const { seeds } = this;
    let best = 0;
    let highest = -1;
    for (let i = 0; i < seeds.length; i++) {
      const score = murmur3OfNumber(hash, seeds[i] as number);
      if (score <= highest) continue;
      highest = score;
      best = i;
    }
    return best;
  }
}

// --- internal ---

function tagHash(key: string | Uint8Array): number {
  const start = typeof key === "string" ? key.indexOf("{") : key.indexOf(opening);
  if (start < 0) return murmur3(key, 0);
  const end =
    typeof key === "string" ? key.indexOf("}", start + 1) : key.indexOf(closing, start + 1);
  return end > start + 1 ? murmur3(key, 0, start + 1, end) : murmur3(key, 0);
}

/** Equal scores for every key: the second would never get one. One pair in 4 billion. */
function sameHash(one: string, other: string): InvalidArgumentError {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return new InvalidArgumentError(`the shards ${a} and ${b} have the same hash: rename one`);
}
