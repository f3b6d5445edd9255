/**
 * A random history of writes and reads of a near cache, checked against the rule that no read gives
 * what is older than the last write that was acknowledged a stated time before it began, and that
 * no promise hangs. Causes no failures: whoever runs it does meanwhile.
 * Invariant: the values of a key are numbers that grow, in the order in which they were written. A
 * key with a write that failed, which the server may execute at any later time, is written no more.
 */
import { type Client, MSCacheError, type NearCache } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import type { Random } from "./seed.ts";

const keyCount = 6;

interface Acknowledged {
  readonly value: number;
  readonly atMs: number;
}

export interface NearHistoryOptions {
  readonly random: Random;
  readonly near: NearCache;
  readonly writer: Client;
  /** How much older than the last acknowledged write a value may be. */
  readonly boundMs: number;
  /** Whether what was written is where the near cache reads; acknowledged alone, by default. */
  readonly isEverywhere?: () => Promise<boolean>;
}

export class NearHistory {
  /** What was read, and why it was wrong. */
  readonly faults: string[] = [];
  /** Reads that were answered from memory, and those that were asked for. */
  readonly served = { held: 0, asked: 0 };
  private readonly options: NearHistoryOptions;
  private readonly acknowledged = new Map<string, Acknowledged[]>();
  private readonly epochs = new Map<number, number>();
  /** No other history has keys of this name. */
  private readonly name = crypto.randomUUID().slice(0, 8);
  private last = 0;
  private pending = 0;

  constructor(options: NearHistoryOptions) {
    this.options = options;
  }

  /** A read or a write, which may still be under way when it returns. */
  step(): void {
    const { random, near } = this.options;
    const key = this.key(random.below(keyCount));
    if (random.chance(0.15)) this.track(this.write(random.below(keyCount)));
    else if (random.chance(0.4)) this.track(this.read(key));
    else {
      const floor = this.floorOf(key);
      const value = near.peek(key);
      if (value === undefined) return;
      this.served.held++;
      this.check(key, value, floor, "held");
    }
  }

  /** Steps until the condition is met, and at least so many. */
  async until(steps: number, isMet: () => boolean | Promise<boolean>): Promise<void> {
    for (let i = 0; i < steps; i++) {
      for (let n = this.options.random.below(20); n > 0; n--) this.step();
      // The pace of an application: what is held, told and asked for alternates.
      await Bun.sleep(1);
    }
    await waitFor(async () => {
      this.step();
      return await isMet();
    });
  }

  /**
   * Forgets what was acknowledged: a server has lost it. Keys are new from then on, as a near cache
   * may still be asked for what it held.
   */
  lost(): void {
    for (let slot = 0; slot < keyCount; slot++) this.renew(slot);
    this.acknowledged.clear();
  }

  /** Waits until every promise has settled and all keys are read as the server has them. */
  async converged(): Promise<void> {
    const { near, writer } = this.options;
    await waitFor(() => this.pending === 0, { message: "every promise to settle" });
    for (let slot = 0; slot < keyCount; slot++) {
      const key = this.key(slot);
      await waitFor(
        async () => {
          await near.get(key);
          return near.peek(key) === ((await writer.get(key)) ?? null);
        },
        { message: `${key} to be held as the server has it` },
      );
    }
  }

  // --- internal ---

  private key(slot: number): string {
    return `${this.name}:${slot}:${this.epochs.get(slot) ?? 0}`;
  }

  private renew(slot: number): void {
    this.epochs.set(slot, (this.epochs.get(slot) ?? 0) + 1);
  }

  private async write(slot: number): Promise<void> {
    const { writer, isEverywhere } = this.options;
    const key = this.key(slot);
    const value = ++this.last;
    try {
      await writer.set(key, String(value));
      if ((await isEverywhere?.()) === false) return;
    } catch (error) {
      if (this.key(slot) === key) this.renew(slot);
      throw error;
    }
    const list = this.acknowledged.get(key);
    const one = { value, atMs: performance.now() };
    if (list === undefined) this.acknowledged.set(key, [one]);
    else list.push(one);
  }

  private async read(key: string): Promise<void> {
    const floor = this.floorOf(key);
    const value = await this.options.near.get(key);
    this.served.asked++;
    this.check(key, value, floor, "got");
  }

  /** What a read that begins now must at least give. */
  private floorOf(key: string): number {
    const before = performance.now() - this.options.boundMs;
    const known = this.acknowledged.get(key) ?? [];
    return known.reduce(
      (most, { value, atMs }) => (atMs <= before && value > most ? value : most),
      0,
    );
  }

  private check(key: string, text: string | null, floor: number, how: string): void {
    const value = Number(text ?? 0);
    if (value < floor) this.faults.push(`${key} was ${how} as ${value}, not at least ${floor}`);
    if (value > this.last) this.faults.push(`${key} was ${how} as ${value}, never written`);
  }

  private track(work: Promise<void>): void {
    this.pending++;
    work
      .catch((error: unknown) => {
        if (!(error instanceof MSCacheError)) this.faults.push(String(error));
      })
      .finally(() => {
        this.pending--;
      });
  }
}
