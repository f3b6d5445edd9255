// Memory of large buffers, given back at once. JavaScriptCore counts shared memory as heap and then hardly
// collects (src/README.md), so what is garbage and large is freed by hand: transfer(0) detaches a buffer
// and frees it there and then (chunks of 64 KiB peaked at 48 MB resident with it and 432 without, and it
// was faster; measured). Buffers that are wanted again soon, for the unfinished tails of requests and for
// output that waits, are kept for the next one; one pool a thread, as each loads this module for itself.
// Bound: the pool keeps poolBytesMax at most, in powers of two up to 4 MiB, and less when it is not used.

const smallestShift = 12; // 4 KiB
const largestShift = 22; // 4 MiB
const poolBytesMax = 16 * 1024 * 1024;
const freeBytesMin = 4 * 1024; // below this freeing costs more than it saves

/** Frees the memory of an array that owns its whole buffer and that nobody looks at any more. */
export function freeBytes(bytes: Uint8Array): void {
  if (bytes.length >= freeBytesMin && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

/** Gives the whole memory of a part that was handed over back to the pool of this thread. */
export function giveBack(part: Uint8Array): void {
  buffers.give(new Uint8Array(part.buffer));
}

export class BufferPool {
  private readonly free: Uint8Array[][];
  private bytes: number;
  /** What was in the pool all the time since the last trim(). */
  private unusedBytes: number;

  constructor() {
    this.free = Array.from({ length: largestShift + 1 }, () => []);
    this.bytes = 0;
    this.unusedBytes = 0;
  }

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Uint8Array {
    const shift = shiftFor(bytes);
    if (shift > largestShift) return new Uint8Array(bytes);
    const buffer = this.free[shift].pop();
    if (buffer === undefined) return new Uint8Array(1 << shift);
    this.bytes -= buffer.length;
    if (this.bytes < this.unusedBytes) this.unusedBytes = this.bytes;
    return buffer;
  }

  /** Takes a whole buffer back that nobody looks at any more, to keep it or to free it. */
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

  /** Frees half of what nobody has taken since the last call, the largest first. */
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

/** The power of two that is not less. */
function shiftFor(bytes: number): number {
  return Math.max(smallestShift, 32 - Math.clz32(bytes - 1));
}

/** The pool of this thread. */
export const buffers = new BufferPool();
