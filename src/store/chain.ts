// Chains: lists of whole segments that hold what is too large for an item's own segment. A chain is
// a stream of raw bytes; item.ts says what they mean (a long key, the first part of a value). Cold
// compared with small items: a chain's bytes are copied one segment at a time.
// Invariant: a chain belongs to exactly one live item, and its segments to that item's shard.

import { copyBytes } from "../base/bytes.ts";
import type { Arenas } from "./arenas.ts";
import { NONE } from "./memory.ts";
import { SEGMENT_OF_CHAIN, type Segments } from "./segments.ts";

export class Chains {
  private readonly arenas: Arenas;
  private readonly segments: Segments;
  private readonly shift: number;
  // The piece that seek() found: contiguous bytes of one segment.
  private bytes: Uint8Array;
  private start: number;
  private length: number;

  constructor(arenas: Arenas, segments: Segments) {
    this.arenas = arenas;
    this.segments = segments;
    this.shift = arenas.segmentShift;
    this.bytes = arenas.bytes[0];
    this.start = 0;
    this.length = 0;
  }

  /** Takes a chain of `count` segments; NONE, and nothing is taken, if there are not enough. */
  take(owner: number, count: number): number {
    let first = NONE;
    for (let taken = 0; taken < count; taken++) {
      const segment = this.segments.take(owner, SEGMENT_OF_CHAIN, false);
      if (segment === NONE) {
        this.free(first);
        return NONE;
      }
      this.segments.setNext(segment, first);
      first = segment;
    }
    return first;
  }

  /** Frees the whole chain and returns how many segments it had. */
  free(first: number): number {
    let count = 0;
    for (let segment = first; segment !== NONE; count++) {
      const next = this.segments.next(segment);
      this.segments.give(segment);
      segment = next;
    }
    return count;
  }

  /** Appends the chain `more` to the chain `first`. */
  append(first: number, more: number): void {
    let last = first;
    while (this.segments.next(last) !== NONE) last = this.segments.next(last);
    this.segments.setNext(last, more);
  }

  read(first: number, offset: number, target: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length; done += this.length) {
      this.seek(first, offset + done, length - done);
      copyBytes(this.bytes, this.start, this.start + this.length, target, at + done);
    }
  }

  write(first: number, offset: number, source: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; from += this.length) {
      this.seek(first, offset + from - start, end - from);
      copyBytes(source, from, from + this.length, this.bytes, this.start);
    }
  }

  zero(first: number, offset: number, length: number): void {
    for (let done = 0; done < length; done += this.length) {
      this.seek(first, offset + done, length - done);
      this.bytes.fill(0, this.start, this.start + this.length);
    }
  }

  /** Whether the chain begins with these bytes. */
  startsWith(first: number, bytes: Uint8Array, start: number, end: number): boolean {
    for (let from = start; from < end; from += this.length) {
      this.seek(first, from - start, end - from);
      for (let i = 0; i < this.length; i++) {
        if (this.bytes[this.start + i] !== bytes[from + i]) return false;
      }
    }
    return true;
  }

  /** Finds the longest contiguous piece at `offset`, of at most `length` bytes. */
  private seek(first: number, offset: number, length: number): void {
    let segment = first;
    const size = 2 ** this.shift;
    let left = offset;
    for (; left >= size; left -= size) segment = this.segments.next(segment);
    const location = this.arenas.locate(segment, 0);
    this.bytes = this.arenas.bytesOf(location);
    this.start = this.arenas.byteAt(location) + left;
    this.length = Math.min(length, size - left);
  }
}
