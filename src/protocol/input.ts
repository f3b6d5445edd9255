// The bytes of a connection that are not consumed yet. As long as commands arrive whole, decoders read
// the received chunk itself and nothing is copied; only the unfinished tail of a chunk is kept, in a
// buffer of our own that grows with the bytes that really arrive, never with a length that was announced.
// Invariant: mark <= pos <= end <= buf.length; bytes before `mark` are done with.
// Hot path: the fields are read and written directly by the decoders.

const empty = new Uint8Array(0);
const carryBytesMin = 4096;
const carrySlackBytes = 64 * 1024;

export class Input {
  buf: Uint8Array;
  /** Start of the unfinished command. */
  mark: number;
  /** Next byte to look at. */
  pos: number;
  end: number;
  private owned: boolean;

  constructor() {
    this.buf = empty;
    this.mark = 0;
    this.pos = 0;
    this.end = 0;
    this.owned = false;
  }

  /**
   * Takes a chunk in. Returns by how much positions at or after `mark` moved down, so that a decoder can
   * shift those it remembers. `wanted` is how many bytes from `mark` on the decoder waits for, if it knows.
   */
  feed(chunk: Uint8Array, wanted: number): number {
    if (this.mark === this.end) {
      this.buf = chunk;
      this.mark = 0;
      this.pos = 0;
      this.end = chunk.length;
      this.owned = false;
      return 0;
    }
    return this.carry(chunk, wanted);
  }

  private carry(chunk: Uint8Array, wanted: number): number {
    if (this.owned && this.buf.length - this.end >= chunk.length) {
      this.buf.set(chunk, this.end);
      this.end += chunk.length;
      return 0;
    }
    const shift = this.mark;
    const pending = this.end - shift;
    const total = pending + chunk.length;
    const capacity = Math.max(total, carryBytesMin, Math.min(total * 2, wanted + carrySlackBytes));
    const buf = new Uint8Array(capacity);
    buf.set(this.buf.subarray(shift, this.end));
    buf.set(chunk, pending);
    this.buf = buf;
    this.mark = 0;
    this.pos -= shift;
    this.end = total;
    this.owned = true;
    return shift;
  }

  /** Lets go of a buffer that is consumed to its end, so that an idle connection holds no memory. */
  release(): void {
    if (this.mark !== this.end) return;
    this.buf = empty;
    this.mark = 0;
    this.pos = 0;
    this.end = 0;
    this.owned = false;
  }
}
