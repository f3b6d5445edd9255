// Glob patterns over bytes with the meaning that redis gives them (util.c, stringmatchlen): `*`, `?`,
// `[abc]`, `[^a-z]` and `\` before a byte that means itself. Where a pattern is malformed the
// outcome is redis's too: an unclosed class ends with the pattern. The bytes of a range are signed, as a
// `char` is on x86-64: `[a-\xff]` is what lies between -1 and 97.
// Every element but `*` takes exactly one byte, so only the last star ever needs to be tried again:
// the work is bounded by the product of the two lengths, and no pattern makes it exponential.

const STAR = 0x2a; // *
const QUESTION = 0x3f; // ?
const OPEN = 0x5b; // [
const CLOSE = 0x5d; // ]
const CARET = 0x5e; // ^
const MINUS = 0x2d; // -
const BACKSLASH = 0x5c;

/** Position behind the element that elementMatches() looked at last. */
let behind = 0;

/** Does the whole text fit the whole pattern? */
export function matchesGlob(
  pattern: Uint8Array,
  patternStart: number,
  patternEnd: number,
  text: Uint8Array,
  textStart: number,
  textEnd: number,
): boolean {
  // A quirk of redis, kept: no pattern but the empty one fits an empty text, not even a star.
  if (textStart === textEnd) return patternStart === patternEnd;
  let at = patternStart;
  let position = textStart;
  let afterStar = -1;
  let resumeAt = 0;
  while (position < textEnd) {
    if (at < patternEnd && pattern[at] === STAR) {
      if (++at === patternEnd) return true;
      afterStar = at;
      resumeAt = position;
    } else if (at < patternEnd && elementMatches(pattern, at, patternEnd, text[position])) {
      at = behind;
      position++;
    } else if (afterStar >= 0) {
      at = afterStar;
      position = ++resumeAt;
    } else {
      return false;
    }
  }
  while (at < patternEnd && pattern[at] === STAR) at++;
  return at === patternEnd;
}

/** `*` alone: what KEYS and SCAN take for every key, the empty one too. */
export function isLoneStar(pattern: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 && pattern[start] === STAR;
}

/** Does the element at `at`, which is no star, take this byte? Leaves its end in `behind`. */
function elementMatches(pattern: Uint8Array, at: number, end: number, byte: number): boolean {
  const first = pattern[at];
  if (first === OPEN) return classMatches(pattern, at + 1, end, byte);
  behind = at + 1;
  if (first === QUESTION) return true;
  if (first !== BACKSLASH || behind === end) return first === byte;
  behind++;
  return pattern[at + 1] === byte;
}

function classMatches(pattern: Uint8Array, start: number, end: number, byte: number): boolean {
  const negated = start < end && pattern[start] === CARET;
  let at = negated ? start + 1 : start;
  let found = false;
  while (at < end && pattern[at] !== CLOSE) {
    const low = pattern[at];
    if (low === BACKSLASH && at + 1 < end) {
      if (pattern[at + 1] === byte) found = true;
      at += 2;
    } else if (at + 2 < end && pattern[at + 1] === MINUS) {
      if (within(byte, low, pattern[at + 2])) found = true;
      at += 3;
    } else {
      if (low === byte) found = true;
      at++;
    }
  }
  behind = at < end ? at + 1 : end;
  return found !== negated;
}

/** The ends of a range may stand in either order. */
function within(byte: number, one: number, other: number): boolean {
  const value = signed(byte);
  const low = signed(one);
  const high = signed(other);
  return low <= high ? value >= low && value <= high : value >= high && value <= low;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
