// Hot path: counts and checks replies in whatever chunks the socket delivers. Every reply of both
// protocols is a line, optionally a body of announced length and a closing line. This file parses
// that structure and skips bodies without reading them; a subclass for each protocol interprets the
// lines. It does not send or time anything.
// Invariant: the counts after a chunk do not depend on how the bytes before it were split.

import { fillerByte, keyText } from "./requests.ts";
import { BenchError, GET, type Workload } from "./workload.ts";

const LF = 0x0a;
const lineBytesMax = 4096;

/** The meaning of a line: a complete reply, or a body of that many bytes. */
const COMPLETE = -1;

/** The outcome of one request, by its position in the block. */
export const STORED = 1;
export const HIT = 2;
export const MISS = 3;
export const FAILED = 4;

export interface Tally {
  replies: number;
  hits: number;
  misses: number;
  errors: number;
  firstError: string;
}

export abstract class ReplyReader {
  readonly tally: Tally = { replies: 0, hits: 0, misses: 0, errors: 0, firstError: "" };
  /** The outcome of each request of the block in flight. */
  readonly outcomes: Uint8Array;
  protected readonly workload: Workload;
  private kinds: Uint8Array;
  private readonly keys: Int32Array;
  private readonly lengths: Int32Array;
  private slot = 0;
  /** Bytes of the body and its CRLF still to come; 0 while a line is read. */
  private bodyLeft = 0;
  private bodySize = 0;
  private keyBytes: Uint8Array = new Uint8Array(0);
  private readonly partial = new Uint8Array(lineBytesMax);
  private partialSize = 0;

  constructor(workload: Workload) {
    this.workload = workload;
    this.outcomes = new Uint8Array(workload.depth);
    this.kinds = new Uint8Array(workload.depth);
    this.keys = new Int32Array(workload.depth);
    this.lengths = new Int32Array(workload.depth);
  }

  /**
   * Sets the requests for the next replies. It copies keys and lengths, as blocks reuse their
   * arrays.
   */
  expect(kinds: Uint8Array, keys: Int32Array, lengths: Int32Array): void {
    this.kinds = kinds;
    this.keys.set(keys);
    this.lengths.set(lengths);
    this.slot = 0;
  }

  /** Reads one chunk and returns the number of replies that ended in it. */
  feed(chunk: Uint8Array): number {
    const before = this.tally.replies;
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.bodyLeft > 0) {
        at = this.skipBody(chunk, at);
        continue;
      }
      const lineEnd = this.findLineEnd(chunk, at);
      if (lineEnd < 0) break;
      if (this.partialSize > 0) this.partialLine(chunk, at, lineEnd);
      else this.line(chunk, at, lineEnd - 1);
      at = lineEnd + 1;
    }
    return this.tally.replies - before;
  }

  /**
   * Interprets a line without its CRLF: returns COMPLETE, from a method below, or a body length.
   */
  protected abstract onLine(bytes: Uint8Array, from: number, to: number): number;

  /** Whether a closing line follows the body of a hit. */
  protected abstract readonly bodyIsFollowed: boolean;

  protected expectsGet(): boolean {
    return this.kinds[this.slot] === GET;
  }

  protected stored(): number {
    if (this.expectsGet()) return this.failed("a read got the reply of a write");
    return this.finish(STORED);
  }

  protected hit(): number {
    this.tally.hits++;
    return this.finish(HIT);
  }

  protected missed(): number {
    if (!this.expectsGet()) return this.failed("a write got the reply of a read");
    this.tally.misses++;
    return this.finish(MISS);
  }

  protected failed(reason: string): number {
    if (this.tally.errors === 0) this.tally.firstError = reason;
    this.tally.errors++;
    return this.finish(FAILED);
  }

  /** Starts a body of `length` bytes. A wrong length counts as an error of the server. */
  protected body(length: number): number {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new BenchError("the server sent a reply whose length is not a number");
    }
    if (!this.expectsGet() || length !== this.lengths[this.slot]) {
      const key = keyText(this.workload, this.keys[this.slot]);
      this.note(`${key} came back with ${length} bytes, not ${this.lengths[this.slot]}`);
    } else if (this.workload.verify) {
      this.keyBytes = new TextEncoder().encode(keyText(this.workload, this.keys[this.slot]));
    }
    return length;
  }

  private finish(outcome: number): number {
    this.outcomes[this.slot++] = outcome;
    this.tally.replies++;
    return COMPLETE;
  }

  /** Counts an error in a reply that is not complete yet. */
  private note(reason: string): void {
    if (this.tally.errors === 0) this.tally.firstError = reason;
    this.tally.errors++;
  }

  private line(bytes: Uint8Array, from: number, to: number): void {
    if (this.slot >= this.outcomes.length) {
      throw new BenchError("the server sent more replies than there were requests");
    }
    const body = this.onLine(bytes, from, to);
    if (body === COMPLETE) return;
    this.bodySize = body;
    this.bodyLeft = body + 2;
  }

  /** The index of the LF that ends the line, or -1 after buffering the partial line. */
  private findLineEnd(chunk: Uint8Array, from: number): number {
    for (let i = from; i < chunk.length; i++) {
      if (chunk[i] === LF) return i;
    }
    this.keep(chunk, from, chunk.length);
    return -1;
  }

  private keep(chunk: Uint8Array, from: number, to: number): void {
    if (this.partialSize + to - from > lineBytesMax) {
      throw new BenchError(`the server sent a line of more than ${lineBytesMax} bytes`);
    }
    this.partial.set(chunk.subarray(from, to), this.partialSize);
    this.partialSize += to - from;
  }

  private partialLine(chunk: Uint8Array, from: number, lineEnd: number): void {
    this.keep(chunk, from, lineEnd + 1);
    const size = this.partialSize;
    this.partialSize = 0;
    this.line(this.partial, 0, size - 2);
  }

  private skipBody(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.bodyLeft, chunk.length - at);
    if (this.workload.verify) this.compare(chunk, at, at + take);
    this.bodyLeft -= take;
    if (this.bodyLeft === 0) {
      // This byte shows whether the announced length was right.
      if (chunk[at + take - 1] !== LF) {
        throw new BenchError("the server sent a value whose length is not the announced one");
      }
      if (!this.bodyIsFollowed) this.hit();
    }
    return at + take;
  }

  private compare(chunk: Uint8Array, from: number, to: number): void {
    const key = this.keyBytes;
    const stamped = this.bodySize >= key.length ? key.length : 0;
    let index = this.bodySize + 2 - this.bodyLeft;
    for (let i = from; i < to && index < this.bodySize; i++, index++) {
      const wanted = index < stamped ? key[index] : fillerByte(index);
      if (chunk[i] === wanted) continue;
      this.note(`a value is wrong at byte ${index} of key ${keyText(this.workload, this.key())}`);
      return;
    }
  }

  protected key(): number {
    return this.keys[this.slot];
  }
}

/** A decimal number in bytes, -1 for "-1", NaN for anything else. */
export function parseLength(bytes: Uint8Array, from: number, to: number): number {
  if (to - from === 2 && bytes[from] === 0x2d && bytes[from + 1] === 0x31) return -1;
  if (from >= to) return Number.NaN;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
