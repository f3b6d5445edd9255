// The library `cjson` of a script: its functions, of which each `cjson` that cjson.new() makes has
// its own settings. Writing and reading JSON is in json-writer.ts and json-reader.ts.
// Invariant: every function has the settings of its `cjson` as its only upvalue.

import { Output } from "./encoded-output.ts";
import { JsonReader } from "./json-reader.ts";
import { pushSettings, settingFunctions } from "./json-settings.ts";
import { JsonWriter } from "./json-writer.ts";
import type { Lua } from "./lua.ts";
import { badArgument } from "./lua-arguments.ts";

type Host = (l: number) => number;

/** Pushes the table `cjson`. */
export function pushCjson(lua: Lua, l: number): void {
  new Cjson(lua).push(l);
}

class Cjson {
  private readonly lua: Lua;
  /** The functions by name, as indexes for lua_pushcclosure(). */
  private readonly functions: [string, number][];

  constructor(lua: Lua) {
    this.lua = lua;
    const writer = new JsonWriter(lua, new Output(lua));
    const reader = new JsonReader(lua);
    const functions: Record<string, Host> = {
      ...settingFunctions(lua),
      encode: (l) => {
        this.checkOneArgument(l);
        return writer.encode(l);
      },
      decode: (l) => {
        this.checkOneArgument(l);
        if (!lua.readString(l, 1)) lua.api.luaL_typerror(l, 1, lua.name("string"));
        return reader.decode(l);
      },
      new: (l) => this.push(l),
    };
    this.functions = Object.entries(functions).map(([name, run]) => [name, lua.register(run)]);
  }

  /** Pushes a table with settings of its own. */
  push(l: number): number {
    const { lua } = this;
    const { api } = lua;
    api.lua_createtable(l, 0, 0);
    pushSettings(lua, l);
    for (const [name, index] of this.functions) {
      api.lua_pushvalue(l, -1);
      api.lua_pushcclosure(l, index, 1);
      api.lua_setfield(l, -3, lua.name(name));
    }
    api.lua_settop(l, -2);
    api.lua_pushlightuserdata(l, 0);
    api.lua_setfield(l, -2, lua.name("null"));
    this.setText(l, "_NAME", "cjson");
    this.setText(l, "_VERSION", "2.1.0");
    return 1;
  }

  private setText(l: number, name: string, text: string): void {
    this.lua.pushText(l, text);
    this.lua.api.lua_setfield(l, -2, this.lua.name(name));
  }

  private checkOneArgument(l: number): void {
    if (this.lua.api.lua_gettop(l) !== 1) badArgument(this.lua, l, 1, "expected 1 argument");
  }
}
