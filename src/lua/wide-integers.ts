// Lua's own functions that take integers, with those of a 64-bit machine as Redis has them: the VM
// is a 32-bit program, in which string.format("%d", 2^53) would be -2147483648. Arguments that 32
// bits hold pass unchanged.
// Invariant: what Lua's function then gets, it treats as the 64-bit one treats the original.

import {
  largeHeldBytes,
  numeralBytesMax,
  scriptMemoryBytesMax,
  stringBytesInVmMax,
} from "../base/limits.ts";
import { globalsIndex, type as typeOf } from "./exports.ts";
import { spendItems } from "./large-values.ts";
import type { Lua } from "./lua.ts";
import { checkInteger, checkString, toInteger, toUnsigned } from "./lua-arguments.ts";
import { type HostFunction, wrap } from "./wrapping.ts";

const int32Max = 2 ** 31 - 1;
const int32Min = -(2 ** 31);
const slotsPerCheck = 0xfff;

/** How a function uses an integer: as a position, or cut to 32 bits. */
export type Use = (value: number) => number;
export const position: Use = (value) => Math.max(int32Min, Math.min(int32Max, value));
export const cut: Use = (value) => value | 0;

/** Which arguments of which functions are integers. */
const uses: Readonly<Record<string, Readonly<Record<string, readonly [Use, ...number[]]>>>> = {
  string: {
    sub: [position, 2, 3],
    byte: [position, 2, 3],
  },
  table: { concat: [cut, 3, 4], remove: [cut, 2] },
  math: { ldexp: [cut, 2] },
};
const globalUses: Readonly<Record<string, readonly [Use, ...number[]]>> = {
  select: [cut, 1],
  unpack: [cut, 2, 3],
};

/** Functions of math of which Redis's compiler looks at the second argument first. */
const fromTheRight = ["fmod", "mod", "pow", "atan2", "ldexp"];

export function widenIntegers(lua: Lua, l: number): void {
  const { api } = lua;
  for (const [library, functions] of Object.entries(uses)) {
    api.lua_getfield(l, globalsIndex, lua.name(library));
    for (const [name, [use, ...places]] of Object.entries(functions)) {
      wrap(lua, l, name, (original) => narrowing(lua, original, use, places));
    }
    if (library === "math") {
      wrap(lua, l, "frexp", (original) => splitting(lua, original));
      for (const name of fromTheRight) {
        wrap(lua, l, name, (original) => (state) => {
          lua.api.luaL_checknumber(state, 2);
          return original(state);
        });
      }
    }
    if (library === "string") {
      wrap(lua, l, "format", (original) => formatting(lua, original));
      wrap(lua, l, "char", (original) => cuttingAll(lua, original));
      wrap(lua, l, "rep", (original) => repeating(lua, narrowing(lua, original, cut, [2])));
    }
    if (library === "table") {
      wrap(lua, l, "insert", (original) => inserting(lua, original));
      wrap(lua, l, "remove", (original) => removing(lua, original));
    }
    api.lua_settop(l, -2);
  }
  api.lua_pushvalue(l, globalsIndex);
  for (const [name, [use, ...places]] of Object.entries(globalUses)) {
    wrap(lua, l, name, (original) => narrowing(lua, original, use, places));
  }
  wrap(lua, l, "tonumber", (original) => convertingBases(lua, original));
  api.lua_settop(l, -2);
}

/** Those of find, match and gsub are narrowed where their patterns are looked at. */
export function narrowing(
  lua: Lua,
  original: HostFunction,
  use: Use,
  places: readonly number[],
): HostFunction {
  const { api } = lua;
  const [first] = places;
  const last = places[places.length - 1];
  return (l) => {
    for (let place = first; place <= last; place++) {
      const value = api.lua_tonumber(l, place);
      if (value <= int32Max && value >= int32Min) continue;
      api.lua_pushnumber(l, use(toInteger(value)));
      api.lua_replace(l, place);
    }
    return original(l);
  };
}

/** string.char(): each of its arguments is an int. */
function cuttingAll(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    for (let place = api.lua_gettop(l); place > 0; place--) {
      const value = api.lua_tonumber(l, place);
      if (value <= int32Max && value >= int32Min) continue;
      api.lua_pushnumber(l, cut(toInteger(value)));
      api.lua_replace(l, place);
    }
    return original(l);
  };
}

// ---- what would run long ------------------------------------------------------------------------

/** string.rep(): nothing, however often, is nothing; and what is too long is not begun. */
function repeating(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    if (!lua.readString(l, 1)) return original(l);
    const bytes = lua.length * api.lua_tonumber(l, 2);
    if (bytes > scriptMemoryBytesMax) lua.raiseText(l, "not enough memory");
    if (api.lua_isnumber(l, 2) === 0) return original(l);
    if (lua.length === 0) lua.pushText(l, "");
    else if (bytes < copiedBytesMin) return original(l);
    else pushRepeated(lua, l, Math.trunc(api.lua_tonumber(l, 2)));
    return 1;
  };
}

/** Lua's own function calls another for each repetition: 500 ms for 100 MB. */
const copiedBytesMin = 4096;

function pushRepeated(lua: Lua, l: number, times: number): void {
  lua.checkTime(l);
  const bytes = lua.length * times;
  const to = lua.reserve(l, bytes);
  lua.bytes.copyWithin(to, lua.at, lua.at + lua.length);
  for (let done = lua.length; done < bytes; done *= 2) {
    lua.bytes.copyWithin(to + done, to, to + Math.min(done, bytes - done));
  }
  lua.pushReserved(l, to, bytes);
}

/** table.insert(): far below the table's first place, it would move nothing for minutes. */
function inserting(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    if (api.lua_gettop(l) !== 3 || api.lua_type(l, 1) !== typeOf.TABLE) return original(l);
    spendItems(lua, l);
    const at = api.lua_tonumber(l, 2);
    if (at >= 0 && at <= int32Max) return original(l);
    const place = checkInteger(lua, l, 2) | 0;
    const last = Math.max(place, api.lua_objlen(l, 1) + 1);
    for (let i = last; i > place; i--) {
      if ((i & slotsPerCheck) === 0) lua.checkTime(l);
      api.lua_rawgeti(l, 1, i - 1);
      api.lua_rawseti(l, 1, i);
    }
    api.lua_rawseti(l, 1, place);
    return 0;
  };
}

/** table.remove(): with a place, it moves what is behind it. */
function removing(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    if (api.lua_gettop(l) > 1) spendItems(lua, l);
    return original(l);
  };
}

/** math.frexp(): of infinity and NaN, the VM gives an exponent that is left over. */
function splitting(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    if (api.lua_type(l, 1) !== typeOf.NUMBER || Number.isFinite(api.lua_tonumber(l, 1))) {
      return original(l);
    }
    api.lua_settop(l, 1);
    api.lua_pushnumber(l, 0);
    return 2;
  };
}

// ---- string.format ------------------------------------------------------------------------------

/** A conversion as Lua's string.format() accepts it: flags, width and precision of two digits. */
const conversion = /%(?:%|([-+ #0]{0,5})(\d{0,2})(?:\.(\d{0,2}))?([a-zA-Z]))/g;

/** Formats the integers that 32 bits do not hold, and leaves `%s` in their places. */
function formatting(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    const count = api.lua_gettop(l);
    const hasLong = lua.heldBytes > largeHeldBytes;
    for (let n = 2; n <= count; n++) {
      if (hasLong && isLong(lua, l, n)) {
        formatWide(lua, l); // which reads its digits once, and only for an integer
        break;
      }
      // Negative ones too, for %x and its like.
      if (api.lua_tonumber(l, n) >= 0 && api.lua_tonumber(l, n) <= int32Max) continue;
      if (api.lua_isnumber(l, n) !== 0) {
        formatWide(lua, l);
        break;
      }
    }
    return original(l);
  };
}

function isLong({ api }: Lua, l: number, n: number): boolean {
  return api.lua_type(l, n) === typeOf.STRING && api.lua_objlen(l, n) > stringBytesInVmMax;
}

function formatWide(lua: Lua, l: number): void {
  const { api } = lua;
  checkString(lua, l, 1);
  let argument = 1;
  const format = lua.text(l, 1).replace(conversion, (all, flags, width, precision, letter) => {
    if (letter === undefined) return all;
    argument++;
    if (!"diouxX".includes(letter)) return all;
    const value = api.lua_tonumber(l, argument);
    if (value === 0 && api.lua_isnumber(l, argument) === 0) return all;
    if (value >= 0 && value <= int32Max) return all;
    lua.pushText(l, integerText(value, flags, width, precision, letter));
    api.lua_replace(l, argument);
    return "%s";
  });
  lua.pushText(l, format);
  api.lua_replace(l, 1);
}

/** As printf() writes a long. */
function integerText(
  value: number,
  flags: string,
  width: string,
  precision: string | undefined,
  letter: string,
): string {
  const isSigned = letter === "d" || letter === "i";
  const whole = isSigned ? BigInt(toInteger(value)) : toUnsigned(value);
  const sign = whole < 0n ? "-" : isSigned ? positiveSign(flags) : "";
  let digits = digitsOf(whole < 0n ? -whole : whole, letter);
  if (precision !== undefined) digits = precise(digits, whole, Number(precision));
  if (letter === "o" && flags.includes("#") && !digits.startsWith("0")) digits = `0${digits}`;
  const prefix = sign + hexPrefix(flags, whole, letter);
  const columns = Number(width);
  if (flags.includes("-")) return (prefix + digits).padEnd(columns);
  if (!flags.includes("0") || precision !== undefined) return (prefix + digits).padStart(columns);
  return prefix + digits.padStart(columns - prefix.length, "0");
}

function precise(digits: string, whole: bigint, precision: number): string {
  return whole === 0n && precision === 0 ? "" : digits.padStart(precision, "0");
}

function positiveSign(flags: string): string {
  if (flags.includes("+")) return "+";
  return flags.includes(" ") ? " " : "";
}

function hexPrefix(flags: string, whole: bigint, letter: string): string {
  if (!flags.includes("#") || whole === 0n) return "";
  return letter === "x" || letter === "X" ? `0${letter}` : "";
}

function digitsOf(whole: bigint, letter: string): string {
  if (letter === "o") return whole.toString(8);
  if (letter === "x") return whole.toString(16);
  return letter === "X" ? whole.toString(16).toUpperCase() : whole.toString();
}

// ---- tonumber -----------------------------------------------------------------------------------

const uint64Max = 2n ** 64n - 1n;

/** tonumber(text, base) with the 64 bits of strtoul(); and the usual texts, without strtod(). */
function convertingBases(lua: Lua, original: HostFunction): HostFunction {
  const { api } = lua;
  return (l) => {
    if (api.lua_gettop(l) < 2) {
      const value = shortInteger(lua, l);
      if (value < 0) return original(l);
      api.lua_pushnumber(l, value);
      return 1;
    }
    if (api.lua_type(l, 2) === typeOf.NIL) return original(l);
    const base = checkInteger(lua, l, 2) | 0;
    if (base === 10 || base < 2 || base > 36) return original(l);
    checkString(lua, l, 1);
    const value = lua.length > numeralBytesMax ? null : unsignedOf(lua.text(l, 1), base);
    if (value === null) api.lua_pushnil(l);
    else api.lua_pushnumber(l, value);
    return 1;
  };
}

const shortDigitsMax = 15;

/** The number that argument 1 is as a text of few digits and nothing else; -1 for all else. */
function shortInteger(lua: Lua, l: number): number {
  if (lua.api.lua_type(l, 1) !== typeOf.STRING || !lua.readString(l, 1)) return -1;
  const { bytes, at, length } = lua;
  if (length === 0 || length > shortDigitsMax) return -1;
  let value = 0;
  for (let i = at; i < at + length; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** strtoul(), where only spaces may follow the digits; also of what C takes for the end: a NUL. */
function unsignedOf(text: string, base: number): number | null {
  const found = /^[ \t-\r]*([-+]?)(0[xX](?=[0-9a-fA-F]))?([0-9a-zA-Z]+)[ \t-\r]*(?:\0|$)/.exec(
    text,
  );
  if (found === null) return null;
  const [, sign, prefix = "", rest] = found;
  const digits = base === 16 ? rest : prefix + rest;
  let value = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (worth >= base) return null;
    value = value * BigInt(base) + BigInt(worth);
    if (value > uint64Max) return Number(uint64Max);
  }
  return Number(sign === "-" ? BigInt.asUintN(64, -value) : value);
}
