// Output that a socket has not taken yet, in order. Bun's socket.write() returns how many bytes it
// took and forgets the rest; the rest waits here until `drain`. Small output is packed into chunks
// of the buffer pool, so that a message of one byte does not cost an array; large output is kept by
// reference, and several backlogs may keep the same chunk. It bounds nothing: its owner watches
// `bytes`.
// Invariant: `bytes` is the sum of all pieces, and an empty backlog holds no memory.

import { buffers } from "../../base/buffer-pool.ts";
import type { Output } from "../../base/output.ts";
import { Chunk } from "./chunk.ts";

export interface Sink {
  /** Returns how many of `length` bytes it took. */
  offer(bytes: Uint8Array, start: number, length: number): number;
}

/** A range of a chunk that waits. */
interface Piece {
  readonly chunk: Chunk;
  start: number;
  end: number;
}

/** For CLIENT LIST. */
export interface BacklogContents {
  readonly bufferedBytes: number;
  readonly listed: number;
  readonly listedBytes: number;
}

const copyLoopBytesMax = 64; // below it a loop beats set(subarray()), as in Output
const packedBytesMin = 4 * 1024;
const packedBytesMax = 64 * 1024;
/**
 * A smaller piece is written together with those behind it: a system call costs more than the copy.
 */
const gatherBelowBytes = 16 * 1024;
const gatherBytesMax = 64 * 1024;
/** Sent pieces leave the list when there are this many, and at least half of the list. */
const doneMax = 64;

export class Backlog {
  bytes = 0;
  private pieces: Piece[] = [];
  /** How many pieces at the front are sent. */
  private done = 0;
  /** The chunk that small pieces are added to. */
  private open: Chunk | null = null;

  /** Keeps a copy of a part of `source`. */
  append(source: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const chunk = this.room(end - at);
      const count = Math.min(end - at, chunk.bytes.length - chunk.filled);
      copy(source, at, chunk.bytes, chunk.filled, count);
      this.lengthen(chunk, count);
      at += count;
    }
  }

  private room(wanted: number): Chunk {
    const { open } = this;
    if (open !== null && open.filled < open.bytes.length) return open;
    const size = Math.min(Math.max(wanted, this.bytes, packedBytesMin), packedBytesMax);
    const chunk = new Chunk(buffers.take(size), 0);
    chunk.hold();
    open?.release();
    this.open = chunk;
    return chunk;
  }

  /** Counts bytes that were just added to the open chunk. */
  private lengthen(chunk: Chunk, count: number): void {
    const start = chunk.filled;
    chunk.filled += count;
    const last = this.pieces.at(-1);
    if (last?.chunk !== chunk || last.end !== start) return this.share(chunk, start, chunk.filled);
    last.end += count;
    this.bytes += count;
  }

  /** Keeps a part of a chunk; other backlogs may keep it as well. */
  share(chunk: Chunk, start: number, end: number): void {
    chunk.hold();
    this.pieces.push({ chunk, start, end });
    this.bytes += end - start;
  }

  /** Keeps the content of an output from `from` on; the caller clears the output afterwards. */
  keep(out: Output, from: number): void {
    const whole = out.takeLarge(from);
    if (whole === null) return this.append(out.bytes, from, out.length);
    this.share(new Chunk(whole, out.length), from, out.length);
  }

  /** The size of the open chunk; 0 if there is none. */
  get bufferBytes(): number {
    return this.open?.bytes.length ?? 0;
  }

  /** What waits, as CLIENT LIST tells it: bytes in the open chunk, and all other pieces. */
  contents(): BacklogContents {
    let bufferedBytes = 0;
    let listed = 0;
    for (let i = this.done; i < this.pieces.length; i++) {
      const { chunk, start, end } = this.pieces[i];
      if (chunk === this.open) bufferedBytes += end - start;
      else listed++;
    }
    return { bufferedBytes, listed, listedBytes: this.bytes - bufferedBytes };
  }

  /** Moves everything behind what waits in `other`; small pieces go into the open chunk there. */
  moveTo(other: Backlog): void {
    const isPacking = other.bytes > 0;
    for (let i = this.done; i < this.pieces.length; i++) {
      const { chunk, start, end } = this.pieces[i];
      if (isPacking && chunk.isPacked && end - start < packedBytesMax)
        other.append(chunk.bytes, start, end);
      else other.share(chunk, start, end);
    }
    if (!isPacking) other.packInto(this.open);
    this.clear();
  }

  private packInto(open: Chunk | null): void {
    open?.hold();
    this.open?.release();
    this.open = open;
  }

  /** Sends what the sink takes. True when nothing is left. */
  drain(sink: Sink): boolean {
    while (this.bytes > 0) {
      const before = this.bytes;
      const piece = this.pieces[this.done];
      const length = piece.end - piece.start;
      const isAlone = length >= gatherBelowBytes || length === before;
      const wanted = isAlone ? length : Math.min(before, gatherBytesMax);
      const taken = isAlone
        ? sink.offer(piece.chunk.bytes, piece.start, length)
        : this.writeGathered(sink, wanted);
      if (this.bytes !== before) return this.bytes === 0; // the socket's end cleared it meanwhile
      if (taken > 0) this.advance(taken);
      if (taken < wanted) return false;
    }
    return true;
  }

  private writeGathered(sink: Sink, count: number): number {
    const scratch = buffers.take(gatherBytesMax);
    let length = 0;
    for (let i = this.done; length < count; i++) {
      const { chunk, start, end } = this.pieces[i];
      const part = Math.min(end - start, count - length);
      scratch.set(chunk.bytes.subarray(start, start + part), length);
      length += part;
    }
    const taken = sink.offer(scratch, 0, length);
    buffers.give(scratch);
    return taken;
  }

  private advance(count: number): void {
    this.bytes -= count;
    if (this.bytes === 0) return this.clear();
    let rest = count;
    while (rest > 0) {
      const piece = this.pieces[this.done];
      const length = piece.end - piece.start;
      if (rest < length) {
        piece.start += rest;
        break;
      }
      piece.chunk.release();
      this.done++;
      rest -= length;
    }
    if (this.done < doneMax || this.done < this.pieces.length / 2) return;
    this.pieces.splice(0, this.done);
    this.done = 0;
  }

  clear(): void {
    for (let i = this.done; i < this.pieces.length; i++) this.pieces[i].chunk.release();
    this.open?.release();
    this.open = null;
    if (this.pieces.length > 0) this.pieces = [];
    this.done = 0;
    this.bytes = 0;
  }
}

function copy(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  count: number,
): void {
  if (count <= copyLoopBytesMax) {
    for (let i = 0; i < count; i++) target[to + i] = source[from + i];
  } else {
    target.set(source.subarray(from, from + count), to);
  }
}
