// Cuts bytes that arrive in chunks into lines. A line without its end is the last one. It knows
// nothing of what is in them.
// Invariants: memory follows the bytes that arrived, up to `lineBytesMax` of a line; a longer line
// is skipped and told, and the lines behind it are read.

const LF = 0x0a;
const CR = 0x0d;

export interface LineTaker {
  /** The range of a line without its end; valid during the call. Lines count from 1. */
  line(bytes: Uint8Array, start: number, end: number, number: number): void;
  tooLong(number: number): void;
}

export class LineSplitter {
  /** Lines handed out or skipped so far. */
  lines = 0;
  private readonly taker: LineTaker;
  private readonly lineBytesMax: number;
  /** The beginning of a line. */
  private pieces: Uint8Array[] = [];
  private bytes = 0;

  constructor(taker: LineTaker, lineBytesMax: number) {
    this.taker = taker;
    this.lineBytesMax = lineBytesMax;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.end(chunk, start, end);
      start = end + 1;
    }
    if (start < chunk.length) this.keep(chunk.slice(start));
  }

  /** No more bytes come. */
  finish(): void {
    if (this.bytes > 0) this.end(new Uint8Array(0), 0, 0);
  }

  private keep(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.bytes > this.lineBytesMax) this.pieces = [];
    else this.pieces.push(piece);
  }

  /** The range is the end of a line, or all of it. */
  private end(chunk: Uint8Array, start: number, end: number): void {
    this.lines++;
    if (this.bytes === 0) return this.hand(chunk, start, end);
    const length = this.bytes + end - start;
    const pieces = this.pieces;
    this.pieces = [];
    this.bytes = 0;
    if (length > this.lineBytesMax) this.taker.tooLong(this.lines);
    else this.hand(Buffer.concat([...pieces, chunk.subarray(start, end)]), 0, length);
  }

  private hand(bytes: Uint8Array, start: number, end: number): void {
    if (end - start > this.lineBytesMax) return this.taker.tooLong(this.lines);
    const hasReturn = end > start && bytes[end - 1] === CR;
    this.taker.line(bytes, start, hasReturn ? end - 1 : end, this.lines);
  }
}
