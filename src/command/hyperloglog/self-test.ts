// PFSELFTEST: whether registers keep what is written into them, whether sparse and dense registers
// agree, and whether the estimate is as near as it should be. It uses no key. Redis adds ten
// million elements; here it is so many that other clients do not notice.

import { readDense } from "./dense.ts";
import { registerCount } from "./element-hash.ts";
import { estimate, HyperLogLog, headerBytes } from "./hyperloglog.ts";

const elementsMax = 10_000;
/** The standard error of an estimate, of which a few are allowed. */
const relativeError = 1.04 / Math.sqrt(registerCount);
const errorsMax = 6;
const registerValueMax = 63;

/** What failed, or null. The elements follow from the seed. */
export function selfTest(seed: number): string | null {
  return testRegisters(seed) ?? testEstimates(seed);
}

function testRegisters(seed: number): string | null {
  const log = new HyperLogLog();
  log.clear();
  log.makeDense();
  const expected = (register: number) => Math.imul(register + seed, 0x9e3779b1) & registerValueMax;
  for (let i = 0; i < registerCount; i++) log.raise(i, expected(i));
  for (let i = 0; i < registerCount; i++) {
    const value = readDense(log.bytes, headerBytes, i);
    if (value !== expected(i)) return `Register ${i} should be ${expected(i)} but is ${value}`;
  }
  return null;
}

function testEstimates(seed: number): string | null {
  const sparse = new HyperLogLog();
  const dense = new HyperLogLog();
  for (const log of [sparse, dense]) log.clear();
  dense.makeDense();
  const element = new DataView(new ArrayBuffer(8));
  element.setUint32(4, seed);
  const bytes = new Uint8Array(element.buffer);
  let checkpoint = 1;
  for (let count = 1; count <= elementsMax; count++) {
    element.setUint32(0, count);
    for (const log of [sparse, dense]) log.add(bytes, 0, bytes.length);
    if (count !== checkpoint) continue;
    const fault = compare(sparse, dense, count);
    if (fault !== null) return fault;
    checkpoint *= 10;
  }
  return null;
}

function compare(sparse: HyperLogLog, dense: HyperLogLog, count: number): string | null {
  const [one, other] = [sparse, dense].map((log) => {
    const registers = new Uint8Array(registerCount);
    log.mergeInto(registers);
    return estimate(registers);
  });
  if (one !== other) return "dense/sparse disagree";
  const error = Math.abs(one - count);
  const allowed = Math.ceil(relativeError * errorsMax * count);
  return error > allowed ? `Too big error. card:${count} abserr:${error}` : null;
}
