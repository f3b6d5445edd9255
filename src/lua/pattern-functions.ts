// string.find, match, gmatch and gsub. A call that must be short runs in the VM; one that might
// take long runs here, where it can be interrupted, with the same results and errors.
// Invariant: what is compared with `stepsMaxInVm` is no less than the steps that the VM would need.

import { patternStepsInVmMax } from "../base/limits.ts";
import { Output } from "./encoded-output.ts";
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
import { choice } from "./shims.ts";
import { cut, narrowing, position } from "./wide-integers.ts";
import { type HostFunction, wrap } from "./wrapping.ts";

const caret = 0x5e;
const percent = 0x25;
const specials = /[\^$*+?.([%-]/;

export function guardPatterns(lua: Lua, l: number, stepsMaxInVm = patternStepsInVmMax): void {
  const { api } = lua;
  const functions = new PatternFunctions(lua);
  const guard = (name: string, slow: HostFunction, narrow = asItIs, steps = stepsInVm) => {
    wrap(lua, l, name, (original) => {
      const prepare = narrow(lua, nothing);
      const isSlow = (state: number) => {
        const needed = steps(lua, state);
        if (needed > stepsMaxInVm) return true;
        lua.spend(state, needed);
        prepare(state);
        return false;
      };
      if (name === "gsub") return choice(isSlow, original, slow); // it may call Lua
      return (state) => (isSlow(state) ? slow(state) : original(state));
    });
  };
  api.lua_getfield(l, globalsIndex, lua.name("string"));
  guard("find", (state) => functions.find(state, true), narrowPosition);
  guard("match", (state) => functions.find(state, false), narrowPosition);
  guard("gmatch", (state) => functions.gmatch(state));
  guard("gsub", (state) => functions.gsub(state), narrowCount, stepsOfGsub);
  api.lua_getfield(l, -1, lua.name("gmatch"));
  api.lua_setfield(l, -2, lua.name("gfind"));
  api.lua_settop(l, -2);
}

type Narrowing = (lua: Lua, original: HostFunction) => HostFunction;

const nothing: HostFunction = () => 0;
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

/** Each place may be replaced, and C appends a text byte by byte. */
function stepsOfGsub(lua: Lua, l: number): number {
  const steps = stepsInVm(lua, l);
  const isShort = steps <= usualSteps && lua.api.lua_objlen(l, 3) <= usualBytes;
  if (steps === 0 || isShort) return steps;
  const isText = lua.api.lua_type(l, 3) === typeOf.STRING;
  const bytes = isText ? lua.api.lua_objlen(l, 3) : 0;
  const places = lua.api.lua_objlen(l, 1) + 1;
  return Math.max(steps, places * (stepsOfReplacement + bytes * stepsOfByte));
}

/** What a replacement takes beside its bytes, and one of them, in steps of a match (measured). */
const stepsOfReplacement = 10;
const stepsOfByte = 2;
/** With less, a replacement at each place is nothing either: 10 ms. */
const usualSteps = 8192;
const usualBytes = 64;

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
  private iterations: number;
  private lastIteration: number;
  private lastSubject: Uint8Array;

  constructor(lua: Lua) {
    this.lua = lua;
    this.iterations = 0;
    this.lastIteration = 0;
    this.lastSubject = new Uint8Array(0);
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

  /** Pushes a function with four upvalues: subject, pattern, where to go on, and a number. */
  gmatch(l: number): number {
    const { api } = this.lua;
    api.lua_settop(l, 2);
    api.lua_pushnumber(l, 0);
    api.lua_pushnumber(l, ++this.iterations);
    api.lua_pushcclosure(l, this.step, 4);
    return 1;
  }

  /** What the last iteration reads is not copied for each match. */
  private subjectOf(l: number): Uint8Array {
    const { lua } = this;
    const iteration = lua.api.lua_tonumber(l, upvalue(4));
    if (iteration !== this.lastIteration) {
      this.lastSubject = lua.copy(l, upvalue(1));
      this.lastIteration = iteration;
    }
    return this.lastSubject;
  }

  private nextMatch(l: number): number {
    const { lua } = this;
    const subject = this.subjectOf(l);
    const match = new PatternMatch(lua, l, subject, cString(lua, l, upvalue(2)));
    for (let at = lua.api.lua_tonumber(l, upvalue(3)); at <= subject.length; at++) {
      const end = match.at(at, 0);
      if (end < 0) continue;
      lua.api.lua_pushnumber(l, end === at ? end + 1 : end);
      lua.api.lua_replace(l, upvalue(3));
      return match.pushCaptures(at, end, true);
    }
    this.lastSubject = new Uint8Array(0);
    this.lastIteration = 0;
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
    const output = new Output(lua); // its own, as a function may call gsub() again
    const count = this.replaceAll(l, match, pattern[0] === caret, most, text, output);
    output.push(l);
    lua.api.lua_pushnumber(l, count);
    return 2;
  }

  private replaceAll(
    l: number,
    match: PatternMatch,
    isAnchored: boolean,
    most: number,
    text: Uint8Array | null,
    output: Output,
  ): number {
    const { subject } = match;
    let count = 0;
    let at = 0;
    let copied = 0;
    while (count < most) {
      const end = match.at(at, isAnchored ? 1 : 0);
      if (end >= 0) {
        count++;
        output.part(l, subject, copied, at);
        this.replace(l, match, at, end, text, output);
        copied = end;
      }
      if (end > at) at = end;
      else if (at < subject.length) at++;
      else break;
      if (isAnchored) break;
    }
    output.part(l, subject, copied, subject.length);
    return count;
  }

  private replace(
    l: number,
    match: PatternMatch,
    start: number,
    end: number,
    text: Uint8Array | null,
    output: Output,
  ): void {
    const { lua } = this;
    const { api } = lua;
    if (text !== null) return this.expand(l, match, start, end, text, output);
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
    if (!isKept) return this.takeTop(l, output);
    output.part(l, match.subject, start, end);
    api.lua_settop(l, -2);
  }

  /** The text with its `%0` to `%9`; a `%` at its end stands for a NUL, as in C. */
  private expand(
    l: number,
    match: PatternMatch,
    start: number,
    end: number,
    text: Uint8Array,
    output: Output,
  ): void {
    let copied = 0;
    for (let at = text.indexOf(percent); at >= 0; at = text.indexOf(percent, at + 2)) {
      output.part(l, text, copied, at);
      const code = text[at + 1] ?? 0;
      if (code === 0x30) output.part(l, match.subject, start, end);
      else if (code >= 0x31 && code <= 0x39) {
        match.pushCapture(code - 0x31, start, end);
        this.takeTop(l, output);
      } else output.byte(l, code);
      copied = at + 2;
    }
    if (copied < text.length) output.part(l, text, copied, text.length);
  }

  /** Moves the string on the top of the stack. */
  private takeTop(l: number, output: Output): void {
    const { lua } = this;
    lua.readString(l, -1);
    output.copy(l, lua.at, lua.length);
    lua.api.lua_settop(l, -2);
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
