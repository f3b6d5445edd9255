// The libraries of a script beside `redis`: which of Lua's own it has, and those that Redis adds to
// them. What concerns commands is not here.

import type { Lua } from "./lua.ts";

/** Opens the libraries in a VM that has none. */
export function installLibraries({ api, main }: Lua): void {
  api.luaopen_base(main);
  api.luaopen_table(main);
  api.luaopen_string(main);
  api.luaopen_math(main);
  api.lua_settop(main, 0);
}
