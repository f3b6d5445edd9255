// Commands on the keys that they name, whatever their values (DEL, EXISTS, TYPE and others), and on
// all keys at once (DBSIZE, FLUSHALL). There is one database, number 0.
// Hot path: DEL and EXISTS of one key allocate nothing.

import { syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { flag } from "../core/flags.ts";
import { argumentIs } from "../core/words.ts";
import { erase, missed } from "../core/write.ts";

function del(x: Context, request: Request, reply: Reply): void {
  if (request.argc === 2) reply.integer(erase(x, request, 1) ? 1 : 0);
  else reply.integer(eraseAll(x, request));
}

function eraseAll(x: Context, request: Request): number {
  let count = 0;
  x.effects.open();
  for (let i = 1; i < request.argc; i++) {
    if (erase(x, request, i)) count++;
  }
  x.effects.close();
  return count;
}

/** A key that is named twice counts twice. */
function exists(x: Context, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  let count = 0;
  for (let i = 1; i < request.argc; i++) {
    if (x.store.find(buf, start[i], end[i], x.now)) count++;
    else missed(x, request, i);
  }
  reply.integer(count);
}

/** Counts as a use even after CLIENT NO-TOUCH. */
function touch(x: Context, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  let count = 0;
  x.store.countsUses = true;
  for (let i = 1; i < request.argc; i++) {
    if (x.store.read(buf, start[i], end[i], x.now)) count++;
    else missed(x, request, i);
  }
  x.store.countsUses = !x.session.noTouch;
  reply.integer(count);
}

function type(x: Context, request: Request, reply: Reply): void {
  const found = x.store.find(request.buf, request.start[1], request.end[1], x.now);
  if (!found) missed(x, request, 1);
  reply.simple(found ? "string" : "none");
}

function dbsize(x: Context, _request: Request, reply: Reply): void {
  reply.integer(x.store.count());
}

function flush(x: Context, request: Request, reply: Reply): void {
  if (!flushModeIsKnown(request)) {
    reply.error(syntaxError);
    return;
  }
  x.keyspace.flush();
  reply.ok();
}

/** SYNC and ASYNC are the same here: no item is visited, however many there are. */
function flushModeIsKnown(request: Request): boolean {
  if (request.argc === 1) return true;
  return request.argc === 2 && (argumentIs(request, 1, "SYNC") || argumentIs(request, 1, "ASYNC"));
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, FAST } = flag;

export const keyCommands = family({ group: "generic" }, [
  {
    name: "del",
    arity: -2,
    syntax: "key...",
    flags: WRITE,
    keys: [1, -1, 1],
    keyUse: "RM delete",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys",
    summary: "Deletes keys.",
    handler: del,
  },
  {
    name: "unlink",
    arity: -2,
    syntax: "key...",
    flags: WRITE | FAST,
    keys: [1, -1, 1],
    keyUse: "RM delete",
    since: "4.0.0",
    complexity: "O(N) where N is the number of keys",
    summary: "Deletes keys; the same as DEL, which never blocks to free memory.",
    handler: del,
  },
  {
    name: "exists",
    arity: -2,
    syntax: "key...",
    flags: READONLY | FAST,
    keys: [1, -1, 1],
    keyUse: "RO",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys",
    summary: "Returns how many of the given keys exist.",
    handler: exists,
  },
  {
    name: "touch",
    arity: -2,
    syntax: "key...",
    flags: READONLY | FAST,
    keys: [1, -1, 1],
    keyUse: "RO",
    since: "3.2.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Marks keys as used and returns how many of them exist.",
    handler: touch,
  },
  {
    name: "type",
    arity: 2,
    syntax: "key",
    flags: READONLY | FAST,
    keys: [1, 1, 1],
    keyUse: "RO",
    since: "1.0.0",
    summary: "Returns the type of the value of a key.",
    handler: type,
  },
  {
    name: "dbsize",
    arity: 1,
    flags: READONLY | FAST,
    categories: ["@keyspace", "@read", "@fast"],
    group: "server",
    since: "1.0.0",
    summary: "Returns the number of keys.",
    handler: dbsize,
  },
  {
    name: "flushdb",
    arity: -1,
    syntax: "[async=(ASYNC@4.0.0 | SYNC@6.2.0)]",
    flags: WRITE,
    empties: true,
    categories: ["@keyspace", "@write", "@slow", "@dangerous"],
    group: "server",
    since: "1.0.0",
    complexity: "O(N) where N is the number of segments in use",
    summary: "Removes all keys; the same as FLUSHALL, as there is only one database.",
    handler: flush,
  },
  {
    name: "flushall",
    arity: -1,
    syntax: "[async=(ASYNC@4.0.0 | SYNC@6.2.0)]",
    flags: WRITE,
    empties: true,
    everyDatabase: true,
    categories: ["@keyspace", "@write", "@slow", "@dangerous"],
    group: "server",
    since: "1.0.0",
    complexity: "O(N) where N is the number of segments in use",
    summary: "Removes all keys.",
    handler: flush,
  },
]);
