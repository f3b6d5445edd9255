// Lua's patterns, matched step by step with an eye on the clock. The matcher in the VM cannot be
// interrupted, and `("a*"):rep(20)` keeps it for years; it has the short matches, this one those
// that might take long (pattern-functions.ts).
// As in Lua 5.1, a pattern ends at its first NUL, and `^` is not its own affair.
// Invariant: every step is counted, so a match ends soon after the script's time.

import type { Lua } from "./lua.ts";

const capturesMax = 32;
/** Nested calls of match(): each item of the pattern that repeats makes one. */
const depthMax = 2000;
const stepsPerCheck = 0xffff;
const noMatch = -1;
/** Lengths of a capture that is not closed, and of one that is a position. */
const unfinished = -1;
const positionOnly = -2;

const percent = 0x25;
const caret = 0x5e;
const dash = 0x2d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

export class PatternMatch {
  readonly subject: Uint8Array;
  captures: number;
  private readonly lua: Lua;
  private readonly l: number;
  private readonly pattern: Uint8Array;
  private readonly starts: Int32Array;
  private readonly lengths: Int32Array;
  private steps: number;
  private depth: number;

  /** Neither array is in the VM's memory, which may move; the pattern ends in a NUL. */
  constructor(lua: Lua, l: number, subject: Uint8Array, pattern: Uint8Array) {
    this.lua = lua;
    this.l = l;
    this.subject = subject;
    this.pattern = pattern;
    this.captures = 0;
    this.starts = new Int32Array(capturesMax);
    this.lengths = new Int32Array(capturesMax);
    this.steps = 0;
    this.depth = 0;
  }

  /** Where a match ends that begins at `at`, with the pattern from `from` on; or noMatch. */
  at(at: number, from: number): number {
    this.captures = 0;
    this.depth = 0;
    return this.match(at, from);
  }

  // ---- captures ---------------------------------------------------------------------------------

  /** Pushes all captures; the whole match if there are none and `isWhole`. Returns their number. */
  pushCaptures(start: number, end: number, isWhole: boolean): number {
    const count = this.captures === 0 && isWhole ? 1 : this.captures;
    if (this.lua.api.lua_checkstack(this.l, count) === 0) this.fail("stack overflow");
    for (let i = 0; i < count; i++) this.pushCapture(i, start, end);
    return count;
  }

  pushCapture(index: number, start: number, end: number): void {
    const { lua, l } = this;
    if (index >= this.captures) {
      if (index !== 0) this.fail("invalid capture index");
      lua.pushBytes(l, this.subject, start, end);
      return;
    }
    const length = this.lengths[index];
    const from = this.starts[index];
    if (length === unfinished) this.fail("unfinished capture");
    if (length === positionOnly) lua.api.lua_pushnumber(l, from + 1);
    else lua.pushBytes(l, this.subject, from, from + length);
  }

  private open(at: number, from: number, length: number): number {
    if (this.captures === capturesMax) this.fail("too many captures");
    this.starts[this.captures] = at;
    this.lengths[this.captures] = length;
    this.captures++;
    const end = this.match(at, from);
    if (end === noMatch) this.captures--;
    return end;
  }

  private close(at: number, from: number): number {
    let index = this.captures - 1;
    while (index >= 0 && this.lengths[index] !== unfinished) index--;
    if (index < 0) this.fail("invalid pattern capture");
    this.lengths[index] = at - this.starts[index];
    const end = this.match(at, from);
    if (end === noMatch) this.lengths[index] = unfinished;
    return end;
  }

  /** `%1`: the bytes of a capture once more. */
  private again(at: number, digit: number): number {
    const index = digit - 0x31;
    if (index < 0 || index >= this.captures || this.lengths[index] === unfinished) {
      this.fail("invalid capture index");
    }
    const { subject } = this;
    const length = this.lengths[index];
    // A position has a length beyond all subjects, as in C.
    if (length < 0 || subject.length - at < length) return noMatch;
    const start = this.starts[index];
    for (let i = 0; i < length; i++) {
      if (subject[start + i] !== subject[at + i]) return noMatch;
    }
    return at + length;
  }

  // ---- matching ---------------------------------------------------------------------------------

  private match(start: number, from: number): number {
    if (++this.depth > depthMax) this.fail("pattern too complex");
    const end = this.items(start, from);
    this.depth--;
    return end;
  }

  private items(start: number, from: number): number {
    const { pattern, subject } = this;
    let at = start;
    let item = from;
    for (;;) {
      this.step();
      const code = pattern[item];
      if (code === 0) return at;
      if (code === 0x28) {
        return pattern[item + 1] === 0x29
          ? this.open(at, item + 2, positionOnly)
          : this.open(at, item + 1, unfinished);
      }
      if (code === 0x29) return this.close(at, item + 1);
      if (code === 0x24 && pattern[item + 1] === 0) return at === subject.length ? at : noMatch;
      const second = code === percent ? pattern[item + 1] : 0;
      if (second === 0x62) {
        at = this.balance(at, item + 2);
        item += 4;
      } else if (second === 0x66) {
        item = this.frontier(at, item + 2);
        if (item < 0) return noMatch;
      } else if (second >= 0x30 && second <= 0x39) {
        at = this.again(at, second);
        item += 2;
      } else {
        const end = this.classEnd(item);
        const repeat = pattern[end];
        if (repeat === 0x2a) return this.longest(at, item, end);
        if (repeat === dash) return this.shortest(at, item, end);
        const isOne = at < subject.length && this.isOne(subject[at], item, end);
        if (repeat === 0x2b) return isOne ? this.longest(at + 1, item, end) : noMatch;
        if (repeat === 0x3f) {
          const taken = isOne ? this.match(at + 1, end + 1) : noMatch;
          if (taken !== noMatch) return taken;
          item = end + 1;
          continue;
        }
        if (!isOne) return noMatch;
        at++;
        item = end;
      }
      if (at === noMatch) return noMatch;
    }
  }

  private longest(start: number, item: number, end: number): number {
    const { subject } = this;
    let at = start;
    while (at < subject.length && this.isOne(subject[at], item, end)) {
      this.step();
      at++;
    }
    for (; at >= start; at--) {
      const found = this.match(at, end + 1);
      if (found !== noMatch) return found;
    }
    return noMatch;
  }

  private shortest(start: number, item: number, end: number): number {
    const { subject } = this;
    for (let at = start; ; at++) {
      const found = this.match(at, end + 1);
      if (found !== noMatch) return found;
      if (at >= subject.length || !this.isOne(subject[at], item, end)) return noMatch;
    }
  }

  /** `%bxy`. */
  private balance(start: number, item: number): number {
    const { pattern, subject } = this;
    const open = pattern[item];
    const close = open === 0 ? 0 : pattern[item + 1];
    if (close === 0) this.fail("unbalanced pattern");
    if ((subject[start] ?? 0) !== open) return noMatch;
    let left = 1;
    for (let at = start + 1; at < subject.length; at++) {
      this.step();
      if (subject[at] === close) {
        if (--left === 0) return at + 1;
      } else if (subject[at] === open) left++;
    }
    return noMatch;
  }

  /** `%f[set]`: returns what follows in the pattern. */
  private frontier(at: number, item: number): number {
    if (this.pattern[item] !== openBracket) this.fail("missing '[' after '%f' in pattern");
    const end = this.classEnd(item);
    const before = at === 0 ? 0 : this.subject[at - 1];
    const after = this.subject[at] ?? 0;
    return this.isInSet(before, item, end - 1) || !this.isInSet(after, item, end - 1)
      ? noMatch
      : end;
  }

  // ---- single characters ------------------------------------------------------------------------

  /** Where the item ends that begins at `item`, without what repeats it. */
  private classEnd(item: number): number {
    const { pattern } = this;
    let at = item + 1;
    if (pattern[item] === percent) {
      if (pattern[at] === 0) this.fail("malformed pattern (ends with '%')");
      return at + 1;
    }
    if (pattern[item] !== openBracket) return at;
    if (pattern[at] === caret) at++;
    do {
      if (pattern[at] === 0) this.fail("malformed pattern (missing ']')");
      if (pattern[at++] === percent && pattern[at] !== 0) at++;
    } while (pattern[at] !== closeBracket);
    return at + 1;
  }

  private isOne(code: number, item: number, end: number): boolean {
    const first = this.pattern[item];
    if (first === 0x2e) return true;
    if (first === percent) return isInClass(code, this.pattern[item + 1]);
    return first === openBracket ? this.isInSet(code, item, end - 1) : first === code;
  }

  /** `last` is the place of the closing bracket. */
  private isInSet(code: number, item: number, last: number): boolean {
    const { pattern } = this;
    const isNegated = pattern[item + 1] === caret;
    for (let at = isNegated ? item + 2 : item + 1; at < last; at++) {
      if (pattern[at] === percent) {
        at++;
        if (isInClass(code, pattern[at])) return !isNegated;
      } else if (pattern[at + 1] === dash && at + 2 < last) {
        at += 2;
        if (pattern[at - 2] <= code && code <= pattern[at]) return !isNegated;
      } else if (pattern[at] === code) return !isNegated;
    }
    return isNegated;
  }

  private step(): void {
    if ((++this.steps & stepsPerCheck) === 0) this.lua.checkTime(this.l);
  }

  private fail(text: string): never {
    return this.lua.raiseAt(this.l, text);
  }
}

/** `%a` and its like: an upper-case letter means all others; no letter means itself. */
function isInClass(code: number, letter: number): boolean {
  const isIn = isInLowerClass(code, letter | 0x20);
  if (isIn === null || letter < 0x41) return letter === code;
  return letter >= 0x61 ? isIn : !isIn;
}

function isInLowerClass(code: number, letter: number): boolean | null {
  switch (letter) {
    case 0x61:
      return isAlpha(code);
    case 0x63:
      return code < 32 || code === 127;
    case 0x64:
      return isDigit(code);
    case 0x6c:
      return code >= 0x61 && code <= 0x7a;
    case 0x70:
      return code > 32 && code < 127 && !isAlpha(code) && !isDigit(code);
    case 0x73:
      return code === 32 || (code >= 9 && code <= 13);
    case 0x75:
      return code >= 0x41 && code <= 0x5a;
    case 0x77:
      return isAlpha(code) || isDigit(code);
    case 0x78:
      return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
    case 0x7a:
      return code === 0;
    default:
      return null;
  }
}

function isAlpha(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a && code < 128;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
