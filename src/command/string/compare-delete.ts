// DIGEST, and deletions on a condition: DELEX (Redis 8.4) and DELIFEQ (Valkey 9.0), with which a
// lock is released by its owner in one step. Replies and errors by the specification and the tests
// of those versions; value-condition.ts compares. In a leader's stream the condition counts as met
// (stream/stream-keys.ts).

import { errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { erase, findForWrite, missed } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import { valueConditionAt } from "./set-options.ts";
import { digestOf, equals, meets } from "./value-condition.ts";

const delexArity = errorReply("wrong number of arguments for 'delex' command");
const invalidCondition = errorReply("Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");

function delex(x: Context, request: Request, reply: Reply): void {
  if (request.argc === 2) return reply.integer(erase(x, request, 1) ? 1 : 0);
  if (request.argc !== 4) return reply.error(delexArity);
  // As in Redis, the condition is looked at only if there is something to delete.
  if (!findForWrite(x, request, 1)) return reply.integer(0);
  const condition = valueConditionAt(request, 2);
  if (condition === 0) return reply.error(invalidCondition);
  const met = meets(x.store, condition, request, 3);
  if (typeof met !== "boolean") return reply.error(met);
  if (met) erase(x, request, 1);
  reply.integer(met ? 1 : 0);
}

function delifeq(x: Context, request: Request, reply: Reply): void {
  const met = findForWrite(x, request, 1) && equals(x.store, request, 2);
  if (met) erase(x, request, 1);
  reply.integer(met ? 1 : 0);
}

function digest(x: Context, request: Request, reply: Reply): void {
  const found = x.store.read(request.buf, request.start[1], request.end[1], x.now);
  if (found) return reply.text(digestOf(x.store));
  missed(x, request, 1);
  reply.nil();
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, FAST } = flag;

export const compareDeleteCommands = family({ group: "string", keys: [1, 1, 1] }, [
  {
    name: "delex",
    arity: -2,
    syntax:
      "key [condition=(IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | " +
      "IFDNE ifdne-digest)]",
    flags: WRITE | FAST,
    keyUse: "RW delete variable_flags",
    since: "8.4.0",
    complexity: "O(N) where N is the length of the value, if it is compared, otherwise O(1)",
    summary: "Deletes a key, optionally if its value or its digest equals another or does not.",
    differs: "Of Redis 8.4. The condition is not checked if the key is missing.",
    handler: delex,
  },
  {
    name: "delifeq",
    arity: 3,
    syntax: "key value",
    flags: WRITE,
    keyUse: "RM access delete",
    since: "9.0.0", // of Valkey
    complexity: "O(N) where N is the length of the value",
    summary: "Deletes a key if it has this value.",
    differs: "Of Valkey 9.0.",
    handler: delifeq,
  },
  {
    name: "digest",
    arity: 2,
    syntax: "key",
    flags: READONLY | FAST,
    since: "8.4.0",
    complexity: "O(N) where N is the length of the value",
    summary: "Returns the digest of a value, 64 bits of XXH3 in hexadecimal.",
    differs: "Of Redis 8.4: 64 bits of XXH3, 16 digits in lower case.",
    handler: digest,
  },
]);
