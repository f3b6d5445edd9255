// What a script of Redis 7.0 finds in its environment, beyond what the libraries are: which of
// Lua's globals are missing, that no global and no library can be changed, and `pcall`, `load` and
// `loadstring` as Redis has them.
// Invariant: after protectGlobals() the host reaches the globals only through what it returns.

import { globalsIndex, registryIndex, status, type as typeOf } from "./exports.ts";
import { refusesToCompile } from "./large-values.ts";
import { compiledMark, type Lua } from "./lua.ts";
import { badArgument, isNone } from "./lua-arguments.ts";
import { ReadOnlyTables } from "./read-only.ts";
import { handledCalls, protectedCalls } from "./shims.ts";
import { type HostFunction, wrap } from "./wrapping.ts";

/** Globals of Lua that scripts do not have. */
const missing = ["print", "loadfile", "dofile", "getfenv", "setfenv", "newproxy", "require"];

/** The tables among the globals that scripts cannot change, beside `string`. */
const protectedTables = [
  ...["table", "math", "coroutine"],
  ...["bit", "cjson", "cmsgpack", "struct", "redis"],
];

/** Removes what scripts do not have, and replaces functions of Lua by those of Redis. */
export function installBase(lua: Lua, l: number): void {
  const { api } = lua;
  api.lua_pushvalue(l, globalsIndex);
  for (const name of missing) {
    api.lua_pushnil(l);
    api.lua_setfield(l, -2, lua.name(name));
  }
  setProtectedCalls(lua, l);
  wrap(lua, l, "loadstring", (original) => {
    lua.setFunction(l, "load", (state) => load(lua, state, original));
    return (state) => loadString(lua, state, original);
  });
  api.lua_settop(l, -2);
  nameNull(lua, l);
  timeCoroutines(lua, l);
}

/** Each coroutine counts its own instructions, so the time of the script is looked at here, too. */
function timeCoroutines(lua: Lua, l: number): void {
  const { api } = lua;
  api.lua_getfield(l, globalsIndex, lua.name("coroutine"));
  for (const name of ["create", "wrap"]) {
    wrap(lua, l, name, (original) => (state) => {
      lua.checkTime(state);
      return original(state);
    });
  }
  api.lua_settop(l, -2);
}

/**
 * Protects the globals and the libraries. To be called when all of them are there. Returns where
 * the registry has the table in which the host sets globals of a script, as KEYS: those, a script
 * cannot replace either.
 */
export function protectGlobals(
  lua: Lua,
  open?: (lua: Lua, tables: ReadOnlyTables) => void,
): number {
  const { api, main: l } = lua;
  const tables = new ReadOnlyTables(lua);
  tables.guardFunctions(l);
  showStringMetatable(lua, l, tables);
  for (const name of protectedTables) {
    api.lua_getfield(l, globalsIndex, lua.name(name));
    if (api.lua_type(l, -1) === typeOf.TABLE) {
      tables.protect(l);
      api.lua_setfield(l, globalsIndex, lua.name(name));
    } else api.lua_settop(l, -2);
  }
  open?.(lua, tables);
  return protectGlobalTable(lua, l, tables);
}

/** A missing global is an error; a local, a field of a table and rawget() are not concerned. */
function protectGlobalTable(lua: Lua, l: number, tables: ReadOnlyTables): number {
  const { api } = lua;
  pushStrictness(lua, l);
  api.lua_pushvalue(l, globalsIndex);
  api.lua_pushvalue(l, -2);
  api.lua_setmetatable(l, -2);
  api.lua_pushvalue(l, -1);
  const real = api.luaL_ref(l, registryIndex);
  api.lua_pushvalue(l, -1);
  tables.protect(l);
  // _G is what a script sees, too.
  api.lua_pushvalue(l, -1);
  api.lua_setfield(l, -3, lua.name("_G"));
  api.lua_pushvalue(l, -3);
  tables.protect(l);
  tables.showMetatable(l);
  api.lua_replace(l, globalsIndex);
  api.lua_settop(l, 0);
  return real;
}

/** Pushes a metatable with which a missing field is an error, as a missing global. */
export function pushStrictness(lua: Lua, l: number): void {
  lua.api.lua_createtable(l, 0, 1);
  lua.setFunction(l, "__index", (state) => refuseMissing(lua, state));
}

function refuseMissing(lua: Lua, l: number): number {
  const { api } = lua;
  const kind = api.lua_type(l, 2);
  if (kind !== typeOf.STRING && kind !== typeOf.NUMBER) {
    const text = "Second argument to luaProtectedTableError must be a string or number";
    return lua.raiseAt(l, text);
  }
  const name = lua.text(l, 2).replace(/\0.*$/s, "");
  return lua.raiseAt(l, `Script attempted to access nonexistent global variable '${name}'`);
}

/** Protects `string`. Strings still find their methods in the real table, at once. */
function showStringMetatable(lua: Lua, l: number, tables: ReadOnlyTables): void {
  const { api } = lua;
  api.lua_getfield(l, globalsIndex, lua.name("string"));
  tables.protect(l);
  api.lua_createtable(l, 0, 1);
  api.lua_pushvalue(l, -2);
  api.lua_setfield(l, -2, lua.name("__index"));
  tables.protect(l);
  tables.showStringMetatable(l);
  api.lua_setfield(l, globalsIndex, lua.name("string"));
}

/** cjson.null as a text: the C library of the VM would write its address as `0`. */
function nameNull(lua: Lua, l: number): void {
  const { api } = lua;
  api.lua_pushlightuserdata(l, 0);
  api.lua_createtable(l, 0, 1);
  lua.setFunction(l, "__tostring", (state) => {
    lua.pushText(state, "userdata: (nil)");
    return 1;
  });
  api.lua_setmetatable(l, -2);
  api.lua_settop(l, -2);
}

// ---- functions ----------------------------------------------------------------------------------

/** pcall() and xpcall(), within which a script can be suspended. */
function setProtectedCalls(lua: Lua, l: number): void {
  const { api } = lua;
  const noFunction = (state: number) => badArgument(lua, state, 1, "value expected");
  const pcall = protectedCalls(api, noFunction, (state) => failedCall(lua, state));
  lua.setFunction(l, "pcall", pcall);
  const two = (state: number) => {
    if (api.lua_gettop(state) < 2) badArgument(lua, state, 2, "value expected");
    api.lua_settop(state, 2);
    return 0;
  };
  const done = (state: number) => handled(lua, state, true);
  const failed = (state: number) => callHandler(lua, state);
  lua.setFunction(l, "xpcall", handledCalls(api, two, done, failed));
}

/** pcall() of Redis: of an error that is a table with a text `err`, it gives the text. */
function failedCall(lua: Lua, l: number): number {
  const { api } = lua;
  if (api.lua_type(l, -1) === typeOf.TABLE) {
    api.lua_getfield(l, -1, lua.name("err"));
    // Otherwise the field stays, as a third result.
    if (api.lua_isstring(l, -1) !== 0) api.lua_replace(l, -2);
  }
  api.lua_pushboolean(l, 0);
  api.lua_replace(l, 1);
  return api.lua_gettop(l);
}

/**
 * xpcall() calls the handler when the error has unwound. Lua calls it before: within the hook that
 * ends a script, where no hook ends the handler.
 */
function callHandler(lua: Lua, l: number): number {
  const { api } = lua;
  if (api.lua_pcall(l, 1, 1, 0) !== status.OK) {
    lua.pushText(l, "error in error handling");
    api.lua_replace(l, -2);
  }
  return handled(lua, l, false);
}

function handled(lua: Lua, l: number, isDone: boolean): number {
  const { api } = lua;
  api.lua_pushboolean(l, isDone ? 1 : 0);
  api.lua_replace(l, 1);
  if (isDone) api.lua_remove(l, 2);
  return api.lua_gettop(l);
}

/** Compiled code is read as text, in which its first byte is an error. */
function loadString(lua: Lua, l: number, original: HostFunction): number {
  const { api } = lua;
  if (refusesToCompile(lua, l)) return 2;
  if (!lua.readString(l, 1) || lua.bytes[lua.at] !== compiledMark) return original(l);
  const code = lua.text(l, 1);
  if (isNone(lua, l, 2)) {
    api.lua_settop(l, 1);
    api.lua_pushvalue(l, 1);
  }
  lua.pushText(l, ` ${code}`);
  api.lua_replace(l, 1);
  return original(l);
}

/** load() asks for all pieces first, so that compiled code is seen. */
function load(lua: Lua, l: number, loadText: HostFunction): number {
  const { api } = lua;
  if (api.lua_type(l, 1) !== typeOf.FUNCTION) api.luaL_typerror(l, 1, lua.name("function"));
  if (isNone(lua, l, 2)) {
    api.lua_settop(l, 1);
    lua.pushText(l, "=(load)");
  }
  api.lua_settop(l, 2);
  lua.pushText(l, "");
  for (;;) {
    lua.checkTime(l);
    api.lua_pushvalue(l, 1);
    if (api.lua_pcall(l, 0, 1, 0) !== status.OK) return failed(lua, l);
    if (api.lua_type(l, -1) === typeOf.NIL) break;
    if (api.lua_isstring(l, -1) === 0) {
      lua.pushText(l, "reader function must return a string");
      return failed(lua, l);
    }
    if (lua.readString(l, -1) && lua.length === 0) break;
    api.lua_concat(l, 2);
  }
  api.lua_settop(l, 3);
  api.lua_replace(l, 1);
  return loadString(lua, l, loadText);
}

/** nil, and the error on the top of the stack. */
function failed(lua: Lua, l: number): number {
  lua.api.lua_pushnil(l);
  lua.api.lua_insert(l, -2);
  return 2;
}
