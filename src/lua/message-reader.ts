// cmsgpack.unpack, unpack_one and unpack_limit: the values of a MessagePack text. Integers become
// numbers through int64, as in Redis: what a uint64 has beyond it becomes negative.
// Invariant: the text stays on the stack, at index 1, while it is read, so that it does not move;
// the view of the memory is read again after each value. `at` is the offset of what no value has
// taken.
// Hot path: no allocation.

import type { Lua } from "./lua.ts";
import { checkInteger, checkString, isNone } from "./lua-arguments.ts";
import { pushNan } from "./nan.ts";

const tooMany = "too many return values at once; use unpack_one or unpack_limit instead.";
const valuesPerCheck = 0xfff;
const inArray = "in function mp_decode_to_lua_array";
const inMap = "in function mp_decode_to_lua_hash";
const wordValues = 2 ** 32;
const wordBits = 32;

export class MessageReader {
  private readonly lua: Lua;
  private readonly scratch: DataView;
  private base: number;
  private at: number;
  private length: number;
  private values: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.scratch = new DataView(new ArrayBuffer(8));
    this.base = 0;
    this.at = 0;
    this.length = 0;
    this.values = 0;
  }

  unpackAll(l: number): number {
    return this.unpack(l, 0, 0);
  }

  unpackOne(l: number): number {
    const { lua } = this;
    const offset = isNone(lua, l, 2) ? 0 : checkInteger(lua, l, 2);
    return this.unpack(l, 1, offset);
  }

  unpackLimit(l: number): number {
    const { lua } = this;
    const limit = checkInteger(lua, l, 2);
    const offset = isNone(lua, l, 3) ? 0 : checkInteger(lua, l, 3);
    return this.unpack(l, limit, offset);
  }

  /** Returns the values; before them the next offset, or -1 at the end, unless all were wanted. */
  private unpack(l: number, limit: number, offset: number): number {
    const { lua } = this;
    this.open(l, limit, offset);
    const first = lua.api.lua_gettop(l);
    const isAll = limit === 0 && offset === 0;
    if (!isAll) lua.api.lua_pushnil(l);
    for (let n = 0; this.at < this.length && (isAll || n < limit); n++) this.value(l);
    const next = this.at === this.length ? -1 : this.at;
    if (!isAll) {
      lua.api.lua_pushnumber(l, next);
      lua.api.lua_replace(l, first + 1);
    }
    return lua.api.lua_gettop(l) - first;
  }

  private open(l: number, limit: number, offset: number): void {
    const { lua } = this;
    checkString(lua, l, 1);
    const { length } = lua;
    if (offset < 0 || limit < 0) {
      const text = `Invalid request to unpack with offset of ${offset | 0} and limit of ${length}.`;
      lua.raiseAt(l, text);
    }
    if (offset > length) {
      lua.raiseAt(l, `Start offset ${offset | 0} greater than input length ${length}.`);
    }
    this.base = lua.at;
    this.length = length;
    this.at = offset;
  }

  // ---- values ----------------------------------------------------------------------------------

  /** Pushes the next value. */
  private value(l: number): void {
    this.room(l, 1, tooMany);
    if ((++this.values & valuesPerCheck) === 0) this.lua.checkTime(l);
    const type = this.unsigned(l, 1);
    if (type < 0x80) this.push(l, type);
    else if (type < 0x90) this.map(l, type & 15);
    else if (type < 0xa0) this.array(l, type & 15);
    else if (type < 0xc0) this.string(l, type & 31);
    else if (type >= 0xe0) this.push(l, type - 0x100);
    else this.typed(l, type);
  }

  private typed(l: number, type: number): void {
    const { api } = this.lua;
    switch (type) {
      case 0xc0:
        return api.lua_pushnil(l);
      case 0xc2:
      case 0xc3:
        return api.lua_pushboolean(l, type & 1);
      case 0xca:
        return this.float(l, 4);
      case 0xcb:
        return this.float(l, 8);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.push(l, this.unsigned(l, 1 << (type - 0xcc)));
      case 0xcf:
      case 0xd3:
        return this.push(l, this.long(l));
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.push(l, this.signed(l, 1 << (type - 0xd0)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.string(l, this.unsigned(l, 1 << (type - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.array(l, this.unsigned(l, 2 << (type - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.map(l, this.unsigned(l, 2 << (type - 0xde)));
      default:
        this.lua.raiseAt(l, "Bad data format in input.");
    }
  }

  private push(l: number, value: number): void {
    this.lua.api.lua_pushnumber(l, value);
  }

  private need(l: number, bytes: number): void {
    if (this.at + bytes > this.length) this.lua.raiseAt(l, "Missing bytes in input.");
  }

  /** Of up to four bytes, most significant first. */
  private unsigned(l: number, size: number): number {
    this.need(l, size);
    const { bytes } = this.lua;
    const start = this.base + this.at;
    let value = 0;
    for (let i = start; i < start + size; i++) value = value * 256 + bytes[i];
    this.at += size;
    return value;
  }

  private signed(l: number, size: number): number {
    const unused = wordBits - 8 * size;
    return (this.unsigned(l, size) << unused) >> unused;
  }

  /** An int64, rounded once. */
  private long(l: number): number {
    this.need(l, 8);
    const high = this.signed(l, 4);
    return high * wordValues + this.unsigned(l, 4);
  }

  private float(l: number, size: number): void {
    this.need(l, size);
    const { scratch, lua } = this;
    const start = this.base + this.at;
    for (let i = 0; i < size; i++) scratch.setUint8(i, lua.bytes[start + i]);
    this.at += size;
    const value = size === 4 ? scratch.getFloat32(0) : scratch.getFloat64(0);
    if (Number.isNaN(value)) pushNan(lua, l, scratch.getUint8(0) >= 0x80);
    else this.push(l, value);
  }

  private string(l: number, length: number): void {
    this.need(l, length);
    this.lua.api.lua_pushlstring(l, this.base + this.at, length);
    this.at += length;
  }

  private array(l: number, length: number): void {
    const { api } = this.lua;
    this.room(l, 2, inArray);
    api.lua_createtable(l, 0, 0);
    for (let i = 1; i <= length; i++) {
      this.value(l);
      api.lua_rawseti(l, -2, i);
    }
  }

  private map(l: number, count: number): void {
    const { api } = this.lua;
    this.room(l, 1, inMap);
    api.lua_createtable(l, 0, 0);
    for (let i = 0; i < count; i++) {
      this.value(l);
      this.value(l);
      api.lua_settable(l, -3);
    }
  }

  private room(l: number, slots: number, where: string): void {
    if (this.lua.api.lua_checkstack(l, slots) !== 0) return;
    this.lua.raiseAt(l, `stack overflow (${where})`);
  }
}
