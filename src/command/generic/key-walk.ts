// Commands that access keys which they do not name: KEYS, SCAN, RANDOMKEY. The dispatcher locks
// nothing for them. A walk locks the shard of one bucket at a time, inside the store: it is not a
// snapshot, but it visits every key that exists throughout. If a load starts meanwhile, it fails,
// as the data are partial. Keys are copied during the walk, because their number precedes them in
// the reply.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import {
  type ErrorReply,
  errorReply,
  loading,
  notAnInteger,
  patternTooComplex,
  syntaxError,
} from "../../base/errors.ts";
import { compileGlob, Glob, isLoneStar } from "../../base/glob.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ItemVisitor, Store } from "../../store/store.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";

/** The pattern that keys must match; null matches all. */
type Pattern = Glob | null;

/** Collects the visited keys that match. */
class KeyCollector implements ItemVisitor {
  /** Number of items visited, matching or not. */
  visited = 0;
  private readonly pattern: Pattern;
  /** The keys in one buffer, and the end of each. An array per key would cost far more. */
  private bytes = new Uint8Array(1024);
  private readonly ends: number[] = [];

  constructor(pattern: Pattern) {
    this.pattern = pattern;
  }

  visit(store: Store): void {
    this.visited++;
    if (this.fits(store)) this.add(store.keyBytes, store.keyStart, store.keyEnd);
  }

  private add(key: Uint8Array, start: number, end: number): void {
    const at = this.ends.at(-1) ?? 0;
    const behind = at + end - start;
    if (behind > this.bytes.length) {
      const grown = new Uint8Array(Math.max(behind, 2 * this.bytes.length));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
    }
    this.bytes.set(key.subarray(start, end), at);
    this.ends.push(behind);
  }

  private fits({ keyBytes, keyStart, keyEnd }: Store): boolean {
    return this.pattern === null || this.pattern.matches(keyBytes, keyStart, keyEnd);
  }

  /** Replies with the array of the keys. */
  answer(reply: Reply): void {
    reply.array(this.ends.length);
    let start = 0;
    for (const end of this.ends) {
      reply.bulk(this.bytes, start, end);
      start = end;
    }
  }
}

function keys(x: Context, request: Request, reply: Reply): void {
  const pattern = readPattern(request, 1);
  if (pattern !== null && !(pattern instanceof Glob)) return reply.error(pattern);
  const collector = new KeyCollector(pattern);
  let cursor = 0;
  do {
    cursor = x.store.scan(cursor, x.now, collector);
  } while (cursor !== 0);
  if (x.standing.isLoading) reply.error(loading);
  else collector.answer(reply);
}

/** The pattern in argument `index`, where index 0 means none, or an error. */
function readPattern({ buf, start, end }: Request, index: number): Pattern | ErrorReply {
  if (index === 0 || isLoneStar(buf, start[index], end[index])) return null;
  return compileGlob(buf, start[index], end[index]) ?? patternTooComplex;
}

/** A random uint32, not for secrets. */
function chance(): number {
  return Math.floor(Math.random() * 0x1_0000_0000);
}

function randomkey(x: Context, _request: Request, reply: Reply): void {
  const { store } = x;
  const taken = store.lockShards(store.allShards);
  if (store.randomItem(chance(), x.now)) reply.bulk(store.keyBytes, store.keyStart, store.keyEnd);
  else reply.nil();
  store.unlockShards(taken);
}

// ---- SCAN ---------------------------------------------------------------------------------------

interface ScanOptions {
  pattern: Pattern;
  /** Position of the type argument; 0 for any type. */
  typeIndex: number;
  /** Approximate number of items to visit. */
  count: number;
}

const countDefault = 10;
/**
 * Buckets visited at most for each requested item, so that an empty table does not stall a call.
 */
const bucketsPerItem = 10;
/** Buckets that every call may visit, so that one call covers a store with few keys. */
const bucketsMin = 512;

const invalidCursor = errorReply("invalid cursor");

function scan(x: Context, request: Request, reply: Reply): void {
  const cursor = request.isLong(1) ? null : readCursor(request.echo(1));
  if (cursor === null) {
    reply.error(invalidCursor);
    return;
  }
  const options: ScanOptions = { pattern: null, typeIndex: 0, count: countDefault };
  const error = readScanOptions(request, options);
  if (error !== null) {
    reply.error(error);
    return;
  }
  const collector = new KeyCollector(options.pattern);
  const next = walk(x, cursor, options.count, collector);
  if (x.standing.isLoading) {
    reply.error(loading);
    return;
  }
  reply.array(2);
  reply.text(String(next));
  // Every value is a string. For another type the result is empty, but the cursor still advances.
  if (options.typeIndex === 0 || argumentIs(request, options.typeIndex, "string")) {
    collector.answer(reply);
  } else {
    reply.array(0);
  }
}

function walk(x: Context, from: number, count: number, collector: KeyCollector): number {
  let cursor = from;
  let bucketsLeft = Math.max(bucketsMin, count * bucketsPerItem);
  do {
    cursor = x.store.scan(cursor, x.now, collector);
  } while (cursor !== 0 && collector.visited < count && --bucketsLeft > 0);
  return cursor;
}

const cursorMax = (1n << 64n) - 1n;

/**
 * What redis takes for a cursor, which is what strtoul takes without leading space: an empty text,
 * a sign, any 64 bits. A number that was never given out as a cursor ends the walk.
 */
function readCursor(text: string): number | null {
  const match = /^([+-]?)(\d+)$/.exec(text);
  if (match === null) return text === "" ? 0 : null;
  const value = BigInt(match[2]);
  if (value > cursorMax) return null;
  const cursor = match[1] === "-" ? BigInt.asUintN(64, -value) : value;
  return Number(cursor);
}

function readScanOptions(request: Request, options: ScanOptions): ErrorReply | null {
  for (let i = 2; i < request.argc; i += 2) {
    if (i + 1 === request.argc) return syntaxError;
    if (argumentIs(request, i, "COUNT")) {
      options.count = readInteger(request.buf, request.start[i + 1], request.end[i + 1]);
      if (options.count === NOT_AN_INTEGER) return notAnInteger;
      if (options.count < 1) return syntaxError;
    } else if (argumentIs(request, i, "MATCH")) {
      const pattern = readPattern(request, i + 1);
      if (pattern !== null && !(pattern instanceof Glob)) return pattern;
      options.pattern = pattern;
    } else if (argumentIs(request, i, "TYPE")) {
      options.typeIndex = i + 1;
    } else {
      return syntaxError;
    }
  }
  return null;
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY } = flag;

export const keyWalkCommands = family({ group: "generic" }, [
  {
    name: "keys",
    arity: 2,
    syntax: "pattern",
    flags: READONLY,
    categories: ["@keyspace", "@read", "@slow", "@dangerous"],
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys in the store",
    summary: "Returns all keys that match a pattern.",
    differs: "A pattern longer than 1 MiB, or with parts too complex to match quickly, is refused.",
    handler: keys,
  },
  {
    name: "scan",
    arity: -2,
    syntax: "cursor:integer [MATCH pattern] [COUNT count:integer] [TYPE type@6.0.0]",
    flags: READONLY,
    since: "2.8.0",
    complexity: "O(1) per call, O(N) for a complete iteration over N keys",
    summary: "Iterates over the keys, a few per call.",
    handler: scan,
  },
  {
    name: "randomkey",
    arity: 1,
    flags: READONLY,
    since: "1.0.0",
    summary: "Returns a random key.",
    handler: randomkey,
  },
]);
