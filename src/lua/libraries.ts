// The libraries of a script beside `redis`: which of Lua's own it has, and those that Redis adds to
// them. What concerns commands is not here.

import { pushBit } from "./bit-library.ts";
import { pushCjson } from "./cjson.ts";
import { pushCmsgpack } from "./cmsgpack.ts";
import { globalsIndex } from "./exports.ts";
import { guardLargeValues } from "./large-values.ts";
import type { Lua } from "./lua.ts";
import { installNan } from "./nan.ts";
import { guardPatterns } from "./pattern-functions.ts";
import { installBase } from "./sandbox.ts";
import { installRandom } from "./script-random.ts";
import { pushStruct } from "./struct.ts";
import { timeSorts } from "./timed-sort.ts";
import { widenIntegers } from "./wide-integers.ts";

const added: Readonly<Record<string, (lua: Lua, l: number) => void>> = {
  bit: pushBit,
  cjson: pushCjson,
  cmsgpack: pushCmsgpack,
  struct: pushStruct,
};

/** Opens the libraries in a VM that has none. */
export function installLibraries(lua: Lua): void {
  const { api, main } = lua;
  api.luaopen_base(main);
  api.luaopen_table(main);
  api.luaopen_string(main);
  api.luaopen_math(main);
  api.lua_settop(main, 0);
  installNan(lua, main);
  installBase(lua, main);
  guardPatterns(lua, main);
  timeSorts(lua, main);
  widenIntegers(lua, main);
  guardLargeValues(lua, main);
  for (const [name, push] of Object.entries(added)) {
    push(lua, main);
    api.lua_setfield(main, globalsIndex, lua.name(name));
  }
  api.lua_getfield(main, globalsIndex, lua.name("math"));
  installRandom(lua, main);
  api.lua_settop(main, 0);
}
