// Cuts bytes that arrive in chunks into lines. A line without its end is the last one. It knows
// nothing of what is in them.
// Invariants: memory follows the bytes that arrived, up to `lineBytesMax` of a line; a longer line
// is skipped and told, and the lines behind it are read.

const LF = 0x0a;
const CR = 0x0d;

export interface LineTaker {
  /** A line without its end; valid during the call. Lines count from 1. */
  line(bytes: Uint8Array, number: number): void;
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
      this.end(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.keep(chunk.slice(start));
  }

  /** No more bytes come. */
  finish(): void {
    if (this.bytes > 0) this.end(new Uint8Array(0));
  }

  private keep(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.bytes > this.lineBytesMax) this.pieces = [];
    else this.pieces.push(piece);
  }

  private end(tail: Uint8Array): void {
    const length = this.bytes + tail.length;
    const line = this.bytes === 0 ? tail : Buffer.concat([...this.pieces, tail]);
    this.pieces = [];
    this.bytes = 0;
    this.lines++;
    if (length > this.lineBytesMax) this.taker.tooLong(this.lines);
    else this.taker.line(line.at(-1) === CR ? line.subarray(0, -1) : line, this.lines);
  }
}
