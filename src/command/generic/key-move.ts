// RENAME, RENAMENX and COPY: store a value with its expiry under another key. The value is first
// copied to a separate buffer, because storing one item may move the other.
// Invariant: a rename deletes the source only after the destination is stored, so that a full store
// loses nothing; followers see both changes at once.

import { ErrorReply, errorReply, noSuchKey, syntaxError } from "../../base/errors.ts";
import { CREATED, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { readDatabase } from "../core/database-number.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { copyValue, erase, findForWrite, missed, putBytes, tell } from "../core/write.ts";
import { lengthBefore } from "../run/make-room.ts";
import { flag } from "../terms/flags.ts";

function rename(x: Context, request: Request, reply: Reply): void {
  if (!findForWrite(x, request, 1)) reply.error(noSuchKey);
  else if (sameKeys(request) || move(x, request, reply)) reply.ok();
}

function renamenx(x: Context, request: Request, reply: Reply): void {
  if (!findForWrite(x, request, 1)) reply.error(noSuchKey);
  else if (findForWrite(x, request, 2)) reply.integer(0);
  else if (move(x, request, reply)) reply.integer(1);
}

function move(x: Context, request: Request, reply: Reply): boolean {
  x.effects.open();
  x.store.overdraws = true; // it needs little more than the old item, which is then deleted
  try {
    if (!duplicate(x, request, reply, event.QUIET | CREATED, x.session.database)) return false;
    erase(x, request, 1, event.RENAME_FROM);
    tell(x, request, 2, event.RENAME_TO);
    return true;
  } finally {
    x.store.overdraws = false;
    x.effects.close(); // writing an error may exceed the output limit and throw
  }
}

/**
 * Stores the value of argument 1 under argument 2 as well, in the selected database or another. On
 * a refusal, replies and returns false. For Redis it is a new key in any case.
 */
function duplicate(
  x: Context,
  request: Request,
  reply: Reply,
  kind: number,
  target: number,
): boolean {
  const { store } = x;
  findForWrite(x, request, 1);
  const value = copyValue(store);
  const { valueLength, expiresAt, clientFlags } = store;
  return inDatabase(x, target, () =>
    putBytes(x, request, 2, value, 0, valueLength, expiresAt, clientFlags, reply, kind),
  );
}

/** Does a part of the work of a command in that database. */
export function inDatabase<Result>(x: Context, database: number, work: () => Result): Result {
  x.keyspace.select(database);
  try {
    return work();
  } finally {
    x.keyspace.select(x.session.database); // writing an error may exceed the output limit and throw
  }
}

export const sameObject = errorReply("source and destination objects are the same");

export function copy(x: Context, request: Request, reply: Reply): void {
  const options = readCopyOptions(x, request);
  if (options instanceof ErrorReply) return reply.error(options);
  const { replaces, target } = options;
  const hasTarget = () => findForWrite(x, request, 2);
  if (target === x.session.database && sameKeys(request)) reply.error(sameObject);
  else if (!findForWrite(x, request, 1)) {
    missed(x, request, 1);
    reply.integer(0);
  } else if (!replaces && inDatabase(x, target, hasTarget)) reply.integer(0);
  else if (duplicate(x, request, reply, event.COPY_TO | CREATED, target)) reply.integer(1);
}

interface CopyOptions {
  readonly replaces: boolean;
  /** The database that gets the copy. */
  readonly target: number;
}

function readCopyOptions(x: Context, request: Request): CopyOptions | ErrorReply {
  let replaces = false;
  let target = x.session.database;
  for (let i = 3; i < request.argc; i++) {
    if (argumentIs(request, i, "REPLACE")) {
      replaces = true;
    } else if (argumentIs(request, i, "DB") && i + 1 < request.argc) {
      const database = readDatabase(x, request, ++i);
      if (database instanceof ErrorReply) return database;
      target = database;
    } else {
      return syntaxError;
    }
  }
  return { replaces, target };
}

function sameKeys(request: Request): boolean {
  const { buf, start } = request;
  const length = request.length(1);
  if (length !== request.length(2)) return false;
  for (let i = 0; i < length; i++) {
    if (buf[start[1] + i] !== buf[start[2] + i]) return false;
  }
  return true;
}

// ---- rows ---------------------------------------------------------------------------------------

// GLOBAL: they write a value of any size, which only the control thread can always write to the
// journal.
const { WRITE, DENY_OOM, FAST, GLOBAL, OTHER_DATABASE } = flag;

/** The same in a leader's stream (stream/stream-keys.ts). */
export const keyUses = {
  rename: [
    ["RW access delete", [1, 1, 1]],
    ["OW update", [2, 2, 1]],
  ],
  renamenx: [
    ["RW access delete", [1, 1, 1]],
    ["OW insert", [2, 2, 1]],
  ],
  copy: [
    ["RO access", [1, 1, 1]],
    ["OW update", [2, 2, 1]],
  ],
} as const;

export const keyMoveCommands = family({ group: "generic", keys: [1, 2, 1] }, [
  {
    name: "rename",
    arity: 3,
    syntax: "key newkey:key",
    flags: WRITE | GLOBAL,
    keyUse: keyUses.rename,
    since: "1.0.0",
    complexity: "O(N) where N is the length of the value",
    summary: "Renames a key; replaces an existing key of that name.",
    handler: rename,
  },
  {
    name: "renamenx",
    arity: 3,
    syntax: "key newkey:key",
    flags: WRITE | FAST | GLOBAL,
    keyUse: keyUses.renamenx,
    since: "1.0.0",
    complexity: "O(N) where N is the length of the value",
    summary: "Renames a key if the new name is not in use.",
    handler: renamenx,
  },
  {
    name: "copy",
    arity: -3,
    syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
    flags: WRITE | DENY_OOM | GLOBAL | OTHER_DATABASE,
    growth: (x, request) => lengthBefore(x, request, 1),
    keyUse: keyUses.copy,
    since: "6.2.0",
    complexity: "O(N) where N is the length of the value",
    summary: "Copies the value of a key to another key, also of another database.",
    handler: copy,
  },
]);
