// MIGRATE: moves keys to another server, a Redis or a node, by RESTORE. Replies and error texts are
// those of redis 7.0 `cluster.c` (migrateCommand). It waits in the control thread and holds nobody
// up meanwhile, so unlike in Redis other clients have their turns: a key that they change stays
// here, and the reply says so.
// Invariant: a key goes from here only when the target has confirmed it and if it is still what was
// sent. Whatever fails, it is in one place at least.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { wallClockMs } from "../../base/clock.ts";
import { ErrorReply, errorReply, notAnInteger, syntaxError } from "../../base/errors.ts";
import { migrationBatchBytes } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { commandBytes, type Word } from "../../protocol/resp/command-bytes.ts";
import { StringPayload } from "../../rdb/dump-payload.ts";
import { firstShard } from "../../store/shard-locks.ts";
import type { Store } from "../../store/store.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import type { MigrationLink } from "../core/node.ts";
import { find } from "../core/registry.ts";
import { argumentIs } from "../core/words.ts";
import { missed } from "../core/write.ts";
import { heldBack, judge } from "../run/gate.ts";
import { flag } from "../terms/flags.ts";
import { inDatabase } from "./key-move.ts";

export const migrateCommands = family({ group: "generic" }, [
  {
    name: "migrate",
    arity: -6,
    syntax:
      'host port:integer key_or_empty_string=(key | "") destination-db:integer timeout:integer ' +
      "[COPY@3.0.0] [REPLACE@3.0.0] [authentication=([AUTH password@4.0.7] | " +
      "[AUTH2 username_password=(username password)@6.0.0])] [KEYS key@3.0.6...]",
    flags: flag.WRITE | flag.WAITS,
    keys: [3, 3, 1],
    keyUse: "RW access delete",
    wordedKeys: { word: "KEYS", searchFrom: -2, find: wordedKeysOf },
    since: "2.6.0",
    complexity: "O(N) where N is the number of bytes that are sent",
    summary: "Moves keys to another server.",
    differs:
      "Other clients go on meanwhile, in a transaction too; a key that they change stays here, with " +
      "an error. A login or SELECT that the target refuses ends it before keys are sent. No " +
      "connection is kept for the next one. With --tls-replication it connects by TLS. Scripts " +
      "cannot call it.",
    categories: ["@keyspace", "@write", "@slow", "@dangerous"],
    hides: hidesLogin,
    control: migrate,
  },
]);

// ---- arguments ----------------------------------------------------------------------------------

interface Options {
  copies: boolean;
  replaces: boolean;
  /** The words of AUTH; none: without a login. */
  login: readonly Uint8Array[];
  /** The arguments that are keys, from the first to the last. */
  firstKey: number;
  lastKey: number;
}

const keyWithKeys = errorReply(
  "When using MIGRATE KEYS option, the key argument must be set to the empty string",
);
const firstOption = 6;

function readOptions(request: Request): Options | ErrorReply {
  const options: Options = { copies: false, replaces: false, login: [], firstKey: 3, lastKey: 3 };
  for (let i = firstOption; i < request.argc; i++) {
    if (argumentIs(request, i, "COPY")) options.copies = true;
    else if (argumentIs(request, i, "REPLACE")) options.replaces = true;
    else if (argumentIs(request, i, "KEYS")) {
      if (request.length(3) > 0) return keyWithKeys;
      options.firstKey = i + 1;
      options.lastKey = request.argc - 1;
      return options;
    } else {
      const words = loginWords(request, i);
      if (words === 0 || i + words >= request.argc) return syntaxError;
      options.login = Array.from({ length: words }, (_, at) => request.bytes(i + 1 + at));
      i += words;
    }
  }
  return options;
}

/** How many arguments of a login follow argument `index`. */
function loginWords(request: Request, index: number): number {
  if (argumentIs(request, index, "AUTH")) return 1;
  return argumentIs(request, index, "AUTH2") ? 2 : 0;
}

/** Where the keys of this request begin, if KEYS says so; 0 if it does not, -1 if it may not. */
function wordedKeysOf(request: Request, name: number): number {
  for (let i = name + firstOption; i < request.argc; i++) {
    if (argumentIs(request, i, "KEYS")) return request.length(name + 3) > 0 ? -1 : i + 1 - name;
    i += loginWords(request, i);
  }
  return 0;
}

/** Looks at no more options for each argument. Nobody writes as many: all behind is hidden. */
const judgedOptions = 32;

function hidesLogin(request: Request, index: number, name: number): boolean {
  const end = name + firstOption + judgedOptions;
  for (let i = name + firstOption; i < index; i++) {
    if (i >= end) return true;
    if (argumentIs(request, i, "KEYS")) return false;
    const words = loginWords(request, i);
    if (words > 0 && index <= i + words) return true;
    i += words;
  }
  return false;
}

function integerAt({ buf, start, end }: Request, index: number): number {
  return readInteger(buf, start[index], end[index]);
}

// ---- the move -----------------------------------------------------------------------------------

const timeoutMsDefault = 1_000;

async function migrate(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const options = readOptions(request);
  if (options instanceof ErrorReply) return reply.error(options);
  const timeoutMs = integerAt(request, 5);
  const database = integerAt(request, 4);
  if (timeoutMs === NOT_AN_INTEGER || database === NOT_AN_INTEGER) return reply.error(notAnInteger);
  const keys = keysThere(x, request, options);
  if (keys.length === 0) return reply.simple("NOKEY");
  const link = await x.control.migration.open(
    request.text(1),
    Number.parseInt(request.text(2), 10) || 0,
    timeoutMs > 0 ? timeoutMs : timeoutMsDefault,
  );
  if (typeof link === "string") return reply.error(inputOutput(link));
  try {
    const problem =
      (await introduce(link, options.login, database)) ??
      (await moveAll(x, request, options, keys, link));
    if (problem === null) reply.ok();
    else reply.error(problem);
  } finally {
    link.close();
  }
}

const inputOutput = (what: string) => new ErrorReply("IOERR", `error or timeout ${what}`);

/** The keys that exist; of the others nothing is said. */
function keysThere(x: ControlContext, request: Request, { firstKey, lastKey }: Options): number[] {
  const { buf, start, end } = request;
  const found: number[] = [];
  for (let i = firstKey; i <= lastKey; i++) {
    const taken = x.store.lockShards(x.store.shardBit(buf, start[i], end[i]));
    if (x.store.find(buf, start[i], end[i], x.now)) found.push(i);
    else missed(x, request, i);
    x.store.unlockShards(taken);
  }
  return found;
}

/** Before keys are sent: they must not end up in another database, or in vain. */
async function introduce(
  link: MigrationLink,
  login: readonly Uint8Array[],
  database: number,
): Promise<ErrorReply | null> {
  const greetings: Word[][] = [["SELECT", String(database)]];
  if (login.length > 0) greetings.unshift(["AUTH", ...login]);
  const { lines, problem } = await link.ask(greetings.map(commandBytes), greetings.length);
  return problem === "" ? refusalIn(lines) : inputOutput(problem);
}

function refusalIn(lines: readonly string[]): ErrorReply | null {
  const refusal = lines.find((line) => line.startsWith("-"));
  if (refusal === undefined) return null;
  return errorReply(`Target instance replied with error: ${refusal.slice(1)}`);
}

/** A key that is on its way, with what was sent. */
interface Moving {
  readonly key: Uint8Array;
  /** The RESTORE, and where its payload is. */
  readonly command: Uint8Array;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly expiresAt: number;
}

/** Some keys at a time, so that no more than that is held in memory. The first error is told. */
async function moveAll(
  x: ControlContext,
  request: Request,
  options: Options,
  keys: readonly number[],
  link: MigrationLink,
): Promise<ErrorReply | null> {
  let first: ErrorReply | null = null;
  for (let next = 0; next < keys.length; ) {
    const batch: Moving[] = [];
    let bytes = 0;
    while (next < keys.length && bytes < migrationBatchBytes) {
      const moving = take(x, request.bytes(keys[next++]), options);
      if (moving === null) continue;
      batch.push(moving);
      bytes += moving.command.length;
    }
    const commands = batch.map(({ command }) => command);
    const { lines, problem } = await link.ask(commands, batch.length);
    const failed = confirm(x, request, options, batch, lines);
    first ??= failed ?? (problem === "" ? null : inputOutput(problem));
    if (problem !== "") return first;
  }
  return first;
}

/** Null: it has gone meanwhile. */
function take(x: ControlContext, key: Uint8Array, { replaces }: Options): Moving | null {
  const { store } = x;
  const now = wallClockMs();
  return inOwnDatabase(x, () => {
    const taken = store.lockShards(store.shardBit(key, 0, key.length));
    const isThere = store.find(key, 0, key.length, now);
    const moving = isThere ? movingNow(store, key, now, replaces) : null;
    store.unlockShards(taken);
    return moving;
  });
}

/** Of the store's current item. */
function movingNow(store: Store, key: Uint8Array, now: number, replaces: boolean): Moving {
  const { expiresAt } = store;
  const ttl = expiresAt === 0 ? 0 : Math.max(1, expiresAt - now);
  const payload = new StringPayload(store, store.valueLength);
  return { key, expiresAt, ...restoreOf(key, ttl, payload, replaces) };
}

/** Removes what the target has confirmed. Returns the first reason why a key is still here. */
function confirm(
  x: ControlContext,
  request: Request,
  { copies }: Options,
  batch: readonly Moving[],
  lines: readonly string[],
): ErrorReply | null {
  let first: ErrorReply | null = null;
  lines.forEach((line, index) => {
    const refusal = refusalIn([line]);
    const isConfirmed = refusal === null && !copies;
    const problem = isConfirmed ? removeIn(x, request, batch[index]) : refusal;
    first ??= problem;
  });
  return first;
}

const changedMeanwhile = new ErrorReply(
  "TRYAGAIN",
  "Keys were changed while they were sent, and are left as they are now",
);
const pausedMeanwhile = new ErrorReply(
  "TRYAGAIN",
  "A pause began while keys were sent: they are still here",
);

function removeIn(x: ControlContext, request: Request, moving: Moving): ErrorReply | null {
  return inOwnDatabase(x, () => remove(x, request, moving));
}

/** The lock of the first shard keeps out a script that might be suspended while this waits. */
function remove(x: ControlContext, request: Request, moving: Moving): ErrorReply | null {
  const { store } = x;
  const { key } = moving;
  x.effects.makeWay();
  const taken = store.lockShards(firstShard | store.shardBit(key, 0, key.length));
  const problem = removeLocked(x, request, moving);
  store.unlockShards(taken);
  return problem;
}

/** The node may have got a leader, a pause or a long script during the wait. */
function removeLocked(x: ControlContext, request: Request, moving: Moving): ErrorReply | null {
  const { key } = moving;
  const command = find(request);
  const verdict = command === undefined ? null : judge(x, command, flag.WRITE);
  if (verdict !== null) return verdict === heldBack ? pausedMeanwhile : verdict;
  const now = wallClockMs();
  if (!isAsSent(x.store, moving, now)) return changedMeanwhile;
  x.keyspace.delete(key, 0, key.length, now);
  return null;
}

/** A version would not tell: keys share these, so the removal of one would count for others. */
function isAsSent(store: Store, moving: Moving, now: number): boolean {
  const { key, expiresAt, command, payloadStart, payloadEnd } = moving;
  if (expiresAt !== 0 && expiresAt <= now) return true;
  if (!store.find(key, 0, key.length, now) || store.expiresAt !== expiresAt) return false;
  const payload = new StringPayload(store, store.valueLength);
  if (payload.length !== payloadEnd - payloadStart) return false;
  const bytes = new Uint8Array(payload.length);
  payload.copyTo(bytes, 0, 0, payload.length);
  return Buffer.compare(bytes, command.subarray(payloadStart, payloadEnd)) === 0;
}

/** After a wait, in which other connections had their turns. */
function inOwnDatabase<Result>(x: ControlContext, work: () => Result): Result {
  const { selected } = x.store.databases;
  const result = inDatabase(x, x.session.database, work);
  x.keyspace.select(selected);
  return result;
}

// ---- commands for the target --------------------------------------------------------------------

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text);

/** The payload is copied once, from the store to where it is sent from. */
function restoreOf(
  key: Uint8Array,
  ttl: number,
  payload: StringPayload,
  replaces: boolean,
): Pick<Moving, "command" | "payloadStart" | "payloadEnd"> {
  const digits = String(ttl);
  const head = Buffer.concat([
    bytesOf(`*${replaces ? 5 : 4}\r\n$7\r\nRESTORE\r\n$${key.length}\r\n`),
    key,
    bytesOf(`\r\n$${digits.length}\r\n${digits}\r\n$${payload.length}\r\n`),
  ]);
  const tail = bytesOf(replaces ? "\r\n$7\r\nREPLACE\r\n" : "\r\n");
  const payloadStart = head.length;
  const payloadEnd = payloadStart + payload.length;
  const command = new Uint8Array(payloadEnd + tail.length);
  command.set(head);
  payload.copyTo(command, payloadStart, 0, payload.length);
  command.set(tail, payloadEnd);
  return { command, payloadStart, payloadEnd };
}
