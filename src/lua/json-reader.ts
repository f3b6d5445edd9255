// cjson.decode: JSON to a value of Lua. It is lenient as Redis's is: numbers are what strtod()
// takes, from the first digit, sign, `i` or `n` on; a NUL outside of a string ends the text.
// `null` is cjson.null, a light userdata.
// Invariant: the text stays on the stack, at index 1, while it is read; `at` is the offset of the
// next byte that no token has.
// Hot path: strings without escapes go from the VM's memory to the VM.

import { Output } from "./encoded-output.ts";
import { read, setting, settingsAt } from "./json-settings.ts";
import { formatToken, token } from "./json-token.ts";
import type { Lua } from "./lua.ts";
import { pushNan } from "./nan.ts";
import { scanNumber } from "./number-scan.ts";

const quote = 0x22;
const backslash = 0x5c;
const letterU = 0x75;
const valuesPerCheck = 0xfff;

/** What a byte begins, outside of strings. */
const starts = table(token.INVALID, [
  ["{", token.OBJECT_BEGIN],
  ["}", token.OBJECT_END],
  ["[", token.ARRAY_BEGIN],
  ["]", token.ARRAY_END],
  [",", token.COMMA],
  [":", token.COLON],
  ['"', token.STRING],
  ["\0", token.END],
  [" \t\n\r", token.SPACE],
  ["-0123456789", token.NUMBER],
  ["tfnNiI+", token.WORD],
]);

/** What the letter after a backslash stands for; 0 for none. */
const escapes = table(0, [
  ['"', quote],
  ["\\", backslash],
  ["/", 0x2f],
  ["b", 0x08],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
]);

/** By byte. */
function table(otherwise: number, rows: readonly (readonly [string, number])[]): Uint8Array {
  const values = new Uint8Array(256).fill(otherwise);
  for (const [chars, value] of rows) {
    for (let i = 0; i < chars.length; i++) values[chars.charCodeAt(i)] = value;
  }
  return values;
}

export class JsonReader {
  private readonly lua: Lua;
  private readonly output: Output;
  private bytes: Uint8Array;
  /** Where the text begins in the VM's memory. */
  private base: number;
  private at: number;
  /** The token that was read last: its kind, where it began, and the fault of an invalid one. */
  private kind: number;
  private start: number;
  private fault: string;
  private number: number;
  private isNegativeNan: boolean;
  private depth: number;
  private depthMax: number;
  private takesInvalid: boolean;
  private values: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.output = new Output(lua);
    this.bytes = new Uint8Array(0);
    this.base = 0;
    this.at = 0;
    this.kind = token.END;
    this.start = 0;
    this.fault = "";
    this.number = 0;
    this.isNegativeNan = false;
    this.depth = 0;
    this.depthMax = 0;
    this.takesInvalid = true;
    this.values = 0;
  }

  /** Pushes the value of the text that is the only value on the stack. */
  decode(l: number): number {
    const { lua } = this;
    const settings = settingsAt(lua, l);
    this.depthMax = read(lua, settings, setting.DECODE_DEPTH);
    this.takesInvalid = read(lua, settings, setting.DECODE_INVALID) !== 0;
    this.base = lua.at;
    // A copy, as the VM's memory may move; with the NUL that ends every string of Lua.
    this.bytes = lua.bytes.slice(lua.at, lua.at + lua.length + 1);
    if (lua.length >= 2 && (this.bytes[0] === 0 || this.bytes[1] === 0)) {
      lua.raiseAt(l, "JSON parser does not support UTF-16 or UTF-32");
    }
    this.at = 0;
    this.depth = 0;
    this.next(l);
    this.value(l);
    if (this.next(l) !== token.END) this.unexpected(l, "the end");
    return 1;
  }

  // ---- values ----------------------------------------------------------------------------------

  /** Pushes the value that begins with the token that was read. */
  private value(l: number): void {
    const { api } = this.lua;
    if ((++this.values & valuesPerCheck) === 0) this.lua.checkTime(l);
    switch (this.kind) {
      case token.STRING:
        return; // its token has pushed it
      case token.NUMBER:
        if (Number.isNaN(this.number)) return pushNan(this.lua, l, this.isNegativeNan);
        return api.lua_pushnumber(l, this.number);
      case token.TRUE:
      case token.FALSE:
        return api.lua_pushboolean(l, this.kind === token.TRUE ? 1 : 0);
      case token.NULL:
        return api.lua_pushlightuserdata(l, 0);
      case token.OBJECT_BEGIN:
        return this.object(l);
      case token.ARRAY_BEGIN:
        return this.array(l);
      default:
        this.unexpected(l, "value");
    }
  }

  private object(l: number): void {
    const { api } = this.lua;
    this.descend(l);
    api.lua_createtable(l, 0, 0);
    if (this.next(l) !== token.OBJECT_END) {
      for (;;) {
        if (this.kind !== token.STRING) this.unexpected(l, "object key string");
        if (this.next(l) !== token.COLON) this.unexpected(l, "colon");
        this.next(l);
        this.value(l);
        api.lua_rawset(l, -3);
        const kind = this.next(l);
        if (kind === token.OBJECT_END) break;
        if (kind !== token.COMMA) this.unexpected(l, "comma or object end");
        this.next(l);
      }
    }
    this.depth--;
  }

  private array(l: number): void {
    const { api } = this.lua;
    this.descend(l);
    api.lua_createtable(l, 0, 0);
    if (this.next(l) !== token.ARRAY_END) {
      for (let i = 1; ; i++) {
        this.value(l);
        api.lua_rawseti(l, -2, i);
        const kind = this.next(l);
        if (kind === token.ARRAY_END) break;
        if (kind !== token.COMMA) this.unexpected(l, "comma or array end");
        this.next(l);
      }
    }
    this.depth--;
  }

  private descend(l: number): void {
    this.depth++;
    if (this.depth <= this.depthMax && this.lua.api.lua_checkstack(l, 3) !== 0) return;
    const text = `Found too many nested data structures (${this.depth})`;
    this.lua.raiseAt(l, `${text} at character ${this.at}`);
  }

  private unexpected(l: number, expected: string): never {
    const found = this.kind === token.INVALID ? this.fault : formatToken(this.kind);
    const text = `Expected ${expected} but found ${found} at character ${this.start + 1}`;
    return this.lua.raiseAt(l, text);
  }

  // ---- tokens ----------------------------------------------------------------------------------

  /** Reads a token and returns its kind. That of a string has pushed the string. */
  private next(l: number): number {
    const { bytes } = this;
    let { at } = this;
    let kind = starts[bytes[at]];
    while (kind === token.SPACE) kind = starts[bytes[++at]];
    this.start = at;
    this.kind = kind;
    this.at = at + 1;
    if (kind === token.STRING) this.string(l);
    else if (kind === token.NUMBER) this.numeric();
    else if (kind === token.WORD) this.word();
    else if (kind === token.INVALID) this.invalid(at, "invalid token");
    else if (kind === token.END) this.at = at; // again and again
    return this.kind;
  }

  private invalid(at: number, fault: string): void {
    this.kind = token.INVALID;
    this.start = at;
    this.fault = fault;
  }

  private word(): void {
    if (this.isWord("true")) this.take(token.TRUE, 4);
    else if (this.isWord("false")) this.take(token.FALSE, 5);
    else if (this.isWord("null")) this.take(token.NULL, 4);
    else if (this.takesInvalid) this.spelledNumber();
    else this.invalid(this.start, "invalid token");
  }

  private isWord(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.start + i] !== word.charCodeAt(i)) return false;
    }
    return true;
  }

  private take(kind: number, length: number): void {
    this.kind = kind;
    this.at = this.start + length;
  }

  /** `+1`, `inf`, `nan`: what only strtod() takes for a number. */
  private spelledNumber(): void {
    const isNumber = this.isSpelled("+") || this.isSpelled("inf") || this.isSpelled("nan");
    if (isNumber) this.numeric();
    else this.invalid(this.start, "invalid token");
  }

  /** In any case of its letters. */
  private isSpelled(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if ((this.bytes[this.start + i] | 0x20) !== (word.charCodeAt(i) | 0x20)) return false;
    }
    return true;
  }

  private numeric(): void {
    if (!this.takesInvalid && isUnusual(this.bytes, this.start)) {
      this.invalid(this.start, "invalid number");
      return;
    }
    const number = scanNumber(this.bytes, this.start);
    if (number === null) {
      this.invalid(this.start, "invalid number");
      return;
    }
    this.number = number.value;
    this.isNegativeNan = number.isNegative;
    this.kind = token.NUMBER;
    this.at = number.end;
  }

  // ---- strings ---------------------------------------------------------------------------------

  private string(l: number): void {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      if (byte === 0) return this.invalid(at, "unexpected end of string");
      if (byte === backslash) return this.escaped(l, start, at);
    }
    this.lua.api.lua_pushlstring(l, this.base + start, at - start);
    this.at = at + 1;
  }

  /** A string with escapes, the first of them at `first`. */
  private escaped(l: number, start: number, first: number): void {
    const { bytes, output } = this;
    output.clear();
    output.copy(l, this.base + start, first - start);
    let at = first;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[at]) {
      if (byte === 0) return this.invalid(at, "unexpected end of string");
      if (byte !== backslash) {
        output.byte(l, byte);
        at++;
      } else if (bytes[at + 1] === letterU) {
        const end = this.unicode(l, at);
        if (end < 0) return this.invalid(at, "invalid unicode escape code");
        at = end;
      } else {
        const char = escapes[bytes[at + 1]];
        if (char === 0) return this.invalid(at, "invalid escape code");
        output.byte(l, char);
        at += 2;
      }
    }
    output.push(l);
    this.at = at + 1;
  }

  /** Writes the character of `\uXXXX` (or of two, for a pair) and returns where it ends, or -1. */
  private unicode(l: number, at: number): number {
    const code = this.fourDigits(at + 2);
    if (code < 0) return -1;
    if ((code & 0xf800) !== 0xd800) {
      this.character(l, code);
      return at + 6;
    }
    if ((code & 0x400) !== 0) return -1;
    if (this.bytes[at + 6] !== backslash || this.bytes[at + 7] !== letterU) return -1;
    const low = this.fourDigits(at + 8);
    if (low < 0 || (low & 0xfc00) !== 0xdc00) return -1;
    this.character(l, 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff));
    return at + 12;
  }

  private fourDigits(at: number): number {
    let code = 0;
    for (let i = at; i < at + 4; i++) {
      const byte = this.bytes[i];
      const lower = byte | 0x20;
      if (byte >= 0x30 && byte <= 0x39) code = code * 16 + byte - 0x30;
      else if (lower >= 0x61 && lower <= 0x66) code = code * 16 + lower - 0x61 + 10;
      else return -1;
    }
    return code;
  }

  /** UTF-8. */
  private character(l: number, code: number): void {
    const { output } = this;
    if (code < 0x80) return output.byte(l, code);
    if (code < 0x800) output.byte(l, 0xc0 | (code >> 6));
    else {
      if (code < 0x10000) output.byte(l, 0xe0 | (code >> 12));
      else {
        output.byte(l, 0xf0 | (code >> 18));
        output.byte(l, 0x80 | ((code >> 12) & 0x3f));
      }
      output.byte(l, 0x80 | ((code >> 6) & 0x3f));
    }
    output.byte(l, 0x80 | (code & 0x3f));
  }
}

/** What JSON does not allow: 01, 0x1, -inf, -nan. */
function isUnusual(bytes: Uint8Array, start: number): boolean {
  const at = bytes[start] === 0x2d ? start + 1 : start;
  const second = bytes[at + 1];
  if (bytes[at] === 0x30) return (second | 0x20) === 0x78 || (second >= 0x30 && second <= 0x39);
  const letter = bytes[at] | 0x20;
  return letter === 0x69 || letter === 0x6e;
}
