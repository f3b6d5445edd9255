// What callers hand over, checked before anything is sent: keys, values, lists and bags of options. The
// types refuse most of it at compile time; callers without types get the same as InvalidArgumentErrors
// that name the argument. What an option means is not here: lifetime.ts, options.ts.
// Invariant: what passes here can be encoded. The writer runs in a microtask, where an exception would
// be nobody's, and every request behind it would hang.

import { argumentsMax, bulkBytesMax } from "../base/limits.ts";
import { InvalidArgumentError } from "./errors.ts";

/** No text of so many characters is longer than bulkBytesMax: UTF-8 takes three bytes for one at most. */
const surelyShortMax = Math.floor(bulkBytesMax / 3);

/** A key or a value; a number as either would be a mistake more often than a wish. */
export function isArgument(value: unknown): value is string | Uint8Array {
  return (
    (typeof value === "string" || value instanceof Uint8Array) &&
    (value.length <= surelyShortMax || bytesOf(value) <= bulkBytesMax)
  );
}

/** Why isArgument() is false. */
export function argumentFault(name: string, value: unknown): InvalidArgumentError {
  return typeof value === "string" || value instanceof Uint8Array
    ? new InvalidArgumentError(`${name} is longer than ${bulkBytesMax} bytes`)
    : wrongKind(name, "a string or a Uint8Array", value);
}

/** What is wrong with a list of keys; null when nothing is. */
export function keysFault(keys: unknown): InvalidArgumentError | null {
  if (!Array.isArray(keys)) return wrongKind("keys", "an array", keys);
  if (keys.length >= argumentsMax) {
    return new InvalidArgumentError(
      `keys has ${keys.length} elements; ${argumentsMax - 1} at most`,
    );
  }
  // Not every(), which leaves out holes.
  for (let i = 0; i < keys.length; i++) {
    if (!isArgument(keys[i])) return argumentFault(`keys[${i}]`, keys[i]);
  }
  return null;
}

/** Throws unless it is an object that can hold options: a 60, a Date or a list of words holds none. */
export function checkBag(name: string, value: unknown): void {
  // The literal that nearly everybody writes is known by its prototype, in 8 ns instead of 25.
  if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) === Object.prototype) return;
  }
  if (tagOf(value) !== "Object") throw wrongKind(name, "a plain object", value);
}

/** Throws unless it is a boolean or was left out. */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw wrongKind(name, "a boolean", value);
}

/** The value's kind and not the value: it may be a password, endless, or impossible to show. */
export function wrongKind(name: string, wanted: string, value: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`${name} must be ${wanted}, not ${kindOf(value)}`);
}

// --- internal ---

function bytesOf(value: string | Uint8Array): number {
  return typeof value === "string" ? Buffer.byteLength(value, "utf8") : value.length;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  const type = typeof value;
  return type === "object" ? `an object (${tagOf(value)})` : `a ${type}`;
}

/** "Object", "Date", "Map": what the language itself calls it. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
