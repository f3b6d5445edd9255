// PFADD, PFMERGE and PFCOUNT as a Redis leader sends them. PFCOUNT is among them because it may
// write the cardinality that it computed into the value. hyperloglog/ has the representation.
// Invariant: the value has the bytes of redis 7 if the leader's hll-sparse-max-bytes is the
// default; its expiry is kept.

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

/** Scratch of one call: the current HyperLogLog and the expiry of its key. */
const current = new HyperLogLog();
let expiresAt = 0;
const merged = new Uint8Array(registerCount);

/**
 * Loads the value of argument `index`. False if the key is missing, null if it is not a
 * HyperLogLog.
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

/** An existing destination is also a source. */
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

/** Caches the cardinality in the value of a single key. With several keys nothing is stored. */
function pfcount(x: Context, request: Request, reply: Reply): void {
  const found = request.argc === 2 ? load(x, request, 1) : false;
  if (found === null) return reply.error(notOne);
  const changed = found && current.refresh();
  if (changed === null) reply.error(broken);
  else if (changed) save(x, request, 1, reply);
  else reply.ok();
}

/** Two of its subcommands convert to the dense representation, and only those are replicated. */
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
