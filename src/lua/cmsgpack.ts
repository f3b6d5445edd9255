// The library `cmsgpack` of a script: MessagePack as the specification had it before binary and
// extension types. Writing and reading are in message-writer.ts and message-reader.ts.
// Invariant: it calls no code of the script.

import type { Lua } from "./lua.ts";
import { MessageReader } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";

const texts: readonly (readonly [string, string])[] = [
  ["_NAME", "cmsgpack"],
  ["_VERSION", "lua-cmsgpack 0.4.0"],
  ["_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"],
  ["_DESCRIPTION", "MessagePack C implementation for Lua"],
];

/** Pushes the table `cmsgpack`. */
export function pushCmsgpack(lua: Lua, l: number): void {
  const writer = new MessageWriter(lua);
  const reader = new MessageReader(lua);
  lua.api.lua_createtable(l, 0, 8);
  lua.setFunction(l, "pack", (state) => writer.pack(state));
  lua.setFunction(l, "unpack", (state) => reader.unpackAll(state));
  lua.setFunction(l, "unpack_one", (state) => reader.unpackOne(state));
  lua.setFunction(l, "unpack_limit", (state) => reader.unpackLimit(state));
  for (const [name, text] of texts) {
    lua.pushText(l, text);
    lua.api.lua_setfield(l, -2, lua.name(name));
  }
}
