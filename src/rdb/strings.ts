// The input of the snapshot reader: pushed bytes, and the primitives of the format on them, which
// are lengths, integers and strings in all their encodings. It does not know records.
// Invariants: a primitive consumes everything it needs or nothing, except a string's content, which
// is gathered (or skipped) as it arrives; bytes before `at` are consumed; what is carried from one
// push to the next is shorter than the longest primitive; a string whose header announces more than
// its reader accepts takes no memory.

import { freeBytes } from "../base/buffer-pool.ts";
import { LENGTH_32, LENGTH_64, RdbError, special } from "./format.ts";
import { decompress } from "./lzf.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const empty: Uint8Array = new Uint8Array(0);
/** More bytes are needed. */
const MISSING = -1;
/** A string in another form; its first byte was not consumed. */
const SPECIAL = -2;
const gatherBytesMin = 64 * 1024;
/**
 * Three bytes of LZF make at most 264 bytes: a header with a larger ratio is false, and would cost
 * memory.
 */
const lzfRatioMax = 88;
/** Packing adds at most one byte to every 32 bytes. */
const lzfLiteralsPerByte = 32;
const doubleSpecialMin = 253; // NaN and the two infinities have no digits

export class RdbStrings {
  buf: Uint8Array = empty;
  at = 0;
  /** The checksum covers the bytes before this position. */
  summed = 0;
  /** The string that string() read last. */
  bytes: Uint8Array = empty;
  start = 0;
  end = 0;
  /** Whether the string that string() read last was too long and was skipped. */
  isTooLong = false;
  private filled = 0;
  private consumedBefore = 0;
  private toSkip = 0;
  /**
   * The content of an incomplete string: its bytes so far, their number, and the number expected.
   */
  private gathered: Uint8Array = empty;
  private have = 0;
  private want = 0;
  /** Its decompressed length, or -1 for plain bytes. */
  private plainLength = -1;
  /** Whether the input is inside the content of a string that is too long. */
  private isSteppingOver = false;
  /** Arrays allocated for strings since the last release(). */
  private readonly made: Uint8Array[] = [];

  get offset(): number {
    return this.consumedBefore + this.at;
  }

  error(text: string): RdbError {
    return new RdbError(text, this.offset);
  }

  // ---- the input --------------------------------------------------------------------------------

  /** Appends the range to the bytes that were kept. */
  take(chunk: Uint8Array, start: number, end: number): void {
    const kept = this.filled - this.at;
    if (kept === 0) {
      this.buf = start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
    } else {
      const joined = new Uint8Array(kept + end - start);
      joined.set(this.buf.subarray(this.at, this.filled));
      joined.set(chunk.subarray(start, end), kept);
      this.buf = joined;
    }
    this.at = 0;
    this.summed = 0;
    this.filled = this.buf.length;
  }

  /** Drops the pushed bytes except the unconsumed rest; returns its length. */
  keep(): number {
    const left = this.filled - this.at;
    this.consumedBefore += this.at;
    // Not slice(): on a Buffer, which a socket delivers, that would make another view.
    this.buf = left === 0 ? empty : new Uint8Array(this.buf.subarray(this.at, this.filled));
    this.at = 0;
    this.filled = left;
    return left;
  }

  has(count: number): boolean {
    return this.filled - this.at >= count;
  }

  // ---- numbers ----------------------------------------------------------------------------------

  integer32(at: number): number {
    const { buf } = this;
    return (buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24)) >>> 0;
  }

  /** Signed; exact within 53 bits, which is enough for any time. */
  integer64(at: number): number {
    return (this.integer32(at + 4) | 0) * 0x100000000 + this.integer32(at);
  }

  /** A length, or MISSING. Throws if there is a string in another form instead. */
  length(): number {
    const value = this.lengthOrSpecial();
    if (value === SPECIAL) throw this.error("a length is expected");
    return value;
  }

  private lengthOrSpecial(): number {
    if (!this.has(1)) return MISSING;
    const { buf, at } = this;
    const first = buf[at];
    if (first >= special.INT8) return SPECIAL;
    if (first < 0x40) {
      this.at++;
      return first;
    }
    if (first < 0x80) {
      if (!this.has(2)) return MISSING;
      this.at += 2;
      return ((first & 0x3f) << 8) | buf[at + 1];
    }
    return this.longLength(first);
  }

  private longLength(first: number): number {
    if (first !== LENGTH_32 && first !== LENGTH_64) throw this.error(`length byte ${first}`);
    const width = first === LENGTH_32 ? 4 : 8;
    if (!this.has(1 + width)) return MISSING;
    let value = 0;
    for (let i = 1; i <= width; i++) value = value * 256 + this.buf[this.at + i];
    if (value > Number.MAX_SAFE_INTEGER) throw this.error("a length has more than 53 bits");
    this.at += 1 + width;
    return value;
  }

  // ---- strings ----------------------------------------------------------------------------------

  /**
   * Reads a string; false if bytes are missing, and then the next call resumes. A string of more
   * than `lengthMax` bytes, packed or not, is skipped, and `isTooLong` is set.
   */
  string(lengthMax: number): boolean {
    if (this.want > 0) return this.gather();
    if (this.isSteppingOver) return this.stepOver();
    this.isTooLong = false;
    const length = this.lengthOrSpecial();
    if (length === MISSING) return false;
    if (length === SPECIAL) return this.specialString(lengthMax);
    return length > lengthMax ? this.tooLong(length) : this.content(length, -1);
  }

  /** The length of the string that comes next, unpacked; 0 if bytes of its header are missing. */
  lengthAhead(): number {
    const start = this.at;
    const length = this.lengthOrSpecial();
    const isPacked = length === SPECIAL && this.buf[this.at] === special.LZF;
    const hasHeader = isPacked && this.lzfHeader() !== MISSING;
    this.at = start;
    return hasHeader ? this.plainLength : Math.max(0, length);
  }

  /** Frees the memory of the strings read so far; they must not be used afterwards. */
  release(): void {
    for (const bytes of this.made) freeBytes(bytes);
    this.made.length = 0;
    this.set(empty);
  }

  private tooLong(contentBytes: number): boolean {
    this.isTooLong = true;
    this.set(empty);
    this.skip(contentBytes);
    this.isSteppingOver = true;
    return this.stepOver();
  }

  private stepOver(): boolean {
    this.isSteppingOver = !this.skipPending();
    return !this.isSteppingOver;
  }

  text(): string {
    return decoder.decode(this.bytes.subarray(this.start, this.end));
  }

  private specialString(lengthMax: number): boolean {
    const form = this.buf[this.at];
    if (form === special.LZF) {
      const packed = this.lzfHeader();
      if (packed === MISSING) return false;
      const plain = this.plainLength;
      return plain > lengthMax ? this.tooLong(packed) : this.content(packed, plain);
    }
    const width = integerWidth(form);
    if (width === 0) throw this.error(`string encoding ${form}`);
    if (!this.has(1 + width)) return false;
    const shift = 32 - 8 * width;
    const value = (this.integer32(this.at + 1) << shift) >> shift;
    this.at += 1 + width;
    this.set(encoder.encode(String(value)));
    return true;
  }

  /** Reads both lengths; returns the packed one and keeps the plain one in plainLength. */
  private lzfHeader(): number {
    const start = this.at++;
    const packed = this.length();
    const plain = packed === MISSING ? MISSING : this.length();
    if (plain === MISSING) {
      this.at = start;
      return MISSING;
    }
    const packedMax = plain + Math.ceil(plain / lzfLiteralsPerByte);
    if (plain > packed * lzfRatioMax || packed > packedMax) {
      throw this.error(`${packed} packed bytes cannot give ${plain}`);
    }
    this.plainLength = plain;
    return packed;
  }

  private content(length: number, plainLength: number): boolean {
    this.plainLength = plainLength;
    if (this.has(length)) {
      const start = this.at;
      this.at += length;
      this.complete(this.buf, start, this.at);
      return true;
    }
    this.want = length;
    this.have = 0;
    return this.gather();
  }

  /**
   * Memory grows with what has arrived, at most doubling; the last growth is to the exact length.
   */
  private gather(): boolean {
    const count = Math.min(this.filled - this.at, this.want - this.have);
    const length = this.have + count;
    if (length > this.gathered.length) {
      const room = Math.min(this.want, Math.max(length, this.have * 2, gatherBytesMin));
      const larger = new Uint8Array(room);
      larger.set(this.gathered.subarray(0, this.have));
      freeBytes(this.gathered);
      this.gathered = larger;
    }
    this.gathered.set(this.buf.subarray(this.at, this.at + count), this.have);
    this.at += count;
    this.have = length;
    if (length < this.want) return false;
    const gathered = this.gathered;
    this.gathered = empty;
    this.want = 0;
    this.made.push(gathered);
    this.complete(gathered, 0, length);
    return true;
  }

  private complete(bytes: Uint8Array, start: number, end: number): void {
    if (this.plainLength < 0) {
      this.bytes = bytes;
      this.start = start;
      this.end = end;
      return;
    }
    const plain = decompress(bytes, start, end, this.plainLength);
    if (plain === null) throw this.error("a compressed string is broken");
    this.made.push(plain);
    this.set(plain);
  }

  private set(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.start = 0;
    this.end = bytes.length;
  }

  // ---- stepping over ----------------------------------------------------------------------------

  skip(count: number): void {
    this.toSkip += count;
  }

  /** Consumes the bytes to be skipped that have arrived; true if none is left. */
  skipPending(): boolean {
    const count = Math.min(this.toSkip, this.filled - this.at);
    this.at += count;
    this.toSkip -= count;
    return this.toSkip === 0;
  }

  skipString(): boolean {
    const length = this.lengthOrSpecial();
    if (length === MISSING) return false;
    if (length !== SPECIAL) {
      this.skip(length);
      return true;
    }
    const form = this.buf[this.at];
    if (form === special.LZF) {
      const packed = this.lzfHeader();
      if (packed === MISSING) return false;
      this.skip(packed);
      return true;
    }
    const width = integerWidth(form);
    if (width === 0) throw this.error(`string encoding ${form}`);
    this.skip(1 + width);
    return true;
  }

  skipDouble(): boolean {
    if (!this.has(1)) return false;
    const digits = this.buf[this.at++];
    if (digits < doubleSpecialMin) this.skip(digits);
    return true;
  }
}

function integerWidth(form: number): number {
  if (form === special.INT8) return 1;
  if (form === special.INT16) return 2;
  return form === special.INT32 ? 4 : 0;
}
