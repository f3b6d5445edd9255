// The form of an entry in the server: a header with its times and the generations of what it
// depends on, and the bytes of its value. It reads no clock and judges nothing.
// Invariant: decode(encode(x)) is x, and bytes that are not of this form are null, never an error:
// another program, or another version of this one, may have written them.
//
//   0  version, 1         4  written at, ms (f64)       24  time of its factory, ms (u32)
//   1  "MC"              12  fresh until, ms (f64)      28  number of dependencies (u16)
//   3  flags             20  grace in ms (u32)          30  each: length (u16), name, generation
//
// Then the payload. Numbers are big-endian. Flags: bits 0-1 the kind of the value, bit 2
// compressed, bit 3 by a dictionary, whose id of 8 bytes precedes the payload, bits 4-5 the codec.
// A fresh until of Infinity is an entry without an end.

import type { CodecName } from "./cache-options.ts";
import { generationLength } from "./generation.ts";

/** What the value is: one with a payload, or one of the two without. */
export type ValueKind = "value" | "null" | "undefined";

export interface Envelope {
  readonly kind: ValueKind;
  readonly codec: CodecName;
  readonly isCompressed: boolean;
  /** The id of the dictionary that it takes to read the payload, 16 digits; null: none. */
  readonly dictionary: string | null;
  readonly writtenAt: number;
  readonly freshUntil: number;
  readonly grace: number;
  /** How long its factory ran, in milliseconds. */
  readonly cost: number;
  /** The generations by what the entry depends on. */
  readonly generations: ReadonlyMap<string, string>;
  readonly payload: Uint8Array;
}

const VERSION = 1;
const M = 0x4d;
const C = 0x43;
const COMPRESSED = 0x04;
const DICTIONARY = 0x08;
const dictionaryIdBytes = 8;
const headerBytes = 30;
const u32Max = 2 ** 32 - 1;
const kinds: readonly ValueKind[] = ["value", "null", "undefined"];
const codecs: readonly CodecName[] = ["json", "structured", "bytes"];

export function encodeEnvelope(entry: Envelope): Buffer {
  const names = [...entry.generations.keys()].map((name) => Buffer.from(name, "utf8"));
  const generations = [...entry.generations.values()];
  let length = headerBytes + entry.payload.length;
  if (entry.dictionary !== null) length += dictionaryIdBytes;
  for (const name of names) length += 2 + name.length + generationLength;
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = VERSION;
  bytes[1] = M;
  bytes[2] = C;
  bytes[3] =
    kinds.indexOf(entry.kind) |
    (entry.isCompressed ? COMPRESSED : 0) |
    (entry.dictionary === null ? 0 : DICTIONARY) |
    (codecs.indexOf(entry.codec) << 4);
  bytes.writeDoubleBE(entry.writtenAt, 4);
  bytes.writeDoubleBE(entry.freshUntil, 12);
  bytes.writeUInt32BE(Math.min(u32Max, Math.ceil(entry.grace)), 20);
  bytes.writeUInt32BE(Math.min(u32Max, Math.ceil(entry.cost)), 24);
  bytes.writeUInt16BE(names.length, 28);
  let at = headerBytes;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as Buffer;
    at = bytes.writeUInt16BE(name.length, at);
    at += name.copy(bytes, at);
    at += bytes.write(generations[i] as string, at, "latin1");
  }
  if (entry.dictionary !== null) at += bytes.write(entry.dictionary, at, "hex");
  bytes.set(entry.payload, at);
  return bytes;
}

/** The entry, whose payload is a part of these bytes; null if they are none. */
export function decodeEnvelope(source: Uint8Array | null): Envelope | null {
  if (source === null || source.length < headerBytes) return null;
  if (source[0] !== VERSION || source[1] !== M || source[2] !== C) return null;
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.length);
  const flags = bytes[3] as number;
  const kind = kinds[flags & 0x03];
  const codec = codecs[(flags >> 4) & 0x03];
  if (kind === undefined || codec === undefined) return null;
  const generations = new Map<string, string>();
  const end = readGenerations(bytes, generations);
  const start = end + ((flags & DICTIONARY) === 0 ? 0 : dictionaryIdBytes);
  if (end < 0 || start > bytes.length) return null;
  return {
    ...{ kind, codec, isCompressed: (flags & COMPRESSED) !== 0, generations },
    dictionary: start === end ? null : bytes.toString("hex", end, start),
    writtenAt: bytes.readDoubleBE(4),
    freshUntil: bytes.readDoubleBE(12),
    grace: bytes.readUInt32BE(20),
    cost: bytes.readUInt32BE(24),
    payload: bytes.subarray(start),
  };
}

/** Where they end; -1 if they are cut off. */
function readGenerations(bytes: Buffer, into: Map<string, string>): number {
  let at = headerBytes;
  for (let left = bytes.readUInt16BE(28); left > 0; left--) {
    if (at + 2 > bytes.length) return -1;
    const length = bytes.readUInt16BE(at);
    const end = at + 2 + length + generationLength;
    if (end > bytes.length) return -1;
    const name = bytes.toString("utf8", at + 2, at + 2 + length);
    into.set(name, bytes.toString("latin1", end - generationLength, end));
    at = end;
  }
  return at;
}
