// What becomes of a leader's value that has no room here: it is not there at all, rather than wrong. So
// its key goes; and as long as the node lacks such values, a command that builds on a key which is not
// there does not begin a new value, because the leader's goes on from the one that is missing here.
// Invariant: a key of database 0 has its leader's value, or none.

import { keyBytesMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { erase, findForWrite } from "../core/write.ts";

/** Commands that write to one of their keys only, and which argument that is. */
const destinations: ReadonlyMap<string, number> = new Map([
  ["bitop", 2],
  ["copy", 2],
  ["pfmerge", 1],
]);
/** They change a part of what is under argument 1. */
const builders: ReadonlySet<string> = new Set([
  ...["append", "setrange", "setbit", "bitfield", "pfadd"],
  ...["incr", "decr", "incrby", "decrby", "incrbyfloat"],
]);
/** They make a value of others, which are their arguments from here on. */
const sources: ReadonlyMap<string, number> = new Map([
  ["bitop", 3],
  ["pfmerge", 2],
]);

/** Whether the command builds on a key that is not here. */
export function buildsOnGap(x: Context, command: Command, request: Request): boolean {
  const { name } = command;
  if (builders.has(name)) return isMissing(x, request, 1);
  const first = sources.get(name) ?? request.argc;
  for (let i = first; i < request.argc; i++) if (isMissing(x, request, i)) return true;
  return false;
}

function isMissing(x: Context, request: Request, index: number): boolean {
  return index < request.argc && locked(x, request, index, () => !findForWrite(x, request, index));
}

/** Whether an argument, whatever it means, is a key of database 0. */
export function namesHeldKey(x: Context, request: Request): boolean {
  for (let i = 1; i < request.argc; i++) {
    if (request.length(i) <= keyBytesMax && !isMissing(x, request, i)) return true;
  }
  return false;
}

/** Removes what a command would have written to. */
export function eraseWritten(x: Context, command: Command, request: Request): void {
  const destination = destinations.get(command.name);
  if (destination !== undefined) return eraseKey(x, request, destination);
  const { argc } = request;
  for (let at = command.nextKey(0, argc); at !== 0; at = command.nextKey(at, argc)) {
    eraseKey(x, request, at);
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
