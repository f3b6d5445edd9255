// table.sort of a long table without a function: comparisons of numbers and strings run in C, where
// no time limit ends them, so such a table is sorted with a function in Lua that compares as C
// does. Shorter tables are not concerned.
// Invariant: the order is the same; only the position in the error of a comparison differs.

import { timedSortItemsMin } from "../base/limits.ts";
import { globalsIndex, registryIndex, type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import { sequence } from "./shims.ts";
import { wrap } from "./wrapping.ts";

const code = Buffer.from("local a, b = ... return a < b");

export function timeSorts(lua: Lua, l: number): void {
  const { api } = lua;
  lua.load(l, code, "=sort");
  const less = api.luaL_ref(l, registryIndex);
  api.lua_getfield(l, globalsIndex, lua.name("table"));
  const before = (state: number) => {
    const isLong =
      api.lua_type(state, 1) === typeOf.TABLE && api.lua_objlen(state, 1) >= timedSortItemsMin;
    if (!isLong || api.lua_type(state, 2) > typeOf.NIL) return;
    api.lua_settop(state, 1);
    api.lua_rawgeti(state, registryIndex, less);
  };
  wrap(lua, l, "sort", (original) => sequence(before, original));
  api.lua_settop(l, -2);
}
