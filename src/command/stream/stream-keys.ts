// RENAME, RENAMENX, COPY, MOVE, SWAPDB and conditional deletions as a Redis leader sends them: only
// after it has executed them. So a condition was met, and a source that is missing here is a key of
// another type, which replaces the destination. rules.ts does not run what
// brings values of other databases: here the source is always in database 0.

import { syntaxError } from "../../base/errors.ts";
import { CREATED, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { argumentIs } from "../core/words.ts";
import { copyValue, erase, findForWrite, putBytes, tell } from "../core/write.ts";
import { copy, keyUses } from "../generic/key-move.ts";
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
  const database = copyDatabase(request);
  if (database === null) reply.error(syntaxError);
  else if (database !== 0) reply.ok();
  else if (findForWrite(x, request, 1)) copy(x, request, reply);
  else replaced(x, request, reply);
}

function replaced(x: Context, request: Request, reply: Reply): void {
  erase(x, request, 2);
  reply.ok();
}

/**
 * MOVE, always to another database, or it would have failed; and deletions of a key by its value.
 */
function remove(x: Context, request: Request, reply: Reply): void {
  erase(x, request, 1);
  reply.ok();
}

function swapBringsUnseen(request: Request): boolean {
  const [one, other] = [Number(request.text(1)), Number(request.text(2))];
  return one !== other && (one === 0 || other === 0);
}

function moveBringsUnseen(request: Request, database: number): boolean {
  return database !== 0 && Number(request.text(2)) === 0;
}

/** Without DB, COPY stays within its database. */
function copyBringsUnseen(request: Request, database: number): boolean {
  if (database === 0 || copyDatabase(request) !== 0) return false;
  for (let i = 3; i < request.argc; i++) if (argumentIs(request, i, "DB")) return true;
  return false;
}

/** SWAPDB of two other databases. */
function nothing(_x: Context, _request: Request, reply: Reply): void {
  reply.ok();
}

/** The target database of COPY, 0 if it names none; null for an unknown option. */
function copyDatabase(request: Request): number | null {
  let database = 0;
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
  }),
  streamCommand("move", 3, [1, 1, 1], remove, {
    keyUse: "RM delete",
    bringsUnseen: moveBringsUnseen,
  }),
  streamCommand("swapdb", 3, [0, 0, 0], nothing, { bringsUnseen: swapBringsUnseen }),
  streamCommand("delex", -2, [1, 1, 1], remove, { keyUse: "RM delete" }),
  streamCommand("delifeq", 3, [1, 1, 1], remove, { keyUse: "RM delete" }),
];
