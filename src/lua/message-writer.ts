// cmsgpack.pack: values as MessagePack, each in its shortest form. What has no form, and tables
// nested deeper than 16, become nil.
// Invariant: value() leaves the stack as it found it.

import { Output } from "./encoded-output.ts";
import { type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import { badArgument, isNegativeNan } from "./lua-arguments.ts";
import { takeReal } from "./read-only.ts";

const nestingMax = 16;
const notArray = -1;

export class MessageWriter {
  private readonly lua: Lua;
  private readonly output: Output;
  private readonly scratch: DataView;

  constructor(lua: Lua) {
    this.lua = lua;
    this.output = new Output(lua);
    this.scratch = new DataView(new ArrayBuffer(8));
  }

  pack(l: number): number {
    const { lua, output } = this;
    const count = lua.api.lua_gettop(l);
    if (count === 0) badArgument(lua, l, 0, "MessagePack pack needs input.");
    if (lua.api.lua_checkstack(l, count) === 0) {
      lua.raiseAt(l, "stack overflow (Too many arguments for MessagePack pack.)");
    }
    output.clear();
    for (let n = 1; n <= count; n++) {
      lua.api.lua_pushvalue(l, n);
      this.value(l, 0);
      lua.api.lua_settop(l, -2);
    }
    output.push(l);
    return 1;
  }

  /** The value on the top of the stack. */
  private value(l: number, level: number): void {
    const { api } = this.lua;
    const kind = api.lua_type(l, -1);
    this.output.count(l);
    if (kind === typeOf.STRING) this.string(l);
    else if (kind === typeOf.NUMBER) this.number(l);
    else if (kind === typeOf.BOOLEAN) this.output.byte(l, 0xc2 + api.lua_toboolean(l, -1));
    else if (kind === typeOf.TABLE && level < nestingMax) this.table(l, level);
    else this.output.byte(l, 0xc0);
  }

  private string(l: number): void {
    const { lua } = this;
    lua.readString(l, -1);
    const { length } = lua;
    if (length < 32) this.output.byte(l, 0xa0 | length);
    else if (length < 0x100) this.header(l, 0xd9, 1, length);
    else if (length < 0x10000) this.header(l, 0xda, 2, length);
    else this.header(l, 0xdb, 4, length);
    this.output.copy(l, lua.at, length);
  }

  /** A type and an unsigned number of so many bytes. */
  private header(l: number, type: number, bytes: number, value: number): void {
    this.output.byte(l, type);
    for (let i = bytes - 1; i >= 0; i--) this.output.byte(l, value >>> (8 * i));
  }

  // ---- numbers ---------------------------------------------------------------------------------

  private number(l: number): void {
    const value = this.lua.api.lua_tonumber(l, -1);
    const isInt64 = value === Math.trunc(value) && value >= -(2 ** 63) && value < 2 ** 63;
    if (!isInt64) this.double(l, value);
    else if (value >= 0) this.positive(l, value);
    else this.negative(l, value);
  }

  private positive(l: number, value: number): void {
    if (value < 0x80) this.output.byte(l, value);
    else if (value < 0x100) this.header(l, 0xcc, 1, value);
    else if (value < 0x10000) this.header(l, 0xcd, 2, value);
    else if (value < 2 ** 32) this.header(l, 0xce, 4, value);
    else this.long(l, 0xcf, value);
  }

  private negative(l: number, value: number): void {
    if (value >= -0x20) this.output.byte(l, value & 0xff);
    else if (value >= -0x80) this.header(l, 0xd0, 1, value);
    else if (value >= -0x8000) this.header(l, 0xd1, 2, value);
    else if (value >= -(2 ** 31)) this.header(l, 0xd2, 4, value);
    else this.long(l, 0xd3, value);
  }

  private long(l: number, type: number, value: number): void {
    this.scratch.setBigInt64(0, BigInt.asIntN(64, BigInt(value)));
    this.scratched(l, type, 8);
  }

  /** As a float if that loses nothing. */
  private double(l: number, value: number): void {
    const { scratch } = this;
    if (Math.fround(value) === value) {
      scratch.setFloat32(0, value);
      this.scratched(l, 0xca, 4);
      return;
    }
    scratch.setFloat64(0, value);
    if (Number.isNaN(value) && isNegativeNan(this.lua, l, -1)) scratch.setUint8(0, 0xff);
    this.scratched(l, 0xcb, 8);
  }

  private scratched(l: number, type: number, bytes: number): void {
    this.output.byte(l, type);
    for (let i = 0; i < bytes; i++) this.output.byte(l, this.scratch.getUint8(i));
  }

  // ---- tables ----------------------------------------------------------------------------------

  private table(l: number, level: number): void {
    if (this.lua.api.lua_checkstack(l, 3) === 0) {
      this.lua.raiseAt(l, "stack overflow (in function mp_encode_lua_table)");
    }
    let length = this.arrayLength(l);
    if (length === 0 && takeReal(this.lua, l)) length = this.arrayLength(l);
    if (length >= 0) this.array(l, level, length);
    else this.map(l, level);
  }

  /** The length of a table whose keys are 1, 2, 3 and so on; otherwise notArray. */
  private arrayLength(l: number): number {
    const { api } = this.lua;
    let largest = 0;
    let items = 0;
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      const key = api.lua_type(l, -2) === typeOf.NUMBER ? api.lua_tonumber(l, -2) : 0;
      if (!(key > 0) || Math.floor(key) !== key) {
        api.lua_settop(l, -3);
        return notArray;
      }
      if (key > largest) largest = key;
      items++;
      api.lua_settop(l, -2);
    }
    return largest === items ? items : notArray;
  }

  private array(l: number, level: number, length: number): void {
    const { api } = this.lua;
    if (length < 16) this.output.byte(l, 0x90 | length);
    else if (length < 0x10000) this.header(l, 0xdc, 2, length);
    else this.header(l, 0xdd, 4, length);
    for (let i = 1; i <= length; i++) {
      api.lua_rawgeti(l, -1, i);
      this.value(l, level + 1);
      api.lua_settop(l, -2);
    }
  }

  private map(l: number, level: number): void {
    const { api } = this.lua;
    const count = this.count(l);
    if (count < 16) this.output.byte(l, 0x80 | count);
    else if (count < 0x10000) this.header(l, 0xde, 2, count);
    else this.header(l, 0xdf, 4, count);
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      api.lua_pushvalue(l, -2);
      this.value(l, level + 1);
      api.lua_settop(l, -2);
      this.value(l, level + 1);
      api.lua_settop(l, -2);
    }
  }

  private count(l: number): number {
    const { api } = this.lua;
    let count = 0;
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      count++;
      api.lua_settop(l, -2);
    }
    return count;
  }
}
