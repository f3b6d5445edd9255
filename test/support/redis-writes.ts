/**
 * Random writes for a real Redis that leads: every string command that it may send in its stream,
 * commands of other types on the same few keys, and what moves keys about. What it makes of them,
 * and which of them fail, is its business: what counts is what enters its stream. Does not write
 * what ends in a full sync: that would hide whatever went wrong before it.
 * Invariant: every time it sets is far away, so that nothing expires while two nodes are compared.
 */
import type { Peer } from "./peer.ts";
import type { Random } from "./seed.ts";
import { type Argument, textOf } from "./wire.ts";

export type Write = readonly Argument[];
type Writer = (random: Random) => Write;

const keyCount = 10;
const sketchCount = 4;
const farAwayMs = 4_000_000_000_000;

const plainKey = (random: Random) => `k${random.below(keyCount)}`;
/**
 * Keys with HyperLogLogs, whose bytes nothing else changes: redis 7.0 fails at a broken one
 * half-way through, and sends nothing.
 */
const sketchKey = (random: Random) => `hll${random.below(sketchCount)}`;
const key = (random: Random) => (random.chance(0.3) ? sketchKey(random) : plainKey(random));
const several = (random: Random, most: number, one: (random: Random) => string) => {
  return Array.from({ length: random.between(1, most) }, () => one(random));
};
const keys = (random: Random, most: number) => several(random, most, key);
const elements = (random: Random, most: number) => {
  return Array.from({ length: random.between(0, most) }, () => random.bytes(random.below(20)));
};

// ---- bits ---------------------------------------------------------------------------------------

function fieldType(random: Random): string {
  return random.chance(0.5) ? `i${random.between(1, 64)}` : `u${random.between(1, 63)}`;
}

function fieldOffset(random: Random): string {
  return random.chance(0.4) ? `#${random.below(9)}` : `${random.below(200)}`;
}

function fieldOperand(random: Random): string {
  const bits = random.between(0, 64);
  const bytes = random.bytes(8);
  return `${BigInt.asIntN(64, bytes.readBigUInt64LE() >> BigInt(64 - bits)) * (random.chance(0.5) ? -1n : 1n)}`
    .replace("--", "")
    .replace(/^9223372036854775808$/, "9223372036854775807");
}

/**
 * The first of them always succeeds: redis 7.0 sends nothing where all fail, though the value may
 * grow.
 */
function bitfield(random: Random): Write {
  const words: string[] = ["SET", "u1", `${random.below(64)}`, `${random.below(2)}`];
  for (let i = random.between(1, 5); i > 0; i--) {
    if (random.chance(0.4)) words.push("OVERFLOW", random.pick(["WRAP", "SAT", "FAIL"]));
    if (random.chance(0.2)) words.push("GET", fieldType(random), fieldOffset(random));
    const verb = random.pick(["SET", "INCRBY"]);
    words.push(verb, fieldType(random), fieldOffset(random), fieldOperand(random));
  }
  return ["BITFIELD", plainKey(random), ...words];
}

function bitop(random: Random): Write {
  const operation = random.pick(["AND", "OR", "XOR", "NOT"]);
  return ["BITOP", operation, plainKey(random), ...keys(random, operation === "NOT" ? 1 : 4)];
}

// ---- the mix ------------------------------------------------------------------------------------

const strings: readonly (readonly [number, Writer])[] = [
  [4, (r) => ["SET", key(r), r.bytes(r.below(60))]],
  [1, (r) => ["SET", key(r), `${r.below(100_000)}`, "PXAT", farAwayMs + r.below(1_000)]],
  // With GET it fails on another type, whose time it would keep: a follower cannot know that one.
  [1, (r) => ["SET", key(r), `${r.below(100)}`, "GET", "KEEPTTL"]],
  [1, (r) => ["INCRBY", plainKey(r), r.between(-9, 9)]],
  [1, (r) => ["APPEND", plainKey(r), r.bytes(r.below(10))]],
  [1, (r) => ["SETRANGE", plainKey(r), r.below(40), r.bytes(3)]],
  [1, (r) => ["PEXPIREAT", key(r), farAwayMs]],
  [1, (r) => ["PERSIST", key(r)]],
  [2, (r) => ["DEL", ...keys(r, 2)]],
  [3, (r) => ["SETBIT", plainKey(r), r.below(300), r.below(2)]],
  [5, bitfield],
  [5, bitop],
];

const sketches: readonly (readonly [number, Writer])[] = [
  [4, (r) => ["PFADD", sketchKey(r), ...elements(r, 4)]],
  [2, (r) => ["PFADD", sketchKey(r), ...elements(r, 300)]],
  [0.3, (r) => ["PFADD", sketchKey(r), ...elements(r, 6_000)]],
  [3, (r) => ["PFCOUNT", sketchKey(r)]],
  [1, (r) => ["PFCOUNT", sketchKey(r), sketchKey(r)]],
  [3, (r) => ["PFMERGE", sketchKey(r), ...several(r, 3, sketchKey)]],
  [1, (r) => ["PFDEBUG", r.pick(["GETREG", "TODENSE"]), sketchKey(r)]],
];

const otherTypes: readonly (readonly [number, Writer])[] = [
  [2, (r) => ["RPUSH", key(r), r.below(9), r.below(9)]],
  [2, (r) => ["SADD", key(r), r.below(9), r.below(9)]],
  [2, (r) => ["ZADD", key(r), r.below(9), "a", r.below(9), "b"]],
  [1, (r) => ["HSET", key(r), "field", "value"]],
  [1, (r) => ["XADD", key(r), "*", "field", "value"]],
  [1, (r) => ["GEOADD", key(r), r.below(90), r.below(80), "here"]],
  [2, (r) => [r.pick(["SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"]), key(r), ...keys(r, 3)]],
  [2, (r) => [r.pick(["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]), key(r), 2, key(r), key(r)]],
  [1, (r) => ["ZRANGESTORE", key(r), key(r), 0, -1]],
  [2, (r) => ["SORT", key(r), "BY", "nosort", "GET", "#", "LIMIT", 0, 5, "STORE", key(r)]],
  [1, (r) => ["GEOSEARCHSTORE", key(r), key(r), "FROMLONLAT", 1, 1, "BYRADIUS", 9_000, "km"]],
  [
    1,
    (r) => {
      const store = r.pick(["STORE", "STOREDIST"]);
      return ["GEORADIUS", key(r), 1, 1, 9_000, "km", "COUNT", 2, store, key(r)];
    },
  ],
];

/** From anywhere to a plain key, or among the sketches: see sketchKey(). */
function moving(random: Random): [string, string] {
  if (random.chance(0.2)) return [sketchKey(random), sketchKey(random)];
  return [key(random), plainKey(random)];
}

const moves: readonly (readonly [number, Writer])[] = [
  [3, (r) => ["RENAME", ...moving(r)]],
  [1, (r) => ["RENAMENX", ...moving(r)]],
  [3, (r) => ["COPY", ...moving(r), "REPLACE"]],
  [1, (r) => ["COPY", ...moving(r)]],
  [1, (r) => ["COPY", ...moving(r), "DB", r.below(4), "REPLACE"]],
  [2, (r) => ["MOVE", key(r), r.below(4)]],
  [1, (r) => ["SWAPDB", r.below(4), r.below(4)]],
];

/** RESTORE, of each of these payloads. */
function restores(payloads: readonly Buffer[]): readonly (readonly [number, Writer])[] {
  return [
    [2, (r) => ["RESTORE", key(r), 0, r.pick(payloads)]],
    [3, (r) => ["RESTORE", key(r), 0, r.pick(payloads), "REPLACE"]],
    [1, (r) => ["RESTORE", key(r), farAwayMs, r.pick(payloads), "REPLACE", "ABSTTL"]],
    [1, (r) => ["RESTORE", key(r), 0, r.pick(payloads), "REPLACE", "IDLETIME", 5]],
  ];
}

/** A generator of writes to database 0, and of moves between databases. */
export function redisWrites(payloads: readonly Buffer[]): Writer {
  const all = [...strings, ...sketches, ...otherTypes, ...moves, ...restores(payloads)];
  return (random) => random.weighted(all)(random);
}

/** For a client that goes from one database to the other. */
export const elsewhere: Writer = (random) => {
  const flush = [0.3, () => ["FLUSHDB"]] as const;
  const select = [3, (r: Random) => ["SELECT", r.below(4)]] as const;
  const mix = [...strings, ...sketches, ...otherTypes, ...moves, flush, select];
  return random.weighted<Writer>(mix)(random);
};

/** What DUMP gives for strings in all their encodings, and for values of other types. */
export async function dumpedPayloads(peer: Peer): Promise<Buffer[]> {
  const samples: Write[] = [
    ["SET", "sample", "plain bytes"],
    ["SET", "sample", ""],
    ["SET", "sample", "-7"],
    ["SET", "sample", "31000"],
    ["SET", "sample", "-2000000000"],
    ["SET", "sample", "compressed ".repeat(500)],
    ["PFADD", "sample", "a", "b", "c"],
    ["RPUSH", "sample", "a", "b"],
    ["HSET", "sample", "a", "b"],
    ["ZADD", "sample", "1", "a"],
    ["XADD", "sample", "1-1", "a", "b"],
  ];
  const payloads: Buffer[] = [];
  for (const sample of samples) {
    await peer.ask(...sample);
    payloads.push(Buffer.from(textOf(await peer.typed("DUMP", "sample")), "latin1"));
    await peer.ask("DEL", "sample");
  }
  return payloads;
}
