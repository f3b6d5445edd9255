// Reads the plain case of a line of JSON from its bytes, without making a value of JSON: the fields
// key, value, expires, ttl and db, once each, in any order. Whatever is not plain it leaves to
// json-item.ts, which also says what is wrong with a line: other fields, `\u`, base64, null, other
// numbers than plain digits, long lines, and every mistake.
// Invariants: scan() is true only if readItem() would accept the line, and then they agree on the
// item; the scratch, into which texts with escapes go, never exceeds `lineBytesMax`.
//
// Hot path of an import: a line of 150 bytes takes 0.3 us here and 3 us by JSON.parse (Bun 1.4.5).

import { isUtf8 } from "node:buffer";
import type { ItemBytes } from "./moved-item.ts";

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What a longer line costs by JSON.parse is little beside its bytes. */
const lineBytesMax = 1024 * 1024;
/** Every whole number of so many digits is exact. */
const digitsMax = 15;
const databaseDigitsMax = 9;

const fieldNames = ["key", "value", "expires", "ttl", "db"] as const;
/** With the quote that ends them. */
const fieldBytes = fieldNames.map((name) => new TextEncoder().encode(`${name}"`));
const bit = { key: 1, value: 2, expires: 4, ttl: 8, db: 16 } as const;
const required = bit.key | bit.value;

/** The letter of each escape that is read here, and its byte. */
const escapePairs = ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"] as const;

/** The item of the last line for which scan() was true: valid until the next. */
export class JsonScanner implements ItemBytes {
  database = 0;
  key: Uint8Array = new Uint8Array(0);
  keyStart = 0;
  keyEnd = 0;
  value: Uint8Array = new Uint8Array(0);
  valueStart = 0;
  valueEnd = 0;
  expiresAt = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private lineBytes = 0;
  /** The bits of the fields that were read. */
  private seen = 0;
  private isAscii = true;
  private scratch = new Uint8Array(0);
  /** The byte for the letter of an escape; 0: it is none that is read here. */
  private readonly escapes = new Uint8Array(256);
  private scratchUsed = 0;
  /** The text that text() read last. */
  private source: Uint8Array = this.bytes;
  private sourceStart = 0;
  private sourceEnd = 0;
  /** The number that number() read last. */
  private count = 0;

  constructor() {
    for (const pair of escapePairs) this.escapes[pair.charCodeAt(0)] = pair.charCodeAt(1);
  }

  /** Whether the range is a plain line, without its end. */
  scan(bytes: Uint8Array, start: number, end: number, nowMs: number): boolean {
    if (end - start > lineBytesMax) return false;
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.lineBytes = end - start;
    this.seen = 0;
    this.isAscii = true;
    this.scratchUsed = 0;
    this.database = 0;
    this.expiresAt = 0;
    if (!this.object(nowMs) || (this.seen & required) !== required) return false;
    return this.isAscii || isUtf8(bytes.subarray(start, end));
  }

  private object(nowMs: number): boolean {
    if (!this.takes(OPEN)) return false;
    do {
      if (!this.field(nowMs)) return false;
    } while (this.takes(COMMA));
    if (!this.takes(CLOSE)) return false;
    this.passBlanks();
    return this.at === this.end;
  }

  private field(nowMs: number): boolean {
    if (!this.takes(QUOTE)) return false;
    const name = this.name();
    if (name === null || (this.seen & bit[name]) !== 0 || !this.takes(COLON)) return false;
    this.seen |= bit[name];
    switch (name) {
      case "key":
        return this.readKey();
      case "value":
        return this.readValue();
      case "db":
        return this.readDatabase();
      case "expires":
        return this.readMoment(0);
      case "ttl":
        return this.readMoment(nowMs);
    }
  }

  /** The name and the quote behind it; null: it is none of ours. */
  private name(): (typeof fieldNames)[number] | null {
    const { bytes, at } = this;
    for (let i = 0; i < fieldBytes.length; i++) {
      const wanted = fieldBytes[i] as Uint8Array;
      let same = 0;
      while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
      if (same < wanted.length) continue;
      this.at = at + same;
      return this.at <= this.end ? (fieldNames[i] ?? null) : null;
    }
    return null;
  }

  private readKey(): boolean {
    if (!this.text()) return false;
    this.key = this.source;
    this.keyStart = this.sourceStart;
    this.keyEnd = this.sourceEnd;
    return true;
  }

  private readValue(): boolean {
    if (!this.text()) return false;
    this.value = this.source;
    this.valueStart = this.sourceStart;
    this.valueEnd = this.sourceEnd;
    return true;
  }

  private readDatabase(): boolean {
    const isRead = this.number(databaseDigitsMax);
    this.database = this.count;
    return isRead;
  }

  /** `from` 0: a moment; otherwise a time from then on, which is not 0. */
  private readMoment(from: number): boolean {
    const both = bit.expires | bit.ttl;
    if ((this.seen & both) === both || !this.number(digitsMax)) return false;
    this.expiresAt = from + this.count;
    return from === 0 || this.count > 0;
  }

  // ---- words ------------------------------------------------------------------------------------

  /** Passes blanks, and the byte if it comes then. */
  private takes(byte: number): boolean {
    this.passBlanks();
    const isThere = this.at < this.end && this.bytes[this.at] === byte;
    if (isThere) this.at++;
    return isThere;
  }

  private passBlanks(): void {
    const { bytes, end } = this;
    while (this.at < end && (bytes[this.at] === SPACE || bytes[this.at] === TAB)) this.at++;
  }

  private number(digits: number): boolean {
    this.passBlanks();
    const { bytes, at } = this;
    const last = Math.min(this.end, at + digits);
    let value = 0;
    let i = at;
    for (; i < last; i++) {
      const byte = bytes[i] as number;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + (byte - ZERO);
    }
    this.at = i;
    this.count = value;
    return i > at && (bytes[at] !== ZERO || i === at + 1);
  }

  private text(): boolean {
    if (!this.takes(QUOTE)) return false;
    const { bytes, end, escapes, at: start } = this;
    let at = start;
    let escaped = 0;
    let bits = 0;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) break;
      if (byte < SPACE) return false;
      if (byte === BACKSLASH) {
        if (++at === end || escapes[bytes[at] as number] === 0) return false;
        escaped++;
      }
      bits |= byte;
    }
    if (at === end) return false;
    this.at = at + 1;
    this.isAscii &&= bits < 0x80;
    if (escaped > 0) return this.unescape(start, at);
    this.source = bytes;
    this.sourceStart = start;
    this.sourceEnd = at;
    return true;
  }

  /** Each escape in the range was found to be plain. */
  private unescape(start: number, end: number): true {
    const { bytes, escapes } = this;
    const scratch = this.scratchFor();
    let to = this.scratchUsed;
    this.sourceStart = to;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      scratch[to++] = byte === BACKSLASH ? (escapes[bytes[++at] as number] as number) : byte;
    }
    this.source = scratch;
    this.sourceEnd = to;
    this.scratchUsed = to;
    return true;
  }

  /** It never grows in the middle of a line, whose key may be there: the line fits. */
  private scratchFor(): Uint8Array {
    const needed = this.lineBytes;
    if (this.scratch.length < needed) {
      this.scratch = new Uint8Array(Math.min(lineBytesMax, needed * 2));
    }
    return this.scratch;
  }
}
