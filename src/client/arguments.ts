// Checks arguments before anything is sent: keys, values, lists and option objects. The types
// refuse most mistakes at compile time; a caller without types gets an InvalidArgumentError that
// names the argument. The meaning of an option is not here: see lifetime.ts and
// client-options.ts.
// Invariant: what passes here can be encoded. The writer runs in a microtask, where no caller could
// catch an exception and every later request would hang.

import { argumentsMax, bulkBytesMax } from "../base/limits.ts";
import { InvalidArgumentError } from "./client-errors.ts";

/**
 * A string up to this length is within bulkBytesMax: a UTF-16 unit takes at most three UTF-8 bytes.
 */
const surelyShortMax = Math.floor(bulkBytesMax / 3);

/** Whether it can be a key or a value. Numbers are refused, as they are more often a mistake. */
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

/** What is wrong with a list of keys, or null. */
export function keysFault(keys: unknown): InvalidArgumentError | null {
  if (!Array.isArray(keys)) return wrongKind("keys", "an array", keys);
  if (keys.length >= argumentsMax) {
    return new InvalidArgumentError(
      `keys has ${keys.length} elements; the maximum is ${argumentsMax - 1}`,
    );
  }
  // Not every(), which skips holes.
  for (let i = 0; i < keys.length; i++) {
    if (!isArgument(keys[i])) return argumentFault(`keys[${i}]`, keys[i]);
  }
  return null;
}

/** Throws unless the value is a plain object. A number, a Date or an array cannot hold options. */
export function checkBag(name: string, value: unknown): void {
  // Fast path for an object literal, the usual case: 8 ns instead of 25.
  if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) === Object.prototype) return;
  }
  if (tagOf(value) !== "Object") throw wrongKind(name, "a plain object", value);
}

/** Throws unless the value is a boolean or undefined. */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw wrongKind(name, "a boolean", value);
}

/** Names the kind of the value, not the value: it may be a password, very long or not printable. */
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

/** The name that the language itself gives it: "Object", "Date", "Map". */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
