// Commands on the keys that they name, whatever their values: DEL, EXISTS, TYPE and others.
// databases.ts has those on all keys at once.
// Hot path: DEL and EXISTS of one key allocate nothing.

import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { erase, missed } from "../core/write.ts";
import { flag } from "../terms/flags.ts";

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
]);
