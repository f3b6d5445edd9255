// Glob patterns over bytes, as in redis (util.c, stringmatchlen): `*`, `?`, `[abc]`, `[^a-z]` and
// `\` before a literal byte. Malformed patterns behave as in redis too: an unclosed class ends with
// the pattern. The bytes of a range are signed, as `char` is on x86-64: `[a-\xff]` means -1 to 97.
// A pattern is compiled once. Every element but `*` matches exactly one byte, so a pattern is a
// list of parts between stars, and the first place where a part fits is the right one. The work for
// each byte of a text is constant: a part between two stars is bounded, and a long one is searched
// 32 elements at a time.

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
/** The first class; `element - CLASS` is the number of a class. */
const CLASS = 257;
/** A class is a set of bytes: 256 bits. */
const classWords = 8;
/** Parts of up to this many elements are compared one by one at each place. */
const shortPart = 32;

/**
 * For each byte, one bit per element of a part: whether it matches that byte. Scratch of one
 * search.
 */
const masks = new Int32Array(256 * (globPartElementsMax / 32));
/** One bit for each element that a match in progress has reached. Scratch of one search. */
const underWay = new Int32Array(globPartElementsMax / 32);

/** Null if the pattern, or a part between stars, is too long, or if it has too many classes. */
export function compileGlob(pattern: Uint8Array, start: number, end: number): Glob | null {
  if (end - start > globBytesMax) return null;
  const compiler = new GlobCompiler(pattern, start, end);
  return compiler.run() ? new Glob(compiler) : null;
}

export class Glob {
  /** The elements of all parts in order. */
  private readonly elements: Uint16Array;
  /**
   * Where each part ends in `elements`. There is one part more than stars; adjacent stars count as
   * one.
   */
  private readonly partEnds: readonly number[];
  private readonly classes: Int32Array;

  constructor({ elements, count, partEnds, classes }: GlobCompiler) {
    this.elements = elements.slice(0, count);
    this.partEnds = partEnds;
    this.classes = Int32Array.from(classes);
  }

  /** Whether the whole text matches the whole pattern. */
  matches(text: Uint8Array, start: number, end: number): boolean {
    const ends = this.partEnds;
    const length = this.elements.length;
    // As in redis, only the empty pattern matches an empty text; even a star does not.
    if (start === end) return length === 0 && ends.length === 1;
    if (length > end - start) return false;
    const last = ends.length - 1;
    if (!this.fits(0, ends[0], text, start)) return false;
    if (last === 0) return length === end - start;
    const tail = ends[last - 1];
    const tailStart = end - (length - tail);
    let position = start + ends[0];
    for (let part = 1; part < last; part++) {
      position = this.find(ends[part - 1], ends[part], text, position, tailStart);
      if (position < 0) return false;
    }
    return this.fits(tail, length, text, tailStart);
  }

  /**
   * Whether these elements match the bytes at `position`. The caller checks that there are enough
   * bytes.
   */
  private fits(from: number, to: number, text: Uint8Array, position: number): boolean {
    const elements = this.elements;
    const shift = position - from;
    for (let at = from; at < to; at++) {
      const element = elements[at];
      const byte = text[shift + at];
      if (element === byte || element === ANY) continue;
      if (element < CLASS || !this.hasInClass(element - CLASS, byte)) return false;
    }
    return true;
  }

  private hasInClass(index: number, byte: number): boolean {
    return (this.classes[index * classWords + (byte >> 5)] & (1 << (byte & 31))) !== 0;
  }

  /**
   * The end of the first place in text[start..end) where these elements fit; -1 if there is none.
   */
  private find(from: number, to: number, text: Uint8Array, start: number, end: number): number {
    const length = to - from;
    if (length > end - start) return -1;
    if (length > shortPart) return this.findLong(from, to, text, start, end);
    for (let position = start; position + length <= end; position++) {
      if (this.fits(from, to, text, position)) return position + length;
    }
    return -1;
  }

  /** As find(), for all elements at once: the Shift-And algorithm. */
  private findLong(from: number, to: number, text: Uint8Array, start: number, end: number): number {
    const words = (to - from + 31) >> 5;
    this.fillMasks(from, to, words);
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

  private fillMasks(from: number, to: number, words: number): void {
    masks.fill(0, 0, 256 * words);
    for (let at = from; at < to; at++) {
      const element = this.elements[at];
      const word = (at - from) >> 5;
      const bit = 1 << ((at - from) & 31);
      if (element < ANY) {
        masks[element * words + word] |= bit;
        continue;
      }
      for (let byte = 0; byte < 256; byte++) {
        if (element === ANY || this.hasInClass(element - CLASS, byte)) {
          masks[byte * words + word] |= bit;
        }
      }
    }
  }
}

/**
 * Whether the pattern is `*` alone, which KEYS and SCAN take for every key, including the empty
 * one.
 */
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
  private readonly pattern: Uint8Array;
  private at: number;
  private readonly end: number;

  constructor(pattern: Uint8Array, start: number, end: number) {
    this.pattern = pattern;
    this.at = start;
    this.end = end;
    this.elements = new Uint16Array(end - start);
  }

  /** False if the pattern exceeds the bounds. */
  run(): boolean {
    let wasStar = false;
    while (this.at < this.end) {
      const isStar = this.pattern[this.at] === STAR;
      if (!isStar) this.elements[this.count++] = this.readElement();
      else if (!wasStar && !this.endPart()) return false;
      if (isStar) this.at++;
      wasStar = isStar;
    }
    this.partEnds.push(this.count);
    return this.classes.length <= globClassesMax * classWords;
  }

  /** Ends a part at a star; false if the part is between two stars and too long. */
  private endPart(): boolean {
    const { partEnds, count } = this;
    const begin = partEnds.at(-1);
    partEnds.push(count);
    return begin === undefined || count - begin <= globPartElementsMax;
  }

  private readElement(): number {
    const first = this.pattern[this.at++];
    if (first === OPEN) return this.readClass();
    if (first === QUESTION) return ANY;
    if (first !== BACKSLASH || this.at === this.end) return first;
    return this.pattern[this.at++];
  }

  /**
   * Reads the class after a bracket. Too many classes are not an error here; run() checks for them.
   */
  private readClass(): number {
    const pattern = this.pattern;
    const end = this.end;
    const negated = this.at < end && pattern[this.at] === CARET;
    let at = negated ? this.at + 1 : this.at;
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
    this.at = at < end ? at + 1 : end;
    const number = this.classes.length / classWords;
    if (number > globClassesMax) return ANY;
    for (const word of set) this.classes.push(negated ? ~word : word);
    return CLASS + number;
  }
}

/** The ends of a range may come in either order. */
function addRange(set: Int32Array, one: number, other: number): void {
  const high = Math.max(signed(one), signed(other));
  for (let value = Math.min(signed(one), signed(other)); value <= high; value++) {
    set[(value & 255) >> 5] |= 1 << (value & 31);
  }
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
