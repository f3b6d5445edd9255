// Runs lists of commands: pipelines, transactions, and transactions that watch keys. How a
// transaction stays whole is in command-batch.ts.
// Invariant: a list is checked as a whole before anything of it is sent.

import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { checkBag, checkFlag, keysFault, wrongKind } from "../arguments.ts";
import { ConflictError, InvalidArgumentError, MSCacheError } from "../client-errors.ts";
import type { Session } from "../link/own-session.ts";
import type { Requester } from "../routing/request-scope.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Command } from "../wire/command-writer.ts";
import { text } from "../wire/shapes.ts";
import { type ListOptions, listNames, type WatchOptions, watchNames } from "./call-list.ts";
import { anyBytes, anyReply, type Call, callOf, replyOf } from "./command-call.ts";
import type { CommandReply } from "./command-values.ts";

const attemptsDefault = 16;

/** Sends all together, and resolves when the last reply is there. */
export async function runPipeline(
  router: Requester,
  list: unknown,
  options: ListOptions = {},
): Promise<CommandReply[]> {
  const calls = checkedList(list, options);
  const shape = shapeFor(options);
  const toLeader = calls.some(({ isRead }) => !isRead);
  const replies = calls.map(({ words }) =>
    toLeader ? router.write(words, shape) : router.read(words, shape),
  );
  return Promise.all(replies.map((reply) => reply.catch(asResult))) as Promise<CommandReply[]>;
}

export async function runTransaction(
  router: Requester,
  list: unknown,
  options: ListOptions = {},
): Promise<CommandReply[]> {
  const calls = checkedList(list, options);
  const shape = executedShape(options);
  if (calls.length === 0) return [];
  const isRead = calls.every((call) => call.isRead);
  const results = await router.transact(wordsOf(calls), shape, !isRead);
  if (results === null) throw new ConflictError(1); // nothing was watched: not of this client
  return results;
}

export async function runWatch(
  open: () => Promise<Session>,
  keys: unknown,
  attempt: unknown,
  options: WatchOptions = {},
): Promise<CommandReply[] | null> {
  const fault = keysFault(keys);
  if (fault !== null) throw fault;
  if (typeof attempt !== "function") throw wrongKind("attempt", "a function", attempt);
  checkBag("options", options, watchNames);
  const executed = executedShape(options);
  const attempts = attemptsOf(options);
  const single = shapeFor(options);
  const watch: Command = ["WATCH", ...(keys as Command)];
  await using session = await open();
  for (let count = 0; count < attempts; count++) {
    if (watch.length > 1) await session.send(watch, text);
    const list: unknown = await attempt((name: unknown, ...args: unknown[]) => {
      const call = callOf(name, args);
      if (call instanceof InvalidArgumentError) return Promise.reject(call);
      return session.send(call.words, single);
    });
    if (list === null || list === undefined) return null;
    const calls = callsOf(list);
    const results = await session.transact(wordsOf(calls), executed);
    if (results !== null) return results;
  }
  throw new ConflictError(attempts);
}

// --- internal ---

/** The commands of a pipeline or a transaction. Throws if one of them or an option is wrong. */
function checkedList(list: unknown, options: ListOptions): Call[] {
  const calls = callsOf(list);
  checkBag("options", options, listNames);
  return calls;
}

/** Each command as it is sent. Throws what is wrong with the first wrong one. */
function callsOf(list: unknown): Call[] {
  if (!Array.isArray(list)) throw wrongKind("commands", "an array", list);
  return Array.from(list, (words: unknown, i) => {
    if (!Array.isArray(words)) throw wrongKind(`commands[${i}]`, "an array", words);
    const [name, ...args] = words as unknown[];
    const call = callOf(name, args);
    if (!(call instanceof InvalidArgumentError)) return call;
    throw new InvalidArgumentError(`commands[${i}]: ${call.message}`);
  });
}

function wordsOf(calls: readonly Call[]): Command[] {
  return calls.map(({ words }) => words);
}

function shapeFor(options: ListOptions): Shape<CommandReply> {
  checkFlag("bytes", options.bytes);
  return options.bytes === true ? anyBytes : anyReply;
}

/** The reply to EXEC; null: a watched key has changed. */
function executedShape(options: ListOptions): Shape<CommandReply[] | null> {
  const { asBytes } = shapeFor(options);
  return asBytes ? executedBytes : executedTexts;
}

const executedTexts: Shape<CommandReply[] | null> = {
  expected: "the results of a transaction",
  asBytes: false,
  read: (reply: Reply) => (reply === null ? null : arrayOf(reply)),
};
const executedBytes: Shape<CommandReply[] | null> = { ...executedTexts, asBytes: true };

function arrayOf(reply: Reply): CommandReply[] | undefined {
  return Array.isArray(reply) ? reply.map(replyOf) : undefined;
}

function attemptsOf({ attempts = attemptsDefault }: WatchOptions): number {
  if (typeof attempts !== "number") throw wrongKind("attempts", "a number", attempts);
  if (Number.isSafeInteger(attempts) && attempts > 0) return attempts;
  throw new InvalidArgumentError(`attempts must be a whole number of 1 or more, not ${attempts}`);
}

/** An error of the client is a result; a fault of ours is none. */
function asResult(error: unknown): MSCacheError {
  if (error instanceof MSCacheError) return error;
  throw error;
}
