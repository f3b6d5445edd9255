/**
 * Random commands on bitmaps and HyperLogLogs, right, at an edge and wrong. Few keys, so that they
 * meet: plain ones for bits, and others for sketches, whose bytes nothing here breaks (redis 7.0
 * keeps a part of a PFADD that fails half-way).
 * Invariant: no command costs real memory: offsets end at 100,000 bits or are refused.
 */
import type { Random } from "./seed.ts";
import { index, integer } from "./values.ts";
import type { Argument } from "./wire.ts";

type Maker = (random: Random) => Argument[];

const bitKeys = ["bits:1", "bits:2", "bits:3", "a"];
const sketchKeys = ["hll:1", "hll:2", "hll:3", "hll:4"];
const bitKey = (random: Random) => random.pick(bitKeys);
const sketchKey = (random: Random) => random.pick(sketchKeys);

function several(random: Random, least: number, most: number, one: (r: Random) => string) {
  return Array.from({ length: random.between(least, most) }, () => one(random));
}

const oddOffsets = ["-1", "x", "", "1.5", "4294967296", "9223372036854775807", "#1", "01", "+1"];

function bitOffset(random: Random): string {
  if (random.chance(0.08)) return random.pick(oddOffsets);
  return `${random.below(random.pick([20, 20, 200, 100_000]))}`;
}

const oddMultiples = ["#4611686018427387904", "#-1", "#", "##1", "#9223372036854775807"];

function fieldOffset(random: Random): string {
  if (random.chance(0.03)) return random.pick(oddMultiples);
  return random.chance(0.4) ? `#${random.below(9)}` : bitOffset(random);
}

const oddTypes = ["u64", "i65", "i0", "u0", "8", "u", "", "U8", "u08", "i-1", "u8x", "f32"];

function fieldType(random: Random): string {
  if (random.chance(0.04)) return random.pick(oddTypes);
  return random.chance(0.5) ? `i${random.between(1, 64)}` : `u${random.between(1, 63)}`;
}

function operand(random: Random): string {
  if (random.chance(0.1)) return integer(random);
  const bits = BigInt(random.between(0, 63));
  const raw = random.bytes(8).readBigInt64LE();
  return String(raw >> bits);
}

function fieldOperation(random: Random, getsOnly: boolean): string[] {
  const words: string[] = [];
  if (random.chance(0.3)) words.push("OVERFLOW", random.pick(["WRAP", "SAT", "FAIL", "fail"]));
  if (random.chance(0.02)) words.push("OVERFLOW", random.pick(["", "NONE"]));
  if (getsOnly || random.chance(0.3))
    return [...words, "GET", fieldType(random), fieldOffset(random)];
  const verb = random.pick(["SET", "INCRBY", "incrby"]);
  return [...words, verb, fieldType(random), fieldOffset(random), operand(random)];
}

function bitfield(random: Random): Argument[] {
  const isReadOnly = random.chance(0.25);
  const getsOnly = isReadOnly && random.chance(0.9);
  const words = several(random, 0, 4, () => "").flatMap(() => fieldOperation(random, getsOnly));
  if (random.chance(0.03)) words.pop();
  return [isReadOnly ? "BITFIELD_RO" : "BITFIELD", bitKey(random), ...words];
}

function range(random: Random): string[] {
  const ends = several(random, 0, 2, index);
  const unit = random.pick([[], [], ["BIT"], ["bit"], ["BYTE"], ["BITS"], ["BIT", "BIT"]]);
  return ends.length === 2 || random.chance(0.1) ? [...ends, ...unit] : ends;
}

function bitop(random: Random): Argument[] {
  const operation = random.pick(["AND", "OR", "XOR", "not", "NOT", "DIFF"]);
  const most = operation.toLowerCase() === "not" && random.chance(0.9) ? 1 : 4;
  return ["BITOP", operation, bitKey(random), ...several(random, 1, most, bitKey)];
}

const bits: readonly (readonly [number, Maker])[] = [
  [2, (r) => ["SET", bitKey(r), r.bytes(r.below(r.pick([3, 30, 5_000])))]],
  [1, (r) => ["SET", bitKey(r), Buffer.alloc(r.below(2_000), r.pick([0, 255]))]],
  [1, (r) => ["SET", bitKey(r), `${r.between(-999_999, 999_999)}`]],
  [1, (r) => ["DEL", bitKey(r)]],
  [1, (r) => ["GET", bitKey(r)]],
  [5, (r) => ["SETBIT", bitKey(r), bitOffset(r), r.pick(["0", "1", "1", "1", "2", "-1", "x"])]],
  [3, (r) => ["GETBIT", bitKey(r), bitOffset(r)]],
  [5, (r) => ["BITCOUNT", bitKey(r), ...range(r)]],
  [6, (r) => ["BITPOS", bitKey(r), r.pick(["0", "1", "0", "1", "2", "x"]), ...range(r)]],
  [5, bitop],
  [10, bitfield],
];

const elements = (random: Random, most: number) =>
  several(random, 0, most, () => `element ${random.below(100_000)}`);

const sketches: readonly (readonly [number, Maker])[] = [
  [6, (r) => ["PFADD", sketchKey(r), ...elements(r, 4)]],
  [2, (r) => ["PFADD", sketchKey(r), ...elements(r, 300)]],
  [0.2, (r) => ["PFADD", sketchKey(r), ...elements(r, 6_000)]],
  [6, (r) => ["PFCOUNT", ...several(r, 1, 1, sketchKey)]],
  [3, (r) => ["PFCOUNT", ...several(r, 1, 4, sketchKey)]],
  [3, (r) => ["PFMERGE", sketchKey(r), ...several(r, 0, 3, sketchKey)]],
  [2, (r) => ["PFDEBUG", r.pick(["ENCODING", "DECODE", "decode", "NONSENSE"]), sketchKey(r)]],
  [0.3, (r) => ["PFDEBUG", r.pick(["TODENSE", "GETREG"]), sketchKey(r)]],
  [1, (r) => ["GET", sketchKey(r)]],
  [1, (r) => ["DEL", sketchKey(r)]],
  [0.2, (r) => ["CONFIG", "SET", "hll-sparse-max-bytes", r.pick(["0", "300", "3kb", "20000"])]],
  [0.5, (r) => ["COPY", sketchKey(r), sketchKey(r), "REPLACE"]],
  [0.5, (r) => ["EXPIREAT", sketchKey(r), "4102444800"]],
  // Not a sketch, or a broken one: only with commands that fail before they change anything.
  [1, (r) => [r.pick(["PFADD", "PFCOUNT", "PFMERGE"]), bitKey(r), ...several(r, 0, 1, sketchKey)]],
  [1, (r) => [r.pick(["PFCOUNT", "PFMERGE"]), sketchKey(r), bitKey(r)]],
];

export const bitCommand: Maker = (random) => random.weighted(bits)(random);
export const sketchCommand: Maker = (random) => random.weighted(sketches)(random);
