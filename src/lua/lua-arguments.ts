// What a function of ours does with its arguments as Lua's own library does: the checks of lauxlib
// with their error texts, and conversions of numbers to integers as a 64-bit C compiler makes them.
// The VM is a 32-bit program, so its own luaL_checkinteger() ends at 2^31.
// Invariant: an integer that these functions return is a whole number in the range of int64.

import { globalsIndex, type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";

const int64Min = -(2 ** 63);

/** Index of upvalue `n` of the running function. */
export function upvalue(n: number): number {
  return globalsIndex - n;
}

/** Raises "bad argument #n to 'name' (text)". */
export function badArgument(lua: Lua, l: number, n: number, text: string): never {
  lua.pushText(l, text);
  lua.readString(l, -1);
  lua.api.luaL_argerror(l, n, lua.at);
  throw new Error("luaL_argerror() has returned");
}

/** Finds the string (or number) that argument `n` is: `lua.at` and `lua.length`. */
export function checkString(lua: Lua, l: number, n: number): void {
  if (!lua.readString(l, n)) lua.api.luaL_typerror(l, n, lua.name("string"));
}

/** A number as lua_Integer, which has 64 bits in Redis. */
export function checkInteger(lua: Lua, l: number, n: number): number {
  return toInteger(lua.api.luaL_checknumber(l, n));
}

/** The same, as an int: its lowest 32 bits. */
export function checkInt(lua: Lua, l: number, n: number): number {
  return checkInteger(lua, l, n) | 0;
}

export function isNone(lua: Lua, l: number, n: number): boolean {
  return lua.api.lua_type(l, n) <= typeOf.NIL;
}

/** A double as int64: beyond its range, x86 gives the smallest. */
export function toInteger(value: number): number {
  return value >= int64Min && value < -int64Min ? Math.trunc(value) : int64Min;
}

const int32Limit = 2 ** 31;

/** A double as int: beyond its range, x86 gives the smallest. */
export function toInt(value: number): number {
  return value > -int32Limit - 1 && value < int32Limit ? Math.trunc(value) : -int32Limit;
}

/** A double as uint64, as x86 converts it: negative numbers have a meaning, and NaN is 2^63. */
export function toUnsigned(value: number): bigint {
  if (!(value >= -int64Min)) return BigInt.asUintN(64, BigInt(toInteger(value)));
  const beyond = toInteger(value + int64Min);
  return BigInt.asUintN(64, BigInt(beyond)) ^ (1n << 63n);
}

/** Whether the NaN at `index` has its sign set; JavaScript does not see it, printf() does. */
export function isNegativeNan(lua: Lua, l: number, index: number): boolean {
  lua.api.lua_pushvalue(l, index);
  const isNegative = lua.text(l, -1).startsWith("-");
  lua.api.lua_settop(l, -2);
  return isNegative;
}

/** A string of C in the memory of the VM. */
function cString(lua: Lua, at: number): string {
  const { bytes } = lua;
  return Buffer.from(bytes.buffer, at, bytes.indexOf(0, at) - at).toString("latin1");
}

/** "table", "nil" and so on. */
export function typeName(lua: Lua, l: number, index: number): string {
  return cString(lua, lua.api.lua_typename(l, lua.api.lua_type(l, index)));
}

/** A text as C reads it: up to its first NUL. */
export function cText(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}
