// Splits a line into arguments as Redis does everywhere (sdssplitargs() of its sds.c): in an inline
// command, in the rules of a user, in the first line of a library, at the prompt. White space
// separates; double quotes allow the escapes \n \r \t \b \a \xHH and \<any>, single quotes only \'.
// As it reads a string of C, a NUL ends the line. What such texts look like when Redis writes them
// is in redis-quotes.ts.

import { latin1 } from "./bytes.ts";

const QUOTE = 0x22; // "
const APOSTROPHE = 0x27; // '
const BACKSLASH = 0x5c;
const LOWER_X = 0x78; // x

const escapes: Record<number, number> = {
  110: 0x0a, // n
  114: 0x0d, // r
  116: 0x09, // t
  98: 0x08, // b
  97: 0x07, // a
};

/** The arguments behind each other in `bytes`, and where each begins and ends. */
export interface SplitLine {
  readonly bytes: Uint8Array;
  readonly bounds: readonly (readonly [start: number, end: number])[];
}

/** Null if a quote is not closed or is followed by text. */
export function splitArguments(line: Uint8Array): SplitLine | null {
  const splitter = new Splitter(line);
  const bounds: [start: number, end: number][] = [];
  for (;;) {
    splitter.skipSpace();
    if (splitter.done()) return { bytes: splitter.out, bounds };
    const start = splitter.length;
    if (!splitter.argument()) return null;
    bounds.push([start, splitter.length]);
  }
}

/** The same for a text with one character a byte. */
export function splitText(text: string): string[] | null {
  const line = splitArguments(Buffer.from(text, "latin1"));
  return line?.bounds.map(([start, end]) => latin1(line.bytes, start, end)) ?? null;
}

class Splitter {
  readonly out: Uint8Array;
  length = 0;
  private readonly line: Uint8Array;
  private at = 0;

  constructor(line: Uint8Array) {
    const end = line.indexOf(0);
    this.line = end < 0 ? line : line.subarray(0, end);
    this.out = new Uint8Array(this.line.length);
  }

  done(): boolean {
    return this.at >= this.line.length;
  }

  skipSpace(): void {
    while (!this.done() && isSpace(this.line[this.at])) this.at++;
  }

  argument(): boolean {
    while (!this.done() && !endsWord(this.line[this.at])) {
      const byte = this.line[this.at];
      if (byte === QUOTE || byte === APOSTROPHE) return this.quoted(byte);
      this.emit(byte);
      this.at++;
    }
    return true;
  }

  /** Reads from an opening quote past the closing one, which must end the argument. */
  private quoted(quote: number): boolean {
    this.at++;
    while (!this.done()) {
      const byte = this.line[this.at];
      if (byte === quote) {
        this.at++;
        return this.done() || isSpace(this.line[this.at]);
      }
      if (byte === BACKSLASH) this.escape(quote);
      else {
        this.emit(byte);
        this.at++;
      }
    }
    return false;
  }

  private escape(quote: number): void {
    const next = this.line[this.at + 1];
    if (quote === APOSTROPHE) {
      this.emit(next === APOSTROPHE ? APOSTROPHE : BACKSLASH);
      this.at += next === APOSTROPHE ? 2 : 1;
      return;
    }
    const high = hexDigit(this.line[this.at + 2]);
    const low = hexDigit(this.line[this.at + 3]);
    if (next === LOWER_X && high >= 0 && low >= 0) {
      this.emit(high * 16 + low);
      this.at += 4;
    } else if (next === undefined) {
      this.emit(BACKSLASH);
      this.at++;
    } else {
      this.emit(escapes[next] ?? next);
      this.at += 2;
    }
  }

  private emit(byte: number): void {
    this.out[this.length++] = byte;
  }
}

/** What may separate words: C's isspace(). */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** What ends a word outside quotes: unlike isspace(), not a vertical tab or form feed. */
function endsWord(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
