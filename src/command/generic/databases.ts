// Commands on whole databases, and MOVE, which takes a key from one to another. A database is
// selected with the keyspace (keyspace.ts), so whoever selects another one for a part of its work
// selects its own again.
// Invariant: while a command runs, all shards are locked if it has to do with a second database.

import { ErrorReply, errorReply, syntaxError } from "../../base/errors.ts";
import { CREATED, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import {
  databaseOutOfRange,
  hasDatabase,
  readDatabase,
  readNumber,
} from "../core/database-number.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { copyValue, erase, findForWrite, putBytes, tell } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import { inDatabase, sameObject } from "./key-move.ts";

function dbsize(x: Context, _request: Request, reply: Reply): void {
  reply.integer(x.store.count());
}

function flushdb(x: Context, request: Request, reply: Reply): void {
  if (!flushModeIsKnown(request)) return reply.error(syntaxError);
  x.keyspace.flushDatabase();
  reply.ok();
}

function flushall(x: Context, request: Request, reply: Reply): void {
  if (!flushModeIsKnown(request)) return reply.error(syntaxError);
  x.keyspace.flush();
  reply.ok();
}

/** SYNC and ASYNC are the same here: no item is visited, however many there are. */
function flushModeIsKnown(request: Request): boolean {
  if (request.argc === 1) return true;
  return request.argc === 2 && (argumentIs(request, 1, "SYNC") || argumentIs(request, 1, "ASYNC"));
}

// ---- SWAPDB -------------------------------------------------------------------------------------

const invalidFirst = errorReply("invalid first DB index");
const invalidSecond = errorReply("invalid second DB index");

function swapdb(x: Context, request: Request, reply: Reply): void {
  const one = readNumber(request, 1, invalidFirst);
  if (one instanceof ErrorReply) return reply.error(one);
  const other = readNumber(request, 2, invalidSecond);
  if (other instanceof ErrorReply) return reply.error(other);
  if (!hasDatabase(x, one) || !hasDatabase(x, other)) return reply.error(databaseOutOfRange);
  if (one !== other) x.keyspace.swapDatabases(one, other);
  reply.ok();
}

// ---- MOVE ---------------------------------------------------------------------------------------

function move(x: Context, request: Request, reply: Reply): void {
  const target = readDatabase(x, request, 2);
  if (target instanceof ErrorReply) reply.error(target);
  else if (target === x.session.database) reply.error(sameObject);
  else if (!findForWrite(x, request, 1)) reply.integer(0);
  else if (inDatabase(x, target, () => findForWrite(x, request, 1))) reply.integer(0);
  else if (moveKey(x, target, request, reply)) reply.integer(1);
}

/**
 * Moves argument 1, which exists, to that database. If there is no room, replies and returns false:
 * the key then stays where it is.
 */
export function moveKey(x: Context, target: number, request: Request, reply: Reply): boolean {
  const { store, effects } = x;
  findForWrite(x, request, 1);
  const value = copyValue(store);
  const { valueLength, expiresAt, clientFlags } = store;
  effects.open();
  store.overdraws = true; // it needs little more than the old item, which is then deleted
  try {
    const kind = event.QUIET | CREATED;
    const hasMoved = inDatabase(x, target, () =>
      putBytes(x, request, 1, value, 0, valueLength, expiresAt, clientFlags, reply, kind),
    );
    if (!hasMoved) return false;
    erase(x, request, 1, event.MOVE_FROM);
    inDatabase(x, target, () => tell(x, request, 1, event.MOVE_TO));
    return true;
  } finally {
    store.overdraws = false;
    effects.close(); // writing an error may exceed the output limit and throw
  }
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, FAST, GLOBAL, OTHER_DATABASE } = flag;
const flushSyntax = "[async=(ASYNC@4.0.0 | SYNC@6.2.0)]";

export const databaseCommands = family({ group: "server" }, [
  {
    name: "dbsize",
    arity: 1,
    flags: READONLY | FAST,
    categories: ["@keyspace", "@read", "@fast"],
    since: "1.0.0",
    summary: "Returns the number of keys of the database.",
    handler: dbsize,
  },
  {
    name: "flushdb",
    arity: -1,
    syntax: flushSyntax,
    flags: WRITE,
    empties: "database",
    categories: ["@keyspace", "@write", "@slow", "@dangerous"],
    since: "1.0.0",
    complexity: "O(1); the memory of the keys is freed later",
    summary: "Removes all keys of the database.",
    handler: flushdb,
  },
  {
    name: "flushall",
    arity: -1,
    syntax: flushSyntax,
    flags: WRITE,
    empties: "all",
    everyDatabase: true,
    categories: ["@keyspace", "@write", "@slow", "@dangerous"],
    since: "1.0.0",
    complexity: "O(N) where N is the number of segments in use",
    summary: "Removes all keys of all databases.",
    handler: flushall,
  },
  {
    name: "swapdb",
    arity: 3,
    syntax: "index1:integer index2:integer",
    flags: WRITE | FAST,
    categories: ["@keyspace", "@write", "@fast", "@dangerous"],
    since: "4.0.0",
    summary: "Exchanges two databases.",
    handler: swapdb,
  },
  {
    name: "move",
    arity: 3,
    syntax: "key db:integer",
    // GLOBAL: as COPY, it writes a value of any size.
    flags: WRITE | FAST | GLOBAL | OTHER_DATABASE,
    keys: [1, 1, 1],
    group: "generic",
    since: "1.0.0",
    complexity: "O(N) where N is the length of the value",
    summary: "Moves a key to another database, unless that has such a key.",
    handler: move,
  },
]);
