// Frees large buffers at once, or keeps them for reuse. JavaScriptCore counts shared memory as heap
// and then hardly collects (src/README.md), so large garbage is freed by hand: transfer(0) detaches
// a buffer and frees it immediately (measured: 64 KiB chunks peaked at 48 MB resident with it and
// at 432 without, and it was faster). Buffers that are soon needed again, for unfinished requests
// and unsent output, go into a pool. Each thread loads this module itself and so has its own pool.
// Bound: the pool keeps at most poolBytesMax, in powers of two up to 4 MiB, and shrinks when it is
// not used.

const smallestShift = 12; // 4 KiB
const largestShift = 22; // 4 MiB
const poolBytesMax = 16 * 1024 * 1024;
const freeBytesMin = 4 * 1024; // freeing less costs more than it saves

/**
 * Frees the memory of an array that owns its whole buffer. The caller must hold the last reference.
 */
export function freeBytes(bytes: Uint8Array): void {
  if (bytes.length >= freeBytesMin && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

/** Returns the whole buffer behind a part that was handed over to the pool of this thread. */
export function giveBack(part: Uint8Array): void {
  buffers.give(new Uint8Array(part.buffer));
}

export class BufferPool {
  private readonly free: Uint8Array[][];
  private bytes: number;
  /** The least that the pool has held since the last trim(). */
  private unusedBytes: number;

  constructor() {
    this.free = Array.from({ length: largestShift + 1 }, () => []);
    this.bytes = 0;
    this.unusedBytes = 0;
  }

  /** Returns a buffer of at least `bytes` bytes; its content is undefined. */
  take(bytes: number): Uint8Array {
    const shift = shiftFor(bytes);
    if (shift > largestShift) return new Uint8Array(bytes);
    const buffer = this.free[shift].pop();
    if (buffer === undefined) return new Uint8Array(1 << shift);
    this.bytes -= buffer.length;
    if (this.bytes < this.unusedBytes) this.unusedBytes = this.bytes;
    return buffer;
  }

  /** Takes back a whole buffer, and keeps or frees it. The caller must hold the last reference. */
  give(buffer: Uint8Array): void {
    const { length } = buffer;
    const shift = shiftFor(length);
    const fits = shift <= largestShift && length === 1 << shift;
    if (!fits || this.bytes + length > poolBytesMax) {
      freeBytes(buffer);
      return;
    }
    this.free[shift].push(buffer);
    this.bytes += length;
  }

  /** Frees half of what was not needed since the last call, the largest buffers first. */
  trim(): void {
    let surplus = this.unusedBytes / 2;
    for (let shift = largestShift; shift >= smallestShift && surplus > 0; shift--) {
      const list = this.free[shift];
      while (list.length > 0 && surplus >= 1 << (shift - 1)) {
        surplus -= 1 << shift;
        this.bytes -= 1 << shift;
        freeBytes(list.pop() as Uint8Array);
      }
    }
    this.unusedBytes = this.bytes;
  }
}

/** log2 of the next power of two, at least smallestShift. */
function shiftFor(bytes: number): number {
  return Math.max(smallestShift, 32 - Math.clz32(bytes - 1));
}

/** The pool of this thread. */
export const buffers = new BufferPool();
