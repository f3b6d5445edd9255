// Glob patterns over bytes with the meaning that redis gives them (util.c, stringmatchlen): `*`, `?`,
// `[abc]`, `[^a-z]` and `\` before a byte that means itself. Where a pattern is malformed the
// outcome is redis's too: an unclosed class ends with the pattern. The bytes of a range are signed, as a
// `char` is on x86-64: `[a-\xff]` is what lies between -1 and 97.
// A pattern is compiled once. Every element but `*` takes exactly one byte, so a pattern is parts between
// stars, and the first place at which a part fits is the right one. Bounds keep the work for each byte of
// a text constant: a part between two stars is short, and a long one is searched for 32 elements at once.

import { globBytesMax, globClassesMax, globPartElementsMax } from "./limits.ts";

const STAR = 0x2a; // *
const QUESTION = 0x3f; // ?
const OPEN = 0x5b; // [
const CLOSE = 0x5d; // ]
const CARET = 0x5e; // ^
const MINUS = 0x2d; // -
const BACKSLASH = 0x5c;

/** Elements below this are the byte itself. */
const ANY = 256;
/** The first class; `element - CLASS` is its number. */
const CLASS = 257;
/** A class is a set of bytes: 256 bits. */
const classWords = 8;
/** Parts up to this length are compared element by element at each place. */
const shortPart = 32;

/** Where each bit says whether that element of a part takes a byte; scratch of one search. */
const masks = new Int32Array(256 * (globPartElementsMax / 32));
/** A bit for each element at which a match is under way; scratch of one search. */
const underWay = new Int32Array(globPartElementsMax / 32);

/** The pattern, or null if it is too long or has too many classes or too long a part between stars. */
export function compileGlob(pattern: Uint8Array, start: number, end: number): Glob | null {
  if (end - start > globBytesMax) return null;
  const compiler = new GlobCompiler(pattern, start, end);
  return compiler.run() ? new Glob(compiler) : null;
}

export class Glob {
  /** All parts, one behind the other. */
  readonly #elements: Uint16Array;
  /** Where each part ends in `elements`; one more than there are stars (those side by side are one). */
  readonly #partEnds: readonly number[];
  readonly #classes: Int32Array;

  constructor({ elements, count, partEnds, classes }: GlobCompiler) {
    this.#elements = elements.slice(0, count);
    this.#partEnds = partEnds;
    this.#classes = Int32Array.from(classes);
  }

  /** Does the whole text fit the whole pattern? */
  matches(text: Uint8Array, start: number, end: number): boolean {
    const ends = this.#partEnds;
    const length = this.#elements.length;
    // A quirk of redis, kept: no pattern but the empty one fits an empty text, not even a star.
    if (start === end) return length === 0 && ends.length === 1;
    if (length > end - start) return false;
    const last = ends.length - 1;
    if (!this.#fits(0, ends[0], text, start)) return false;
    if (last === 0) return length === end - start;
    const tail = ends[last - 1];
    const tailStart = end - (length - tail);
    let position = start + ends[0];
    for (let part = 1; part < last; part++) {
      position = this.#find(ends[part - 1], ends[part], text, position, tailStart);
      if (position < 0) return false;
    }
    return this.#fits(tail, length, text, tailStart);
  }

  /** Whether these elements take the bytes at `position`, of which there are enough. */
  #fits(from: number, to: number, text: Uint8Array, position: number): boolean {
    const elements = this.#elements;
    const shift = position - from;
    for (let at = from; at < to; at++) {
      const element = elements[at];
      const byte = text[shift + at];
      if (element === byte || element === ANY) continue;
      if (element < CLASS || !this.#hasInClass(element - CLASS, byte)) return false;
    }
    return true;
  }

  #hasInClass(index: number, byte: number): boolean {
    return (this.#classes[index * classWords + (byte >> 5)] & (1 << (byte & 31))) !== 0;
  }

  /** Behind the first place in text[start..end) where these elements fit; -1 if there is none. */
  #find(from: number, to: number, text: Uint8Array, start: number, end: number): number {
    const length = to - from;
    if (length > end - start) return -1;
    if (length > shortPart) return this.#findLong(from, to, text, start, end);
    for (let position = start; position + length <= end; position++) {
      if (this.#fits(from, to, text, position)) return position + length;
    }
    return -1;
  }

  /** The same by the bits of all elements at once: the algorithm "Shift-And". */
  #findLong(from: number, to: number, text: Uint8Array, start: number, end: number): number {
    const words = (to - from + 31) >> 5;
    this.#fillMasks(from, to, words);
    underWay.fill(0, 0, words);
    const goal = 1 << ((to - from - 1) & 31);
    for (let position = start; position < end; position++) {
      const mask = text[position] * words;
      let carry = 1; // a match may begin at any byte
      for (let word = 0; word < words; word++) {
        const bits = underWay[word];
        underWay[word] = ((bits << 1) | carry) & masks[mask + word];
        carry = bits >>> 31;
      }
      if ((underWay[words - 1] & goal) !== 0) return position + 1;
    }
    return -1;
  }

  #fillMasks(from: number, to: number, words: number): void {
    masks.fill(0, 0, 256 * words);
    for (let at = from; at < to; at++) {
      const element = this.#elements[at];
      const word = (at - from) >> 5;
      const bit = 1 << ((at - from) & 31);
      if (element < ANY) {
        masks[element * words + word] |= bit;
        continue;
      }
      for (let byte = 0; byte < 256; byte++) {
        if (element === ANY || this.#hasInClass(element - CLASS, byte)) {
          masks[byte * words + word] |= bit;
        }
      }
    }
  }
}

/** `*` alone: what KEYS and SCAN take for every key, the empty one too. */
export function isLoneStar(pattern: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 && pattern[start] === STAR;
}

// ---- compiling ----------------------------------------------------------------------------------

class GlobCompiler {
  readonly elements: Uint16Array;
  /** Elements so far. */
  count = 0;
  readonly partEnds: number[] = [];
  readonly classes: number[] = [];
  readonly #pattern: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(pattern: Uint8Array, start: number, end: number) {
    this.#pattern = pattern;
    this.#at = start;
    this.#end = end;
    this.elements = new Uint16Array(end - start);
  }

  /** False if the pattern goes beyond the bounds. */
  run(): boolean {
    let wasStar = false;
    while (this.#at < this.#end) {
      const isStar = this.#pattern[this.#at] === STAR;
      if (!isStar) this.elements[this.count++] = this.#readElement();
      else if (!wasStar && !this.#endPart()) return false;
      if (isStar) this.#at++;
      wasStar = isStar;
    }
    this.partEnds.push(this.count);
    return this.classes.length <= globClassesMax * classWords;
  }

  /** The part ends at a star; false if it lies between two and is too long. */
  #endPart(): boolean {
    const { partEnds, count } = this;
    const begin = partEnds.at(-1);
    partEnds.push(count);
    return begin === undefined || count - begin <= globPartElementsMax;
  }

  #readElement(): number {
    const first = this.#pattern[this.#at++];
    if (first === OPEN) return this.#readClass();
    if (first === QUESTION) return ANY;
    if (first !== BACKSLASH || this.#at === this.#end) return first;
    return this.#pattern[this.#at++];
  }

  /** The class behind a bracket; its number may be beyond the bounds, which run() looks at. */
  #readClass(): number {
    const pattern = this.#pattern;
    const end = this.#end;
    const negated = this.#at < end && pattern[this.#at] === CARET;
    let at = negated ? this.#at + 1 : this.#at;
    const set = new Int32Array(classWords);
    while (at < end && pattern[at] !== CLOSE) {
      const low = pattern[at];
      if (low === BACKSLASH && at + 1 < end) {
        addRange(set, pattern[at + 1], pattern[at + 1]);
        at += 2;
      } else if (at + 2 < end && pattern[at + 1] === MINUS) {
        addRange(set, low, pattern[at + 2]);
        at += 3;
      } else {
        addRange(set, low, low);
        at++;
      }
    }
    this.#at = at < end ? at + 1 : end;
    const number = this.classes.length / classWords;
    if (number > globClassesMax) return ANY;
    for (const word of set) this.classes.push(negated ? ~word : word);
    return CLASS + number;
  }
}

/** The ends of a range may stand in either order. */
function addRange(set: Int32Array, one: number, other: number): void {
  const high = Math.max(signed(one), signed(other));
  for (let value = Math.min(signed(one), signed(other)); value <= high; value++) {
    set[(value & 255) >> 5] |= 1 << (value & 31);
  }
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
