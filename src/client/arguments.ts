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

/** Characters of an unknown name that a message shows. */
const nameShownMax = 100;

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

/** A promise that rejects with that. */
export function badArgument(name: string, value: unknown): Promise<never> {
  return Promise.reject(argumentFault(name, value));
}

/** What is wrong with a list of keys or of values behind so many other words, or null. */
export function keysFault(
  keys: unknown,
  name = "keys",
  wordsBefore = 1,
): InvalidArgumentError | null {
  if (!Array.isArray(keys)) return wrongKind(name, "an array", keys);
  const max = argumentsMax - wordsBefore;
  if (keys.length > max) {
    return new InvalidArgumentError(`${name} has ${keys.length} elements; the maximum is ${max}`);
  }
  // Not every(), which skips holes.
  for (let i = 0; i < keys.length; i++) {
    if (!isArgument(keys[i])) return argumentFault(`${name}[${i}]`, keys[i]);
  }
  return null;
}

/** The keys and values of an object or of pairs, in turn. Throws if one of them cannot be sent. */
export function pairWords(entries: unknown): (string | Uint8Array)[] {
  if (typeof entries !== "object" || entries === null) {
    throw wrongKind("entries", "an object or an iterable", entries);
  }
  const pairs: Iterable<unknown> =
    Symbol.iterator in entries ? (entries as Iterable<unknown>) : Object.entries(entries);
  const words: (string | Uint8Array)[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair)) throw wrongKind("entries", "an iterable of pairs", pair);
    const [key, value] = pair as unknown[];
    if (!isArgument(key)) throw argumentFault("a key", key);
    if (!isArgument(value)) throw argumentFault(`the value of entry ${words.length / 2}`, value);
    words.push(key, value);
  }
  if (words.length < argumentsMax) return words;
  const count = words.length / 2;
  throw new InvalidArgumentError(
    `entries has ${count} pairs; the maximum is ${Math.floor((argumentsMax - 1) / 2)}`,
  );
}

/**
 * Every name of an option type. It stands beside the type, and the compiler compares the two. What
 * is "internal" is known, and no message names it.
 */
export type Names<Options> = Readonly<Record<keyof Options, Known>>;
type Known = true | "internal";

/** Throws unless the value is a plain object. A number, a Date or an array cannot hold options. */
export function checkObject(name: string, value: unknown): asserts value is object {
  if (!isLiteral(value) && tagOf(value) !== "Object") {
    throw wrongKind(name, "a plain object", value);
  }
}

/**
 * Throws unless the value is a plain object with known names alone. A name that nobody reads is a
 * mistake: of `{ EX: 60 }`, the lifetime would silently be missing.
 */
export function checkBag(
  name: string,
  value: unknown,
  names: Readonly<Record<string, Known>>,
): asserts value is object {
  checkObject(name, value);
  for (const option in value) {
    if (!isKnown(names[option])) refuseName(name, value, option, names);
  }
}

/** Throws unless the value is a client: of this class, or of another copy of the package. */
export function checkClient(value: unknown): void {
  if (!isClient(value)) throw wrongKind("client", "a Client", value);
}

function isClient(value: unknown): boolean {
  const client = value as { atLeader?: unknown } | null | undefined;
  return typeof client?.atLeader === "function";
}

/** Throws unless the value is a boolean or undefined. */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw wrongKind(name, "a boolean", value);
}

/** Throws unless the value is a function or undefined. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw wrongKind(name, "a function", value);
  }
}

/** The number, or the usual one if there is none. Throws unless it is within the bounds. */
export function numberWithin(
  name: string,
  value: unknown,
  usual: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return usual;
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`${name} must be from ${least} to ${most}, not ${value}`);
}

/** Names the kind of the value, not the value: it may be a password, very long or not printable. */
export function wrongKind(name: string, wanted: string, value: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`${name} must be ${wanted}, not ${kindOf(value)}`);
}

// --- internal ---

/** Fast path for an object literal, the usual case: 8 ns instead of 25. */
function isLiteral(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}

/** What objects inherit, such as `toString`, is no name of an option. */
function isKnown(known: Known | undefined): boolean {
  return known === true || known === "internal";
}

/** What some library has put into Object.prototype is in every object, and no option. */
function refuseName(
  bag: string,
  value: object,
  option: string,
  names: Readonly<Record<string, Known>>,
): void {
  if (option in Object.prototype && !Object.hasOwn(value, option)) return;
  if (names.client === true && isClient(value)) {
    throw new InvalidArgumentError(`${bag} must be an object that has the client: { client }`);
  }
  const where = bag === "options" ? "" : ` in ${bag}`;
  const known = Object.keys(names)
    .filter((known) => names[known] === true)
    .join(", ");
  const shown = JSON.stringify(option.slice(0, nameShownMax));
  throw new InvalidArgumentError(`unknown option ${shown}${where}; known: ${known}`);
}

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
