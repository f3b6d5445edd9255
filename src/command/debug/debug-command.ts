// DEBUG: what test suites and tools ask of a server to examine it. Refused unless the node was
// started with --enable-debug-command (gate.ts). It has the subcommands of redis 7.0 that make
// sense for strings, by Redis's words and replies; any other is an unknown one. As in Redis they
// are no commands of their own: rules of users and COMMAND INFO know only DEBUG.

import { errorReply } from "../../base/errors.ts";
import { debugSleepSecondsMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { writtenLengthOf } from "../../rdb/dump-payload.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpLines, wrongSubcommand } from "../core/subcommand-help.ts";
import { encodingOf } from "../generic/object-command.ts";
import { flag } from "../terms/flags.ts";
import { digestOfAll, digestOfValue } from "./digest.ts";
import { populate } from "./populate.ts";
import { replyOfType } from "./reply-types.ts";

type Handler = (x: ControlContext, request: Request, reply: Reply) => void | Promise<void>;

interface Subcommand {
  /** How many arguments it has besides DEBUG and its name, at least and at most. */
  readonly arguments: readonly [min: number, max: number];
  readonly run: Handler;
}

const many = Number.POSITIVE_INFINITY;

const subcommands: Readonly<Record<string, Subcommand>> = {
  "change-repl-id": { arguments: [0, 0], run: changeReplicationId },
  digest: { arguments: [0, 0], run: digest },
  "digest-value": { arguments: [0, many], run: digestValues },
  error: { arguments: [1, 1], run: replyWithError },
  help: { arguments: [0, 0], run: help },
  log: { arguments: [1, 1], run: log },
  object: { arguments: [1, 1], run: describeObject },
  populate: { arguments: [1, 3], run: populate },
  protocol: { arguments: [1, 1], run: replyOfType },
  reload: { arguments: [0, many], run: reload },
  "set-active-expire": { arguments: [1, 1], run: setActiveExpire },
  sleep: { arguments: [1, 1], run: sleep },
};

export const debugCommands = family({ group: "server", since: "1.0.0" }, [
  {
    name: "debug",
    arity: -2,
    flags: flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE | flag.PROTECTED,
    complexity: "Depends on subcommand.",
    summary: "A container for debugging commands.",
    differs:
      "DIGEST, DIGEST-VALUE, OBJECT, POPULATE, PROTOCOL, RELOAD, ERROR, LOG, SLEEP, " +
      "SET-ACTIVE-EXPIRE and CHANGE-REPL-ID, and none that crashes the node; what POPULATE writes goes " +
      "to followers as well, and after RELOAD, which needs a leader, they get all data anew.",
    control: debug,
    subcommands: [],
  },
]);

function debug(x: ControlContext, request: Request, reply: Reply): void | Promise<void> {
  const name = request.text(1).toLowerCase();
  const found = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  const count = request.argc - 2;
  if (found === undefined || count < found.arguments[0] || count > found.arguments[1]) {
    return reply.error(wrongSubcommand("DEBUG", request));
  }
  return found.run(x, request, reply);
}

// ---- data ---------------------------------------------------------------------------------------

function digest(x: ControlContext, _request: Request, reply: Reply): void {
  reply.simple(digestOfAll(x));
}

function digestValues(x: ControlContext, request: Request, reply: Reply): void {
  const { store } = x;
  reply.array(request.argc - 2);
  for (let i = 2; i < request.argc; i++) {
    const { buf, start, end } = request;
    const taken = store.lockShards(store.shardBit(buf, start[i], end[i]));
    const isThere = store.find(buf, start[i], end[i], x.now);
    const text = digestOfValue(isThere ? store : null);
    store.unlockShards(taken);
    reply.simple(text);
  }
}

const noSuchKey = errorReply("no such key");

/** An item has no address of its own, no references and no time of its last use. */
function describeObject(x: ControlContext, request: Request, reply: Reply): void {
  const { store } = x;
  const { buf, start, end } = request;
  const taken = store.lockShards(store.shardBit(buf, start[2], end[2]));
  const isThere = store.find(buf, start[2], end[2], x.now);
  const encoding = isThere ? encodingOf(store) : "";
  const bytes = isThere ? writtenLengthOf(store.valueLength) : 0;
  store.unlockShards(taken);
  if (!isThere) return reply.error(noSuchKey);
  reply.simple(
    `Value at:0x0 refcount:1 encoding:${encoding} serializedlength:${bytes} lru:0 lru_seconds_idle:0`,
  );
}

// ---- the node -----------------------------------------------------------------------------------

const tooLong = errorReply(`DEBUG SLEEP takes at most ${debugSleepSecondsMax} seconds`);

/** What is no number means 0, as strtod() has it. */
function sleep(x: ControlContext, request: Request, reply: Reply): void {
  const seconds = Number.parseFloat(request.text(2)) || 0;
  if (seconds > debugSleepSecondsMax) return reply.error(tooLong);
  x.control.debugging.sleep(Math.max(0, seconds));
  reply.ok();
}

function setActiveExpire(x: ControlContext, request: Request, reply: Reply): void {
  x.control.debugging.setActiveExpire(Number.parseInt(request.text(2), 10) !== 0);
  reply.ok();
}

const wrongReload = errorReply("DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");

async function reload(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const words = new Set<string>();
  for (let i = 2; i < request.argc; i++) words.add(request.text(i).toLowerCase());
  const isKnown = words.isSubsetOf(reloadWords);
  if (!isKnown) return reply.error(wrongReload);
  const problem = await x.control.debugging.reload({
    saves: !words.has("nosave"),
    flushes: !words.has("noflush"),
    merges: words.has("merge"),
  });
  if (problem === null) reply.ok();
  else reply.error(problem);
}

const reloadWords: ReadonlySet<string> = new Set(["merge", "noflush", "nosave"]);

function changeReplicationId(x: ControlContext, _request: Request, reply: Reply): void {
  x.control.debugging.changeReplicationId();
  reply.ok();
}

function log(x: ControlContext, request: Request, reply: Reply): void {
  x.control.debugging.log(request.text(2));
  reply.ok();
}

// ---- replies ------------------------------------------------------------------------------------

const encoder = new TextEncoder();

/** The client's own text, whose first word counts as no code of this program. */
function replyWithError(_x: ControlContext, request: Request, reply: Reply): void {
  const text = request.text(2).replace(/[\r\n]/g, " ");
  reply.error({ code: "ERR", text, bytes: encoder.encode(`-${text}\r\n`) });
}

const helpText = helpLines("DEBUG", [
  "CHANGE-REPL-ID",
  "    Change the replication IDs of the instance.",
  "    Dangerous: should be used only for testing the replication subsystem.",
  "DIGEST",
  "    Output a hex signature representing the current DB content.",
  "DIGEST-VALUE <key> [<key> ...]",
  "    Output a hex signature of the values of all the specified keys.",
  "ERROR <string>",
  "    Return a Redis protocol error with <string> as message. Useful for clients",
  "    unit tests to simulate Redis errors.",
  "LOG <message>",
  "    Write <message> to the server log.",
  "OBJECT <key>",
  "    Show low level info about `key` and associated value.",
  "POPULATE <count> [<prefix>] [<size>]",
  "    Create <count> string keys named key:<num>. If <prefix> is specified then",
  "    it is used instead of the 'key' prefix. Followers get them as well.",
  "PROTOCOL <type>",
  "    Reply with a test value of the specified type. <type> can be: string,",
  "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
  "    true, false.",
  "RELOAD [option ...]",
  "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
  "    * MERGE: conflicting keys will be loaded from RDB.",
  "    * NOFLUSH: the existing database will not be removed before load, but",
  "      conflicting keys are an error.",
  "    * NOSAVE: the database will be loaded from an existing RDB file.",
  "SET-ACTIVE-EXPIRE <0|1>",
  "    Setting it to 0 disables expiring keys in background when they are not",
  "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
  "    default.",
  "SLEEP <seconds>",
  "    Stop the server for <seconds>. Decimals allowed.",
]);

function help(_x: ControlContext, _request: Request, reply: Reply): void {
  reply.array(helpText.length);
  for (const line of helpText) reply.simple(line);
}
