// DUMP and RESTORE: a value as a payload that Redis and Valkey understand, and back. RESTORE serves
// clients and a leader's stream. There the leader has judged already: a key that exists is
// replaced, and a time in the past is kept, as for every command of the stream.
// Invariant: only an intact payload of a string is stored; any other changes nothing.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import {
  ErrorReply,
  errorReply,
  notAnInteger,
  syntaxError,
  valueTooLarge,
} from "../../base/errors.ts";
import { CREATED, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import {
  isIntact,
  lengthOfString,
  payloadType,
  readPayload,
  StringPayload,
} from "../../rdb/dump-payload.ts";
import { RdbError } from "../../rdb/format.ts";
import type { RdbStrings } from "../../rdb/strings.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { erase, findForWrite, isTooLarge, missed, putBytes, writeMoment } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import { readMoment } from "./expiry-time.ts";

function dump(x: Context, request: Request, reply: Reply): void {
  const { store } = x;
  if (!store.read(request.buf, request.start[1], request.end[1], x.now)) {
    missed(x, request, 1);
    return reply.nil();
  }
  const payload = new StringPayload(store, store.valueLength);
  reply.bulkFrom(payload, 0, payload.length);
}

// ---- RESTORE ------------------------------------------------------------------------------------

const busyKey = new ErrorReply("BUSYKEY", "Target key name already exists.");
const invalidTtl = errorReply("Invalid TTL value, must be >= 0");
const notIntact = errorReply("DUMP payload version or checksum are wrong");
const badFormat = errorReply("Bad data format");

export function restore(x: Context, request: Request, reply: Reply): void {
  const options = readOptions(request);
  if (options instanceof ErrorReply) return reply.error(options);
  const replaces = options.replaces || x.session.kind === "leader";
  if (!replaces && findForWrite(x, request, 1)) return reply.error(busyKey);
  const moment = readMoment(request, 2, 1, 0);
  if (moment === NOT_AN_INTEGER) return reply.error(notAnInteger);
  if (moment < 0) return reply.error(invalidTtl);
  const value = payloadOf(x, request);
  if (value instanceof ErrorReply) return reply.error(value);
  const isMoment = moment === 0 || options.isAbsolute;
  store(x, request, value, isMoment ? moment : later(x.now, moment), reply);
  value.release();
}

/** Redis overflows for a time that is very far ahead, and drops the value. */
function later(now: number, ms: number): number {
  return Math.min(now + ms, Number.MAX_SAFE_INTEGER);
}

function store(
  x: Context,
  request: Request,
  value: RdbStrings,
  expiresAt: number,
  reply: Reply,
): void {
  if (value.isTooLong) return reply.error(valueTooLarge);
  if (expiresAt !== 0 && expiresAt <= writeMoment(x)) {
    erase(x, request, 1);
    return reply.ok();
  }
  const { bytes, start, end } = value;
  const kind = event.RESTORE | CREATED;
  if (putBytes(x, request, 1, bytes, start, end, expiresAt, 0, reply, kind)) reply.ok();
}

/**
 * IDLETIME and FREQ are checked and have no effect: an item of this store has neither, and a new
 * one counts as just used.
 */
function readOptions(request: Request): RestoreOptions | ErrorReply {
  const options = { replaces: false, isAbsolute: false };
  let given = "";
  for (let i = 4; i < request.argc; i++) {
    const name = useOption(request, i);
    if (argumentIs(request, i, "REPLACE")) {
      options.replaces = true;
    } else if (argumentIs(request, i, "ABSTTL")) {
      options.isAbsolute = true;
    } else if (name === "" || i + 1 === request.argc || (given !== "" && given !== name)) {
      return syntaxError;
    } else {
      const error = useError(request, ++i, name);
      if (error !== null) return error;
      given = name;
    }
  }
  return options;
}

interface RestoreOptions {
  readonly replaces: boolean;
  readonly isAbsolute: boolean;
}

function useOption(request: Request, index: number): "" | "IDLETIME" | "FREQ" {
  if (argumentIs(request, index, "IDLETIME")) return "IDLETIME";
  return argumentIs(request, index, "FREQ") ? "FREQ" : "";
}

const invalidIdleTime = errorReply("Invalid IDLETIME value, must be >= 0");
const invalidFrequency = errorReply("Invalid FREQ value, must be >= 0 and <= 255");
const frequencyMax = 255;

function useError(request: Request, index: number, name: string): ErrorReply | null {
  const value = readInteger(request.buf, request.start[index], request.end[index]);
  if (value === NOT_AN_INTEGER) return notAnInteger;
  if (name === "IDLETIME") return value < 0 ? invalidIdleTime : null;
  return value < 0 || value > frequencyMax ? invalidFrequency : null;
}

function payloadOf(x: Context, { buf, start, end }: Request): RdbStrings | ErrorReply {
  if (!isIntact(buf, start[3], end[3])) return notIntact;
  const type = payloadType(buf, start[3], end[3]);
  if (type === "unknown") return badFormat;
  if (type !== "string") return otherType(type);
  try {
    return readPayload(buf, start[3], end[3], x.store.valueBytesMax);
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    return badFormat;
  }
}

/** A packed string needs more room than its payload, but a broken payload none. */
function restoreGrowth(x: Context, request: Request): number {
  const { buf, start, end } = request;
  const length = lengthOfString(buf, start[3], end[3]);
  const grows = length > request.length(3) && !isTooLarge(x, request.length(1), length);
  return grows && isIntact(buf, start[3], end[3]) ? length : 0;
}

function otherType(type: string): ErrorReply {
  return errorReply(`the payload is of type ${type}, and MSCache keeps strings only`);
}

// ---- rows ---------------------------------------------------------------------------------------

// GLOBAL, as COPY is: a compressed payload is up to 88 times as long as its request.
const { READONLY, WRITE, DENY_OOM, GLOBAL } = flag;

export const dumpCommands = family({ group: "generic", since: "2.6.0", keys: [1, 1, 1] }, [
  {
    name: "dump",
    arity: 2,
    syntax: "key",
    flags: READONLY,
    complexity: "O(N) where N is the length of the value",
    summary: "Returns the value of a key as a payload for RESTORE, with a checksum.",
    differs: "Writes version 9, uncompressed, which any Redis from 5 on and any Valkey restores.",
    handler: dump,
  },
  {
    name: "restore",
    arity: -4,
    syntax:
      "key ttl:integer serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] " +
      "[IDLETIME seconds:integer@5.0.0] [FREQ frequency:integer@5.0.0]",
    flags: WRITE | DENY_OOM | GLOBAL,
    growth: restoreGrowth,
    keyUse: "OW update",
    categories: ["@keyspace", "@write", "@slow", "@dangerous"],
    complexity: "O(N) where N is the length of the value",
    summary: "Creates a key from a payload that DUMP returned, here or on a Redis or Valkey.",
    differs:
      "Payloads of newer servers are read too; those of other types are refused. IDLETIME and " +
      "FREQ are checked and have no effect. A time of 2^63 ms from now is the last possible " +
      "moment; Redis overflows and drops the value.",
    handler: restore,
  },
]);
