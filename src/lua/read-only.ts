// Read-only tables, which Redis's Lua has and Lua 5.1 has not: what a script sees as `string`, or
// as the globals, is an empty table in front of the real one. Reading goes through `__index`,
// writing raises an error, and those of Lua's functions that look at a table itself are replaced by
// ones that look at the real one.
// Invariant: a script never gets a real table, so nothing that one script does is seen by another.

import { globalsIndex, registryIndex, type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import { type HostFunction, libraryFunction, libraryFunctionAt, wrap } from "./wrapping.ts";

/** Under this light userdata, which no script has, a metatable of ours holds the real table. */
const realKey = 1;
const refusal = "Attempt to modify a readonly table";

/**
 * Replaces the table on the top of the stack, which is empty, by the real one behind it. False, if
 * there is none.
 */
export function takeReal({ api }: Lua, l: number): boolean {
  if (api.lua_getmetatable(l, -1) === 0) return false;
  api.lua_pushlightuserdata(l, realKey);
  api.lua_rawget(l, -2);
  const isProtected = api.lua_type(l, -1) === typeOf.TABLE;
  if (isProtected) api.lua_replace(l, -3);
  api.lua_settop(l, isProtected ? -2 : -3);
  return isProtected;
}

export class ReadOnlyTables {
  private readonly lua: Lua;
  /** The real table, in the registry, by the address of what a script sees. Neither ever moves. */
  private readonly realOf: Map<number, number>;
  /** What getmetatable() gives for what has a metatable in Redis as well, in the registry. */
  private readonly metatableOf: Map<number, number>;
  private readonly refuse: number;
  private stringMetatable: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.realOf = new Map();
    this.metatableOf = new Map();
    this.stringMetatable = 0;
    this.refuse = lua.register((l) => lua.raiseAt(l, refusal));
  }

  /** Replaces the table on the top of the stack by one that cannot be changed. */
  protect(l: number): void {
    const { lua } = this;
    const { api } = lua;
    api.lua_createtable(l, 0, 0);
    api.lua_createtable(l, 0, 2);
    api.lua_pushvalue(l, -3);
    api.lua_setfield(l, -2, lua.name("__index"));
    api.lua_pushcclosure(l, this.refuse, 0);
    api.lua_setfield(l, -2, lua.name("__newindex"));
    api.lua_pushlightuserdata(l, realKey);
    api.lua_pushvalue(l, -4);
    api.lua_rawset(l, -3);
    api.lua_setmetatable(l, -2);
    // Keeps the address of what the script sees from being used again.
    api.lua_pushvalue(l, -1);
    api.luaL_ref(l, registryIndex);
    api.lua_insert(l, -2);
    this.realOf.set(api.lua_topointer(l, -2), api.luaL_ref(l, registryIndex));
  }

  /** Lets getmetatable() of the table below the top give the one on the top; pops that. */
  showMetatable(l: number): void {
    const { api } = this.lua;
    const reference = api.luaL_ref(l, registryIndex);
    this.metatableOf.set(api.lua_topointer(l, -1), reference);
  }

  /** The same for strings. */
  showStringMetatable(l: number): void {
    this.stringMetatable = this.lua.api.luaL_ref(l, registryIndex);
  }

  /** Replaces Lua's functions that would see the table in front. All globals are there already. */
  guardFunctions(l: number): void {
    const { lua } = this;
    const { api } = lua;
    api.lua_pushvalue(l, globalsIndex);
    this.guardIteration(l);
    wrap(lua, l, "rawget", (original) => this.onReal(original));
    wrap(lua, l, "rawset", (original) => this.refusing(original, 3));
    wrap(lua, l, "setmetatable", (original) => this.refusingMetatable(original));
    wrap(lua, l, "getmetatable", (original) => this.metatables(original));
    api.lua_getfield(l, -1, lua.name("table"));
    wrap(lua, l, "foreach", (original) => this.onReal(original));
    wrap(lua, l, "insert", (original) => this.refusing(original, 2));
    api.lua_settop(l, -3);
  }

  /**
   * next() looks into the real table. pairs() gives that next() for a protected table, and Lua's
   * own, which is its upvalue, for any other: an iteration does not go through us.
   */
  private guardIteration(l: number): void {
    const { lua } = this;
    const { api } = lua;
    const pairs = libraryFunction(lua, l, "pairs");
    api.lua_getfield(l, -1, lua.name("next"));
    const guarded = lua.register(this.onReal(libraryFunctionAt(lua, l, -1)));
    const guardedPairs = lua.register((state) => {
      const results = pairs(state);
      if (this.isProtected(state, 1)) {
        api.lua_pushcclosure(state, guarded, 0);
        api.lua_replace(state, -4);
      }
      return results;
    });
    api.lua_pushcclosure(l, guardedPairs, 1);
    api.lua_setfield(l, -2, lua.name("pairs"));
    api.lua_pushcclosure(l, guarded, 0);
    api.lua_setfield(l, -2, lua.name("next"));
  }

  private isProtected(l: number, index: number): boolean {
    const { api } = this.lua;
    return api.lua_type(l, index) === typeOf.TABLE && this.realOf.has(api.lua_topointer(l, index));
  }

  /** Gives the real table to a function that only reads it. */
  private onReal(original: HostFunction): HostFunction {
    const { api } = this.lua;
    return (l) => {
      if (this.isProtected(l, 1)) {
        const real = this.realOf.get(api.lua_topointer(l, 1)) as number;
        api.lua_rawgeti(l, registryIndex, real);
        api.lua_replace(l, 1);
      }
      return original(l);
    };
  }

  /**
   * As in Redis, the error has no position: it is raised in a function of C, once the arguments
   * are looked at.
   */
  private refusing(original: HostFunction, argumentsMin: number): HostFunction {
    const { api } = this.lua;
    return (l) => {
      if (this.isProtected(l, 1) && api.lua_gettop(l) >= argumentsMin) {
        this.lua.raiseText(l, refusal);
      }
      return original(l);
    };
  }

  private refusingMetatable(original: HostFunction): HostFunction {
    const { api } = this.lua;
    const refusing = this.refusing(original, 2);
    return (l) => {
      const kind = api.lua_type(l, 2);
      return kind === typeOf.NIL || kind === typeOf.TABLE ? refusing(l) : original(l);
    };
  }

  private metatables(original: HostFunction): HostFunction {
    const { api } = this.lua;
    return (l) => {
      const kind = api.lua_type(l, 1);
      if (kind === typeOf.STRING) {
        api.lua_rawgeti(l, registryIndex, this.stringMetatable);
      } else if (kind === typeOf.LIGHT_USERDATA) {
        api.lua_pushnil(l);
      } else if (this.isProtected(l, 1)) {
        const shown = this.metatableOf.get(api.lua_topointer(l, 1));
        if (shown === undefined) api.lua_pushnil(l);
        else api.lua_rawgeti(l, registryIndex, shown);
      } else return original(l);
      return 1;
    };
  }
}
