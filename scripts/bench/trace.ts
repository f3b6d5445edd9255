// Access traces: read from a file of little-endian uint32 ids (gzipped or not), or made by a seeded
// generator of Zipf-distributed requests with scans between them. It also defines the length of an
// id's value, so that every server stores the same bytes.
// Invariant: the same file or seed gives the same requests and sizes everywhere.

import { basename } from "node:path";
import { Random, Zipf } from "../../src/bench/random.ts";
import { mix } from "../../src/bench/workload.ts";
import type { Trace } from "./simulate/policies.ts";

/** An id above this would make the simulators' tables larger than a trace is worth. */
const idMax = 100_000_000;

export async function readTrace(path: string): Promise<Trace> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new Error(`there is no trace ${path}`);
  const raw = new Uint8Array(await file.arrayBuffer());
  const isGzip = raw[0] === 0x1f && raw[1] === 0x8b;
  const bytes = isGzip ? Bun.gunzipSync(raw) : raw;
  if (bytes.length === 0 || bytes.length % 4 !== 0) {
    throw new Error(`${path} is no trace: it must be a sequence of 4-byte ids`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ids = Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
  return makeTrace(basename(path).replace(/\.(u32|gz)/g, ""), ids);
}

export function makeTrace(name: string, ids: Uint32Array): Trace {
  const largest = ids.reduce((max, id) => Math.max(max, id), 0);
  if (largest > idMax) throw new Error(`${name} has an id above ${idMax}: renumber it from 0`);
  const seen = new Uint8Array(largest + 1);
  let distinct = 0;
  for (const id of ids) {
    if (seen[id] === 1) continue;
    seen[id] = 1;
    distinct++;
  }
  return { name, ids, idCount: largest + 1, distinct };
}

export interface GeneratorOptions {
  readonly requests: number;
  /** Number of objects in the Zipf part. */
  readonly objects: number;
  readonly exponent: number;
  /** Share of the requests that belong to scans: sequential runs over cold objects. */
  readonly scanShare: number;
  readonly scanLength: number;
  readonly seed: number;
}

/** Enough distinct objects for 150 MB and more at the sizes below. */
export const generatorDefault: GeneratorOptions = {
  requests: 2_000_000,
  objects: 400_000,
  exponent: 0.9,
  scanShare: 0.1,
  scanLength: 1000,
  seed: 1,
};

/** Zipf ranks are scattered over the ids, so that a scan meets popular and rare ones alike. */
export function generateTrace(options: GeneratorOptions = generatorDefault): Trace {
  const random = new Random(options.seed);
  const zipf = new Zipf(random, options.objects, options.exponent);
  const idOfRank = shuffled(options.objects, random);
  const ids = new Uint32Array(options.requests);
  // Scans begin often enough that their requests make up the configured share.
  const scanChance = options.scanShare / (options.scanLength * (1 - options.scanShare));
  let scanLeft = 0;
  let scanAt = 0;
  for (let i = 0; i < ids.length; i++) {
    if (scanLeft === 0 && random.fraction() < scanChance) {
      scanLeft = options.scanLength;
      scanAt = random.below(options.objects);
    }
    ids[i] = scanLeft > 0 ? scanAt : idOfRank[zipf.next()];
    if (scanLeft === 0) continue;
    scanLeft--;
    scanAt = (scanAt + 1) % options.objects;
  }
  return makeTrace("zipf-with-scans", ids);
}

function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1);
    const kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  return order;
}

export const traceKeyPrefix = "obj:";
export const traceValueBytesMax = 2047;

/** 64 to 2,047 bytes, evenly over five magnitudes. */
export function traceValueLength(id: number): number {
  const hash = mix(id + 1);
  const base = 64 << (hash % 5);
  return base + ((hash >>> 8) % base);
}

export function traceKey(id: number): string {
  return traceKeyPrefix + id;
}

/** Bytes of keys and values of all distinct objects of a trace. */
export function workingSetBytes(trace: Trace): number {
  const seen = new Uint8Array(trace.idCount);
  let bytes = 0;
  for (const id of trace.ids) {
    if (seen[id] === 1) continue;
    seen[id] = 1;
    bytes += traceKey(id).length + traceValueLength(id);
  }
  return bytes;
}
