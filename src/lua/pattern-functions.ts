// string.find, match, gmatch and gsub. A call that must be short runs in the VM; one that might
// take long runs here, where it can be interrupted, with the same results and errors.
// Invariant: what is compared with `stepsMaxInVm` is no less than the steps that the VM would need.

import { patternStepsInVmMax } from "../base/limits.ts";
import { globalsIndex, type as typeOf } from "./exports.ts";
import type { Lua } from "./lua.ts";
import {
  badArgument,
  checkInt,
  checkInteger,
  checkString,
  isNone,
  typeName,
  upvalue,
} from "./lua-arguments.ts";
import { PatternMatch } from "./pattern-match.ts";
import { cut, narrowing, position } from "./wide-integers.ts";
import { type HostFunction, wrap } from "./wrapping.ts";

const caret = 0x5e;
const percent = 0x25;
const specials = /[\^$*+?.([%-]/;

export function guardPatterns(lua: Lua, l: number, stepsMaxInVm = patternStepsInVmMax): void {
  const { api } = lua;
  const functions = new PatternFunctions(lua);
  const guard = (name: string, slow: HostFunction, narrow = asItIs) => {
    wrap(lua, l, name, (original) => {
      const inVm = narrow(lua, original);
      return (state) => (stepsInVm(lua, state) <= stepsMaxInVm ? inVm(state) : slow(state));
    });
  };
  api.lua_getfield(l, globalsIndex, lua.name("string"));
  guard("find", (state) => functions.find(state, true), narrowPosition);
  guard("match", (state) => functions.find(state, false), narrowPosition);
  guard("gmatch", (state) => functions.gmatch(state));
  guard("gsub", (state) => functions.gsub(state), narrowCount);
  api.lua_getfield(l, -1, lua.name("gmatch"));
  api.lua_setfield(l, -2, lua.name("gfind"));
  api.lua_settop(l, -2);
}

type Narrowing = (lua: Lua, original: HostFunction) => HostFunction;

const asItIs: Narrowing = (_lua, original) => original;
const narrowPosition: Narrowing = (lua, original) => narrowing(lua, original, position, [3]);
const narrowCount: Narrowing = (lua, original) => narrowing(lua, original, cut, [4]);

/**
 * An upper bound: each item that repeats may try every length at each place where the match may
 * begin. 0 for arguments that are wrong: their error is the VM's.
 */
function stepsInVm(lua: Lua, l: number): number {
  if (!lua.readString(l, 1)) return 0;
  const { length } = lua;
  if (!lua.readString(l, 2)) return 0;
  if (lua.api.lua_toboolean(l, 4) !== 0) return length * lua.length;
  const { bytes, at } = lua;
  let steps = length + lua.length + 1;
  for (let i = at; i < at + lua.length; i++) {
    const factor = repeats(bytes[i], bytes[i + 1]);
    if (factor === 1) continue;
    steps *= factor === 2 ? 2 : length + 1;
    if (steps > 1e15) break;
  }
  return steps;
}

/** 1: no repetition; 2: `?`; 3: as often as the subject is long. */
function repeats(code: number, next: number): number {
  if (code === 0x2a || code === 0x2b || code === 0x2d) return 3;
  if (code === 0x3f) return 2;
  const isLong = code === percent && (next === 0x62 || (next >= 0x31 && next <= 0x39));
  return isLong ? 3 : 1;
}

class PatternFunctions {
  private readonly lua: Lua;
  private readonly step: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.step = lua.register((l) => this.nextMatch(l));
  }

  // ---- find and match ---------------------------------------------------------------------------

  find(l: number, isFind: boolean): number {
    const { lua } = this;
    const subject = lua.copy(l, 1);
    const from = isNone(lua, l, 3) ? 1 : checkInteger(lua, l, 3);
    const start = Math.min(
      subject.length,
      Math.max(0, from < 0 ? subject.length + from : from - 1),
    );
    const pattern = cString(lua, l, 2);
    if (isFind && (lua.api.lua_toboolean(l, 4) !== 0 || !specials.test(textOf(pattern)))) {
      return this.findPlain(l, subject, start);
    }
    const isAnchored = pattern[0] === caret;
    const match = new PatternMatch(lua, l, subject, pattern);
    let at = start;
    do {
      const end = match.at(at, isAnchored ? 1 : 0);
      if (end < 0) continue;
      if (!isFind) return match.pushCaptures(at, end, true);
      lua.api.lua_pushnumber(l, at + 1);
      lua.api.lua_pushnumber(l, end);
      return match.pushCaptures(at, end, false) + 2;
    } while (at++ < subject.length && !isAnchored);
    lua.api.lua_pushnil(l);
    return 1;
  }

  private findPlain(l: number, subject: Uint8Array, start: number): number {
    const { lua } = this;
    const sought = lua.copy(l, 2);
    const at = Buffer.from(subject.buffer, subject.byteOffset, subject.length).indexOf(
      sought,
      start,
    );
    if (at < 0) {
      lua.api.lua_pushnil(l);
      return 1;
    }
    lua.api.lua_pushnumber(l, at + 1);
    lua.api.lua_pushnumber(l, at + sought.length);
    return 2;
  }

  // ---- gmatch -----------------------------------------------------------------------------------

  /** Pushes a function with three upvalues: subject, pattern, and where to go on. */
  gmatch(l: number): number {
    const { api } = this.lua;
    api.lua_settop(l, 2);
    api.lua_pushnumber(l, 0);
    api.lua_pushcclosure(l, this.step, 3);
    return 1;
  }

  private nextMatch(l: number): number {
    const { lua } = this;
    const subject = lua.copy(l, upvalue(1));
    const match = new PatternMatch(lua, l, subject, cString(lua, l, upvalue(2)));
    for (let at = lua.api.lua_tonumber(l, upvalue(3)); at <= subject.length; at++) {
      const end = match.at(at, 0);
      if (end < 0) continue;
      lua.api.lua_pushnumber(l, end === at ? end + 1 : end);
      lua.api.lua_replace(l, upvalue(3));
      return match.pushCaptures(at, end, true);
    }
    return 0;
  }

  // ---- gsub -------------------------------------------------------------------------------------

  gsub(l: number): number {
    const { lua } = this;
    const subject = lua.copy(l, 1);
    const pattern = cString(lua, l, 2);
    const kind = lua.api.lua_type(l, 3);
    const isText = kind === typeOf.STRING || kind === typeOf.NUMBER;
    if (!isText && kind !== typeOf.FUNCTION && kind !== typeOf.TABLE) {
      badArgument(lua, l, 3, "string/function/table expected");
    }
    const most = isNone(lua, l, 4) ? subject.length + 1 : checkInt(lua, l, 4);
    const text = isText ? lua.copy(l, 3) : null;
    const match = new PatternMatch(lua, l, subject, pattern);
    const parts: Uint8Array[] = [];
    const count = this.replaceAll(l, match, pattern[0] === caret, most, text, parts);
    const whole = Buffer.concat(parts);
    lua.pushBytes(l, whole, 0, whole.length);
    lua.api.lua_pushnumber(l, count);
    return 2;
  }

  private replaceAll(
    l: number,
    match: PatternMatch,
    isAnchored: boolean,
    most: number,
    text: Uint8Array | null,
    parts: Uint8Array[],
  ): number {
    const { subject } = match;
    let count = 0;
    let at = 0;
    let copied = 0;
    while (count < most) {
      const end = match.at(at, isAnchored ? 1 : 0);
      if (end >= 0) {
        count++;
        parts.push(subject.subarray(copied, at), this.replacement(l, match, at, end, text));
        copied = end;
      }
      if (end > at) at = end;
      else if (at < subject.length) at++;
      else break;
      if (isAnchored) break;
    }
    parts.push(subject.subarray(copied));
    return count;
  }

  private replacement(
    l: number,
    match: PatternMatch,
    start: number,
    end: number,
    text: Uint8Array | null,
  ): Uint8Array {
    const { lua } = this;
    const { api } = lua;
    if (text !== null) return this.expanded(l, match, start, end, text);
    if (api.lua_type(l, 3) === typeOf.FUNCTION) {
      api.lua_pushvalue(l, 3);
      api.lua_call(l, match.pushCaptures(start, end, true), 1);
    } else {
      match.pushCapture(0, start, end);
      api.lua_gettable(l, 3);
    }
    const isKept = api.lua_toboolean(l, -1) === 0;
    if (!isKept && api.lua_isstring(l, -1) === 0) {
      lua.raiseAt(l, `invalid replacement value (a ${typeName(lua, l, -1)})`);
    }
    const value = isKept ? match.subject.slice(start, end) : lua.copy(l, -1);
    api.lua_settop(l, -2);
    return value;
  }

  /** The text with its `%0` to `%9`; a `%` at its end stands for a NUL, as in C. */
  private expanded(
    l: number,
    match: PatternMatch,
    start: number,
    end: number,
    text: Uint8Array,
  ): Uint8Array {
    const { lua } = this;
    const parts: Uint8Array[] = [];
    let copied = 0;
    for (let at = text.indexOf(percent); at >= 0; at = text.indexOf(percent, at + 2)) {
      parts.push(text.subarray(copied, at));
      const code = text[at + 1] ?? 0;
      if (code === 0x30) parts.push(match.subject.subarray(start, end));
      else if (code >= 0x31 && code <= 0x39) {
        match.pushCapture(code - 0x31, start, end);
        parts.push(lua.copy(l, -1));
        lua.api.lua_settop(l, -2);
      } else parts.push(new Uint8Array([code]));
      copied = at + 2;
    }
    parts.push(text.subarray(copied));
    return Buffer.concat(parts);
  }
}

/** A copy of a string up to its first NUL, and with it. */
function cString(lua: Lua, l: number, index: number): Uint8Array {
  if (!lua.readString(l, index)) checkString(lua, l, index);
  const { bytes, at } = lua;
  return bytes.slice(at, bytes.indexOf(0, at) + 1);
}

function textOf(pattern: Uint8Array): string {
  return Buffer.from(pattern).toString("latin1");
}
