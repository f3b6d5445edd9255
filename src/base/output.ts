// A growable buffer that gathers replies. It does not know sockets: the server sends its bytes and
// clears it. After an unusually large reply the buffer shrinks to its ordinary size.
// Hot path: `bytes` and `length` are read and written directly by the encoders.

import { buffers } from "./buffer-pool.ts";
import { copyBytes } from "./bytes.ts";
import { outputFlushBytes, outputHardBytesMax } from "./limits.ts";

const ordinaryBytes = 512 * 1024;
const stepBytesMax = 16 * 1024 * 1024;

/** A reply would make the output larger than outputHardBytesMax: the connection must be closed. */
export class OutputLimitError extends Error {
  override readonly name = "OutputLimitError";
}

/**
 * Takes the content of a full output, so that a long reply is not built whole before it is sent.
 */
export interface Spill {
  /** Must keep the content or drop it, and call clear(); otherwise the output grows. */
  spill(out: Output): void;
}

export class Output {
  bytes: Uint8Array;
  length: number;
  /** From this length on, replies leave in the middle of a batch; clear() sets it back. */
  flushAt: number;
  /** Receives the content when an ordinary buffer is full; null: the buffer grows. */
  spillTo: Spill | null;

  constructor(capacity = ordinaryBytes) {
    this.bytes = new Uint8Array(capacity);
    this.length = 0;
    this.flushAt = outputFlushBytes;
    this.spillTo = null;
  }

  /** Adds `count` bytes to the length and returns where they begin; the caller must fill them. */
  reserve(count: number): number {
    if (this.length + count > this.bytes.length) this.makeRoom(count);
    const at = this.length;
    this.length = at + count;
    return at;
  }

  private makeRoom(count: number): void {
    if (this.spillTo !== null && this.length >= ordinaryBytes / 2) this.spillTo.spill(this);
    if (this.length + count > this.bytes.length) this.grow(this.length + count);
  }

  private grow(length: number): void {
    if (length > outputHardBytesMax) {
      throw new OutputLimitError(`a reply of more than ${outputHardBytesMax} bytes`);
    }
    const bytes = buffers.take(
      Math.max(
        length,
        Math.min(this.bytes.length * 2, length + Math.max(stepBytesMax, length >>> 1)),
      ),
    );
    bytes.set(this.bytes.subarray(0, this.length));
    buffers.give(this.bytes);
    this.bytes = bytes;
  }

  append(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    const at = this.reserve(count);
    copyBytes(source, start, end, this.bytes, at);
  }

  appendAll(source: Uint8Array): void {
    this.append(source, 0, source.length);
  }

  /**
   * Hands this buffer itself over to a caller that keeps the content from `from` on, and replaces
   * it with another one. Null if the content is so small that copying is better. The caller then
   * clears the output.
   */
  takeLarge(from: number): Uint8Array | null {
    if (this.length - from < ordinaryBytes / 4 || this.bytes.length < ordinaryBytes) return null;
    const { bytes } = this;
    this.bytes = buffers.take(ordinaryBytes);
    return bytes;
  }

  /** Drops the content; returns an oversized buffer to the pool. */
  clear(): void {
    this.length = 0;
    this.flushAt = outputFlushBytes;
    if (this.bytes.length <= 4 * ordinaryBytes) return;
    buffers.give(this.bytes);
    this.bytes = buffers.take(ordinaryBytes);
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
