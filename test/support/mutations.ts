/**
 * Valid RESP frames, and what can happen to their bytes on the way: flipped, lost, doubled,
 * swapped, cut, with false lengths.
 * Keeps to commands whose answers do not depend on time, so that two servers can be compared.
 * Invariant: the same Random gives the same bytes.
 */
import type { Random } from "./seed.ts";
import { type Argument, encodeCommand } from "./wire.ts";

const words = ["key", "k2", "", "value", "10", "-1", "\r\n", "\0", "x".repeat(200), "NX", "GET"];
const names = ["SET", "GET", "DEL", "INCR", "APPEND", "ECHO", "PING", "EXISTS", "MGET", "STRLEN"];

/** A pipeline of one to four valid commands, some of them inline. */
export function validFrames(random: Random): Buffer {
  const frames: Buffer[] = [];
  for (let i = random.between(1, 4); i > 0; i--) {
    const args: Argument[] = [random.pick(names)];
    for (let j = random.below(4); j > 0; j--) args.push(random.pick(words));
    frames.push(random.chance(0.2) ? inline(args) : encodeCommand(args));
  }
  return Buffer.concat(frames);
}

function inline(args: readonly Argument[]): Buffer {
  const quoted = args.map((arg) => (/^\w+$/.test(String(arg)) ? arg : '"quoted \\x41"'));
  return Buffer.from(`${quoted.join(" ")}\r\n`);
}

type Mutation = (random: Random, bytes: Buffer) => Buffer;

const lies = ["-1", "0", "3", "-2147483649", "2147483648", "99999999999999999999", "1x", "", " 4"];

const mutations: readonly Mutation[] = [
  (random, bytes) => {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  (random, bytes) => {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    return bytes;
  },
  (random, bytes) => splice(bytes, random.below(bytes.length), random.between(1, 4)),
  (random, bytes) => {
    const from = random.below(bytes.length);
    return splice(bytes, random.below(bytes.length), 0, bytes.subarray(from, from + 8));
  },
  (random, bytes) =>
    splice(bytes, random.below(bytes.length), 0, random.bytes(random.between(1, 5))),
  (random, bytes) => bytes.subarray(0, random.below(bytes.length)),
  lie,
];

/** Replaces one length by another. */
function lie(random: Random, bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const lengths = [...text.matchAll(/[*$]\d+\r\n/g)];
  if (lengths.length === 0) return bytes;
  const match = random.pick(lengths);
  const digits = match[0].length - 3;
  return splice(bytes, match.index + 1, digits, Buffer.from(random.pick(lies)));
}

function splice(bytes: Buffer, at: number, drop: number, insert?: Uint8Array): Buffer {
  const parts = [bytes.subarray(0, at), insert ?? Buffer.alloc(0), bytes.subarray(at + drop)];
  return Buffer.concat(parts);
}

/** One thing done to bytes, of which there must be some; it may be done in place. */
export function mutated(random: Random, bytes: Buffer): Buffer {
  return random.pick(mutations)(random, bytes);
}

/** A valid pipeline with one to three things done to it. */
export function mutatedFrames(random: Random): Buffer {
  let bytes = validFrames(random);
  for (let i = random.between(1, 3); i > 0 && bytes.length > 0; i--) {
    bytes = mutated(random, bytes);
  }
  return bytes;
}
