// The payload of FUNCTION DUMP and RESTORE: libraries of functions as in a snapshot, and the footer
// of DUMP. The texts are not looked at.
//
//   { opcode (1 byte)  text } ...  version (2 bytes, little endian)  CRC-64 of all before it (8)

import { librariesMax, scriptBytesMax } from "../base/limits.ts";
import { Crc64 } from "./crc64.ts";
import { opcode, RdbError } from "./format.ts";
import { RdbStrings } from "./strings.ts";
import { lengthBytes, writeInteger32, writeLength } from "./writer.ts";

/** That of Redis 7.0, the first with functions. */
const payloadVersion = 10;
export const footerBytes = 10;

export function libraryPayload(texts: readonly Uint8Array[]): Uint8Array {
  const sizes = texts.map(({ length }) => 1 + lengthBytes(length) + length);
  const payload = new Uint8Array(sizes.reduce((sum, size) => sum + size, footerBytes));
  let at = 0;
  for (const text of texts) at = writeLibrary(payload, at, text);
  payload[at] = payloadVersion;
  const crc = new Crc64();
  crc.update(payload, 0, at + 2);
  writeInteger32(payload, at + 2, crc.low);
  writeInteger32(payload, at + 6, crc.high);
  return payload;
}

/** Writes a library as in a snapshot; returns the position after it. */
function writeLibrary(target: Uint8Array, at: number, text: Uint8Array): number {
  target[at] = opcode.FUNCTION;
  const textAt = writeLength(target, at + 1, text.length);
  target.set(text, textAt);
  return textAt + text.length;
}

/** The texts in an intact payload. Throws an RdbError if there is something else in it. */
export function readLibraryPayload(
  payload: Uint8Array,
  start: number,
  end: number,
): readonly Uint8Array[] {
  const input = new RdbStrings();
  input.take(payload, start, end - footerBytes);
  const texts: Uint8Array[] = [];
  while (input.has(1)) {
    if (input.buf[input.at] !== opcode.FUNCTION) throw new RdbError(notFunction, input.at);
    input.at++;
    if (!input.string(scriptBytesMax) || input.isTooLong || texts.length === librariesMax) {
      throw new RdbError("failed loading the given functions payload", input.at);
    }
    texts.push(input.bytes.slice(input.start, input.end));
  }
  return texts;
}

export const notFunction = "given type is not a function";
