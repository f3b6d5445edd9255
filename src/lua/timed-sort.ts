// table.sort of a long table without a function, or with one of C: comparisons then run in C, where
// no time limit ends them, so such a table is sorted with a function in Lua that compares as C
// does. Shorter tables are not concerned, unless the VM has grown: then their strings may be long.
// Invariant: the order is the same; only the position in the error of a comparison differs.

import { largeHeldBytes, timedSortItemsMin } from "../base/limits.ts";
import { globalsIndex, registryIndex, type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import { sequence } from "./shims.ts";
import { wrap } from "./wrapping.ts";

const code = Buffer.from("local a, b = ... return a < b");
/** A function of C as one of Lua, whose instructions are counted. */
const counted = Buffer.from("local f = ... return function(a, b) return f(a, b) end");

export function timeSorts(lua: Lua, l: number): void {
  const { api } = lua;
  lua.load(l, code, "=sort");
  const less = api.luaL_ref(l, registryIndex);
  lua.load(l, counted, "=sort");
  const counting = api.luaL_ref(l, registryIndex);
  const countCalls = (state: number) => {
    api.lua_settop(state, 2);
    api.lua_rawgeti(state, registryIndex, counting);
    api.lua_insert(state, 2);
    api.lua_call(state, 1, 1);
  };
  api.lua_getfield(l, globalsIndex, lua.name("table"));
  const before = (state: number) => {
    const isLong =
      api.lua_type(state, 1) === typeOf.TABLE &&
      (api.lua_objlen(state, 1) >= timedSortItemsMin || lua.heldBytes > largeHeldBytes);
    if (!isLong) return;
    if (api.lua_iscfunction(state, 2) !== 0) return countCalls(state);
    if (api.lua_type(state, 2) > typeOf.NIL) return;
    api.lua_settop(state, 1);
    api.lua_rawgeti(state, registryIndex, less);
  };
  wrap(lua, l, "sort", (original) => sequence(before, original));
  api.lua_settop(l, -2);
}
