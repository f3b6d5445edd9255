// The library `struct` of a script: packs values into bytes by a format, and unpacks them. Sizes
// are those of C on a 64-bit machine; bytes are little-endian and unaligned unless the format says
// otherwise (`<`, `>`, `!n`).
// Invariant: a Format is read from its start to its end once; its alignment and byte order are
// those of the letters read so far.

import { Output } from "./encoded-output.ts";
import type { Lua } from "./lua.ts";
import {
  badArgument,
  checkInteger,
  checkString,
  isNegativeNan,
  isNone,
  toInteger,
  toUnsigned,
} from "./lua-arguments.ts";
import { pushNan } from "./nan.ts";

const integerBytesMax = 32;
const intMax = 2 ** 31 - 1;
const intBytes = 4;
const defaultAlignment = 8;
const fixedSizes: Readonly<Record<string, number>> = {
  ...{ b: 1, B: 1, h: 2, H: 2, l: 8, L: 8, T: 8, f: 4, d: 8, x: 1 },
};

/** A format while it is read: the option that was met last, its size, and what applies to it. */
class Format {
  option = "";
  size = 0;
  isLittle = true;
  private alignment = 1;
  private at = 0;
  private readonly lua: Lua;
  private readonly l: number;
  private readonly text: string;

  constructor(lua: Lua, l: number) {
    this.lua = lua;
    this.l = l;
    checkString(lua, l, 1);
    const text = lua.text(l, 1);
    const end = text.indexOf("\0");
    this.text = end < 0 ? text : text.slice(0, end);
  }

  /** Reads the next option; false at the end. */
  next(): boolean {
    if (this.at === this.text.length) return false;
    this.option = this.text[this.at++];
    this.size = this.optionSize();
    return true;
  }

  /** Bytes to skip before the option, if `at` bytes precede it. */
  padding(at: number): number {
    if (this.size === 0 || this.option === "c") return 0;
    const step = Math.min(this.size, this.alignment);
    return step > 1 ? (step - (at & (step - 1))) & (step - 1) : 0;
  }

  /** An option that stands for no value: byte order, alignment, or a space. */
  control(): void {
    if (this.option === " ") return;
    if (this.option === ">") this.isLittle = false;
    else if (this.option === "<") this.isLittle = true;
    else if (this.option === "!") this.align(this.number(defaultAlignment));
    else badArgument(this.lua, this.l, 1, `invalid format option '${this.option}'`);
  }

  private align(alignment: number): void {
    if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
      this.lua.raiseAt(this.l, `alignment ${alignment} is not a power of 2`);
    }
    this.alignment = alignment;
  }

  private optionSize(): number {
    if (this.option === "c") return this.number(1);
    if (this.option !== "i" && this.option !== "I") return fixedSizes[this.option] ?? 0;
    const size = this.number(intBytes);
    if (size > integerBytesMax) {
      const text = `integral size ${size} is larger than limit of ${integerBytesMax}`;
      this.lua.raiseAt(this.l, text);
    }
    return size;
  }

  private number(otherwise: number): number {
    if (!this.isDigit()) return otherwise;
    let value = 0;
    while (this.isDigit()) {
      value = value * 10 + Number(this.text[this.at++]);
      if (value > intMax) this.lua.raiseAt(this.l, "integral size overflow");
    }
    return value;
  }

  private isDigit(): boolean {
    const code = this.text.charCodeAt(this.at);
    return code >= 0x30 && code <= 0x39;
  }
}

class Struct {
  private readonly lua: Lua;
  private readonly output: Output;
  private readonly scratch: DataView;

  constructor(lua: Lua) {
    this.lua = lua;
    this.output = new Output(lua);
    this.scratch = new DataView(new ArrayBuffer(8));
  }

  // ---- pack ------------------------------------------------------------------------------------

  pack(l: number): number {
    const { lua, output } = this;
    const format = new Format(lua, l);
    output.clear();
    lua.api.lua_pushnil(l); // what stands for a missing argument
    let argument = 2;
    while (format.next()) {
      for (let n = format.padding(output.length); n > 0; n--) output.byte(l, 0);
      argument += this.packOption(l, format, argument);
    }
    output.push(l);
    return 1;
  }

  /** Returns how many arguments it took. */
  private packOption(l: number, format: Format, argument: number): number {
    switch (format.option) {
      case "b":
      case "B":
      case "h":
      case "H":
      case "l":
      case "L":
      case "T":
      case "i":
      case "I":
        this.packInteger(l, format, argument);
        return 1;
      case "x":
        this.output.byte(l, 0);
        return 0;
      case "f":
      case "d":
        this.packFloat(l, format, argument);
        return 1;
      case "c":
      case "s":
        this.packString(l, format, argument);
        return 1;
      default:
        format.control();
        return 0;
    }
  }

  private packInteger(l: number, format: Format, argument: number): void {
    const number = this.lua.api.luaL_checknumber(l, argument);
    const value = number < 0 ? BigInt(toInteger(number)) : toUnsigned(number);
    const { size } = format;
    this.output.reserve(l, size);
    const { bytes, length } = this.output;
    this.scratch.setBigUint64(0, BigInt.asUintN(64, value), true);
    for (let i = 0; i < size; i++) {
      const byte = i < 8 ? this.scratch.getUint8(i) : 0;
      bytes[length + (format.isLittle ? i : size - 1 - i)] = byte;
    }
    this.output.length += size;
  }

  private packFloat(l: number, format: Format, argument: number): void {
    const value = this.lua.api.luaL_checknumber(l, argument);
    const { scratch } = this;
    if (format.size === 4) scratch.setFloat32(0, value, format.isLittle);
    else scratch.setFloat64(0, value, format.isLittle);
    const sign = format.isLittle ? format.size - 1 : 0;
    if (Number.isNaN(value) && isNegativeNan(this.lua, l, argument)) {
      scratch.setUint8(sign, scratch.getUint8(sign) | 0x80);
    }
    for (let i = 0; i < format.size; i++) this.output.byte(l, scratch.getUint8(i));
  }

  private packString(l: number, format: Format, argument: number): void {
    const { lua } = this;
    checkString(lua, l, argument);
    const { at, length } = lua;
    const size = format.size === 0 ? length : format.size;
    // The number of the argument after it, as in Redis.
    if (length < size) badArgument(lua, l, argument + 1, "string too short");
    this.output.copy(l, at, size);
    if (format.option === "s") this.output.byte(l, 0);
  }

  // ---- unpack ----------------------------------------------------------------------------------

  unpack(l: number): number {
    const { lua } = this;
    const format = new Format(lua, l);
    checkString(lua, l, 2);
    const { length } = lua;
    const offset = isNone(lua, l, 3) ? 1 : checkInteger(lua, l, 3);
    if (offset === 0) badArgument(lua, l, 3, "offset must be 1 or greater");
    let position = offset - 1;
    const first = lua.api.lua_gettop(l);
    while (format.next()) {
      position += format.padding(position);
      this.checkData(l, position, format.size, length);
      if (lua.api.lua_checkstack(l, 2) === 0) {
        lua.raiseAt(l, "stack overflow (too many results)");
      }
      const results = lua.api.lua_gettop(l) - first;
      position += this.unpackOption(l, format, position, length, results);
    }
    lua.api.lua_pushnumber(l, position + 1);
    return lua.api.lua_gettop(l) - first;
  }

  /** A negative position is one beyond all data, as in C. */
  private checkData(l: number, position: number, size: number, length: number): void {
    if (position >= 0 && position + size <= length) return;
    badArgument(this.lua, l, 2, "data string too short");
  }

  /** Returns how many bytes it took. */
  private unpackOption(
    l: number,
    format: Format,
    position: number,
    length: number,
    results: number,
  ): number {
    switch (format.option) {
      case "b":
      case "B":
      case "h":
      case "H":
      case "l":
      case "L":
      case "T":
      case "i":
      case "I":
        this.unpackInteger(l, format, position);
        break;
      case "x":
        break;
      case "f":
      case "d":
        this.unpackFloat(l, format, position);
        break;
      case "c":
        return this.unpackBytes(l, format, position, length, results);
      case "s":
        return this.unpackString(l, position, length);
      default:
        format.control();
    }
    return format.size;
  }

  private unpackInteger(l: number, format: Format, position: number): void {
    const { size, isLittle, option } = format;
    this.lua.readString(l, 2);
    const { bytes, at } = this.lua;
    let value = 0n;
    // Of more than eight bytes, the last ones that are shifted in remain.
    for (let i = 0; i < size; i++) {
      const from = isLittle ? size - 1 - i : i;
      value = BigInt.asUintN(64, (value << 8n) | BigInt(bytes[at + position + from]));
    }
    const isSigned = option === option.toLowerCase();
    if (isSigned) value = signExtended(value, size);
    this.lua.api.lua_pushnumber(l, Number(value));
  }

  private unpackFloat(l: number, format: Format, position: number): void {
    const { lua, scratch } = this;
    lua.readString(l, 2);
    for (let i = 0; i < format.size; i++) {
      scratch.setUint8(i, lua.bytes[lua.at + position + i]);
    }
    const isSingle = format.size === 4;
    const value = isSingle
      ? scratch.getFloat32(0, format.isLittle)
      : scratch.getFloat64(0, format.isLittle);
    if (!Number.isNaN(value)) lua.api.lua_pushnumber(l, value);
    else pushNan(lua, l, scratch.getUint8(format.isLittle ? format.size - 1 : 0) >= 0x80);
  }

  private unpackBytes(
    l: number,
    format: Format,
    position: number,
    length: number,
    results: number,
  ): number {
    const { lua } = this;
    let { size } = format;
    if (size === 0) {
      if (results === 0 || lua.api.lua_isnumber(l, -1) === 0) {
        lua.raiseAt(l, "format 'c0' needs a previous size");
      }
      size = Number(toUnsigned(lua.api.lua_tonumber(l, -1)));
      lua.api.lua_settop(l, -2);
      this.checkData(l, position, size, length);
    }
    lua.readString(l, 2);
    lua.api.lua_pushlstring(l, lua.at + position, size);
    return size;
  }

  private unpackString(l: number, position: number, length: number): number {
    const { lua } = this;
    lua.readString(l, 2);
    const start = lua.at + position;
    const end = lua.bytes.indexOf(0, start);
    if (end < 0 || end >= lua.at + length) lua.raiseAt(l, "unfinished string in data");
    lua.api.lua_pushlstring(l, start, end - start);
    return end - start + 1;
  }

  // ---- size ------------------------------------------------------------------------------------

  size(l: number): number {
    const { lua } = this;
    const format = new Format(lua, l);
    let total = 0;
    while (format.next()) {
      total += format.padding(total);
      if (format.option === "s") badArgument(lua, l, 1, "option 's' has no fixed size");
      if (format.option === "c" && format.size === 0) {
        badArgument(lua, l, 1, "option 'c0' has no fixed size");
      }
      if (!/[0-9A-Za-z]/.test(format.option)) format.control();
      total += format.size;
    }
    lua.api.lua_pushnumber(l, total);
    return 1;
  }
}

/** C shifts by the size in bits modulo 64, so sizes beyond eight bytes have odd results. */
function signExtended(value: bigint, size: number): bigint {
  const mask = BigInt.asUintN(64, -1n << BigInt((size * 8 - 1) & 63));
  return BigInt.asIntN(64, (value & mask) !== 0n ? value | mask : value);
}

/** Pushes the table `struct`. */
export function pushStruct(lua: Lua, l: number): void {
  const struct = new Struct(lua);
  lua.api.lua_createtable(l, 0, 3);
  lua.setFunction(l, "pack", (state) => struct.pack(state));
  lua.setFunction(l, "unpack", (state) => struct.unpack(state));
  lua.setFunction(l, "size", (state) => struct.size(state));
}
