// NaN with a sign. Arithmetic of the VM and printf() see the sign, JavaScript does not: a NaN that
// is pushed from here has none, and Lua itself must negate it.
// Invariant: a VM has one function for it, under a name of its own in the registry.

import { registryIndex } from "./exports.ts";
import type { Lua } from "./lua.ts";

const field = "mscache.negate";
const code = Buffer.from("local n = ... return -n");

/** Once in each VM, before the first pushNan(). */
export function installNan(lua: Lua, l: number): void {
  lua.load(l, code, "=negate");
  lua.api.lua_setfield(l, registryIndex, lua.name(field));
}

export function pushNan(lua: Lua, l: number, isNegative: boolean): void {
  const { api } = lua;
  if (isNegative) api.lua_getfield(l, registryIndex, lua.name(field));
  api.lua_pushnumber(l, Number.NaN);
  if (isNegative) api.lua_call(l, 1, 1);
}
