// The payload of DUMP and RESTORE: a value as in a snapshot, without its key, and a footer. Only strings
// are read; of any other type it tells the name, which is all that a cache of strings wants to know.
//
//   type (1 byte)  value  version (2 bytes, little endian)  CRC-64 of everything before it (8 bytes)
//
// The version is not looked at: strings have had one form in all of them.

import { bulkBytesMax } from "../base/limits.ts";
import { Crc64 } from "./crc64.ts";
import { RdbError, STRING_TYPE, shapeOf } from "./format.ts";
import { RdbStrings } from "./strings.ts";

const checksumBytes = 8;
const footerBytes = 2 + checksumBytes;

/** The type of the value; types whose numbers mean different things to Redis and Valkey are hashes in both. */
export function payloadType(payload: Uint8Array, start: number, end: number): string {
  if (end <= start) return "unknown";
  const type = payload[start];
  return type === STRING_TYPE ? "string" : (shapeOf(type, false)?.name ?? "unknown");
}

/** The string in a payload of that type: its range lies in `bytes`. Throws an RdbError for a broken one. */
export function readPayload(
  payload: Uint8Array,
  start: number,
  end: number,
): { bytes: Uint8Array; start: number; end: number } {
  if (end - start < 1 + footerBytes) throw new RdbError("a payload is too short", 0);
  checkSum(payload, start, end);
  const input = new RdbStrings();
  const length = end - footerBytes - start - 1;
  input.take(payload, start + 1, end - footerBytes);
  if (!input.string(bulkBytesMax) || input.at !== length) {
    throw input.error("a payload's string does not end with it");
  }
  return input;
}

function checkSum(payload: Uint8Array, start: number, end: number): void {
  const crc = new Crc64();
  crc.update(payload, start, end - checksumBytes);
  const view = new DataView(payload.buffer, payload.byteOffset);
  const low = view.getInt32(end - checksumBytes, true);
  const high = view.getInt32(end - 4, true);
  if (low !== crc.low || high !== crc.high) {
    throw new RdbError("a payload's checksum is wrong", end - checksumBytes - start);
  }
}
