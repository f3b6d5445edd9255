// The settings of a `cjson`: numbers in the memory of the VM, in a userdata that all functions of
// one `cjson` have as their upvalue. So those of cjson.new() are freed with it.
// Invariant: a setting is read or written through the upvalue of the function that runs.

import { type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import { badArgument, checkInteger, cText, isNone, upvalue } from "./lua-arguments.ts";

/** Which word of the userdata a setting is. */
export const setting = {
  SPARSE_CONVERT: 0,
  SPARSE_RATIO: 1,
  SPARSE_SAFE: 2,
  ENCODE_DEPTH: 3,
  DECODE_DEPTH: 4,
  PRECISION: 5,
  KEEP_BUFFER: 6,
  ENCODE_INVALID: 7,
  DECODE_INVALID: 8,
} as const;

/** What ENCODE_INVALID may be: an error, the name of the number, or `null`. */
export const invalidAsNull = 2;

const defaults = [0, 2, 10, 1000, 1000, 14, 1, 0, 1];
const wordBytes = 4;
const intMax = 2 ** 31 - 1;
const precisionMax = 14;
const switchNames = ["off", "on"];
const invalidNames = ["off", "on", "null"];

/** Pushes a userdata with the default settings. */
export function pushSettings(lua: Lua, l: number): void {
  const at = lua.api.lua_newuserdata(l, defaults.length * wordBytes);
  for (let i = 0; i < defaults.length; i++) write(lua, at, i, defaults[i]);
}

/** The address of the settings of the running function. */
export function settingsAt(lua: Lua, l: number): number {
  return lua.api.lua_touserdata(l, upvalue(1));
}

export function read(lua: Lua, at: number, which: number): number {
  const { bytes } = lua;
  const from = at + which * wordBytes;
  return bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16) | (bytes[from + 3] << 24);
}

function write(lua: Lua, at: number, which: number, value: number): void {
  const { bytes } = lua;
  const to = at + which * wordBytes;
  for (let i = 0; i < wordBytes; i++) bytes[to + i] = value >>> (8 * i);
}

type Host = (l: number) => number;

/** The functions that read and change settings; each returns what holds then. */
export function settingFunctions(lua: Lua): Readonly<Record<string, Host>> {
  const taking = (count: number, run: (l: number) => number): Host => {
    return (l) => {
      fillArguments(lua, l, count);
      return run(l);
    };
  };
  const depth = (which: number) => taking(1, (l) => integerSetting(lua, l, 1, which, 1, intMax));
  return {
    encode_sparse_array: taking(3, (l) => {
      nameSetting(lua, l, setting.SPARSE_CONVERT, switchNames);
      integerSetting(lua, l, 2, setting.SPARSE_RATIO, 0, intMax);
      integerSetting(lua, l, 3, setting.SPARSE_SAFE, 0, intMax);
      return 3;
    }),
    encode_max_depth: depth(setting.ENCODE_DEPTH),
    decode_max_depth: depth(setting.DECODE_DEPTH),
    encode_number_precision: taking(1, (l) =>
      integerSetting(lua, l, 1, setting.PRECISION, 1, precisionMax),
    ),
    encode_keep_buffer: taking(1, (l) => nameSetting(lua, l, setting.KEEP_BUFFER, switchNames)),
    encode_invalid_numbers: taking(1, (l) =>
      nameSetting(lua, l, setting.ENCODE_INVALID, invalidNames),
    ),
    decode_invalid_numbers: taking(1, (l) =>
      nameSetting(lua, l, setting.DECODE_INVALID, switchNames),
    ),
  };
}

function fillArguments(lua: Lua, l: number, count: number): void {
  if (lua.api.lua_gettop(l) > count) badArgument(lua, l, count + 1, "found too many arguments");
  while (lua.api.lua_gettop(l) < count) lua.api.lua_pushnil(l);
}

function integerSetting(
  lua: Lua,
  l: number,
  argument: number,
  which: number,
  min: number,
  max: number,
): number {
  const at = settingsAt(lua, l);
  if (!isNone(lua, l, argument)) {
    const value = checkInteger(lua, l, argument) | 0;
    // Redis names the first argument, whichever it was.
    if (value < min || value > max) {
      badArgument(lua, l, 1, `expected integer between ${min} and ${max}`);
    }
    write(lua, at, which, value);
  }
  lua.api.lua_pushnumber(l, read(lua, at, which));
  return 1;
}

function nameSetting(lua: Lua, l: number, which: number, names: readonly string[]): number {
  const at = settingsAt(lua, l);
  const { api } = lua;
  if (api.lua_type(l, 1) === typeOf.BOOLEAN) write(lua, at, which, api.lua_toboolean(l, 1));
  else if (!isNone(lua, l, 1)) write(lua, at, which, checkName(lua, l, names));
  const value = read(lua, at, which);
  if (value < switchNames.length) api.lua_pushboolean(l, value);
  else lua.pushText(l, names[value]);
  return 1;
}

function checkName(lua: Lua, l: number, names: readonly string[]): number {
  if (!lua.readString(l, 1)) lua.api.luaL_typerror(l, 1, lua.name("string"));
  const text = cText(lua.text(l, 1));
  const value = names.indexOf(text);
  return value < 0 ? badArgument(lua, l, 1, `invalid option '${text}'`) : value;
}
