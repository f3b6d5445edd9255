// Seeded random numbers and the choice of the next key. It provides uniform, zipf and sequential
// choosers and a zipf sampler for other generators. It does not use a clock or any other source of
// randomness.
// Invariant: the same seed gives the same sequence on every machine.

import type { Workload } from "./workload.ts";

/** xorshift32 behind a multiplication: fast, seeded, good enough to spread requests. */
export class Random {
  private state: number;

  constructor(seed: number) {
    // xorshift never leaves the state zero.
    this.state = Math.imul(seed, 0x9e3779b1) | 0 || 0x6d2b79f5;
  }

  /** The next unsigned 32-bit number. */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return Math.imul(x, 0x2c1b3c6d) >>> 0;
  }

  /** A number from 0 inclusive to 1 exclusive. */
  fraction(): number {
    return this.next() / 4_294_967_296;
  }

  /** A whole number from 0 to `bound` - 1; `bound` must be from 1 to 2^32. */
  below(bound: number): number {
    return Math.floor((this.next() / 4_294_967_296) * bound);
  }
}

/**
 * Zipf ranks by rejection-inversion (Hörmann and Derflinger, 1996): constant memory and about one
 * try per sample for any number of ranks, whereas a table would need an entry for each.
 */
export class Zipf {
  private readonly random: Random;
  private readonly count: number;
  private readonly exponent: number;
  private readonly low: number;
  private readonly high: number;
  private readonly shortcut: number;

  constructor(random: Random, count: number, exponent: number) {
    this.random = random;
    this.count = count;
    this.exponent = exponent;
    this.low = this.integral(1.5) - 1;
    this.high = this.integral(count + 0.5);
    this.shortcut = 2 - this.inverse(this.integral(2.5) - 2 ** -exponent);
  }

  /** A rank from 0, the most frequent, to count - 1. */
  next(): number {
    for (;;) {
      const point = this.high + this.random.fraction() * (this.low - this.high);
      const x = this.inverse(point);
      const rank = Math.min(Math.max(Math.round(x), 1), this.count);
      if (rank - x <= this.shortcut) return rank - 1;
      if (point >= this.integral(rank + 0.5) - rank ** -this.exponent) return rank - 1;
    }
  }

  /** The integral of x^-exponent, shifted so that it is also defined for an exponent of 1. */
  private integral(x: number): number {
    const log = Math.log(x);
    const t = (1 - this.exponent) * log;
    return Math.abs(t) < 1e-8 ? log : (Math.expm1(t) / t) * log;
  }

  private inverse(y: number): number {
    const t = y * (1 - this.exponent);
    return Math.abs(t) < 1e-8 ? Math.exp(y) : Math.exp((Math.log1p(Math.max(t, -1)) / t) * y);
  }
}

export interface KeyChooser {
  next(): number;
}

class Uniform implements KeyChooser {
  private readonly random: Random;
  private readonly count: number;

  constructor(random: Random, count: number) {
    this.random = random;
    this.count = count;
  }

  next(): number {
    return this.random.below(this.count);
  }
}

class Sequential implements KeyChooser {
  private readonly count: number;
  private key = 0;

  constructor(count: number) {
    this.count = count;
  }

  next(): number {
    const key = this.key;
    this.key = key + 1 === this.count ? 0 : key + 1;
    return key;
  }
}

export function keyChooser(workload: Workload): KeyChooser {
  const random = new Random(workload.seed);
  switch (workload.pattern) {
    case "uniform":
      return new Uniform(random, workload.keys);
    case "zipf":
      return new Zipf(random, workload.keys, workload.zipfExponent);
    case "sequential":
      return new Sequential(workload.keys);
  }
}
