// What a keyed hash of a key costs: the candidates for src/store/hash.ts, timed on keys of several
// lengths at odd positions, as in a socket's chunk. Each is a published pseudorandom function over
// 32-bit words, or over pairs of them. src/store/README.md explains the choice.
//   bun scripts/bench/hashes.ts
// Invariant: the candidates are checked against published vectors before they are timed.
// Exception: their rounds are unrolled, as they would be on the hot path.

import { Hasher, hashKeyOf } from "../../src/store/hash.ts";
import { median } from "./suite.ts";

type Hash = (bytes: Uint8Array, start: number, end: number) => number;

interface Candidate {
  readonly name: string;
  readonly hash: Hash;
  /** Its result for the bytes 0, 1, 2, 3, 4, 5, 6, 7. */
  readonly published: number | null;
}

// ---- candidates ---------------------------------------------------------------------------------

/** Murmur's steps, whose secret withstands no attack: the price without protection. */
function murmur(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x1234567 ^ (end - start);
  let at = start;
  for (const stop = end - 3; at < stop; at += 4) {
    let block = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    block = Math.imul(block, 0x5bd1e995);
    block = (block << 15) | (block >>> 17);
    hash ^= Math.imul(block, 0x2545f491);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (; at < end; at++) rest = (rest << 8) | bytes[at];
  hash ^= Math.imul(rest, 0x2545f491);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** HalfSipHash with one round per word and three at the end, its 32-bit output. */
function halfSip13(bytes: Uint8Array, start: number, end: number): number {
  let v0 = 0x03020100;
  let v1 = 0x07060504;
  let v2 = 0x6c796765 ^ 0x03020100;
  let v3 = 0x74656462 ^ 0x07060504;
  let at = start;
  for (const stop = end - 3; at < stop; at += 4) {
    const m = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  let m = (end - start) << 24;
  for (let shift = 0; at < end; at++, shift += 8) m |= bytes[at] << shift;
  v3 ^= m;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= m;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}

/** HalfSipHash with two rounds per word and four at the end, the designers' default. */
function halfSip24(bytes: Uint8Array, start: number, end: number): number {
  let v0 = 0x03020100;
  let v1 = 0x07060504;
  let v2 = 0x6c796765 ^ 0x03020100;
  let v3 = 0x74656462 ^ 0x07060504;
  let at = start;
  for (const stop = end - 3; at < stop; at += 4) {
    const m = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  let m = (end - start) << 24;
  for (let shift = 0; at < end; at++, shift += 8) m |= bytes[at] << shift;
  v3 ^= m;
  for (let pair = 0; pair < 3; pair++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (pair === 0) {
      v0 ^= m;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}

/**
 * SipHash-1-3 over the low and high halves of 64-bit words, with a key of 128 bits; its output
 * folded to 32 bits as Linux does.
 */
function sip13(bytes: Uint8Array, start: number, end: number): number {
  let l0 = 0x03020100 ^ 0x70736575;
  let h0 = 0x07060504 ^ 0x736f6d65;
  let l1 = 0x0b0a0908 ^ 0x6e646f6d;
  let h1 = 0x0f0e0d0c ^ 0x646f7261;
  let l2 = 0x03020100 ^ 0x6e657261;
  let h2 = 0x07060504 ^ 0x6c796765;
  let l3 = 0x0b0a0908 ^ 0x79746573;
  let h3 = 0x0f0e0d0c ^ 0x74656462;
  let at = start;
  let left = ((end - start) >>> 3) + 4;
  while (left > 0) {
    let low = 0;
    let high = 0;
    if (left > 4) {
      low = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      high = bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
      at += 8;
    } else if (left === 4) {
      high = (end - start) << 24;
      for (let shift = 0; at < end; at++, shift += 8) {
        if (shift < 32) low |= bytes[at] << shift;
        else high |= bytes[at] << (shift - 32);
      }
    } else if (left === 3) {
      l2 ^= 0xff;
    }
    l3 ^= low;
    h3 ^= high;
    let sum = (l0 >>> 0) + (l1 >>> 0);
    l0 = sum | 0;
    h0 = (h0 + h1 + (sum > 0xffffffff ? 1 : 0)) | 0;
    let t = (l1 << 13) | (h1 >>> 19);
    h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
    l1 = t ^ l0;
    t = l0;
    l0 = h0;
    h0 = t;
    sum = (l2 >>> 0) + (l3 >>> 0);
    l2 = sum | 0;
    h2 = (h2 + h3 + (sum > 0xffffffff ? 1 : 0)) | 0;
    t = (l3 << 16) | (h3 >>> 16);
    h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
    l3 = t ^ l2;
    sum = (l0 >>> 0) + (l3 >>> 0);
    l0 = sum | 0;
    h0 = (h0 + h3 + (sum > 0xffffffff ? 1 : 0)) | 0;
    t = (l3 << 21) | (h3 >>> 11);
    h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
    l3 = t ^ l0;
    sum = (l2 >>> 0) + (l1 >>> 0);
    l2 = sum | 0;
    h2 = (h2 + h1 + (sum > 0xffffffff ? 1 : 0)) | 0;
    t = (l1 << 17) | (h1 >>> 15);
    h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
    l1 = t ^ l2;
    t = l2;
    l2 = h2;
    h2 = t;
    l0 ^= low;
    h0 ^= high;
    left--;
  }
  return l0 ^ l1 ^ l2 ^ l3;
}

/** Chaskey: Even-Mansour over 128 bits with the rounds of HalfSipHash turned to a cipher. */
function makeChaskey(rounds: number): Hash {
  const k = [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39].map((word) => word | 0);
  const double = (w: readonly number[]) => [
    (w[0] << 1) ^ (w[3] >>> 31 ? 0x87 : 0),
    (w[1] << 1) | (w[0] >>> 31),
    (w[2] << 1) | (w[1] >>> 31),
    (w[3] << 1) | (w[2] >>> 31),
  ];
  const k1 = double(k);
  const k2 = double(k1);
  const [a0, a1, a2, a3] = k;
  const [b0, b1, b2, b3] = k1;
  const [c0, c1, c2, c3] = k2;
  const words = (bytes: Uint8Array, at: number) =>
    bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  return (bytes, start, end) => {
    let v0 = a0;
    let v1 = a1;
    let v2 = a2;
    let v3 = a3;
    let at = start;
    for (const stop = end - 16; at < stop; at += 16) {
      v0 ^= words(bytes, at);
      v1 ^= words(bytes, at + 4);
      v2 ^= words(bytes, at + 8);
      v3 ^= words(bytes, at + 12);
      for (let i = 0; i < rounds; i++) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
      }
    }
    const whole = end - at === 16;
    let m0 = 0;
    let m1 = 0;
    let m2 = 0;
    let m3 = 0;
    const tail = end - at;
    if (tail >= 4) m0 = words(bytes, at);
    if (tail >= 8) m1 = words(bytes, at + 4);
    if (tail >= 12) m2 = words(bytes, at + 8);
    if (whole) m3 = words(bytes, at + 12);
    else {
      let rest = 0;
      let shift = 0;
      for (let i = at + (tail & ~3); i < end; i++, shift += 8) rest |= bytes[i] << shift;
      rest |= 1 << shift;
      if (tail < 4) m0 = rest;
      else if (tail < 8) m1 = rest;
      else if (tail < 12) m2 = rest;
      else m3 = rest;
    }
    const l0 = whole ? b0 : c0;
    const l1 = whole ? b1 : c1;
    const l2 = whole ? b2 : c2;
    const l3 = whole ? b3 : c3;
    v0 ^= m0 ^ l0;
    v1 ^= m1 ^ l1;
    v2 ^= m2 ^ l2;
    v3 ^= m3 ^ l3;
    for (let i = 0; i < rounds; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    return v0 ^ l0;
  };
}

// ---- measuring ----------------------------------------------------------------------------------

/**
 * The bytes 0 to 7 under the key 0, 1, 2 ...: veorq/SipHash vectors.h, or its program compiled with
 * these rounds, and Linux's lib/test_siphash.c.
 */
const candidates: readonly Candidate[] = [
  { name: "murmur (no protection)", hash: murmur, published: null },
  { name: "HalfSipHash-1-3", hash: halfSip13, published: 0x577999b1 },
  { name: "HalfSipHash-1-4 (the store's)", hash: storeHash(), published: 0x4f1203e0 },
  { name: "HalfSipHash-2-4", hash: halfSip24, published: 0x8f84b8d0 },
  { name: "SipHash-1-3", hash: sip13, published: 0x8d299a8e },
  { name: "Chaskey, 8 rounds", hash: makeChaskey(8), published: null },
  { name: "Chaskey, 12 rounds", hash: makeChaskey(12), published: null },
];

function storeHash(): Hash {
  const hasher = new Hasher(hashKeyOf(0x03020100, 0x07060504));
  return (bytes, start, end) => hasher.hash(bytes, start, end);
}

function check({ name, hash, published }: Candidate): void {
  const got =
    hash(
      Uint8Array.from({ length: 8 }, (_, i) => i),
      0,
      8,
    ) >>> 0;
  if (published !== null && got !== published) throw new Error(`${name}: ${got.toString(16)}`);
}

const keys = new Uint8Array(64 * 1024).map((_, i) => (i * 31) ^ (i >> 3));
let sink = 0;

/** CPU time of one hash, ns. */
function time(hash: Hash, length: number, count: number): number {
  const before = process.cpuUsage();
  let at = 1;
  for (let i = 0; i < count; i++) {
    sink ^= hash(keys, at, at + length);
    at += length + 1;
    if (at + length > keys.length) at = (i & 7) + 1;
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / count;
}

function main(): void {
  const lengths = [8, 20, 32, 100];
  const rounds = 7;
  candidates.forEach(check);
  const times = candidates.map(() => lengths.map((): number[] => []));
  for (let round = 0; round < rounds; round++) {
    candidates.forEach(({ hash }, c) => {
      lengths.forEach((length, l) => void times[c]?.[l]?.push(time(hash, length, 500_000)));
    });
  }
  console.log(
    `${"ns a hash, key of".padEnd(32)}${lengths.map((l) => `${l} B`.padStart(8)).join("")}`,
  );
  candidates.forEach(({ name }, c) => {
    const row = times[c]?.map((all) => median(all).toFixed(1).padStart(8)).join("");
    console.log(`${name.padEnd(32)}${row}`);
  });
  if (sink === 0) console.log("the hashes cancelled out");
}

if (import.meta.main) main();
