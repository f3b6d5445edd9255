// One thread of store-threads.test.ts: attaches to the store that it is sent, works on it, and
// reports what it saw. All threads share the keys 0 to 999; every value names its key and ends with
// a checksum.

import type { StoreMemory } from "../../../src/store/memory.ts";
import { STORED, Store } from "../../../src/store/store.ts";
import { Random } from "../../support/seed.ts";
import { keysMetOnce } from "./harness.ts";

export interface Task {
  memory: StoreMemory;
  thread: number;
  seed: number;
  operations: number;
}

export interface Report {
  /** Empty if all was well. */
  failure: string;
  /** How often this thread raised the counter. */
  raised: number;
}

declare const self: Worker;

const keyCount = 1000;
const counter = Buffer.from("counter");
const scratch = Buffer.alloc(300_000);

class Hammer {
  private readonly store: Store;
  private readonly random: Random;
  raised = 0;

  constructor({ memory, thread, seed }: Task) {
    this.store = new Store(memory, thread);
    this.store.threads.markAlive(thread);
    this.random = new Random(seed);
  }

  run(operations: number): void {
    const steps: readonly (readonly [number, () => void])[] = [
      [10, () => this.read()],
      [8, () => this.write()],
      [2, () => this.delete()],
      [2, () => this.raise()],
      [1, () => this.append()],
      [1, () => this.swap()],
      [0.2, () => this.store.sweep(10, this.random.below(1000))],
      [0.05, () => keysMetOnce(this.store, 500)],
    ];
    for (let done = 0; done < operations; done++) this.random.weighted(steps)();
  }

  private key(): Buffer {
    return Buffer.from(`key:${this.random.below(keyCount)}`);
  }

  /** A value of its key: the key, filling that follows from the length, and a sum. */
  private value(key: Buffer): Buffer {
    const large = this.random.chance(0.1);
    const length = this.random.below(large ? 60_000 : 300) + 40;
    const value = Buffer.alloc(length, length & 0xff);
    key.copy(value);
    value[key.length] = 0;
    value.writeUInt32LE(sumOf(value, length - 4), length - 4);
    return value;
  }

  private check(key: Buffer): void {
    const store = this.store;
    const length = store.valueLength;
    store.copyTo(scratch, 0, 0, length);
    const named = scratch.subarray(0, key.length).equals(key) && scratch[key.length] === 0;
    if (!named) throw new Error(`${key} has the value of ${scratch.toString("latin1", 0, 10)}`);
    if (scratch.readUInt32LE(length - 4) !== sumOf(scratch, length - 4)) {
      throw new Error(`${key} has a torn value of ${length} bytes`);
    }
  }

  private read(): void {
    const key = this.key();
    const store = this.store;
    store.lock(key, 0, key.length);
    if (store.read(key, 0, key.length, 500)) this.check(key);
    store.unlock(key, 0, key.length);
  }

  private write(): void {
    const key = this.key();
    const value = this.value(key);
    const store = this.store;
    const expiresAt = this.random.chance(0.3) ? this.random.below(2000) + 1 : 0;
    if (!store.makeRoom(key, 0, key.length, key.length + value.length, 500))
      throw new Error("room");
    store.lock(key, 0, key.length);
    const result = store.set(key, 0, key.length, value, 0, value.length, expiresAt, 0);
    store.unlock(key, 0, key.length);
    if (result !== STORED) throw new Error(`set answered ${result}`);
  }

  private delete(): void {
    const key = this.key();
    this.store.lock(key, 0, key.length);
    this.store.delete(key, 0, key.length, 500);
    this.store.unlock(key, 0, key.length);
  }

  /** Reads and writes under one lock: what INCR does. */
  private raise(): void {
    const store = this.store;
    store.lock(counter, 0, counter.length);
    let value = 0;
    if (store.read(counter, 0, counter.length, 500)) {
      store.copyTo(scratch, 0, 0, store.valueLength);
      value = Number(scratch.toString("latin1", 0, store.valueLength));
    }
    const digits = Buffer.from(String(value + 1));
    store.set(counter, 0, counter.length, digits, 0, digits.length, 0, 0);
    store.unlock(counter, 0, counter.length);
    this.raised++;
  }

  /** A list of its own that grows and starts again: setRange under lock. */
  private append(): void {
    const key = Buffer.from(`list:${this.random.below(20)}`);
    const store = this.store;
    store.makeRoom(key, 0, key.length, 80_000, 500);
    store.lock(key, 0, key.length);
    const length = store.find(key, 0, key.length, 500) ? store.valueLength : 0;
    if (length > 60_000) store.delete(key, 0, key.length, 500);
    const at = length > 60_000 ? 0 : length;
    const part = Buffer.alloc(1000, at / 1000);
    store.setRange(key, 0, key.length, at, part, 0, part.length, 500);
    store.copyTo(scratch, 0, 0, store.valueLength);
    for (let i = 0; i < store.valueLength; i += 500) {
      if (scratch[i] !== Math.floor(i / 1000)) throw new Error(`${key} at ${i}: ${scratch[i]}`);
    }
    store.unlock(key, 0, key.length);
  }

  /** Two keys under the locks of both shards, in any order: must not deadlock. */
  private swap(): void {
    const store = this.store;
    const one = this.key();
    const two = this.key();
    const mask = store.shardBit(one, 0, one.length) | store.shardBit(two, 0, two.length);
    const taken = store.lockShards(mask);
    store.lock(two, 0, two.length);
    if (store.find(two, 0, two.length, 500)) this.check(two);
    store.unlock(two, 0, two.length);
    store.delete(one, 0, one.length, 500);
    store.unlockShards(taken);
  }
}

function sumOf(bytes: Buffer, length: number): number {
  let sum = length;
  for (let i = 0; i < length; i += 7) sum = (Math.imul(sum, 31) + (bytes[i] as number)) >>> 0;
  return sum;
}

self.onmessage = (event: MessageEvent) => {
  const task = event.data as Task;
  const hammer = new Hammer(task);
  let failure = "";
  try {
    hammer.run(task.operations);
  } catch (error) {
    failure = String(error);
  }
  const report: Report = { failure, raised: hammer.raised };
  postMessage(report);
};
