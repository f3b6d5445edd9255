// Handles values of the leader that do not fit here: they are missing rather than wrong. The key is
// deleted. While the node lacks such values, a command that builds on a missing key does not start
// a new value, because on the leader it continues one that is missing here.
// Invariant: a key has its leader's value, or none.

import { keyBytesMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { erase, findForWrite } from "../core/write.ts";
import { inDatabase } from "../generic/key-move.ts";
import { type KeyUse, nextIn, removes, writesTo } from "../terms/key-use.ts";

/** Whether the command builds on a missing key. */
export function buildsOnGap(x: Context, command: Command, request: Request): boolean {
  const range = command.row.buildsOn;
  if (range === undefined) return false;
  const argc = command.keyArguments(request);
  for (let at = nextIn(range, 0, argc); at !== 0; at = nextIn(range, at, argc)) {
    if (isMissing(x, request, at)) return true;
  }
  return false;
}

function isMissing(x: Context, request: Request, index: number): boolean {
  return index < request.argc && locked(x, request, index, () => !findForWrite(x, request, index));
}

/** Whether any argument, whatever its meaning, is an existing key. */
export function namesHeldKey(x: Context, request: Request): boolean {
  for (let i = 1; i < request.argc; i++) {
    if (request.length(i) <= keyBytesMax && !isMissing(x, request, i)) return true;
  }
  return false;
}

/**
 * Deletes the keys that a command would have written to. What it stores in a second database is
 * there, under a name that may be another key here.
 */
export function eraseWritten(x: Context, command: Command, request: Request): void {
  const { database } = x.session;
  const other = command.row.otherDatabase?.(request, database) ?? database;
  if (other !== database) {
    inDatabase(x, other, () => eraseUsed(x, command, request, writesTo));
    eraseUsed(x, command, request, removes);
  } else {
    eraseUsed(x, command, request, writesTo);
  }
}

function eraseUsed(
  x: Context,
  command: Command,
  request: Request,
  isMeant: (use: KeyUse) => boolean,
): void {
  const argc = command.keyArguments(request);
  for (const use of command.uses) {
    if (!isMeant(use)) continue;
    for (let at = nextIn(use.range, 0, argc); at !== 0; at = nextIn(use.range, at, argc)) {
      eraseKey(x, request, at);
    }
  }
}

export function eraseKey(x: Context, request: Request, index: number): void {
  locked(x, request, index, () => erase(x, request, index));
}

function locked<Result>(
  { store }: Context,
  { buf, start, end }: Request,
  index: number,
  work: () => Result,
): Result {
  store.lock(buf, start[index], end[index]);
  const result = work();
  store.unlock(buf, start[index], end[index]);
  return result;
}
