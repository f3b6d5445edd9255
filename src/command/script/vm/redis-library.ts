// The table `redis` of a script: what redis 7.0 has in `script_lua.c` and `eval.c`, without
// `breakpoint` and `debug`, as there is no debugger. call.ts runs commands.

import { globalsIndex, type } from "../../../lua/exports.ts";
import type { Lua } from "../../../lua/lua.ts";
import { cText, toInt } from "../../../lua/lua-arguments.ts";
import { findFrom } from "../../core/registry.ts";
import type { ScriptCalls } from "./call.ts";
import { pushError } from "./lua-reply.ts";
import type { ResultWriter } from "./result.ts";
import { ScriptArguments } from "./script-arguments.ts";
import type { ScriptRun } from "./script-run.ts";

/** What the library needs beside the VM. */
export interface LibraryHost {
  readonly current: ScriptRun;
  readonly calls: ScriptCalls;
  readonly results: ResultWriter;
  /** A line for the log of the node, of a level of redis.LOG_*. */
  log(level: number, text: string): void;
}

const logLevels = { LOG_DEBUG: 0, LOG_VERBOSE: 1, LOG_NOTICE: 2, LOG_WARNING: 3 } as const;
const allReplication = 3;
const replication: readonly (readonly [string, number])[] = [
  ["REPL_NONE", 0],
  ["REPL_AOF", 1],
  ["REPL_SLAVE", 2],
  ["REPL_REPLICA", 2],
  ["REPL_ALL", allReplication],
];
const version = { text: "7.0.15", number: 0x07_00_0f };

/** The same for functions: what EVAL alone has is missing. */
export function installRedisForFunctions(lua: Lua, host: LibraryHost): void {
  const { api, main } = lua;
  installRedis(lua, host);
  api.lua_getfield(main, globalsIndex, lua.name("redis"));
  api.lua_pushnil(main);
  api.lua_setfield(main, -2, lua.name("replicate_commands"));
  api.lua_settop(main, -2);
}

export function installRedis(lua: Lua, host: LibraryHost): void {
  const { api, main } = lua;
  const { calls } = host;
  api.lua_createtable(main, 0, 32);
  lua.setFunction(main, "call", (l) => calls.call(l, true));
  lua.setFunction(main, "pcall", (l) => calls.call(l, false));
  lua.setFunction(main, "error_reply", (l) => errorReply(lua, l));
  lua.setFunction(main, "status_reply", (l) => statusReply(lua, l));
  lua.setFunction(main, "sha1hex", (l) => sha1hex(lua, l));
  addLogAndVersion(lua, host);
  lua.setFunction(main, "setresp", (l) => setResp(lua, l, host));
  lua.setFunction(main, "set_repl", (l) => setReplication(lua, l));
  lua.setFunction(main, "replicate_commands", (l) => {
    api.lua_pushboolean(l, 1);
    return 1;
  });
  const tested = new ScriptArguments();
  lua.setFunction(main, "acl_check_cmd", (l) => aclCheck(lua, l, host, tested));
  for (const [name, value] of replication) setNumber(lua, name, value);
  api.lua_setfield(main, globalsIndex, lua.name("redis"));
}

/** Adds to the table on the top of the stack what there is also while a library is loaded. */
export function addLogAndVersion(lua: Lua, host: Pick<LibraryHost, "log">): void {
  const { api, main } = lua;
  lua.setFunction(main, "log", (l) => log(lua, l, host));
  for (const [name, value] of Object.entries(logLevels)) setNumber(lua, name, value);
  setNumber(lua, "REDIS_VERSION_NUM", version.number);
  lua.pushText(main, version.text);
  api.lua_setfield(main, -2, lua.name("REDIS_VERSION"));
}

function setNumber(lua: Lua, name: string, value: number): void {
  lua.api.lua_pushnumber(lua.main, value);
  lua.api.lua_setfield(lua.main, -2, lua.name(name));
}

/** Raises an error as Redis does: a table, to which the handler adds the position. */
export function raise(lua: Lua, l: number, text: string): never {
  pushText(lua, l, `ERR ${text}`);
  return lua.raise(l);
}

/** An error that is not counted yet, as a table. */
function pushText(lua: Lua, l: number, text: string): void {
  lua.api.lua_createtable(l, 0, 1);
  lua.pushText(l, text);
  lua.api.lua_setfield(l, -2, lua.name("err"));
}

// ---- replies ------------------------------------------------------------------------------------

/** As Redis, it returns this error and does not raise it. */
const wrongArguments = "ERR wrong number or type of arguments";

function hasOneString(lua: Lua, l: number): boolean {
  return lua.api.lua_gettop(l) === 1 && lua.api.lua_type(l, 1) === type.STRING;
}

function errorReply(lua: Lua, l: number): number {
  if (!hasOneString(lua, l)) {
    pushText(lua, l, wrongArguments);
    return 1;
  }
  pushText(lua, l, withCode(cText(lua.text(l, 1))));
  return 1;
}

/** The first of several words is the code; a single word has the code ERR. */
function withCode(text: string): string {
  const line = text.startsWith("-") ? text.slice(1) : text;
  const space = line.indexOf(" ");
  const code = space < 0 ? "ERR" : line.slice(0, space);
  const rest = space < 0 ? line : line.slice(space + 1);
  return `${code} ${rest.replace(/^[\r\n]+|[\r\n]+$/g, "")}`;
}

function statusReply(lua: Lua, l: number): number {
  if (!hasOneString(lua, l)) {
    pushText(lua, l, wrongArguments);
    return 1;
  }
  lua.api.lua_createtable(l, 0, 1);
  lua.api.lua_pushvalue(l, 1);
  lua.api.lua_setfield(l, -2, lua.name("ok"));
  return 1;
}

// ---- the rest -----------------------------------------------------------------------------------

function sha1hex(lua: Lua, l: number): number {
  if (lua.api.lua_gettop(l) !== 1) return raise(lua, l, "wrong number of arguments");
  lua.readString(l, 1);
  lua.pushText(l, sha1Of(lua.bytes.subarray(lua.at, lua.at + lua.length)));
  return 1;
}

export function sha1Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha1").update(bytes).digest("hex");
}

function log(lua: Lua, l: number, host: Pick<LibraryHost, "log">): number {
  const { api } = lua;
  const count = api.lua_gettop(l);
  if (count < 2) return raise(lua, l, "redis.log() requires two arguments or more.");
  if (api.lua_isnumber(l, 1) === 0) {
    return raise(lua, l, "First argument must be a number (log level).");
  }
  const level = toInt(api.lua_tonumber(l, 1));
  if (level < logLevels.LOG_DEBUG || level > logLevels.LOG_WARNING) {
    return raise(lua, l, "Invalid debug level.");
  }
  const words: string[] = [];
  for (let i = 2; i <= count; i++) {
    if (api.lua_isstring(l, i) !== 0) words.push(lua.text(l, i));
  }
  host.log(level, words.join(" "));
  return 0;
}

function setResp(lua: Lua, l: number, { calls, results }: LibraryHost): number {
  if (lua.api.lua_gettop(l) !== 1) return raise(lua, l, "redis.setresp() requires one argument.");
  const asked = toInt(lua.api.lua_tonumber(l, 1));
  if (asked !== 2 && asked !== 3) return raise(lua, l, "RESP version must be 2 or 3.");
  calls.reply.resp3 = asked === 3;
  results.resp3 = asked === 3;
  return 0;
}

/** A script that keeps its effects from followers would make them differ, so it is not obeyed. */
function setReplication(lua: Lua, l: number): number {
  if (lua.api.lua_gettop(l) !== 1) {
    return raise(lua, l, "redis.set_repl() requires two arguments.");
  }
  const flags = toInt(lua.api.lua_tonumber(l, 1));
  if ((flags & ~allReplication) !== 0) {
    const names = "REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE";
    return raise(lua, l, `Invalid replication flags. Use ${names}.`);
  }
  return 0;
}

function aclCheck(lua: Lua, l: number, host: LibraryHost, tested: ScriptArguments): number {
  const { api } = lua;
  const count = api.lua_gettop(l);
  if (count === 0) {
    pushError(
      lua,
      l,
      Buffer.from("ERR Please specify at least one argument for this redis lib call"),
    );
    return lua.raise(l);
  }
  if (!tested.read(lua, l, count)) {
    return raise(lua, l, "Lua redis lib command arguments must be strings or integers");
  }
  const command = findFrom(tested.request, 0);
  if (command === undefined) {
    return raise(lua, l, "Invalid command passed to redis.acl_check_cmd()");
  }
  const { session, standing } = host.current.context;
  const isAllowed =
    session.isTrusted || standing.access.mayRun(session.user, command, tested.request);
  api.lua_pushboolean(l, isAllowed ? 1 : 0);
  return 1;
}
