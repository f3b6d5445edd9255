// math.random and math.randomseed of a script: the sequence of lrand48() of POSIX, as in Redis, so
// that a script with a seed of its own gets the same numbers on every server. The sequence goes on
// from script to script.
// Invariant: the state has 48 bits.

import type { Lua } from "./lua.ts";
import { badArgument, checkInt } from "./lua-arguments.ts";

const multiplier = 0x5deece66dn;
const increment = 0xbn;
const mask48 = (1n << 48n) - 1n;
/** The lowest 16 bits of the state after a seed. */
const seedLow = 0x330en;
/** The state of lrand48() before any seed. */
const firstState = 0x1234abcd330en;
const largest = 2 ** 31 - 1;

class Sequence {
  private state = firstState;

  seed(value: number): void {
    this.state = (BigInt.asUintN(32, BigInt(value)) << 16n) | seedLow;
  }

  /** The upper 31 bits of the next state. */
  next(): number {
    this.state = (this.state * multiplier + increment) & mask48;
    return Number(this.state >> 17n);
  }
}

/** Sets the functions in the table `math`, on the top of the stack. */
export function installRandom(lua: Lua, l: number): void {
  const sequence = new Sequence();
  lua.setFunction(l, "random", (state) => random(lua, state, sequence));
  lua.setFunction(l, "randomseed", (state) => {
    sequence.seed(checkInt(lua, state, 1));
    return 0;
  });
}

function random(lua: Lua, l: number, sequence: Sequence): number {
  const fraction = (sequence.next() % largest) / largest;
  lua.api.lua_pushnumber(l, randomOf(lua, l, fraction));
  return 1;
}

function randomOf(lua: Lua, l: number, fraction: number): number {
  const count = lua.api.lua_gettop(l);
  if (count === 0) return fraction;
  if (count > 2) lua.raiseAt(l, "wrong number of arguments");
  const low = count === 1 ? 1 : checkInt(lua, l, 1);
  const high = checkInt(lua, l, count);
  if (low > high) badArgument(lua, l, count, "interval is empty");
  // The width is a C int, as in Redis, and may overflow.
  const width = count === 1 ? high : (high - low + 1) | 0;
  return Math.floor(fraction * width) + low;
}
