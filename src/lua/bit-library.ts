// The library `bit` of a script: operations on 32-bit integers. A number becomes one as LuaJIT's
// BitOp documents it: rounded to the nearest, halves to even, and taken modulo 2^32.
// Invariant: a result is a signed 32-bit number.

import type { Lua } from "./lua.ts";

/** 2^52 + 2^51: added to a number, it leaves the number as an integer in the low bits. */
const roundingBias = 6755399441055744;

/** Arguments as 32 bits. */
class Bits {
  private readonly lua: Lua;
  private readonly double: Float64Array;
  private readonly words: Int32Array;

  constructor(lua: Lua) {
    this.lua = lua;
    this.double = new Float64Array(1);
    this.words = new Int32Array(this.double.buffer);
  }

  of(l: number, n: number): number {
    this.double[0] = this.lua.api.luaL_checknumber(l, n) + roundingBias;
    return this.words[0];
  }
}

type Binary = (a: number, b: number) => number;

const folds: Readonly<Record<string, Binary>> = {
  band: (a, b) => a & b,
  bor: (a, b) => a | b,
  bxor: (a, b) => a ^ b,
};

const shifts: Readonly<Record<string, Binary>> = {
  lshift: (a, n) => a << n,
  rshift: (a, n) => a >>> n,
  arshift: (a, n) => a >> n,
  rol: (a, n) => (a << n) | (a >>> (32 - n)),
  ror: (a, n) => (a >>> n) | (a << (32 - n)),
};

const singles: Readonly<Record<string, (a: number) => number>> = {
  tobit: (a) => a,
  bnot: (a) => ~a,
  bswap: (a) => (a << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24),
};

/** Pushes the table `bit`. */
export function pushBit(lua: Lua, l: number): void {
  const { api } = lua;
  const bits = new Bits(lua);
  const push = (state: number, value: number): number => {
    api.lua_pushnumber(state, value | 0);
    return 1;
  };
  api.lua_createtable(l, 0, 12);
  for (const [name, fold] of Object.entries(folds)) {
    lua.setFunction(l, name, (state) => {
      let result = bits.of(state, 1);
      // From the last one on, as errors tell.
      for (let n = api.lua_gettop(state); n > 1; n--) result = fold(result, bits.of(state, n));
      return push(state, result);
    });
  }
  for (const [name, shift] of Object.entries(shifts)) {
    lua.setFunction(l, name, (state) => {
      const value = bits.of(state, 1);
      return push(state, shift(value, bits.of(state, 2) & 31));
    });
  }
  for (const [name, single] of Object.entries(singles)) {
    lua.setFunction(l, name, (state) => push(state, single(bits.of(state, 1))));
  }
  lua.setFunction(l, "tohex", (state) => toHex(lua, bits, state));
}

function toHex(lua: Lua, bits: Bits, l: number): number {
  const value = bits.of(l, 1) >>> 0;
  const digits = lua.api.lua_type(l, 2) < 0 ? 8 : bits.of(l, 2);
  const text = value.toString(16).padStart(8, "0");
  const shown = Math.min(8, Math.abs(digits));
  lua.pushText(l, (digits < 0 ? text.toUpperCase() : text).slice(8 - shown));
  return 1;
}
