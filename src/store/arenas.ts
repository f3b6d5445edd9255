// Hot path: resolves locations. A location is a position in units of 8 bytes over all arenas: its
// 32 bits reach 32 GiB, and the low 27 of them address an arena of 1 GiB. Knows neither items nor
// owners.
// Invariant: a segment's size is a power of two, so no segment and no item straddles two arenas.

import type { Geometry } from "./memory.ts";

export const ARENA_SHIFT = 27;
export const UNIT_MASK = (1 << ARENA_SHIFT) - 1;

export class Arenas {
  readonly words: readonly Int32Array[];
  readonly bytes: readonly Uint8Array[];
  /** As `bytes`: a Buffer makes text of a part of it without a view. */
  readonly texts: readonly Buffer[];
  readonly buffers: readonly SharedArrayBuffer[];
  /** log2 of a segment's bytes. */
  readonly segmentShift: number;
  readonly segmentBytes: number;

  constructor(geometry: Geometry, buffers: readonly SharedArrayBuffer[]) {
    this.buffers = buffers;
    this.words = buffers.map((buffer) => new Int32Array(buffer));
    this.bytes = buffers.map((buffer) => new Uint8Array(buffer));
    this.texts = buffers.map((buffer) => Buffer.from(buffer));
    this.segmentBytes = geometry.segmentBytes;
    this.segmentShift = Math.log2(geometry.segmentBytes);
  }

  /** The location of a byte in a segment; `offset` must be a multiple of 8. */
  locate(segment: number, offset: number): number {
    return (segment << (this.segmentShift - 3)) | (offset >>> 3);
  }

  segmentOf(location: number): number {
    return location >>> (this.segmentShift - 3);
  }

  wordsOf(location: number): Int32Array {
    return this.words[location >>> ARENA_SHIFT];
  }

  bytesOf(location: number): Uint8Array {
    return this.bytes[location >>> ARENA_SHIFT];
  }

  /** The index of the item's first word within wordsOf(). */
  wordAt(location: number): number {
    return (location & UNIT_MASK) << 1;
  }

  byteAt(location: number): number {
    return (location & UNIT_MASK) << 3;
  }
}
