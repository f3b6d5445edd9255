// SLOWLOG: the commands that took long, of all data threads. Replies and error texts are those of
// redis 7.0 `slowlog.c`; timing/slow-log.ts keeps the entries.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpRow, wrongSubcommand } from "../core/subcommand-help.ts";
import { flag } from "../terms/flags.ts";
import type { SlowEntry } from "../timing/slow-log.ts";

const flags = flag.ADMIN | flag.LOADING | flag.STALE;

const subcommands = family({ group: "server", since: "2.2.12", flags, arity: 2 }, [
  {
    name: "slowlog|get",
    arity: -2,
    syntax: "[count:integer]",
    complexity: "O(N) where N is the number of entries returned",
    summary: "Returns the newest entries of the slow log.",
    differs:
      "In a transaction or a script, commands that are always fast, such as GET, have no entries of" +
      " their own, even if slowlog-log-slower-than is 0. With several data threads, a script that" +
      " calls GET or LEN gets an error, because it cannot wait for the entries of the others.",
    control: get,
    inScript: getNow,
  },
  {
    name: "slowlog|len",
    summary: "Returns the number of entries in the slow log.",
    control: length,
    inScript: lengthNow,
  },
  {
    name: "slowlog|reset",
    complexity: "O(N) where N is the number of entries in the slow log",
    summary: "Removes all entries from the slow log.",
    control: reset,
    inScript: reset,
  },
  helpRow("slowlog", "server", "6.2.0", [
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
  ]),
]);

export const slowLogCommands = family({ group: "server", since: "2.2.12" }, [
  {
    name: "slowlog",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for slow log commands.",
    handler: () => undefined,
    subcommands,
  },
]);

const defaultCount = 10;
const badCount = errorReply("count should be greater than or equal to -1");

const inOtherThreads = errorReply(
  "With several data threads, a script cannot read the slow log: the others have entries as well",
);

async function get(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const most = readCount(request, reply);
  if (most >= 0) answerEntries(await x.control.timings.slowLog(most), reply);
}

function getNow(x: ControlContext, request: Request, reply: Reply): void {
  const most = readCount(request, reply);
  if (most < 0) return;
  const entries = x.control.timings.slowLogNow(most);
  if (entries === null) reply.error(inOtherThreads);
  else answerEntries(entries, reply);
}

/** The most entries that are wanted; -1 after an error reply. */
function readCount(request: Request, reply: Reply): number {
  if (request.argc === 2) return defaultCount;
  const isOne = request.argc === 3;
  const count = isOne ? readInteger(request.buf, request.start[2], request.end[2]) : 0;
  if (isOne && count !== NOT_AN_INTEGER && count >= -1) {
    return count < 0 ? Number.POSITIVE_INFINITY : count;
  }
  reply.error(isOne ? badCount : wrongSubcommand("SLOWLOG", request));
  return -1;
}

async function length(x: ControlContext, _request: Request, reply: Reply): Promise<void> {
  reply.integer(await x.control.timings.slowLogLength());
}

function lengthNow(x: ControlContext, _request: Request, reply: Reply): void {
  const count = x.control.timings.slowLogLengthNow();
  if (count === null) reply.error(inOtherThreads);
  else reply.integer(count);
}

function answerEntries(entries: readonly SlowEntry[], reply: Reply): void {
  reply.array(entries.length);
  for (const entry of entries) answerEntry(entry, reply);
}

function answerEntry(entry: SlowEntry, reply: Reply): void {
  reply.array(6);
  reply.integer(entry.id);
  reply.integer(entry.atSeconds);
  reply.integer(entry.usec);
  reply.array(entry.args.length);
  for (const arg of entry.args) answerBytes(arg, reply);
  reply.text(entry.address);
  reply.text(entry.clientName);
}

function answerBytes(text: string, reply: Reply): void {
  const bytes = Buffer.from(text, "latin1");
  reply.bulk(bytes, 0, bytes.length);
}

function reset(x: ControlContext, _request: Request, reply: Reply): void {
  x.control.timings.resetSlowLog();
  reply.ok();
}
