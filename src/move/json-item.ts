// An item as a line of JSON, and back. It knows no files; what cuts lines is line-splitter.ts.
// Invariant: readItem(writeItem(item)) is the item, whatever its bytes are.
//
//   {"key":"a","value":"b","expires":1798761600000,"db":2}
//
// `expires` is in milliseconds since 1970 and absent if the item never expires; `db` is absent for
// database 0. Bytes that are no UTF-8 are base64, as `key64` and `value64`. What is read may have
// `ttl` instead of `expires`: milliseconds from now on.

import { isUtf8 } from "node:buffer";
import { base64Bytes } from "../base/base64.ts";
import type { MovedItem } from "./moved-item.ts";

/** What is wrong with a line, in words that follow "line 7: ". */
export class LineError extends Error {
  override readonly name = "LineError";
}

const fields: ReadonlySet<string> = new Set([
  ...["key", "key64", "value", "value64", "expires", "ttl", "db"],
]);
const newline = "\n";
const databaseMax = 999_999_999;
/** For short texts, these take half as long as Buffer's (Bun 1.4.5). */
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The line with its end. */
export function writeItem({ database, key, value, expiresAt }: MovedItem): string {
  const expires = expiresAt === 0 ? "" : `,"expires":${expiresAt}`;
  const db = database === 0 ? "" : `,"db":${database}`;
  return `{${textField("key", key)},${textField("value", value)}${expires}${db}}${newline}`;
}

/** Throws a LineError. */
export function readItem(line: Uint8Array, nowMs: number): MovedItem {
  const record = parse(line);
  const stranger = Object.keys(record).find((name) => !fields.has(name));
  if (stranger !== undefined) throw new LineError(`it has a field "${stranger}", which none knows`);
  return {
    database: numberOf(record, "db", 0, databaseMax) ?? 0,
    key: bytesOf(record, "key"),
    value: bytesOf(record, "value"),
    expiresAt: expiryOf(record, nowMs),
  };
}

// --- internal ---

type Fields = Readonly<Record<string, unknown>>;

function textField(name: string, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) return `"${name}":${JSON.stringify(buffer.toString("utf8"))}`;
  return `"${name}64":"${buffer.toString("base64")}"`;
}

function parse(line: Uint8Array): Fields {
  const text = textOf(line);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LineError("it is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LineError("it is no object");
  }
  return value as Fields;
}

function textOf(line: Uint8Array): string {
  try {
    return decoder.decode(line);
  } catch {
    throw new LineError("it is no UTF-8");
  }
}

function bytesOf(record: Fields, name: string): Uint8Array {
  const text = record[name];
  const coded = record[`${name}64`];
  if ((text === undefined) === (coded === undefined)) {
    throw new LineError(`it needs "${name}" or "${name}64"`);
  }
  if (text === undefined) return decode(`${name}64`, coded);
  if (typeof text !== "string") throw new LineError(`its ${name} is no string`);
  if (!text.isWellFormed()) throw new LineError(`its ${name} has half a character`);
  return encoder.encode(text);
}

/** With its padding. */
function decode(name: string, coded: unknown): Uint8Array {
  const isPadded = typeof coded === "string" && coded.length % 4 === 0;
  const bytes = isPadded ? base64Bytes(coded) : null;
  if (bytes === null) throw new LineError(`its ${name} is no base64`);
  return bytes;
}

function expiryOf(record: Fields, nowMs: number): number {
  const expires = numberOf(record, "expires", 0, Number.MAX_SAFE_INTEGER);
  const ttl = numberOf(record, "ttl", 1, Number.MAX_SAFE_INTEGER - nowMs);
  if (expires !== undefined && ttl !== undefined) {
    throw new LineError('it has "expires" and "ttl"');
  }
  return expires ?? (ttl === undefined ? 0 : nowMs + ttl);
}

/** Null means absent. */
function numberOf(record: Fields, name: string, least: number, most: number): number | undefined {
  const value = record[name] ?? undefined;
  if (value === undefined) return undefined;
  const isRight = Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
  if (!isRight) throw new LineError(`its ${name} is no whole number from ${least} on`);
  return Number(value);
}
