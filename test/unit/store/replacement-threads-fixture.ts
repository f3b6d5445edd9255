// One reader of replacement-threads.test.ts. After it has reported that it runs, it reads pairs of
// keys of a store whose items are replaced all the time, each pair under the locks of both shards,
// until the item `stop` exists. It reports as well when it has seen several generations.
// Invariant: values read at the same time are of one generation, and generations only grow.

import type { StoreMemory } from "../../../src/store/memory.ts";
import { Store } from "../../../src/store/store.ts";
import { Random } from "../../support/seed.ts";
import { currentValue, keysMetOnce } from "./harness.ts";

export interface ReaderTask {
  memory: StoreMemory;
  thread: number;
  seed: number;
  keys: number;
}

export interface ReaderReport {
  /** Empty if all was well. */
  failure: string;
  /** The number of different generations seen. */
  generations: number;
}

declare const self: Worker;

const stop = Buffer.from("stop");

class Reader {
  private readonly store: Store;
  private readonly random: Random;
  private readonly keys: number;
  private latest = 0;
  generations = 0;

  constructor({ memory, thread, seed, keys }: ReaderTask) {
    this.store = new Store(memory, thread);
    this.random = new Random(seed);
    this.keys = keys;
  }

  run(): void {
    while (!this.isOver()) {
      for (let i = 0; i < 100; i++) this.pair();
      this.walk();
    }
  }

  private isOver(): boolean {
    this.store.lock(stop, 0, stop.length);
    const isOver = this.store.find(stop, 0, stop.length, 0);
    this.store.unlock(stop, 0, stop.length);
    return isOver;
  }

  private pair(): void {
    const store = this.store;
    const [one, two] = [this.key(), this.key()];
    store.willNeed(one, 0, one.length);
    store.lookAhead();
    const mask = store.shardBit(one, 0, one.length) | store.shardBit(two, 0, two.length);
    const taken = store.lockShards(mask);
    const [first, second] = [this.generation(one), this.generation(two)];
    store.unlockShards(taken);
    if (first !== second) throw new Error(`${one} is of ${first}, ${two} of ${second}`);
    if (first < this.latest) throw new Error(`generation ${first} after ${this.latest}`);
    if (first > this.latest && ++this.generations === 2) postMessage("several");
    this.latest = first;
  }

  private key(): Buffer {
    return Buffer.from(`key:${this.random.below(this.keys)}`);
  }

  private generation(key: Buffer): number {
    if (!this.store.read(key, 0, key.length, 0)) throw new Error(`${key} is not there`);
    return Number(Buffer.from(currentValue(this.store)).toString().split(" ")[0]);
  }

  /** A key that exists in every generation is visited once, whatever happens meanwhile. */
  private walk(): void {
    const met = keysMetOnce(this.store);
    for (let i = 0; i < this.keys; i++) {
      if (!met.has(`key:${i}`)) throw new Error(`a scan missed key:${i}`);
    }
  }
}

self.onmessage = (event: MessageEvent) => {
  const reader = new Reader(event.data as ReaderTask);
  postMessage("started");
  let failure = "";
  try {
    reader.run();
  } catch (error) {
    failure = String(error);
  }
  const report: ReaderReport = { failure, generations: reader.generations };
  postMessage(report);
};
