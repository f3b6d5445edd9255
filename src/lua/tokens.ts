// Splits the text of a script into the tokens of Lua 5.1, for who wants to know what it names. Code
// that Lua would not compile may be split anyhow.
// Invariant: the time is linear in the length of the text.

/** What the text of a string begins with, as a token; its end is left out. */
export const stringMark = '"';
/** A string that is written in another way than with its own characters alone. */
export const otherString = `${stringMark}\\`;

const DOUBLE = 0x22;
const SINGLE = 0x27;
const DASH = 0x2d;
const OPEN = 0x5b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const LF = 0x0a;
const CR = 0x0d;

const space = /[ \t\n\r\v\f]+/y;
const word = /\w+/y;

/**
 * Names, keywords and numbers as they are; strings as `"` and their text, or otherString; any other
 * character alone. Comments and space are left out. What follows an unfinished string or comment is
 * no token.
 */
export function tokensOf(code: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < code.length; ) {
    const end = endOfToken(code, at, tokens);
    if (end < 0) break;
    at = end;
  }
  return tokens;
}

function endOfToken(code: string, at: number, tokens: string[]): number {
  const first = code.charCodeAt(at);
  if (first === DOUBLE || first === SINGLE) return endOfString(code, at, first, tokens);
  if (first === DASH && code.charCodeAt(at + 1) === DASH) return endOfComment(code, at + 2);
  if (first === OPEN) {
    const level = levelOf(code, at);
    if (level >= 0) {
      tokens.push(otherString);
      return endOfLongString(code, at, level);
    }
  }
  const afterSpace = endOf(space, code, at);
  if (afterSpace > at) return afterSpace;
  const end = Math.max(endOf(word, code, at), at + 1);
  tokens.push(code.slice(at, end));
  return end;
}

function endOf(pattern: RegExp, code: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(code) ? pattern.lastIndex : at;
}

function endOfString(code: string, at: number, quote: number, tokens: string[]): number {
  let isPlain = true;
  for (let i = at + 1; i < code.length; i++) {
    const character = code.charCodeAt(i);
    if (character === BACKSLASH) {
      isPlain = false;
      i++;
    } else if (character === quote) {
      tokens.push(isPlain ? stringMark + code.slice(at + 1, i) : otherString);
      return i + 1;
    }
  }
  return -1;
}

function endOfComment(code: string, at: number): number {
  const level = levelOf(code, at);
  if (level >= 0) return endOfLongString(code, at, level);
  for (let i = at; i < code.length; i++) {
    const character = code.charCodeAt(i);
    if (character === LF || character === CR) return i;
  }
  return code.length;
}

/** The number of `=` in the `[==[` here; -1 if there is no such bracket. */
function levelOf(code: string, at: number): number {
  if (code.charCodeAt(at) !== OPEN) return -1;
  let i = at + 1;
  while (code.charCodeAt(i) === EQUALS) i++;
  return code.charCodeAt(i) === OPEN ? i - at - 1 : -1;
}

function endOfLongString(code: string, at: number, level: number): number {
  const close = `]${"=".repeat(level)}]`;
  const end = code.indexOf(close, at + level + 2);
  return end < 0 ? -1 : end + close.length;
}
