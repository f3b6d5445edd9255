// Walks over the keys of a database by SCAN. A cursor means something to one node only, so a scan
// has a connection of its own and ends with it.

import { checkBag, checkFlag, isArgument, type Names, wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { Session } from "../link/own-session.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Argument } from "../wire/command-writer.ts";
import { text } from "../wire/shapes.ts";
import type { Key } from "./command-values.ts";

/** Options of scan(). */
export interface ScanOptions<Bytes extends boolean = boolean> {
  /** Only keys that match this pattern, as in "user:*". Default: all. */
  match?: Key | undefined;
  /** About how many keys the server looks at for each request. Default 100. */
  count?: number | undefined;
  /** Only keys whose values have this type, as in "string". Default: all. */
  type?: string | undefined;
  /** The number of the database. Default: that of the client. */
  database?: number | undefined;
  /** Whether keys are bytes. Default false: strings. */
  bytes?: Bytes | undefined;
  /** "leader": asks the node that takes writes. Default: where reads go. */
  reads?: "leader" | undefined;
}

const scanNames: Names<ScanOptions> = {
  ...{ match: true, count: true, type: true, database: true, bytes: true, reads: true },
};

const countDefault = 100;

/** Yields keys while it is read; the connection closes when the reader is done. @internal */
export async function* scanKeys(
  open: (isAtLeader: boolean) => Promise<Session>,
  options: ScanOptions = {},
): AsyncGenerator<string | Uint8Array, void, undefined> {
  const filters = filtersOf(options);
  const { bytes, database, reads } = options;
  const shape = bytes === true ? pageOfBytes : pageOfTexts;
  await using session = await open(reads === "leader");
  if (database !== undefined) await session.send(["SELECT", database], text);
  let cursor = "0";
  do {
    const page = await session.send(["SCAN", cursor, ...filters], shape);
    yield* page.keys;
    cursor = page.cursor;
  } while (cursor !== "0");
}

/** The keys in lists of so many; the last may be shorter. @internal */
export async function* inSteps<T>(
  keys: AsyncIterable<T>,
  size: number,
): AsyncGenerator<T[], void, undefined> {
  let step: T[] = [];
  for await (const key of keys) {
    step.push(key);
    if (step.length < size) continue;
    yield step;
    step = [];
  }
  if (step.length > 0) yield step;
}

// --- internal ---

interface Page {
  readonly cursor: string;
  readonly keys: readonly (string | Uint8Array)[];
}

const pageOfTexts: Shape<Page> = {
  expected: "a cursor and keys",
  asBytes: false,
  read(reply) {
    if (!Array.isArray(reply)) return undefined;
    const [cursor, keys] = reply;
    if (!isKey(cursor) || !Array.isArray(keys) || !keys.every(isKey)) return undefined;
    return { cursor: typeof cursor === "string" ? cursor : decoder.decode(cursor), keys };
  },
};
const pageOfBytes: Shape<Page> = { ...pageOfTexts, asBytes: true };
const decoder = new TextDecoder();

function isKey(reply: unknown): reply is string | Uint8Array {
  return typeof reply === "string" || reply instanceof Uint8Array;
}

function filtersOf(options: ScanOptions): Argument[] {
  checkBag("options", options, scanNames);
  checkFlag("bytes", options.bytes);
  const { match, count = countDefault, type, database = 0, reads } = options;
  if (reads !== undefined && reads !== "leader") {
    throw new InvalidArgumentError('reads must be "leader" or left out');
  }
  checkWhole("count", count, 1);
  checkWhole("database", database, 0);
  const filters: Argument[] = ["COUNT", count];
  if (match !== undefined) {
    if (!isArgument(match)) throw wrongKind("match", "a string or a Uint8Array", match);
    filters.push("MATCH", match);
  }
  if (type !== undefined) {
    if (typeof type !== "string") throw wrongKind("type", "a string", type);
    filters.push("TYPE", type);
  }
  return filters;
}

function checkWhole(name: string, value: unknown, min: number): void {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value >= min) return;
  throw new InvalidArgumentError(`${name} must be a whole number of ${min} or more, not ${value}`);
}
