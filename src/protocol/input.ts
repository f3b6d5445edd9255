// The unconsumed bytes of a connection. While commands arrive whole, decoders read the received
// chunk itself and nothing is copied. Only an unfinished command is kept, in a buffer of our own
// that grows with the bytes that arrive, never with an announced length.
// Invariant: mark <= pos <= end <= buf.length; bytes before `mark` are consumed.
// Hot path: the fields are read and written directly by the decoders.

import { buffers, freeBytes } from "../base/buffer-pool.ts";

const empty = new Uint8Array(0);
const carrySlackBytes = 64 * 1024;
/** A buffer up to this size is kept however little of it is left to do. */
const settledBytesMin = 16 * 1024;

export class Input {
  buf: Uint8Array;
  /** Start of the unfinished command. */
  mark: number;
  /** The next byte to read. */
  pos: number;
  end: number;
  /** Whether `buf` is our own buffer instead of a received chunk. */
  private carrying: boolean;
  /**
   * Whether callers hand over their chunks for good, so that their memory may be freed after use.
   */
  private readonly ownsChunks: boolean;

  constructor(ownsChunks: boolean) {
    this.buf = empty;
    this.mark = 0;
    this.pos = 0;
    this.end = 0;
    this.carrying = false;
    this.ownsChunks = ownsChunks;
  }

  /**
   * Adds a chunk. Returns by how much positions at or after `mark` moved down, so that a decoder
   * can shift the positions it keeps. `wanted` is the number of bytes from `mark` that the decoder
   * needs, 0 if unknown.
   */
  feed(chunk: Uint8Array, wanted: number): number {
    if (this.mark === this.end) {
      this.release();
      this.buf = chunk;
      this.end = chunk.length;
      return 0;
    }
    const shift = this.carry(chunk.length, wanted);
    this.buf.set(chunk, this.end);
    this.end += chunk.length;
    if (this.ownsChunks) freeBytes(chunk);
    return shift;
  }

  /**
   * Makes `buf` our own buffer with room for `count` more bytes. Returns the shift, as feed() does.
   */
  private carry(count: number, wanted: number): number {
    if (this.carrying && this.buf.length - this.end >= count) return 0;
    const pending = this.end - this.mark;
    const total = pending + count;
    // Grows by at least half: the decoder of a command of many small arguments never knows
    // `wanted`.
    const enough = Math.max(wanted + carrySlackBytes, total + (total >>> 1));
    return this.moveTo(buffers.take(Math.min(total * 2, enough)));
  }

  /** Moves what is pending to another buffer of ours; returns by how much positions moved down. */
  private moveTo(buf: Uint8Array): number {
    const shift = this.mark;
    buf.set(this.buf.subarray(shift, this.end));
    this.letGo();
    this.buf = buf;
    this.mark = 0;
    this.pos -= shift;
    this.end -= shift;
    this.carrying = true;
    return shift;
  }

  /** Releases a buffer that is consumed to its end, so that an idle connection holds no memory. */
  release(): void {
    if (this.mark === this.end) this.dispose();
  }

  /**
   * Moves an unfinished command out of a much larger chunk or buffer, so that an idle connection
   * holds little more than that command. Returns by how much positions moved down, as feed() does.
   */
  settle(): number {
    const pending = this.end - this.mark;
    if (pending === 0) this.dispose();
    else if (this.buf.length > Math.max(settledBytesMin, pending * 4)) {
      return this.moveTo(buffers.take(pending));
    }
    return 0;
  }

  /** Bytes of memory held, used or not: mostly none, and then `buf` need not be looked at. */
  get heldBytes(): number {
    return this.end === 0 ? 0 : this.buf.length;
  }

  /** Releases the buffer, consumed or not. */
  dispose(): void {
    this.letGo();
    this.buf = empty;
    this.mark = 0;
    this.pos = 0;
    this.end = 0;
    this.carrying = false;
  }

  private letGo(): void {
    if (this.carrying) buffers.give(this.buf);
    else if (this.ownsChunks) freeBytes(this.buf);
  }
}
