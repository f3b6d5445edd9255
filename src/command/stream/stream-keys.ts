// RENAME, RENAMENX, COPY, MOVE, SWAPDB and conditional deletions as a Redis leader sends them: only
// after it has executed them. So a condition was met, and a source that is missing here is a key of
// another type, which replaces the destination. The leader may have databases that this node does
// not have: rules.ts does not run what brings their values, and what goes there is only deleted.

import { syntaxError } from "../../base/errors.ts";
import { CREATED, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { hasDatabase } from "../core/database-number.ts";
import { argumentIs } from "../core/words.ts";
import { copyValue, erase, findForWrite, putBytes, tell } from "../core/write.ts";
import { moveKey } from "../generic/databases.ts";
import { copy, inDatabase, keyUses } from "../generic/key-move.ts";
import { streamCommand } from "./stream-row.ts";

/** Also RENAMENX: the leader has checked that there was no destination. */
function streamedRename(x: Context, request: Request, reply: Reply): void {
  if (!findForWrite(x, request, 1)) return replaced(x, request, reply);
  const value = copyValue(x.store);
  const { valueLength, expiresAt, clientFlags } = x.store;
  // The leader has done it, so the source is deleted first, which makes room in a full store.
  erase(x, request, 1, event.QUIET);
  const kind = event.QUIET | CREATED;
  if (!putBytes(x, request, 2, value, 0, valueLength, expiresAt, clientFlags, reply, kind)) return;
  tell(x, request, 1, event.RENAME_FROM);
  tell(x, request, 2, event.RENAME_TO);
  reply.ok();
}

function streamedCopy(x: Context, request: Request, reply: Reply): void {
  const database = copyDatabase(request, x.session.database);
  if (database === null) reply.error(syntaxError);
  else if (!hasDatabase(x, database)) reply.ok();
  else if (findForWrite(x, request, 1)) copy(x, request, reply);
  else inDatabase(x, database, () => replaced(x, request, reply));
}

function replaced(x: Context, request: Request, reply: Reply): void {
  erase(x, request, 2);
  reply.ok();
}

/** The leader has checked that the other database had no such key. */
function streamedMove(x: Context, request: Request, reply: Reply): void {
  const database = Number(request.text(2));
  const moves = hasDatabase(x, database) && findForWrite(x, request, 1);
  if (!moves) remove(x, request, reply);
  else if (moveKey(x, database, request, reply)) reply.ok();
}

/** Deletions of a key by its value. */
function remove(x: Context, request: Request, reply: Reply): void {
  erase(x, request, 1);
  reply.ok();
}

function streamedSwap(x: Context, request: Request, reply: Reply): void {
  const [one, other] = swapped(request);
  if (one !== other && hasDatabase(x, one)) x.keyspace.swapDatabases(one, other);
  reply.ok();
}

/** The databases that SWAPDB names. */
export function swapped(request: Request): readonly [number, number] {
  return [Number(request.text(1)), Number(request.text(2))];
}

function swapBringsUnseen(request: Request, _database: number, databases: number): boolean {
  const [one, other] = swapped(request);
  return one < databases !== other < databases;
}

function moveBringsUnseen(request: Request, database: number, databases: number): boolean {
  return database >= databases && Number(request.text(2)) < databases;
}

function copyBringsUnseen(request: Request, database: number, databases: number): boolean {
  const target = copyDatabase(request, database);
  return database >= databases && target !== null && target < databases;
}

/** The target database of COPY, which has selected `database`; null for an unknown option. */
function copyDatabase(request: Request, selected: number): number | null {
  let database = selected;
  for (let i = 3; i < request.argc; i++) {
    if (argumentIs(request, i, "REPLACE")) continue;
    if (!argumentIs(request, i, "DB") || i + 1 >= request.argc) return null;
    database = Number(request.text(++i));
  }
  return database;
}

export const streamKeyspaceCommands = [
  streamCommand("rename", 3, [1, 2, 1], streamedRename, { keyUse: keyUses.rename }),
  streamCommand("renamenx", 3, [1, 2, 1], streamedRename, { keyUse: keyUses.renamenx }),
  streamCommand("copy", -3, [1, 2, 1], streamedCopy, {
    keyUse: keyUses.copy,
    bringsUnseen: copyBringsUnseen,
    otherDatabase: copyDatabase,
  }),
  streamCommand("move", 3, [1, 1, 1], streamedMove, {
    keyUse: "RM delete",
    bringsUnseen: moveBringsUnseen,
    otherDatabase: (request) => Number(request.text(2)),
  }),
  streamCommand("swapdb", 3, [0, 0, 0], streamedSwap, {
    bringsUnseen: swapBringsUnseen,
    everyDatabase: true,
  }),
  streamCommand("delex", -2, [1, 1, 1], remove, { keyUse: "RM delete" }),
  streamCommand("delifeq", 3, [1, 1, 1], remove, { keyUse: "RM delete" }),
];
