// The payload of DUMP and RESTORE: a value as in a snapshot, without its key, and a footer. Only
// strings are read and written; for any other type, only its name is available.
//
//   type (1 byte)  value  version (2 bytes, little endian)  CRC-64 of all before it (8 bytes)
//
// Redis 8.6 may put metadata that modules attached to the key before the type; it is skipped.

import type { ByteSource } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { Crc64 } from "./crc64.ts";
import { moduleParts, opcode, RdbError, redisVersionMax, STRING_TYPE, shapeOf } from "./format.ts";
import { RdbStrings } from "./strings.ts";
import { lengthBytes, writeInteger32, writeLength, writtenVersion } from "./writer.ts";

const checksumBytes = 8;
const footerBytes = 2 + checksumBytes;

/**
 * Whether a payload is whole, by its checksum, and of a known version. The form of strings is the
 * same in all versions, so those of newer servers are known as well.
 */
export function isIntact(payload: Uint8Array, start: number, end: number): boolean {
  if (end - start < footerBytes) return false;
  const version = payload[end - footerBytes] | (payload[end - footerBytes + 1] << 8);
  if (version > redisVersionMax) return false;
  const crc = new Crc64();
  crc.update(payload, start, end - checksumBytes);
  const view = new DataView(payload.buffer, payload.byteOffset);
  const low = view.getInt32(end - checksumBytes, true);
  return low === crc.low && view.getInt32(end - 4, true) === crc.high;
}

/**
 * The name of the value's type; "unknown" for none. Numbers that Redis and Valkey use differently
 * mean hashes in both.
 */
export function payloadType(payload: Uint8Array, start: number, end: number): string {
  const at = typeAt(payload, start, end);
  if (at < 0) return "unknown";
  const type = payload[at];
  return type === STRING_TYPE ? "string" : (shapeOf(type, false)?.name ?? "unknown");
}

/**
 * Reads the string in an intact payload of type string: a range of `bytes`, valid until release().
 * If it exceeds `lengthMax` bytes, it is not read and `isTooLong` is set. Throws an RdbError if
 * there is something else in the payload.
 */
export function readPayload(
  payload: Uint8Array,
  start: number,
  end: number,
  lengthMax: number,
): RdbStrings {
  const at = typeAt(payload, start, end - footerBytes);
  if (at < 0) throw new RdbError("a payload has no value", 0);
  const input = new RdbStrings();
  const length = end - footerBytes - at - 1;
  input.take(payload, at + 1, end - footerBytes);
  if (!input.string(lengthMax) || input.at !== length) {
    throw input.error("a payload and its string do not end together");
  }
  return input;
}

/** The length of the string that a payload announces, 0 if none. The payload may be broken. */
export function lengthOfString(payload: Uint8Array, start: number, end: number): number {
  const at = typeAt(payload, start, end - footerBytes);
  if (at < 0 || payload[at] !== STRING_TYPE) return 0;
  const input = new RdbStrings();
  input.take(payload, at + 1, end - footerBytes);
  try {
    return input.lengthAhead();
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    return 0;
  }
}

/** The bytes that a value of this length takes in a payload, or in a snapshot. */
export function writtenLengthOf(valueLength: number): number {
  return lengthBytes(valueLength) + valueLength;
}

/** The payload of a string of `valueLength` bytes, which is made where it is copied to. */
export class StringPayload implements ByteSource {
  readonly length: number;
  private readonly value: ByteSource;
  private readonly valueLength: number;

  constructor(value: ByteSource, valueLength: number) {
    this.value = value;
    this.valueLength = valueLength;
    this.length = 1 + writtenLengthOf(valueLength) + footerBytes;
  }

  /** Only whole: the checksum is over all of it. */
  copyTo(target: Uint8Array, at: number, from: number, length: number): void {
    assert(from === 0 && length === this.length, "a payload is copied whole");
    target[at] = STRING_TYPE;
    const valueAt = writeLength(target, at + 1, this.valueLength);
    this.value.copyTo(target, valueAt, 0, this.valueLength);
    const footerAt = valueAt + this.valueLength;
    target[footerAt] = writtenVersion;
    target[footerAt + 1] = writtenVersion >> 8;
    const crc = new Crc64();
    crc.update(target, at, footerAt + 2);
    writeInteger32(target, footerAt + 2, crc.low);
    writeInteger32(target, footerAt + 6, crc.high);
  }
}

/** The position of the type, or -1. */
function typeAt(payload: Uint8Array, start: number, end: number): number {
  if (end <= start) return -1;
  if (payload[start] !== opcode.KEY_METADATA) return start;
  const input = new RdbStrings();
  input.take(payload, start + 1, end);
  let classes = input.length();
  while (classes > 0 && skipMetadata(input)) classes--;
  return classes === 0 && input.has(1) ? start + 1 + input.at : -1;
}

/**
 * Skips one class: a four-byte name, then a module's tagged parts; false if they are incomplete.
 */
function skipMetadata(input: RdbStrings): boolean {
  input.skip(4);
  while (input.skipPending()) {
    const tag = input.length();
    if (tag <= 0) return tag === 0;
    const part = moduleParts[tag];
    if (part === "string" ? !input.skipString() : part === "length" && input.length() < 0) break;
    if (part === undefined) break;
    if (typeof part === "number") input.skip(part);
  }
  return false;
}
