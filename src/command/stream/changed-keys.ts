// Which keys a command of the stream may have changed. Our own stream has few commands, all with one
// key; the stream of a Redis leader, which a follower forwards unchanged, may have any write command.
// It errs on the side of too many keys: naming one that did not change costs a frame and nothing else.

import type { Request } from "../../protocol/request.ts";

export interface KeyVisitor {
  key(bytes: Uint8Array, start: number, end: number): void;
}

/** Commands of a stream that change no key. */
const keyless = new Set(["ping", "select", "multi", "exec", "replconf", "publish", "spublish"]);
const flushing = new Set(["flushall", "flushdb"]);
/** Every argument is a key, or, where options tell which, may be one. */
const allKeys = new Set([
  ...["del", "unlink", "rename", "renamenx", "copy"],
  ...["bitop", "pfcount", "pfdebug", "sort", "georadius", "georadiusbymember"],
]);
/** Every other argument is a key. */
const pairs = new Set(["mset", "msetnx"]);

/** Hands each key to the visitor; true if the command emptied the store instead. */
export function changedKeys(request: Request, visitor: KeyVisitor): boolean {
  const name = request.text(0).toLowerCase();
  if (flushing.has(name)) return true;
  if (keyless.has(name)) return false;
  const last =
    allKeys.has(name) || pairs.has(name) ? request.argc - 1 : Math.min(1, request.argc - 1);
  const step = pairs.has(name) ? 2 : 1;
  for (let i = 1; i <= last; i += step) visitor.key(request.buf, request.start[i], request.end[i]);
  return false;
}
