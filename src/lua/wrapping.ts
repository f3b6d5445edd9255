// Puts a function of ours before one of Lua's own libraries, in C: it sees the arguments first and
// may change them. Lua's function then runs in the same call, so its errors name the same function
// and the same line as without us.
// Invariant: the wrapped function is left where it was found, under the same name.

import type { Lua } from "./lua.ts";

export type HostFunction = (l: number) => number;

/** The function `name` of the table on the top of the stack. */
export function libraryFunction(lua: Lua, l: number, name: string): HostFunction {
  const { api } = lua;
  api.lua_getfield(l, -1, lua.name(name));
  const found = libraryFunctionAt(lua, l, -1);
  api.lua_settop(l, -2);
  return found;
}

/** The function of C, or of ours, at `index`. */
export function libraryFunctionAt(lua: Lua, l: number, index: number): HostFunction {
  return lua.functionAt(lua.api.lua_tocfunction(l, index));
}

/** Replaces it by what `wrap` makes of it. */
export function wrap(
  lua: Lua,
  l: number,
  name: string,
  wrapper: (original: HostFunction) => HostFunction,
): void {
  lua.setFunction(l, name, wrapper(libraryFunction(lua, l, name)));
}
