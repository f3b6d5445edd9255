// OBJECT: what tools ask about the representation of one value. A value is stored as its bytes, so
// its encoding is the one that redis 7.0 would choose for them (`object.c`, tryObjectEncoding). No
// subcommand counts as a use of the key.

import { readInteger64 } from "../../base/ascii.ts";
import { errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import type { CommandRow } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { flag } from "../terms/flags.ts";

const subcommands: readonly CommandRow[] = [
  ...family({ group: "generic", arity: 3, syntax: "key", keys: [2, 2, 1], keyUse: "RO" }, [
    {
      name: "object|encoding",
      flags: flag.READONLY,
      since: "2.2.3",
      summary: "Returns how Redis would represent the value: int, embstr or raw.",
      differs:
        "Names the encoding that Redis gives to the bytes when they are set whole, because how a " +
        "value came to be is not kept. After APPEND, Redis says raw.",
      handler: encoding,
    },
    {
      name: "object|freq",
      flags: flag.READONLY,
      since: "4.0.0",
      summary: "Returns how often the key was used lately, from 0 to 3.",
      differs: "0 to 3, the counter by which S3-FIFO evicts; in Redis a logarithm of 0 to 255.",
      handler: freq,
    },
    {
      name: "object|idletime",
      flags: flag.READONLY,
      since: "2.2.3",
      summary: "Refused: no time of the last use is kept.",
      differs:
        "Refused: the time of an item's last use is not kept. While items are evicted, the error is" +
        " Redis's for LFU.",
      handler: idleTime,
    },
    {
      name: "object|refcount",
      flags: flag.READONLY,
      since: "2.2.3",
      summary: "Returns 1: values are not shared.",
      differs: "Always 1: small integers are not shared.",
      handler: refCount,
    },
  ]),
  helpRow("object", "generic", "6.2.0", [
    "ENCODING <key>",
    "    Return how Redis would represent the value of <key>: int, embstr or raw.",
    "FREQ <key>",
    "    Return how often <key> was used lately, from 0 to 3.",
    "IDLETIME <key>",
    "    Refused: no time of the last use is kept.",
    "REFCOUNT <key>",
    "    Return the number of references of the value of <key>, always 1.",
  ]),
];

export const objectCommands = family({ group: "generic", since: "2.2.3" }, [
  {
    name: "object",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for commands about the representation of values.",
    categories: ["@slow"],
    handler: () => undefined,
    subcommands,
  },
]);

function isThere(x: Context, { buf, start, end }: Request): boolean {
  return x.store.find(buf, start[2], end[2], x.now);
}

function encoding(x: Context, request: Request, reply: Reply): void {
  if (isThere(x, request)) reply.text(encodingOf(x.store));
  else reply.nil();
}

/** The longest value that Redis stores in one piece with its object. */
const embeddedBytesMax = 44;
const integerBytesMax = 20;
const scratch = new Uint8Array(integerBytesMax);

/** Redis 7.0's choice for the current item when it is set as a whole. */
export function encodingOf(store: Store): string {
  const length = store.valueLength;
  if (length > embeddedBytesMax) return "raw";
  if (length > integerBytesMax) return "embstr";
  store.copyTo(scratch, 0, 0, length);
  return readInteger64(scratch, 0, length) === null ? "embstr" : "int";
}

const usesUnknown = errorReply(
  "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when " +
    "switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

function freq(x: Context, request: Request, reply: Reply): void {
  const facts = x.store.facts(request.buf, request.start[2], request.end[2], x.now);
  if (facts === null) reply.nil();
  else if (facts.usesMatter) reply.integer(facts.uses);
  else reply.error(usesUnknown);
}

/** Redis's words, which tools know; they are true of either policy, as neither keeps a time. */
const idleTimeUnknown = errorReply(
  "An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching " +
    "between policies at runtime LRU and LFU data will take some time to adjust.",
);
const idleTimeNeverKept = errorReply("idle time not tracked: items keep no time of their last use");

function idleTime(x: Context, request: Request, reply: Reply): void {
  const facts = x.store.facts(request.buf, request.start[2], request.end[2], x.now);
  if (facts === null) reply.nil();
  else reply.error(facts.usesMatter ? idleTimeUnknown : idleTimeNeverKept);
}

function refCount(x: Context, request: Request, reply: Reply): void {
  if (isThere(x, request)) reply.integer(1);
  else reply.nil();
}
