// The process that the benchmark `inprocess` starts for one subject in one round: opens it, checks
// that every key gives its value, and prints nanoseconds per read as JSON, for each way to read.
// Invariant: one subject a process, so that its loop is compiled for it alone.

import { entries, subjects } from "./inprocess-subjects.ts";
import { median } from "./suite.ts";

const [name = "", addr = "", millis = ""] = process.argv.slice(2);
/** Others than those that were stored: who asks has built its key anew. */
const asked = entries.keys.map((key) => Buffer.from(key).toString("latin1"));

const subject = subjects.find((one) => one.name === name);
if (subject === undefined) throw new Error(`there is no "${name}"`);
const reads = await subject.open({ ...entries, addr });
const results: Record<string, number> = {};
for (const [way, read] of Object.entries(reads)) {
  const isAwaited = way.startsWith("await");
  const pass = () => (isAwaited ? awaitedPass(read) : plainPass(read));
  await passesFor(Number(millis) / 2, pass); // until it is optimized
  results[way] = median(await passesFor(Number(millis), pass));
}
process.stdout.write(JSON.stringify(results));
process.exit(0);

/** Nanoseconds per read of each pass over the keys. */
async function passesFor(ms: number, pass: () => void | Promise<void>): Promise<number[]> {
  const samples: number[] = [];
  const end = performance.now() + ms;
  for (let began = performance.now(); began < end; began = performance.now()) {
    await pass();
    samples.push(((performance.now() - began) * 1e6) / asked.length);
  }
  return samples;
}

function plainPass(read: (key: string) => unknown): void {
  const { value } = entries;
  for (let i = 0; i < asked.length; i++) if (read(asked[i]) !== value) wrong(asked[i]);
}

async function awaitedPass(read: (key: string) => unknown): Promise<void> {
  const { value } = entries;
  for (let i = 0; i < asked.length; i++) if ((await read(asked[i])) !== value) wrong(asked[i]);
}

function wrong(key: string): never {
  throw new Error(`${name}: ${key} has another value`);
}
