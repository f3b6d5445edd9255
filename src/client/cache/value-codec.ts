// Turns values into the payload of an entry and back: JSON, what structuredClone() can copy, or
// bytes as they are, compressed if they are long. null and undefined have no payload.
// Invariant: a payload that cannot be read is `unreadable`, never an error: it is a miss.

import { deserialize, serialize } from "bun:jsc";
import { InvalidArgumentError } from "../client-errors.ts";
import type { CodecName } from "./cache-options.ts";
import type { DictionaryBook } from "./dictionaries.ts";
import type { Envelope, ValueKind } from "./envelope.ts";

export interface Packed {
  readonly kind: ValueKind;
  readonly codec: CodecName;
  readonly isCompressed: boolean;
  /** The id of the dictionary that it takes to read the payload; null: none. */
  readonly dictionary: string | null;
  readonly payload: Uint8Array;
}

/** What unpackValue() returns for a payload that is broken or of a codec that does not fit. */
export const unreadable: unique symbol = Symbol("unreadable");

/** The level at which zstd takes the least time for what it saves. */
const level = 1;
const nothing = new Uint8Array(0);

/**
 * `book`: where the dictionary of the namespace is; null if it wants none. Throws an
 * InvalidArgumentError for what the codec cannot hold.
 */
export function packValue(
  value: unknown,
  codec: CodecName,
  compressOver: number,
  book: DictionaryBook | null = null,
): Packed {
  const plainly = { codec, isCompressed: false, dictionary: null };
  if (value === null || value === undefined) {
    return { ...plainly, kind: value === null ? "null" : "undefined", payload: nothing };
  }
  const plain = bytesOf(value, codec);
  if (plain.length <= compressOver) return { ...plainly, kind: "value", payload: plain };
  const withDictionary = book?.compress(plain) ?? null;
  const small = withDictionary ?? Bun.zstdCompressSync(plain, { level });
  if (small.length >= plain.length) return { ...plainly, kind: "value", payload: plain };
  const dictionary = withDictionary === null ? null : (book?.present?.id ?? null);
  return { kind: "value", codec, isCompressed: true, dictionary, payload: small };
}

/** The value of an entry. An entry of another codec than expected is unreadable. */
export function unpackValue(entry: Envelope, codec: CodecName): unknown {
  if (entry.kind === "null") return null;
  if (entry.kind === "undefined") return undefined;
  if (entry.codec !== codec) return unreadable;
  try {
    const bytes = entry.isCompressed ? Bun.zstdDecompressSync(entry.payload) : entry.payload;
    if (codec === "bytes") return new Uint8Array(bytes);
    return codec === "json" ? JSON.parse(textOf(bytes)) : deserialize(bytes as Buffer);
  } catch {
    return unreadable; // the header says more than the payload has; who wrote it does not matter
  }
}

// --- internal ---

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

function bytesOf(value: unknown, codec: CodecName): Uint8Array {
  if (codec === "bytes") {
    if (value instanceof Uint8Array) return value;
    throw new InvalidArgumentError('the codec "bytes" takes a Uint8Array, null or undefined');
  }
  try {
    if (codec === "structured") return serialize(value, { binaryType: "nodebuffer" });
    const text = JSON.stringify(value);
    if (text !== undefined) return Buffer.from(text, "utf8");
  } catch (cause) {
    throw new InvalidArgumentError(`the codec "${codec}" cannot hold this value: ${cause}`);
  }
  throw new InvalidArgumentError(`the codec "${codec}" cannot hold a ${typeof value}`);
}
