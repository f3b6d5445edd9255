// cjson.encode: the value on the top of the stack as JSON. A table whose keys are all positive
// integers is an array, others are objects in the order of Lua's next(); the empty table is `{}`.
// It calls no code of the script: metatables are not looked at.
// Invariant: append() leaves the stack as it found it.
// Hot path: a string is looked at byte by byte, once.

import { formatNumber } from "../base/number-format.ts";
import type { Output } from "./encoded-output.ts";
import { type as typeOf } from "./exports.ts";
import { invalidAsNull, read, setting, settingsAt } from "./json-settings.ts";
import type { Lua } from "./lua.ts";
import { typeName } from "./lua-arguments.ts";
import { takeReal } from "./read-only.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const zeroDigit = 0x30;
const letterU = 0x75;
const intMin = -(2 ** 31);
const intMax = 2 ** 31 - 1;
const defaultPrecision = 14;
const powerOfTen14 = 1e14;
/** No more bytes than this come of one byte of a string: `\u0000`. */
const escapeBytesMax = 6;
const pieceBytes = 4096;

const notArray = -1;

/** 0: as it is; `u`: as \u00xx; otherwise the letter after the backslash. */
const escapes = escapeTable();
const hexDigits = Buffer.from("0123456789abcdef");

function escapeTable(): Uint8Array {
  const letters = new Uint8Array(256).fill(letterU, 0, 32);
  letters[127] = letterU;
  for (const [char, letter] of ["\bb", "\tt", "\nn", "\ff", "\rr", '""', "\\\\", "//"]) {
    letters[char.charCodeAt(0)] = letter.charCodeAt(0);
  }
  return letters;
}

export class JsonWriter {
  private readonly lua: Lua;
  private readonly output: Output;
  private depthMax: number;
  private precision: number;
  /** An integer below it, in size, has no more digits than the precision. */
  private integerMax: number;
  private settings: number;

  constructor(lua: Lua, output: Output) {
    this.lua = lua;
    this.output = output;
    this.depthMax = 0;
    this.precision = defaultPrecision;
    this.integerMax = powerOfTen14;
    this.settings = 0;
  }

  /** Replaces the only value on the stack by its JSON. */
  encode(l: number): number {
    const { lua, output } = this;
    this.settings = settingsAt(lua, l);
    this.depthMax = read(lua, this.settings, setting.ENCODE_DEPTH);
    this.precision = read(lua, this.settings, setting.PRECISION);
    this.integerMax = this.precision === defaultPrecision ? powerOfTen14 : 10 ** this.precision;
    output.clear();
    this.append(l, 0);
    output.push(l);
    return 1;
  }

  private append(l: number, depth: number): void {
    const { api } = this.lua;
    const kind = api.lua_type(l, -1);
    this.output.count(l);
    if (kind === typeOf.STRING) this.string(l, -1);
    else if (kind === typeOf.NUMBER) this.number(l, -1);
    else if (kind === typeOf.TABLE) this.table(l, depth + 1);
    else if (kind === typeOf.BOOLEAN) {
      this.output.text(l, api.lua_toboolean(l, -1) === 1 ? "true" : "false");
    } else if (kind === typeOf.NIL || this.isNull(l, kind)) this.output.text(l, "null");
    else this.refuse(l, "type not supported");
  }

  private isNull(l: number, kind: number): boolean {
    return kind === typeOf.LIGHT_USERDATA && this.lua.api.lua_touserdata(l, -1) === 0;
  }

  private refuse(l: number, reason: string): never {
    const name = typeName(this.lua, l, -1);
    return this.lua.raiseAt(l, `Cannot serialise ${name}: ${reason}`);
  }

  // ---- tables ----------------------------------------------------------------------------------

  private table(l: number, depth: number): void {
    if (depth > this.depthMax || this.lua.api.lua_checkstack(l, 3) === 0) {
      this.lua.raiseAt(l, `Cannot serialise, excessive nesting (${depth})`);
    }
    let length = this.arrayLength(l);
    if (length === 0 && takeReal(this.lua, l)) length = this.arrayLength(l);
    if (length > 0) this.array(l, depth, length);
    else this.object(l, depth);
  }

  /** The largest key of a table that is an array; otherwise notArray. */
  private arrayLength(l: number): number {
    const { api } = this.lua;
    let largest = 0;
    let items = 0;
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      const key = api.lua_type(l, -2) === typeOf.NUMBER ? api.lua_tonumber(l, -2) : 0;
      if (!(key >= 1) || Math.floor(key) !== key) {
        api.lua_settop(l, -3);
        return notArray;
      }
      // As a C int: a key beyond it counts as the smallest.
      if (key > largest) largest = key > intMax ? intMin : key;
      items++;
      api.lua_settop(l, -2);
    }
    return this.isTooSparse(l, largest, items) ? notArray : largest;
  }

  private isTooSparse(l: number, largest: number, items: number): boolean {
    if (largest === items) return false;
    const ratio = read(this.lua, this.settings, setting.SPARSE_RATIO);
    if (ratio <= 0 || largest <= items * ratio) return false;
    if (largest <= read(this.lua, this.settings, setting.SPARSE_SAFE)) return false;
    if (read(this.lua, this.settings, setting.SPARSE_CONVERT) === 0) {
      this.refuse(l, "excessively sparse array");
    }
    return true;
  }

  private array(l: number, depth: number, length: number): void {
    const { api } = this.lua;
    const { output } = this;
    output.byte(l, 0x5b);
    for (let i = 1; i <= length; i++) {
      if (i > 1) output.byte(l, comma);
      api.lua_rawgeti(l, -1, i);
      this.append(l, depth);
      api.lua_settop(l, -2);
    }
    output.byte(l, 0x5d);
  }

  private object(l: number, depth: number): void {
    const { api } = this.lua;
    const { output } = this;
    let isFirst = true;
    output.byte(l, 0x7b);
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      if (!isFirst) output.byte(l, comma);
      isFirst = false;
      this.key(l);
      output.byte(l, colon);
      this.append(l, depth);
      api.lua_settop(l, -2);
    }
    output.byte(l, 0x7d);
  }

  private key(l: number): void {
    const kind = this.lua.api.lua_type(l, -2);
    if (kind === typeOf.STRING) {
      this.string(l, -2);
    } else if (kind === typeOf.NUMBER) {
      this.output.byte(l, quote);
      this.number(l, -2);
      this.output.byte(l, quote);
    } else {
      this.lua.api.lua_settop(l, -2);
      this.refuse(l, "table key must be a number or string");
    }
  }

  // ---- strings and numbers ---------------------------------------------------------------------

  private string(l: number, index: number): void {
    const { lua, output } = this;
    lua.readString(l, index);
    const end = lua.at + lua.length;
    output.byte(l, quote);
    for (let from = lua.at; from < end; from += pieceBytes) {
      this.piece(l, from, Math.min(end, from + pieceBytes));
    }
    output.byte(l, quote);
  }

  /** Part of a string: so that it need not have room for its longest form. */
  private piece(l: number, start: number, end: number): void {
    const { lua, output } = this;
    output.reserve(l, (end - start) * escapeBytesMax);
    const { bytes } = output;
    const source = lua.bytes;
    let to = output.length;
    for (let from = start; from < end; from++) {
      const byte = source[from];
      const letter = escapes[byte];
      if (letter === 0) bytes[to++] = byte;
      else to = writeEscape(bytes, to, byte, letter);
    }
    output.length = to;
  }

  private number(l: number, index: number): void {
    const { lua, output } = this;
    const value = lua.api.lua_tonumber(l, index);
    if (value === Math.floor(value) && Math.abs(value) < this.integerMax) {
      output.reserve(l, 16);
      output.length = writeInteger(output.bytes, output.length, value);
    } else if (!Number.isFinite(value)) {
      this.invalid(l, index, value);
    } else if (this.precision === defaultPrecision) {
      lua.api.lua_pushvalue(l, index);
      lua.readString(l, -1);
      output.copy(l, lua.at, lua.length);
      lua.api.lua_settop(l, -2);
    } else output.text(l, formatNumber(value, this.precision));
  }

  private invalid(l: number, index: number, value: number): void {
    const allowed = read(this.lua, this.settings, setting.ENCODE_INVALID);
    if (allowed === invalidAsNull) this.output.text(l, "null");
    else if (allowed !== 0) this.output.text(l, nameOf(value));
    else {
      this.lua.api.lua_pushvalue(l, index);
      this.refuse(l, "must not be NaN or Inf");
    }
  }
}

function nameOf(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

function writeEscape(bytes: Uint8Array, at: number, byte: number, letter: number): number {
  let to = at;
  bytes[to++] = backslash;
  bytes[to++] = letter;
  if (letter !== letterU) return to;
  bytes[to++] = zeroDigit;
  bytes[to++] = zeroDigit;
  bytes[to++] = hexDigits[byte >> 4];
  bytes[to++] = hexDigits[byte & 15];
  return to;
}

function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  let to = at;
  if (value < 0 || Object.is(value, -0)) bytes[to++] = minus;
  let left = Math.abs(value);
  let end = to + 1;
  for (let power = 10; power <= left; power *= 10) end++;
  for (let i = end - 1; i >= to; i--) {
    const rest = Math.floor(left / 10);
    bytes[i] = zeroDigit + (left - rest * 10);
    left = rest;
  }
  to = end;
  return to;
}
