/**
 * Seeded randomness for the fuzzers: a small generator, and the seed: from the environment, fresh,
 * or in CI the same one every time. Does not aim at statistical quality: it aims at the same
 * sequence from the same seed on every machine.
 * Invariant: every fuzzer prints its seed before its first step, so that a failure can be replayed.
 */

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** mulberry32: 32 bits of state are plenty for test input. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  /** One of the weighted choices: the weights need not sum to anything. */
  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let total = 0;
    for (const [weight] of choices) total += weight;
    let left = this.next() * total;
    for (const [weight, choice] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    return (choices[choices.length - 1] as readonly [number, T])[1];
  }
}

/** A whole number from the environment, or the given default. */
export function numberFromEnvironment(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`${name} must be a whole number: ${text}`);
  return value;
}

/** How often each fuzzer of this file has asked for a seed. */
const asked = new Map<string, number>();

/** Whether chance is to be the same in every run: for a change that CI judges, not each night. */
const isSteady = process.env.CI === "true" && process.env.MSCACHE_TEST_SEEDS !== "fresh";

/**
 * The seed of one fuzzer: from the environment, or fresh; printed either way. For a change, CI
 * draws the same seeds in every run: it judges the change and not chance, and what fails there
 * fails again.
 */
export function seedFor(name: string): number {
  const turn = asked.get(name) ?? 0;
  asked.set(name, turn + 1);
  const own = isSteady ? steadySeed(name, turn) : freshSeed();
  const seed = numberFromEnvironment(name, own);
  console.log(`${name}=${seed}`);
  return seed;
}

function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

/** The first 32 bits of a digest: other seeds for each fuzzer, and for each of its turns. */
function steadySeed(name: string, turn: number): number {
  return new Bun.CryptoHasher("sha1").update(`${name} ${turn}`).digest().readUInt32BE(0);
}
