// The library `struct` of a script: packs values into bytes by a format, and unpacks them. Sizes
// are those of C on a 64-bit machine; bytes are little-endian and unaligned unless the format says
// otherwise (`<`, `>`, `!n`). struct-format.ts reads formats.
// Invariant: the data stay on the stack, at index 2, while they are unpacked; their bytes do not
// move, but the view of the memory is read again after each value.
// Hot path: no allocation, and no bigint for integers of up to eight bytes that a double holds.

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
import { type Item, kind, type StructFormat, StructFormats } from "./struct-format.ts";

const wordValues = 2 ** 32;
const wordBits = 32;
const wordBytes = 4;
const longBytes = 8;
/** So many items need no more of the stack than any function has. */
const fewItems = 12;

class Struct {
  private readonly lua: Lua;
  private readonly output: Output;
  private readonly formats: StructFormats;
  private readonly scratch: DataView;
  /** Of the data that are unpacked: where they begin, and how long they are. */
  private base: number;
  private length: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.output = new Output(lua);
    this.formats = new StructFormats();
    this.scratch = new DataView(new ArrayBuffer(longBytes));
    this.base = 0;
    this.length = 0;
  }

  private format(l: number): StructFormat {
    const { lua } = this;
    checkString(lua, l, 1);
    return this.formats.at(lua.bytes, lua.at, lua.length);
  }

  private refuse(l: number, { kind: what, option, fault }: Item): void {
    if (fault !== "") this.lua.raiseAt(l, fault);
    if (what === kind.INVALID) badArgument(this.lua, l, 1, `invalid format option '${option}'`);
  }

  // ---- pack ------------------------------------------------------------------------------------

  pack(l: number): number {
    const { lua, output } = this;
    const format = this.format(l);
    output.clear();
    lua.api.lua_pushnil(l); // what stands for a missing argument
    let argument = 2;
    for (let i = 0, item = format.item(0); item !== null; item = format.item(++i)) {
      output.count(l);
      if (item.kind === kind.OVERFLOW) this.refuse(l, item);
      for (let n = paddingOf(item, output.length); n > 0; n--) output.byte(l, 0);
      if (this.packItem(l, item, argument)) argument++;
    }
    output.push(l);
    return 1;
  }

  /** Returns whether it took an argument. */
  private packItem(l: number, item: Item, argument: number): boolean {
    switch (item.kind) {
      case kind.SIGNED:
      case kind.UNSIGNED:
        this.packInteger(l, item, argument);
        return true;
      case kind.FLOAT:
        this.packFloat(l, item, argument);
        return true;
      case kind.BYTES:
      case kind.STRING:
        this.packString(l, item, argument);
        return true;
      case kind.PADDING:
        this.output.byte(l, 0);
        return false;
      default:
        this.refuse(l, item);
        return false;
    }
  }

  private packInteger(l: number, { size, isLittle }: Item, argument: number): void {
    const { output } = this;
    const number = this.lua.api.luaL_checknumber(l, argument);
    let low = number >>> 0;
    let high = Math.floor(Math.trunc(number) / wordValues) | 0;
    if (!Number.isSafeInteger(Math.trunc(number))) {
      const value = number < 0 ? BigInt(toInteger(number)) : toUnsigned(number);
      low = Number(BigInt.asUintN(wordBits, value));
      high = Number(BigInt.asIntN(wordBits, value >> BigInt(wordBits)));
    }
    output.reserve(l, size);
    const { bytes, length } = output;
    for (let i = 0; i < size; i++) {
      const word = i < wordBytes ? low >>> (8 * i) : high >>> (8 * (i - wordBytes));
      bytes[length + (isLittle ? i : size - 1 - i)] = i < longBytes ? word : 0;
    }
    output.length += size;
  }

  private packFloat(l: number, { size, isLittle }: Item, argument: number): void {
    const value = this.lua.api.luaL_checknumber(l, argument);
    const { scratch } = this;
    if (size === wordBytes) scratch.setFloat32(0, value, isLittle);
    else scratch.setFloat64(0, value, isLittle);
    const sign = isLittle ? size - 1 : 0;
    if (Number.isNaN(value) && isNegativeNan(this.lua, l, argument)) {
      scratch.setUint8(sign, scratch.getUint8(sign) | 0x80);
    }
    for (let i = 0; i < size; i++) this.output.byte(l, scratch.getUint8(i));
  }

  private packString(l: number, item: Item, argument: number): void {
    const { lua } = this;
    checkString(lua, l, argument);
    const { at, length } = lua;
    const size = item.size === 0 ? length : item.size;
    // The number of the argument after it, as in Redis.
    if (length < size) badArgument(lua, l, argument + 1, "string too short");
    this.output.copy(l, at, size);
    if (item.kind === kind.STRING) this.output.byte(l, 0);
  }

  // ---- unpack ----------------------------------------------------------------------------------

  unpack(l: number): number {
    const { lua } = this;
    const { api } = lua;
    const format = this.format(l);
    checkString(lua, l, 2);
    this.base = lua.at;
    this.length = lua.length;
    const offset = isNone(lua, l, 3) ? 1 : checkInteger(lua, l, 3);
    if (offset === 0) badArgument(lua, l, 3, "offset must be 1 or greater");
    let position = offset - 1;
    const first = api.lua_gettop(l);
    for (let i = 0, item = format.item(0); item !== null; item = format.item(++i)) {
      if (item.kind === kind.OVERFLOW) this.refuse(l, item);
      position += paddingOf(item, position);
      this.checkData(l, position, item.size);
      if (i >= fewItems && api.lua_checkstack(l, 2) === 0) {
        lua.raiseAt(l, "stack overflow (too many results)");
      }
      position += this.unpackItem(l, item, position, first);
    }
    api.lua_pushnumber(l, position + 1);
    return api.lua_gettop(l) - first;
  }

  /** A negative position is one beyond all data, as in C. */
  private checkData(l: number, position: number, size: number): void {
    if (position >= 0 && position + size <= this.length) return;
    badArgument(this.lua, l, 2, "data string too short");
  }

  /** Returns how many bytes it took. `first`: the top of the stack before the first result. */
  private unpackItem(l: number, item: Item, position: number, first: number): number {
    switch (item.kind) {
      case kind.SIGNED:
      case kind.UNSIGNED:
        this.lua.api.lua_pushnumber(l, this.integerAt(item, this.base + position));
        break;
      case kind.FLOAT:
        this.unpackFloat(l, item, this.base + position);
        break;
      case kind.BYTES:
        return this.unpackBytes(l, item, position, first);
      case kind.STRING:
        return this.unpackString(l, position);
      default:
        this.refuse(l, item);
    }
    return item.size;
  }

  private integerAt({ kind: what, size, isLittle }: Item, at: number): number {
    const { bytes } = this.lua;
    const isSigned = what === kind.SIGNED;
    if (size > longBytes) return longIntegerAt(bytes, at, size, isLittle, isSigned);
    let low = 0;
    let high = 0;
    for (let i = 0; i < size; i++) {
      const byte = bytes[isLittle ? at + i : at + size - 1 - i];
      if (i < wordBytes) low |= byte << (8 * i);
      else high |= byte << (8 * (i - wordBytes));
    }
    if (size <= wordBytes) {
      const unused = wordBits - 8 * size;
      return isSigned ? (low << unused) >> unused : low >>> 0;
    }
    const unused = 2 * wordBits - 8 * size;
    // One sum of two exact numbers: it is rounded once, as C rounds.
    return (isSigned ? (high << unused) >> unused : high >>> 0) * wordValues + (low >>> 0);
  }

  private unpackFloat(l: number, { size, isLittle }: Item, at: number): void {
    const { lua, scratch } = this;
    for (let i = 0; i < size; i++) scratch.setUint8(i, lua.bytes[at + i]);
    const isSingle = size === wordBytes;
    const value = isSingle ? scratch.getFloat32(0, isLittle) : scratch.getFloat64(0, isLittle);
    if (!Number.isNaN(value)) lua.api.lua_pushnumber(l, value);
    else pushNan(lua, l, scratch.getUint8(isLittle ? size - 1 : 0) >= 0x80);
  }

  private unpackBytes(l: number, item: Item, position: number, first: number): number {
    const { lua } = this;
    let { size } = item;
    if (size === 0) {
      if (lua.api.lua_gettop(l) === first || lua.api.lua_isnumber(l, -1) === 0) {
        lua.raiseAt(l, "format 'c0' needs a previous size");
      }
      size = Number(toUnsigned(lua.api.lua_tonumber(l, -1)));
      lua.api.lua_settop(l, -2);
      this.checkData(l, position, size);
    }
    lua.api.lua_pushlstring(l, this.base + position, size);
    return size;
  }

  private unpackString(l: number, position: number): number {
    const { lua } = this;
    const start = this.base + position;
    const end = lua.bytes.indexOf(0, start);
    if (end < 0 || end >= this.base + this.length) lua.raiseAt(l, "unfinished string in data");
    lua.api.lua_pushlstring(l, start, end - start);
    return end - start + 1;
  }

  // ---- size ------------------------------------------------------------------------------------

  size(l: number): number {
    const { lua } = this;
    const format = this.format(l);
    let total = 0;
    for (let i = 0, item = format.item(0); item !== null; item = format.item(++i)) {
      this.output.count(l);
      if (item.kind === kind.OVERFLOW) this.refuse(l, item);
      total += paddingOf(item, total);
      if (item.option === "s") badArgument(lua, l, 1, "option 's' has no fixed size");
      if (item.option === "c" && item.size === 0) {
        badArgument(lua, l, 1, "option 'c0' has no fixed size");
      }
      if (!/[0-9A-Za-z]/.test(item.option)) this.refuse(l, item);
      total += item.size;
    }
    lua.api.lua_pushnumber(l, total);
    return 1;
  }
}

/** Bytes to skip before the item, if `at` bytes precede it. */
function paddingOf({ alignment }: Item, at: number): number {
  return alignment > 1 ? (alignment - (at & (alignment - 1))) & (alignment - 1) : 0;
}

/** Of more than eight bytes: the last ones that are shifted in remain. */
function longIntegerAt(
  bytes: Uint8Array,
  at: number,
  size: number,
  isLittle: boolean,
  isSigned: boolean,
): number {
  let value = 0n;
  for (let i = 0; i < size; i++) {
    const from = isLittle ? size - 1 - i : i;
    value = BigInt.asUintN(64, (value << 8n) | BigInt(bytes[at + from]));
  }
  return Number(isSigned ? signExtended(value, size) : value);
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
