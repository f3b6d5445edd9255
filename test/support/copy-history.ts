/**
 * Writes to a leader, and judges what a copy of it answers: each answer was the leader's at some
 * moment, answers for a key never go back, and with a bound they are no older than that. A key
 * holds a number that grows, or nothing. Knows neither links nor nodes.
 * Invariant: a write counts as done only when its reply is there, and as possible as soon as it is
 * sent, so that no right answer is blamed.
 */
import { monotonicMs } from "../../src/base/clock.ts";
import type { LocalCopy } from "../../src/embed/copy-types.ts";
import type { Random } from "./seed.ts";

export type Send = (...command: string[]) => Promise<unknown>;

interface Version {
  readonly value: string | null;
  /** When the leader was known to have it; Infinity before. */
  doneMs: number;
}

/** Two keys that a transaction writes together. */
const pair = ["pair:a", "pair:b"] as const;

export class CopyHistory {
  readonly keys: readonly string[];
  /** Reads that said something, and those that did not know. */
  told = 0;
  unknown = 0;
  private readonly random: Random;
  private readonly padding: string;
  private readonly versions = new Map<string, Version[]>();
  /** The version that a copy showed last. */
  private readonly shown = new Map<LocalCopy, Map<string, number>>();
  /** Writes that were tried. */
  writes = 0;

  constructor(random: Random, { keys = 20, bytes = 0 } = {}) {
    this.random = random;
    this.padding = "x".repeat(bytes);
    this.keys = Array.from({ length: keys }, (_, i) => `key:${i}`);
    for (const key of [...this.keys, ...pair]) this.forget(key);
  }

  /** A write of the leader's; resolves when it is done, or has failed. */
  async write(send: Send): Promise<void> {
    const value = `${++this.writes}${this.padding}`;
    if (this.random.chance(0.1)) return this.attempt(pair, value, () => pairOf(send, value));
    const key = this.random.pick(this.keys);
    const isGone = this.random.chance(0.15);
    const command = isGone ? ["DEL", key] : ["SET", key, value];
    await this.attempt([key], isGone ? null : value, () => send(...command));
  }

  /** The leader has lost all, or may have: from now on its keys are absent, until written. */
  wiped(): void {
    for (const key of this.versions.keys()) this.add(key, null);
  }

  /** Reads a key, or both of the pair; throws with what is wrong. */
  read(copy: LocalCopy, boundMs = Number.POSITIVE_INFINITY): void {
    if (this.random.chance(0.2)) this.readPair(copy, boundMs);
    else this.judge(copy, this.random.pick(this.keys), boundMs);
  }

  /** What the leader has under a key when all writes are done. */
  lastOf(key: string): string | null {
    return this.versions.get(key)?.at(-1)?.value ?? null;
  }

  /** How the copy differs from the last versions; null for keys that it does not know. */
  differences(copy: LocalCopy): string[] {
    return [...this.versions.keys()].filter((key) => {
      const value = copy.get(key);
      return value !== undefined && value !== this.lastOf(key);
    });
  }

  private readPair(copy: LocalCopy, boundMs: number): void {
    const [a, b] = pair.map((key) => this.judge(copy, key, boundMs));
    if (a === undefined || b === undefined || a === b) return;
    throw new Error(`half of a transaction: ${short(a)} beside ${short(b)}`);
  }

  private judge(copy: LocalCopy, key: string, boundMs: number): string | null | undefined {
    const nowMs = monotonicMs();
    const value = copy.get(key);
    if (value === undefined) {
      this.unknown++;
      return value;
    }
    this.told++;
    const versions = this.versions.get(key) ?? [];
    const oldest = versions.findLastIndex(({ doneMs }) => doneMs <= nowMs - boundMs);
    const shown = this.shown.get(copy) ?? new Map<string, number>();
    this.shown.set(copy, shown);
    const last = shown.get(key) ?? 0;
    const at = versions.findIndex((it, i) => i >= Math.max(oldest, last) && it.value === value);
    if (at >= 0) {
      shown.set(key, at);
      return value;
    }
    const was = versions.findLastIndex((it) => it.value === value);
    throw new Error(
      `${key} is ${short(value)}, version ${was} of ${versions.length}; it showed ${last}, ` +
        `and ${oldest} was done ${boundMs} ms ago; lag ${copy.lag.ms} ms`,
    );
  }

  private async attempt(keys: readonly string[], value: string | null, work: () => unknown) {
    const made = keys.map((key) => this.add(key, value));
    try {
      await work();
    } catch {
      return; // whether it was executed is unknown: it stays possible, and is never required
    }
    for (const version of made) version.doneMs = monotonicMs();
  }

  private add(key: string, value: string | null): Version {
    const version: Version = { value, doneMs: Number.POSITIVE_INFINITY };
    this.versions.get(key)?.push(version);
    return version;
  }

  private forget(key: string): void {
    this.versions.set(key, [{ value: null, doneMs: Number.NEGATIVE_INFINITY }]);
  }
}

async function pairOf(send: Send, value: string): Promise<void> {
  await Promise.all([send("MULTI"), ...pair.map((key) => send("SET", key, value)), send("EXEC")]);
}

function short(value: string | null): string {
  return value === null ? "null" : value.slice(0, 12);
}
