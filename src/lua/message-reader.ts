// cmsgpack.unpack, unpack_one and unpack_limit: the values of a MessagePack text. Integers become
// numbers through int64, as in Redis: what a uint64 has beyond it becomes negative.
// Invariant: the text stays on the stack, at index 1, while it is read; `at` is the offset of what
// no value has taken.

import type { Lua } from "./lua.ts";
import { checkInteger, checkString, isNone } from "./lua-arguments.ts";
import { pushNan } from "./nan.ts";

const tooMany = "too many return values at once; use unpack_one or unpack_limit instead.";
const valuesPerCheck = 0xfff;
const inArray = "in function mp_decode_to_lua_array";
const inMap = "in function mp_decode_to_lua_hash";

export class MessageReader {
  private readonly lua: Lua;
  private bytes: Uint8Array;
  private view: DataView;
  private base: number;
  private at: number;
  private length: number;
  private values: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.bytes = new Uint8Array(0);
    this.view = new DataView(this.bytes.buffer);
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
    this.bytes = new Uint8Array(0);
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
    this.bytes = lua.bytes.slice(lua.at, lua.at + length);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, length);
    this.length = length;
    this.at = offset;
  }

  // ---- values ----------------------------------------------------------------------------------

  /** Pushes the next value. */
  private value(l: number): void {
    this.room(l, 1, tooMany);
    if ((++this.values & valuesPerCheck) === 0) this.lua.checkTime(l);
    const type = this.take(l, 1, (at) => this.bytes[at]);
    if (type < 0x80) this.push(l, type);
    else if (type < 0x90) this.map(l, type & 15);
    else if (type < 0xa0) this.array(l, type & 15);
    else if (type < 0xc0) this.string(l, type & 31);
    else if (type >= 0xe0) this.push(l, type - 0x100);
    else this.typed(l, type);
  }

  private typed(l: number, type: number): void {
    const { api } = this.lua;
    const { view } = this;
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
        return this.push(
          l,
          this.take(l, 8, (at) => Number(view.getBigInt64(at))),
        );
      case 0xd0:
        return this.push(
          l,
          this.take(l, 1, (at) => view.getInt8(at)),
        );
      case 0xd1:
        return this.push(
          l,
          this.take(l, 2, (at) => view.getInt16(at)),
        );
      case 0xd2:
        return this.push(
          l,
          this.take(l, 4, (at) => view.getInt32(at)),
        );
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

  /** Reads so many bytes. */
  private take(l: number, bytes: number, read: (at: number) => number): number {
    this.need(l, bytes);
    const value = read(this.at);
    this.at += bytes;
    return value;
  }

  private need(l: number, bytes: number): void {
    if (this.at + bytes > this.length) this.lua.raiseAt(l, "Missing bytes in input.");
  }

  private unsigned(l: number, bytes: number): number {
    const { view } = this;
    return this.take(l, bytes, (at) => {
      if (bytes === 1) return view.getUint8(at);
      return bytes === 2 ? view.getUint16(at) : view.getUint32(at);
    });
  }

  private float(l: number, bytes: number): void {
    const { view, at } = this;
    const value = this.take(l, bytes, () =>
      bytes === 4 ? view.getFloat32(at) : view.getFloat64(at),
    );
    if (Number.isNaN(value)) pushNan(this.lua, l, view.getUint8(at) >= 0x80);
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
      this.push(l, i);
      this.value(l);
      api.lua_settable(l, -3);
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
