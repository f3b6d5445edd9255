// FUNCTION: the libraries of the node. Replies and texts are those of redis 7.0 `functions.c`. The
// libraries belong to the node, so all but KILL run where they are. What changes them is recorded
// in absolute terms: a library that is loaded replaces its namesake, so that it may arrive twice.

import { latin1, latin1Bytes } from "../../base/bytes.ts";
import { busyScript, type ErrorReply, errorReply, patternTooComplex } from "../../base/errors.ts";
import { compileGlob, type Glob } from "../../base/glob.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { isIntact } from "../../rdb/dump-payload.ts";
import { RdbError } from "../../rdb/format.ts";
import { libraryPayload, notFunction, readLibraryPayload } from "../../rdb/library-payload.ts";
import type { ChannelContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import type { Library, LibraryFunction } from "../core/script-record.ts";
import { helpRow, wrongSubcommand } from "../core/subcommand-help.ts";
import { argumentIs } from "../core/words.ts";
import { killer } from "../script/script.ts";
import { flag } from "../terms/flags.ts";
import type { RunningScript } from "../terms/late-reply.ts";
import { readHeader } from "./library-header.ts";

const { NO_SCRIPT, WRITE, DENY_OOM, ALLOW_BUSY, LONG } = flag;
/** Loading may take half a second, and needs no key: no lock is held meanwhile. */
const loads = NO_SCRIPT | WRITE | DENY_OOM | LONG;

const subcommands = family({ group: "scripting", since: "7.0.0" }, [
  {
    name: "function|delete",
    arity: 3,
    syntax: "library-name",
    flags: NO_SCRIPT | WRITE,
    everyDatabase: true,
    summary: "Deletes a library and its functions.",
    global: remove,
  },
  {
    name: "function|flush",
    arity: -2,
    syntax: "[async=(ASYNC | SYNC)]",
    flags: NO_SCRIPT | WRITE,
    everyDatabase: true,
    complexity: "O(N) where N is the number of functions deleted",
    summary: "Deletes all libraries.",
    global: flush,
  },
  {
    name: "function|list",
    arity: -2,
    syntax: "[LIBRARYNAME library-name-pattern] [WITHCODE]",
    flags: NO_SCRIPT,
    complexity: "O(N) where N is the number of functions",
    summary: "Lists the libraries and their functions.",
    global: list,
  },
  {
    name: "function|restore",
    arity: -3,
    syntax: "serialized-value [policy=(FLUSH | APPEND | REPLACE)]",
    flags: loads,
    everyDatabase: true,
    complexity: "O(N) where N is the number of functions on the payload",
    summary: "Loads the libraries of a payload that FUNCTION DUMP has made.",
    global: restore,
  },
  {
    name: "function|load",
    arity: -3,
    syntax: "[REPLACE] function-code",
    flags: loads,
    everyDatabase: true,
    complexity: "O(1) (considering compilation time is redundant)",
    summary: "Loads a library of functions.",
    global: load,
  },
  helpRow("function", "scripting", "7.0.0", [
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Create a new library with the given library name and code.",
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries:",
    "    * Library name",
    "    * The engine used to run the Library",
    "    * Library description",
    "    * Functions list",
    "    * Library code (if WITHCODE is given)",
    "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
    "STATS",
    "    Return information about the current function running:",
    "    * Function name",
    "    * Command used to run the function",
    "    * Duration in MS that the function is running",
    "    If no function is running, return nil",
    "    In addition, returns a list of available engines.",
    "KILL",
    "    Kill the current running function.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the libraries.",
    "    * SYNC: Synchronously flush the libraries.",
    "DUMP",
    "    Return a serialized payload representing the current libraries, can be restored using " +
      "FUNCTION RESTORE command",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Restore the libraries represented by the given payload, it is possible to give a restore " +
      "policy to",
    "    control how to handle existing libraries (default APPEND):",
    "    * FLUSH: delete all existing libraries.",
    "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
    "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace " +
      "the old",
    "      libraries with the new libraries (notice that even on this option there is a chance of " +
      "failure",
    "      in case of functions name collision with another library).",
  ]),
  {
    name: "function|kill",
    arity: 2,
    flags: NO_SCRIPT | ALLOW_BUSY,
    summary: "Ends the function that is running, unless it has written.",
    handler: killer(true),
  },
  {
    name: "function|dump",
    arity: 2,
    flags: NO_SCRIPT,
    complexity: "O(N) where N is the number of functions",
    summary: "Returns all libraries as a payload for FUNCTION RESTORE.",
    global: dump,
  },
  {
    name: "function|stats",
    arity: 2,
    flags: NO_SCRIPT | ALLOW_BUSY,
    summary: "Tells which function is running, and how many libraries and functions there are.",
    global: stats,
  },
]);

export const functionCommands = family({ group: "scripting", since: "7.0.0" }, [
  {
    name: "function",
    arity: -2,
    flags: 0,
    categories: ["@slow"],
    complexity: "Depends on subcommand.",
    summary: "A container for function commands.",
    handler: () => undefined,
    subcommands,
  },
]);

const notFound = errorReply("Library not found");
const wrongMode = errorReply("FUNCTION FLUSH only supports SYNC|ASYNC option");
const noPattern = errorReply("library name argument was not given");
const wrongPolicy = errorReply(
  "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
);
const notIntact = errorReply("DUMP payload version or checksum are wrong");
const noType = errorReply(notFunction);
const brokenPayload = errorReply("failed loading the given functions payload");

const word = {
  function: latin1Bytes("FUNCTION"),
  load: latin1Bytes("LOAD"),
  delete: latin1Bytes("DELETE"),
  flush: latin1Bytes("FLUSH"),
  restore: latin1Bytes("RESTORE"),
  replace: latin1Bytes("REPLACE"),
} as const;

// ---- changes ------------------------------------------------------------------------------------

function load(x: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end, argc } = request;
  const last = argc - 1;
  let replaces = false;
  for (let i = 2; i < last; i++) {
    if (!argumentIs(request, i, "REPLACE")) {
      return reply.error(errorReply(`Unknown option given: ${request.echo(i)}`));
    }
    replaces = true;
  }
  const text = buf.subarray(start[last], end[last]);
  const isFromLeader = x.session.kind === "leader";
  const outcome = x.libraries.load(text, replaces || isFromLeader);
  if (typeof outcome !== "string") {
    if (isFromLeader) forget(x, text); // the leader no longer has the old one
    return reply.error(outcome);
  }
  x.effects.command([word.function, word.load, word.replace, text]);
  reply.text(outcome);
}

function forget({ libraries }: ChannelContext, text: Uint8Array): void {
  const header = readHeader(text);
  if (typeof header !== "string") libraries.delete(header.name);
}

function remove(x: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  // What a leader has deleted may have gone with a snapshot already.
  const isGone = x.libraries.delete(latin1(buf, start[2], end[2]));
  if (!isGone && x.session.kind !== "leader") return reply.error(notFound);
  x.effects.command([word.function, word.delete, buf.subarray(start[2], end[2])]);
  reply.ok();
}

function flush(x: ChannelContext, request: Request, reply: Reply): void {
  if (request.argc > 3) return reply.error(wrongSubcommand("FUNCTION", request));
  const isMode = argumentIs(request, 2, "SYNC") || argumentIs(request, 2, "ASYNC");
  if (request.argc === 3 && !isMode) return reply.error(wrongMode);
  x.libraries.clear();
  x.effects.command([word.function, word.flush]);
  reply.ok();
}

function restore(x: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end, argc } = request;
  if (argc > 4) return reply.error(wrongSubcommand("FUNCTION", request));
  const policy = policyOf(request);
  if (policy === null) return reply.error(wrongPolicy);
  if (!isIntact(buf, start[2], end[2])) return reply.error(notIntact);
  const texts = textsOf(buf, start[2], end[2]);
  if (!Array.isArray(texts)) return reply.error(texts as ErrorReply);
  const isRepeated = policy === "append" && x.session.kind === "leader";
  const refusal = x.libraries.restore(texts, isRepeated ? "replace" : policy);
  if (refusal !== null) return reply.error(refusal);
  const effect = policy === "flush" ? word.flush : word.replace;
  x.effects.command([word.function, word.restore, buf.subarray(start[2], end[2]), effect]);
  reply.ok();
}

function policyOf(request: Request): "flush" | "append" | "replace" | null {
  if (request.argc === 3 || argumentIs(request, 3, "APPEND")) return "append";
  if (argumentIs(request, 3, "REPLACE")) return "replace";
  return argumentIs(request, 3, "FLUSH") ? "flush" : null;
}

function textsOf(buf: Uint8Array, start: number, end: number): readonly Uint8Array[] | ErrorReply {
  try {
    return readLibraryPayload(buf, start, end);
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    return error.message.includes(notFunction) ? noType : brokenPayload;
  }
}

// ---- reports ------------------------------------------------------------------------------------

function dump({ libraries }: ChannelContext, _request: Request, reply: Reply): void {
  const payload = libraryPayload(libraries.texts());
  reply.bulk(payload, 0, payload.length);
}

function list({ libraries }: ChannelContext, request: Request, reply: Reply): void {
  let pattern: Glob | null = null;
  let hasCode = false;
  for (let i = 2; i < request.argc; i++) {
    if (!hasCode && argumentIs(request, i, "WITHCODE")) {
      hasCode = true;
    } else if (pattern === null && argumentIs(request, i, "LIBRARYNAME")) {
      if (++i === request.argc) return reply.error(noPattern);
      const bytes = latin1Bytes(request.text(i).toLowerCase());
      pattern = compileGlob(bytes, 0, bytes.length);
      if (pattern === null) return reply.error(patternTooComplex);
    } else return reply.error(errorReply(`Unknown argument ${request.echo(i)}`));
  }
  const listed = libraries.all().filter(({ name }) => pattern === null || fits(pattern, name));
  reply.array(listed.length);
  for (const library of listed) describe(library, hasCode, reply);
}

function fits(pattern: Glob, name: string): boolean {
  const bytes = latin1Bytes(name.toLowerCase());
  return pattern.matches(bytes, 0, bytes.length);
}

function describe({ name, functions, text }: Library, hasCode: boolean, reply: Reply): void {
  reply.map(hasCode ? 4 : 3);
  reply.text("library_name");
  reply.text(name);
  reply.text("engine");
  reply.text("LUA");
  reply.text("functions");
  reply.array(functions.length);
  for (const it of functions) describeFunction(it, reply);
  if (!hasCode) return;
  reply.text("library_code");
  reply.bulk(text, 0, text.length);
}

function describeFunction({ sha, description, stated }: LibraryFunction, reply: Reply): void {
  reply.map(3);
  reply.text("name");
  reply.text(sha);
  reply.text("description");
  if (description === null) reply.nil();
  else reply.bulk(description, 0, description.length);
  reply.text("flags");
  reply.set(stated.length);
  for (const name of stated) reply.simple(name);
}

function describeRunning(running: RunningScript | null, reply: Reply): void {
  if (running === null) return reply.nil();
  const { buf, start, end, argc } = running.request;
  reply.map(3);
  reply.text("name");
  reply.text(running.name);
  reply.text("command");
  reply.array(argc);
  for (let i = 0; i < argc; i++) reply.bulk(buf, start[i], end[i]);
  reply.text("duration_ms");
  reply.integer(Math.floor(running.ms));
}

function stats(x: ChannelContext, _request: Request, reply: Reply): void {
  const { libraries, standing } = x;
  if (standing.isBusy && !standing.script.isFunction) return reply.error(busyScript);
  reply.map(2);
  reply.text("running_script");
  describeRunning(libraries.suspended, reply);
  reply.text("engines");
  reply.map(1);
  reply.text("LUA");
  reply.map(2);
  reply.text("libraries_count");
  reply.integer(libraries.libraryCount);
  reply.text("functions_count");
  reply.integer(libraries.functionCount);
}
