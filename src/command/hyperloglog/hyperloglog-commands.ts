// PFADD, PFCOUNT, PFMERGE, PFDEBUG and PFSELFTEST, for clients and for a leader's stream.
// hyperloglog.ts has the representation. The effect of a change is a SET of a new value, or
// SETRANGEs of what changed. PFCOUNT keeps the cardinality that it computed in the value: a write,
// except on a follower, which has the bytes of its leader.
// Invariant: the value has the bytes of redis 7 with the same hll-sparse-max-bytes; its expiry is
// kept. A command that is refused changes nothing (Redis keeps what PFADD added before it
// met a corrupt run, but sends it to no follower).

import { ErrorReply, errorReply } from "../../base/errors.ts";
import { event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { findForWrite, missed, putBytes, putRange, readForWrite, tell } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import { findRuns, makeRuns } from "./changed-runs.ts";
import { registerCount } from "./element-hash.ts";
import { cardinalityOf, cardinalityRange, HyperLogLog } from "./hyperloglog.ts";
import { selfTest } from "./self-test.ts";

const notOne = new ErrorReply("WRONGTYPE", "Key is not a valid HyperLogLog string value.");
const broken = new ErrorReply("INVALIDOBJ", "Corrupted HLL object detected");

// ---- values -------------------------------------------------------------------------------------

/** Scratch of one call: the current HyperLogLog, the bytes that it had, what differs, a merge. */
const current = new HyperLogLog();
const currentWords = new Int32Array(current.bytes.buffer);
const before = new Uint8Array(current.bytes.length);
const beforeWords = new Int32Array(before.buffer);
const runs = makeRuns();
const merged = new Uint8Array(registerCount);

/** Loads the value of argument `index`. False if the key is missing. */
function load(x: Context, request: Request, index: number): boolean | ErrorReply {
  const { store } = x;
  if (!readForWrite(x, request, index)) return false;
  store.copyTo(current.bytes, 0, 0, current.begin(store.valueLength));
  if (!current.isValid) return notOne;
  return current.isTooLong ? broken : true;
}

/** A missing key is an empty HyperLogLog. Returns whether there was one. */
function loadOrCreate(x: Context, request: Request, index: number): boolean | ErrorReply {
  const found = load(x, request, index);
  if (found === false) current.clear();
  return found;
}

/**
 * Stores the current HyperLogLog. On a refusal, replies and returns false. The caller tells of the
 * event: there may be several changes for one.
 */
function save(x: Context, request: Request, index: number, reply: Reply): boolean {
  const { store } = x;
  const { length } = current;
  const found = findForWrite(x, request, index);
  const old = found ? store.valueLength : 0;
  // SETRANGE cannot make a value shorter.
  if (!found || old > length) return saveWhole(x, request, index, found, reply);
  store.copyTo(before, 0, 0, old);
  const count = findRuns(beforeWords, old, currentWords, length, runs);
  // Each effect repeats the key, which may be long.
  const isWhole = count < 0 || count * request.length(index) > length;
  if (isWhole) return saveWhole(x, request, index, found, reply);
  if (count === 1) return saveRun(x, request, index, 0, reply);
  x.effects.open();
  // The last one first: it alone may need room.
  let isSaved = true;
  for (let i = count - 1; i >= 0 && isSaved; i--) isSaved = saveRun(x, request, index, i, reply);
  x.effects.close();
  return isSaved;
}

function saveRun(x: Context, request: Request, index: number, run: number, reply: Reply): boolean {
  const from = runs[2 * run];
  const to = runs[2 * run + 1];
  return putRange(x, request, index, from, current.bytes, from, to, reply, event.QUIET);
}

function saveWhole(
  x: Context,
  request: Request,
  index: number,
  found: boolean,
  reply: Reply,
): boolean {
  const { bytes, length } = current;
  const expiresAt = found ? x.store.expiresAt : 0;
  const clientFlags = found ? x.store.clientFlags : 0;
  const kind = event.QUIET;
  return putBytes(x, request, index, bytes, 0, length, expiresAt, clientFlags, reply, kind);
}

// ---- PFADD, PFMERGE, PFCOUNT --------------------------------------------------------------------

function pfadd(x: Context, request: Request, reply: Reply): void {
  current.sparseBytesMax = x.standing.sparseSketchBytesMax;
  const found = loadOrCreate(x, request, 1);
  if (found instanceof ErrorReply) return reply.error(found);
  const { buf, start, end, argc } = request;
  let changed = !found;
  for (let i = 2; i < argc; i++) {
    const added = current.add(buf, start[i], end[i]);
    if (added === null) return reply.error(broken);
    if (added) changed = true;
  }
  if (!changed) return reply.integer(0);
  current.invalidate();
  if (!save(x, request, 1, reply)) return;
  tell(x, request, 1, event.PFADD);
  reply.integer(1);
}

/** An existing destination is also a source. */
function pfmerge(x: Context, request: Request, reply: Reply): void {
  current.sparseBytesMax = x.standing.sparseSketchBytesMax;
  merged.fill(0);
  let isDense = false;
  for (let i = 1; i < request.argc; i++) {
    const found = load(x, request, i);
    if (found instanceof ErrorReply) return reply.error(found);
    if (!found) {
      missed(x, request, i);
      continue;
    }
    if (!current.mergeInto(merged)) return reply.error(broken);
    isDense ||= current.isDense;
  }
  loadOrCreate(x, request, 1);
  if (isDense) current.makeDense();
  for (let register = 0; register < registerCount; register++) {
    if (merged[register] > 0) current.raise(register, merged[register]);
  }
  current.invalidate();
  if (!save(x, request, 1, reply)) return;
  tell(x, request, 1, event.PFADD);
  reply.ok();
}

function pfcount(x: Context, request: Request, reply: Reply): void {
  if (request.argc > 2) return countUnion(x, request, reply);
  const found = load(x, request, 1);
  if (found instanceof ErrorReply) return reply.error(found);
  if (!found) {
    missed(x, request, 1);
    return reply.integer(0);
  }
  const changed = current.refresh();
  if (changed === null) return reply.error(broken);
  if (changed && mayKeep(x)) {
    const [from, to] = cardinalityRange;
    if (!putRange(x, request, 1, from, current.bytes, from, to, reply, event.QUIET)) return;
  }
  reply.integer(current.cardinality);
}

/** The role changes only while all shards are locked, so it holds until the command has run. */
function mayKeep({ session, standing }: Context): boolean {
  return session.kind === "leader" || !standing.isFollower;
}

/** Nothing is kept of the cardinality of several keys. */
function countUnion(x: Context, request: Request, reply: Reply): void {
  merged.fill(0);
  for (let i = 1; i < request.argc; i++) {
    const found = load(x, request, i);
    if (found instanceof ErrorReply) return reply.error(found);
    if (!found) missed(x, request, i);
    else if (!current.mergeInto(merged)) return reply.error(broken);
  }
  reply.integer(cardinalityOf(merged));
}

// ---- PFDEBUG ------------------------------------------------------------------------------------

const noSuchKey = errorReply("The specified key does not exist");
const notSparse = errorReply("HLL encoding is not sparse");

function pfdebug(x: Context, request: Request, reply: Reply): void {
  const found = load(x, request, 2);
  if (found instanceof ErrorReply) return reply.error(found);
  if (!found) return reply.error(noSuchKey);
  if (argumentIs(request, 1, "GETREG")) replyRegisters(x, request, reply);
  else if (argumentIs(request, 1, "TODENSE")) replyConverted(x, request, reply);
  else if (argumentIs(request, 1, "ENCODING")) reply.simple(current.isDense ? "dense" : "sparse");
  else if (!argumentIs(request, 1, "DECODE")) reply.error(unknownSubcommand(request.text(1)));
  else if (current.isDense) reply.error(notSparse);
  else reply.text(current.describe());
}

function unknownSubcommand(name: string): ErrorReply {
  return errorReply(`Unknown PFDEBUG subcommand '${name}'`);
}

/** As in Redis, a look at the registers makes them dense. */
function replyRegisters(x: Context, request: Request, reply: Reply): void {
  if (!makeDense(x, request, reply)) return;
  merged.fill(0);
  current.mergeInto(merged);
  reply.array(registerCount);
  for (const value of merged) reply.integer(value);
}

function replyConverted(x: Context, request: Request, reply: Reply): void {
  const changes = !current.isDense;
  if (makeDense(x, request, reply)) reply.integer(changes ? 1 : 0);
}

function makeDense(x: Context, request: Request, reply: Reply): boolean {
  if (current.isDense) return true;
  if (current.makeDense()) return save(x, request, 2, reply);
  reply.error(broken);
  return false;
}

// ---- PFSELFTEST ---------------------------------------------------------------------------------

function pfselftest({ now }: Context, _request: Request, reply: Reply): void {
  const fault = selfTest(now | 0);
  if (fault === null) reply.ok();
  else reply.error(errorReply(`TESTFAILED ${fault}`));
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, DENY_OOM, FAST, ADMIN, MAY_REPLICATE } = flag;

export const hyperLogLogCommands = family({ group: "hyperloglog", since: "2.8.9" }, [
  {
    name: "pfadd",
    arity: -2,
    syntax: "key [element...]",
    flags: WRITE | DENY_OOM | FAST,
    keys: [1, 1, 1],
    keyUse: "RW insert",
    buildsOn: [1, 1, 1],
    complexity: "O(1) for each element, and O(N) for the N bytes of a value that is not yet dense",
    summary: "Adds elements to a HyperLogLog; creates a missing key.",
    differs:
      "A command that is refused changes nothing; Redis keeps what it added before it met a " +
      "corrupt run.",
    handler: pfadd,
  },
  {
    name: "pfcount",
    arity: -2,
    syntax: "key...",
    flags: READONLY | MAY_REPLICATE,
    keys: [1, -1, 1],
    keyUse: "RW access",
    complexity: "O(1) for one key whose cardinality is known, otherwise O(N) with N registers",
    summary: "Returns the approximate number of elements in one or more HyperLogLogs.",
    handler: pfcount,
  },
  {
    name: "pfmerge",
    arity: -2,
    syntax: "destkey:key sourcekey:key...",
    flags: WRITE | DENY_OOM,
    keys: [1, -1, 1],
    keyUse: [
      ["RW access insert", [1, 1, 1]],
      ["RO access", [2, -1, 1]],
    ],
    buildsOn: [1, -1, 1],
    complexity: "O(N) where N is the number of keys, each with 16,384 registers",
    summary: "Merges HyperLogLogs into one; creates a missing destination.",
    handler: pfmerge,
  },
  {
    name: "pfdebug",
    arity: 3,
    syntax: "subcommand key",
    flags: WRITE | DENY_OOM | ADMIN,
    keys: [2, 2, 1],
    keyUse: "RW access",
    complexity: "O(N) where N is the number of registers",
    summary: "Shows the registers or the representation of a HyperLogLog.",
    handler: pfdebug,
  },
  {
    name: "pfselftest",
    arity: 1,
    flags: ADMIN,
    summary: "Tests the registers and the estimate.",
    differs: "Takes a fraction of Redis's elements, so that no other client notices.",
    handler: pfselftest,
  },
]);
