// Functions of Lua that would hold a node up with large values, as C does not look at the time in
// their middle: upper, lower and reverse of long strings and table.concat of many items are done by
// us, ten times as fast; what a compiler or `%q` would work on for long is refused.
// Invariant: usual values go to Lua's own function; of others, results and errors are the same.

import {
  compiledBytesMax,
  concatItemsInVmMax,
  formatBytesMax,
  quotedBytesMax,
  stringBytesInVmMax,
} from "../base/limits/script-limits.ts";
import { Output } from "./encoded-output.ts";
import { globalsIndex, type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import { checkInt, isNone, typeName } from "./lua-arguments.ts";
import { type HostFunction, wrap } from "./wrapping.ts";

/** Writes `length` bytes from `from` on to `to`. */
type Change = (bytes: Uint8Array, from: number, to: number, length: number) => void;

const changes: Readonly<Record<string, Change>> = {
  upper: (bytes, from, to, length) => toCase(bytes, from, to, length, 0x61),
  lower: (bytes, from, to, length) => toCase(bytes, from, to, length, 0x41),
  reverse: (bytes, from, to, length) => {
    const last = to + length - 1;
    for (let i = 0; i < length; i++) bytes[last - i] = bytes[from + i];
  },
};

/** Changes the case of the letters of ASCII from `first` on, which is `a` or `A`. */
function toCase(bytes: Uint8Array, from: number, to: number, length: number, first: number): void {
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i];
    bytes[to + i] = byte >= first && byte < first + 26 ? byte ^ 0x20 : byte;
  }
}

export function guardLargeValues(lua: Lua, l: number): void {
  const { api } = lua;
  api.lua_getfield(l, globalsIndex, lua.name("string"));
  for (const [name, change] of Object.entries(changes)) {
    wrap(lua, l, name, (original) => changing(lua, original, change));
  }
  wrap(lua, l, "format", (original) => quoting(lua, original));
  api.lua_getfield(l, globalsIndex, lua.name("table"));
  wrap(lua, l, "concat", (original) => joining(lua, original));
  wrap(lua, l, "maxn", (original) => spending(lua, original));
  api.lua_settop(l, -3);
  api.lua_pushvalue(l, globalsIndex);
  wrap(lua, l, "collectgarbage", (original) => (state) => {
    lua.spend(state, lua.usedBytes * stepsOfGarbageByte);
    return original(state);
  });
  api.lua_settop(l, -2);
}

/** What table.maxn does for an item, and a collection for a byte, at most (measured). */
const stepsOfItem = 2;
const stepsOfGarbageByte = 0.1;

/** Counts what it does with the table at index 1. */
export function spendItems(lua: Lua, l: number): void {
  const { api } = lua;
  if (api.lua_type(l, 1) === typeOf.TABLE) lua.spend(l, api.lua_objlen(l, 1) * stepsOfItem);
}

function spending(lua: Lua, original: HostFunction): HostFunction {
  return (l) => {
    spendItems(lua, l);
    return original(l);
  };
}

function changing(lua: Lua, original: HostFunction, change: Change): HostFunction {
  return (l) => {
    if (!lua.readString(l, 1) || lua.length <= stringBytesInVmMax) return original(l);
    lua.checkTime(l);
    const { at, length } = lua;
    const to = lua.reserve(l, length);
    change(lua.bytes, at, to, length);
    lua.pushReserved(l, to, length);
    return 1;
  };
}

/** string.format() with its first argument, and what it quotes. */
function quoting(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    const bytes = api.lua_objlen(l, 1);
    if (bytes > stringBytesInVmMax) lua.spend(l, bytes * stepsOfByte);
    if (bytes > formatBytesMax) lua.raiseText(l, "not enough memory");
    const count = api.lua_gettop(l);
    for (let n = 2; n <= count; n++) {
      const length = api.lua_type(l, n) === typeOf.STRING ? api.lua_objlen(l, n) : 0;
      if (length > stringBytesInVmMax) lua.spend(l, length * stepsOfByte);
      if (length > quotedBytesMax && lua.text(l, 1).includes("%q"))
        lua.raiseText(l, "not enough memory");
    }
    return original(l);
  };
}

// ---- table.concat -------------------------------------------------------------------------------

function joining(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  const output = new Output(lua);
  const isOptional = (l: number, n: number) => isNone(lua, l, n) || api.lua_isnumber(l, n) !== 0;
  return (l) => {
    if (api.lua_type(l, 1) !== typeOf.TABLE) return original(l);
    const hasSeparator = api.lua_isstring(l, 2) !== 0;
    if (!hasSeparator && !isNone(lua, l, 2)) return original(l);
    if (!isOptional(l, 3) || !isOptional(l, 4)) return original(l);
    const first = isNone(lua, l, 3) ? 1 : checkInt(lua, l, 3);
    const last = isNone(lua, l, 4) ? api.lua_objlen(l, 1) : checkInt(lua, l, 4);
    if (last - first < concatItemsInVmMax) return original(l);
    output.clear();
    for (let i = first; i <= last; i++) {
      if (i > first && hasSeparator) append(lua, l, 2, output);
      appendItem(lua, l, i, output);
    }
    output.push(l);
    return 1;
  };
}

function append(lua: Lua, l: number, index: number, output: Output): void {
  lua.readString(l, index);
  output.copy(l, lua.at, lua.length);
}

function appendItem(lua: Lua, l: number, i: number, output: Output): void {
  const { api } = lua;
  output.count(l);
  api.lua_rawgeti(l, 1, i);
  if (api.lua_isstring(l, -1) === 0) {
    const text = `invalid value (${typeName(lua, l, -1)}) at index ${i} in table for 'concat'`;
    lua.raiseAt(l, text);
  }
  append(lua, l, -1, output);
  api.lua_settop(l, -2);
}

// ---- load ---------------------------------------------------------------------------------------

/** What the compiler, and string.format, need for a byte, in steps of Lua.spend() (measured). */
const stepsOfCompiledByte = 10;
const stepsOfByte = 3;

/** Whether the text at index 1 is too long; then it has pushed what loadstring() returns. */
export function refusesToCompile(lua: Lua, l: number): boolean {
  if (!lua.readString(l, 1)) return false;
  lua.spend(l, lua.length * stepsOfCompiledByte);
  if (lua.length <= compiledBytesMax) return false;
  lua.api.lua_pushnil(l);
  lua.pushText(l, `a chunk is at most ${compiledBytesMax} bytes long`);
  return true;
}
