// What a near cache keeps of a value: the decoded form, frozen where JavaScript can freeze it, and
// how many bytes it counts. Done once for each read; a hit hands out the same object.
// Invariant: what is handed out twice cannot be changed by who got it first, but for bytes and what
// a decoder of the caller returns that cannot be frozen; the documents say so.

/** How a value is decoded. */
export type NearDecode<T> = "text" | "json" | "bytes" | ((bytes: Uint8Array, key: string) => T);

/** A decoded value and the memory that it takes, about (measured). */
export interface Decoded {
  readonly value: unknown;
  readonly bytes: number;
}

/** Memory of an entry beyond its value and the characters of its key: object, index, ghost. */
export const entryOverheadBytes = 240;
const stringOverheadBytes = 24;
const arrayBufferOverheadBytes = 160;
const objectOverheadBytes = 40;
/** Of a property, an element, or a number, which takes no more. */
const slotBytes = 8;

/** Decodes and freezes. Throws what JSON.parse or the caller's decoder throws. */
export function decodeValue(how: NearDecode<unknown>, bytes: Uint8Array, key: string): Decoded {
  if (how === "bytes") return { value: bytes, bytes: arrayBufferOverheadBytes + bytes.length };
  if (typeof how === "function") {
    const value = how(bytes, key);
    return { value, bytes: freeze(value, bytes.length, 2) };
  }
  const text = textOf(bytes);
  // JavaScriptCore keeps a character in one byte if all of a string are Latin-1.
  const characterBytes = text.length === bytes.length ? 1 : 2;
  if (how === "text") return { value: text, bytes: stringBytes(text, characterBytes) };
  const value: unknown = JSON.parse(text);
  return { value, bytes: freeze(value, bytes.length, characterBytes) };
}

/** What an absent key becomes. */
export const absent: Decoded = { value: null, bytes: 0 };

/** What a key counts, its entry included. */
export function keyBytes(key: string): number {
  return entryOverheadBytes + key.length;
}

// --- internal ---

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/**
 * Freezes plain objects and arrays all the way down, and returns the bytes of what it has walked.
 * An object whose size cannot be seen counts as many bytes as the value that it came from. What is
 * frozen already is not walked again, so a circle ends.
 */
function freeze(value: unknown, rawBytes: number, characterBytes: number): number {
  if (typeof value === "string") return stringBytes(value, characterBytes);
  if (typeof value !== "object" || value === null) return slotBytes;
  if (!isPlain(value)) return objectOverheadBytes + rawBytes;
  if (Object.isFrozen(value)) return slotBytes;
  Object.freeze(value);
  let bytes = objectOverheadBytes;
  for (const part of Object.values(value)) bytes += slotBytes + freeze(part, 0, characterBytes);
  return bytes;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function stringBytes(text: string, characterBytes: number): number {
  return stringOverheadBytes + text.length * characterBytes;
}
