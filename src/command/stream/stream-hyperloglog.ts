// PFADD, PFMERGE and PFCOUNT as a Redis leader sends them. PFCOUNT is among them because it may
// write: it keeps the cardinality that it computed in the value. The representation is
// hyperloglog/'s business.
// Invariant: the value has redis 7's bytes, as long as the leader's hll-sparse-max-bytes is the
// default; its expiry stays.

import { errorReply, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { argumentIs } from "../core/words.ts";
import { findForWrite, putBytes } from "../core/write.ts";
import { registerCount } from "../hyperloglog/element-hash.ts";
import { HyperLogLog } from "../hyperloglog/hyperloglog.ts";
import { streamCommand } from "./stream-row.ts";

const notOne = errorReply("Key is not a valid HyperLogLog string value.");
const broken = errorReply("Corrupted HLL object detected");

/**
 * Scratch of one call: the one that is being worked on, and where its key's expiry is kept
 * meanwhile.
 */
const current = new HyperLogLog();
let expiresAt = 0;
const merged = new Uint8Array(registerCount);

/**
 * Whether the key of argument `index` has one, which is then the current one; null if it is none.
 */
function load(x: Context, request: Request, index: number): boolean | null {
  const { store } = x;
  expiresAt = 0;
  if (!findForWrite(x, request, index)) return false;
  expiresAt = store.expiresAt;
  if (!current.begin(store.valueLength)) return null;
  store.copyTo(current.bytes, 0, 0, current.length);
  return current.isValid ? true : null;
}

function loadOrCreate(x: Context, request: Request, index: number): boolean | null {
  const found = load(x, request, index);
  if (found === false) current.clear();
  return found;
}

function save(x: Context, request: Request, index: number, reply: Reply): void {
  const { bytes, length } = current;
  if (putBytes(x, request, index, bytes, 0, length, expiresAt, 0, reply)) reply.ok();
}

function pfadd(x: Context, request: Request, reply: Reply): void {
  const found = loadOrCreate(x, request, 1);
  if (found === null) return reply.error(notOne);
  const { buf, start, end } = request;
  let changed = !found;
  for (let i = 2; i < request.argc; i++) {
    const added = current.add(buf, start[i], end[i]);
    if (added === null) return reply.error(broken);
    if (added) changed = true;
  }
  if (!changed) return reply.ok();
  current.invalidate();
  save(x, request, 1, reply);
}

/** The destination, if it is there, is one of the sources. */
function pfmerge(x: Context, request: Request, reply: Reply): void {
  merged.fill(0);
  let isDense = false;
  for (let i = 1; i < request.argc; i++) {
    const found = load(x, request, i);
    if (found === null) return reply.error(notOne);
    if (!found) continue;
    if (!current.mergeInto(merged)) return reply.error(broken);
    isDense ||= current.isDense;
  }
  loadOrCreate(x, request, 1);
  if (isDense) current.makeDense();
  for (let register = 0; register < registerCount; register++) {
    if (merged[register] > 0) current.raise(register, merged[register]);
  }
  current.invalidate();
  save(x, request, 1, reply);
}

/** Of one key: it then keeps its cardinality. That of several keys is kept nowhere. */
function pfcount(x: Context, request: Request, reply: Reply): void {
  const found = request.argc === 2 ? load(x, request, 1) : false;
  if (found === null) return reply.error(notOne);
  const changed = found && current.refresh();
  if (changed === null) reply.error(broken);
  else if (changed) save(x, request, 1, reply);
  else reply.ok();
}

/** Two of its words leave a dense representation behind, and are then sent. */
function pfdebug(x: Context, request: Request, reply: Reply): void {
  const changes = argumentIs(request, 1, "GETREG") || argumentIs(request, 1, "TODENSE");
  if (!changes) return reply.error(syntaxError);
  if (load(x, request, 2) !== true || !current.makeDense()) reply.error(notOne);
  else save(x, request, 2, reply);
}

export const hyperLogLogCommands: readonly Command[] = [
  streamCommand("pfadd", -2, [1, 1, 1], pfadd, { keyUse: "RW insert", buildsOn: [1, 1, 1] }),
  streamCommand("pfmerge", -2, [1, -1, 1], pfmerge, {
    keyUse: [
      ["RW access insert", [1, 1, 1]],
      ["RO access", [2, -1, 1]],
    ],
    buildsOn: [1, -1, 1],
  }),
  streamCommand("pfcount", -2, [1, -1, 1], pfcount, { keyUse: "RW access" }),
  streamCommand("pfdebug", 3, [2, 2, 1], pfdebug),
];
