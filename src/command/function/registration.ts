// What a library sees while it is loaded: a table `redis` with register_function, log and the
// version, and no other global. The functions that it registers are gathered here. Texts and checks
// are those of redis 7.0 `function_lua.c`.
// Invariant: the globals of the VM are those of running functions, except between begin() and
// end().

import { globalsIndex, registryIndex, type } from "../../lua/exports.ts";
import type { Lua } from "../../lua/lua.ts";
import type { ReadOnlyTables } from "../../lua/read-only.ts";
import { pushStrictness } from "../../lua/sandbox.ts";
import { knownFlags } from "../script/shebang.ts";
import { addLogAndVersion, type LibraryHost, raise } from "../script/vm/redis-library.ts";
import { badName, isValidName } from "./library-header.ts";

/** A function that a library has registered. */
export interface Registered {
  readonly name: string;
  readonly description: Uint8Array | null;
  readonly flags: ReadonlySet<string>;
  /** Its function in the registry of the VM. */
  readonly reference: number;
}

/** The arguments of redis.register_function() as they are read. */
interface Draft {
  name: string | null;
  description: Uint8Array | null;
  flags: Set<string>;
  reference: number;
}

const misplaced = "redis.register_function can only be called on FUNCTION LOAD command";
const wrongCount = "wrong number of arguments to redis.register_function";
const onlyTables =
  "calling redis.register_function with a single argument is only applicable to Lua table " +
  "(representing named arguments).";

export class Registration {
  /** Null: no library is being loaded. */
  private found: Map<string, Registered> | null = null;
  /** The globals of a library that is being loaded, in the registry. */
  private globals = 0;

  /** Makes those globals, in a VM whose own are about to be protected. */
  open(lua: Lua, tables: ReadOnlyTables, host: Pick<LibraryHost, "log">): void {
    const { api, main } = lua;
    api.lua_createtable(main, 0, 1);
    api.lua_createtable(main, 0, 8);
    lua.setFunction(main, "register_function", (l) => this.register(lua, l));
    addLogAndVersion(lua, host);
    pushStrictness(lua, main);
    api.lua_setmetatable(main, -2);
    tables.protect(main);
    api.lua_setfield(main, -2, lua.name("redis"));
    pushStrictness(lua, main);
    api.lua_setmetatable(main, -2);
    this.globals = api.luaL_ref(main, registryIndex);
  }

  get isOpen(): boolean {
    return this.found !== null;
  }

  begin(lua: Lua): void {
    this.found = new Map();
    lua.api.lua_rawgeti(lua.main, registryIndex, this.globals);
    showGlobals(lua);
  }

  /** `globals` is where the stack has the globals of running functions. */
  end(lua: Lua, globals: number): ReadonlyMap<string, Registered> {
    const found = this.found ?? new Map();
    this.found = null;
    lua.api.lua_pushvalue(lua.main, globals);
    showGlobals(lua);
    return found;
  }

  // ---- redis.register_function -----------------------------------------------------------------

  private register(lua: Lua, l: number): number {
    const { found } = this;
    if (found === null) return raise(lua, l, misplaced);
    const { name, ...rest } = readArguments(lua, l);
    if (name === null || !isValidName(name)) return raise(lua, l, badName);
    if (found.has(name)) return raise(lua, l, "Function already exists in the library");
    found.set(name, { name, ...rest });
    return 0;
  }
}

/** Lets the table that code sees as its globals show what is in the one on the top. */
function showGlobals(lua: Lua): void {
  const { api, main } = lua;
  api.lua_pushvalue(main, globalsIndex);
  api.lua_getmetatable(main, -1);
  api.lua_pushvalue(main, -3);
  api.lua_setfield(main, -2, lua.name("__index"));
  api.lua_settop(main, -4);
}

function readArguments(lua: Lua, l: number): Draft {
  const { api } = lua;
  const count = api.lua_gettop(l);
  if (count < 1 || count > 2) return raise(lua, l, wrongCount);
  return count === 1 ? readNamed(lua, l) : readPositional(lua, l);
}

function readPositional(lua: Lua, l: number): Draft {
  const { api } = lua;
  if (api.lua_isstring(l, 1) === 0) {
    return raise(lua, l, "first argument to redis.register_function must be a string");
  }
  if (api.lua_type(l, 2) !== type.FUNCTION) {
    return raise(lua, l, "second argument to redis.register_function must be a function");
  }
  api.lua_settop(l, 2);
  const reference = api.luaL_ref(l, registryIndex);
  return { name: lua.text(l, 1), description: null, flags: new Set(), reference };
}

function readNamed(lua: Lua, l: number): Draft {
  const { api } = lua;
  if (api.lua_type(l, 1) !== type.TABLE) return raise(lua, l, onlyTables);
  const draft: Draft = { name: null, description: null, flags: new Set(), reference: 0 };
  api.lua_pushnil(l);
  while (api.lua_next(l, 1) !== 0) {
    if (api.lua_type(l, -2) !== type.STRING) {
      const text = "named argument key given to redis.register_function is not a string";
      return raise(lua, l, text);
    }
    const problem = readNamedOne(lua, l, lua.text(l, -2).toLowerCase(), draft);
    if (problem !== "") return raise(lua, l, problem);
    api.lua_settop(l, 2);
  }
  if (draft.name === null) {
    return raise(lua, l, "redis.register_function must get a function name argument");
  }
  if (draft.reference === 0) {
    return raise(lua, l, "redis.register_function must get a callback argument");
  }
  return draft;
}

/** Reads the value on the top of the stack. Returns what is wrong with it, or "". */
function readNamedOne(lua: Lua, l: number, key: string, draft: Draft): string {
  const { api } = lua;
  const isText = api.lua_isstring(l, -1) !== 0;
  const must = "argument given to redis.register_function must be a";
  switch (key) {
    case "function_name":
      if (!isText) return `function_name ${must} string`;
      draft.name = lua.text(l, -1);
      return "";
    case "description":
      if (!isText) return `description ${must} string`;
      draft.description = lua.copy(l, -1);
      return "";
    case "callback":
      if (api.lua_type(l, -1) !== type.FUNCTION) return `callback ${must} function`;
      draft.reference = api.luaL_ref(l, registryIndex);
      return "";
    case "flags":
      if (api.lua_type(l, -1) !== type.TABLE) {
        return "flags argument to redis.register_function must be a table representing function flags";
      }
      return readFlags(lua, l, draft.flags) ? "" : "unknown flag given";
    default:
      return "unknown argument given to redis.register_function";
  }
}

/** Reads the list of flags on the top of the stack; false if one is unknown. */
function readFlags(lua: Lua, l: number, flags: Set<string>): boolean {
  const { api } = lua;
  for (let i = 1; ; i++) {
    api.lua_rawgeti(l, -1, i);
    const kind = api.lua_type(l, -1);
    const flag = lua.text(l, -1).toLowerCase();
    api.lua_settop(l, -2);
    if (kind === type.NIL) return true;
    if (!knownFlags.includes(flag)) return false;
    flags.add(flag);
  }
}
