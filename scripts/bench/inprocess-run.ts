// The process that the benchmark `inprocess` starts for one subject in one round: opens it, checks
// that every key gives its value, and prints nanoseconds per read as JSON for each way to read.
// Told to, it tries afterwards what else the subject guarantees.
// Invariant: one subject a process, so that its loop is compiled for it alone.

import { flat, hourMs, keys, type Reads, values } from "./inprocess-entries.ts";
import { type Facts, factsOf } from "./inprocess-facts.ts";
import { subjects } from "./inprocess-subjects.ts";
import { median } from "./suite.ts";

/** Nanoseconds per read. */
export interface Timing {
  /** Of the passes over all keys. */
  readonly median: number;
  /** Of a pass that is put together from the best of each slice, which nothing has interrupted. */
  readonly best: number;
}

/** A way to read, and what the reader's own loop took when the values were at hand. */
export interface WayTiming extends Timing {
  readonly reader: Timing;
}

export interface RunResult {
  readonly ways: Readonly<Record<string, WayTiming>>;
  /** Null unless asked for. */
  readonly facts: Facts | null;
}

const msPerPassMax = 25;
/** Some 50 µs: less than a turn of the scheduler. */
const keysPerSlice = 500;

const [name = "", addr = "", millis = "", tries = ""] = process.argv.slice(2);
/** Others than those that were stored: who asks has built its key anew. */
const asked = keys.map(flat);

const subject = subjects.find((one) => one.name === name);
if (subject === undefined) throw new Error(`there is no "${name}"`);
const reads = await subject.open({ keys, values, lifeMs: hourMs, addr });
const ways = await measureAll(reads);
const facts = tries === "tries" ? await factsOf(subject, addr) : null;
process.stdout.write(JSON.stringify({ ways, facts } satisfies RunResult));
process.exit(0);

async function measureAll(reads: Reads): Promise<Record<string, WayTiming>> {
  const timings: Record<string, WayTiming> = {};
  for (const [way, read] of Object.entries(reads)) {
    for (const [i, key] of asked.entries()) check(await read(key), i);
    timings[way] = { ...(await timed(way, read)), reader: await timed(way, valuesAtHand(way)) };
  }
  return timings;
}

async function timed(way: string, read: (key: string) => unknown): Promise<Timing> {
  const slice = sliceBy(way, read);
  await passesFor(Number(millis) / 2, slice);
  return await passesFor(Number(millis), slice);
}

/** Hands out, in the order in which they are asked for, values that nobody has to look for. */
function valuesAtHand(way: string): () => unknown {
  const held = values.map((value) => {
    if (way.endsWith("Bytes")) return Buffer.from(value);
    return way.startsWith("await") ? Promise.resolve(flat(value)) : flat(value);
  });
  let next = 0;
  return () => {
    const value = held[next];
    next = next + 1 === held.length ? 0 : next + 1;
    return value;
  };
}

/** Reads the keys from one number to another. */
type Slice = (from: number, to: number) => void | Promise<void>;

function sliceBy(way: string, read: (key: string) => unknown): Slice {
  if (way.startsWith("await")) return (from, to) => awaitedSlice(read, from, to);
  if (way.endsWith("Bytes")) {
    return (from, to) => bytesSlice(read as (key: string) => Uint8Array, from, to);
  }
  return (from, to) => plainSlice(read, from, to);
}

/**
 * Passes over all keys, in slices. On a busy machine the time alone would be over before the code
 * is optimized.
 */
async function passesFor(ms: number, slice: Slice): Promise<Timing> {
  const passes: number[] = [];
  const bests = new Array<number>(asked.length / keysPerSlice).fill(Number.POSITIVE_INFINITY);
  const end = performance.now() + ms;
  while (performance.now() < end || passes.length < ms / msPerPassMax) {
    let passMs = 0;
    for (let i = 0; i < bests.length; i++) {
      const began = performance.now();
      await slice(i * keysPerSlice, (i + 1) * keysPerSlice);
      const sliceMs = performance.now() - began;
      passMs += sliceMs;
      bests[i] = Math.min(bests[i], sliceMs);
    }
    passes.push(passMs);
  }
  const best = bests.reduce((sum, sliceMs) => sum + sliceMs, 0);
  return { median: perRead(median(passes)), best: perRead(best) };
}

function perRead(passMs: number): number {
  return (passMs * 1e6) / asked.length;
}

function plainSlice(read: (key: string) => unknown, from: number, to: number): void {
  for (let i = from; i < to; i++) if (read(asked[i]) !== values[i]) wrong(i);
}

function bytesSlice(read: (key: string) => Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) if (read(asked[i])[0] !== values[i].charCodeAt(0)) wrong(i);
}

async function awaitedSlice(
  read: (key: string) => unknown,
  from: number,
  to: number,
): Promise<void> {
  for (let i = from; i < to; i++) if ((await read(asked[i])) !== values[i]) wrong(i);
}

function check(got: unknown, i: number): void {
  const text = got instanceof Uint8Array ? Buffer.from(got).toString() : got;
  if (text !== values[i]) wrong(i);
}

function wrong(i: number): never {
  throw new Error(`${name}: ${keys[i]} has another value`);
}
