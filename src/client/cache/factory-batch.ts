// One factory for many keys: gathers the keys whose locks this process has got and calls the
// factory once for all of them. Keys that wait for another process, and then have to be computed
// here after all, are a call of their own.
// Invariant: the factory is called when every key has either come here or has been passed over.

import { FactoryFailedError } from "./cache-errors.ts";
import type { BatchContext, BatchFactory } from "./factory-context.ts";
import type { FactoryRun } from "./factory-run.ts";

interface Waiting {
  readonly run: FactoryRun;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class FactoryBatch {
  private readonly factory: BatchFactory<unknown>;
  /** Keys that have neither come nor been passed over. */
  private undecided: number;
  private waiting: Waiting[] = [];

  constructor(factory: BatchFactory<unknown>, keys: number) {
    this.factory = factory;
    this.undecided = keys;
  }

  /** A key is not computed here, or not now. */
  readonly pass = (): void => {
    this.undecided--;
    this.callIfComplete();
  };

  /** A key is to be computed. `isFirst`: it has not been passed over before. */
  compute(run: FactoryRun, isFirst: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ run, resolve, reject });
      if (isFirst) this.undecided--;
      this.callIfComplete();
    });
  }

  private callIfComplete(): void {
    if (this.undecided > 0 || this.waiting.length === 0) return;
    const called = this.waiting;
    this.waiting = [];
    void this.call(called);
  }

  private async call(called: readonly Waiting[]): Promise<void> {
    const runs = called.map(({ run }) => run);
    try {
      const keys = runs.map(({ key }) => key);
      const values = await this.factory(keys, batchContext(runs));
      if (!Array.isArray(values) || values.length !== keys.length) {
        throw new FactoryFailedError(faultOf(values, keys.length));
      }
      called.forEach(({ resolve }, i) => {
        resolve(values[i]);
      });
    } catch (error) {
      for (const { reject } of called) reject(error);
    }
  }
}

function faultOf(values: unknown, keyCount: number): string {
  const given = Array.isArray(values) ? `${values.length} for ${keyCount} keys` : "no array";
  return `the factory must return an array with one value for each key; it returned ${given}`;
}

function batchContext(runs: readonly FactoryRun[]): BatchContext {
  const chosen = (key: string | undefined) =>
    key === undefined ? runs : runs.filter((run) => run.key === key);
  const controller = new AbortController();
  let left = runs.length;
  for (const { signal } of runs) {
    signal.addEventListener("abort", () => {
      if (--left === 0) controller.abort(signal.reason);
    });
  }
  return {
    signal: controller.signal,
    set: (options, key) => {
      for (const run of chosen(key)) run.set(options);
    },
    skip: (key) => {
      for (const run of chosen(key)) run.skip();
    },
  };
}
