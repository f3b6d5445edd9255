// Traces: files with and without gzip, the generator, and the sizes derived from ids.
// Invariant: every file that a test writes is in a directory that it removes.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  generateTrace,
  generatorDefault,
  readTrace,
  traceValueLength,
  workingSetBytes,
} from "../../../scripts/bench/trace.ts";

const folder = mkdtempSync(join(tmpdir(), "mscache-trace-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Ids 1, 2, 0x01000000 + 2, 1 as little-endian bytes, written out so that the test does not
// depend on the byte order of this machine.
const bytes = Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 1, 1, 0, 0, 0);

test("a trace is a sequence of little-endian ids, gzipped or not", async () => {
  await Bun.write(join(folder, "a.u32"), bytes);
  await Bun.write(join(folder, "b.u32.gz"), Bun.gzipSync(bytes));
  for (const [file, name] of [
    ["a.u32", "a"],
    ["b.u32.gz", "b"],
  ]) {
    const trace = await readTrace(join(folder, file));
    expect([...trace.ids]).toEqual([1, 2, 0x01000002, 1]);
    expect([trace.name, trace.distinct, trace.idCount]).toEqual([name, 3, 0x01000003]);
  }
});

test("a missing file, half an id and an absurd id are refused with a sentence", async () => {
  await expect(readTrace(join(folder, "none"))).rejects.toThrow("there is no trace");
  await Bun.write(join(folder, "half"), bytes.subarray(0, 6));
  await expect(readTrace(join(folder, "half"))).rejects.toThrow("must be a sequence of 4-byte ids");
  await Bun.write(join(folder, "large"), Uint8Array.of(255, 255, 255, 255));
  await expect(readTrace(join(folder, "large"))).rejects.toThrow("renumber it from 0");
});

test("sizes are derived from ids, from 64 to 2,047 bytes over five magnitudes", () => {
  const lengths = Array.from({ length: 20_000 }, (_, id) => traceValueLength(id));
  expect(lengths.every((length) => length >= 64 && length <= 2047)).toBeTrue();
  const magnitudes = new Set(lengths.map((length) => Math.floor(Math.log2(length))));
  expect([...magnitudes].sort((a, b) => a - b)).toEqual([6, 7, 8, 9, 10]);
  // Worked out once with the definition that comes with the public traces.
  expect([0, 1, 12_345].map(traceValueLength)).toEqual([91, 402, 958]);
});

test("the generator repeats with its seed and has its scans", () => {
  const options = { ...generatorDefault, requests: 50_000, objects: 5000, scanLength: 100 };
  const trace = generateTrace(options);
  expect(generateTrace(options).ids).toEqual(trace.ids);
  expect(generateTrace({ ...options, seed: 2 }).ids).not.toEqual(trace.ids);
  let steps = 0;
  for (let i = 1; i < trace.ids.length; i++) {
    if (trace.ids[i] === (trace.ids[i - 1] + 1) % options.objects) steps++;
  }
  expect(steps / trace.ids.length).toBeGreaterThan(0.07);
  expect(steps / trace.ids.length).toBeLessThan(0.13);
});

test("the built-in trace has at least 150 MB of distinct objects", () => {
  const trace = generateTrace();
  expect(workingSetBytes(trace)).toBeGreaterThan(150e6);
});
