// One decoded command: its arguments as byte ranges of one buffer. A request is reused for the next
// command of the connection, so a handler must copy what it keeps.
// Hot path: plain fields; no views and no strings except in the cold part.

import { latin1 } from "../base/bytes.ts";
import { textBytesMax } from "../base/limits.ts";

/** A byte order mark is ordinary text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const empty = new Uint8Array(0);
const initialArguments = 16;
/** Room for more arguments than these is given back after use: a million take 8 MiB. */
export const keptArgumentsMax = 1024;

export class Request {
  /**
   * Holds every argument of the command; argument i is buf[start[i]] up to, not including,
   * buf[end[i]].
   */
  buf: Uint8Array;
  argc: number;
  start: Int32Array;
  end: Int32Array;
  /** Where the command begins in its connection's input, for Decoder.rewind(). */
  origin: number;

  /** A request that copies another needs no room for more arguments: there may be a million. */
  constructor(start = new Int32Array(initialArguments), end = new Int32Array(initialArguments)) {
    this.buf = empty;
    this.argc = 0;
    this.start = start;
    this.end = end;
    this.origin = 0;
  }

  /** Adds an argument. Arguments arrive one by one, so memory follows the bytes received. */
  push(start: number, end: number): void {
    if (this.argc === this.start.length) this.grow();
    this.start[this.argc] = start;
    this.end[this.argc] = end;
    this.argc++;
  }

  private grow(): void {
    const start = new Int32Array(this.start.length * 2);
    const end = new Int32Array(this.start.length * 2);
    start.set(this.start);
    end.set(this.end);
    this.start = start;
    this.end = end;
  }

  /** Exchanges the contents, and with them the room for arguments. */
  exchange(other: Request): void {
    const { buf, argc, start, end, origin } = other;
    other.buf = this.buf;
    other.argc = this.argc;
    other.start = this.start;
    other.end = this.end;
    other.origin = this.origin;
    this.buf = buf;
    this.argc = argc;
    this.start = start;
    this.end = end;
    this.origin = origin;
  }

  /** To be called when the command is done with; its arguments are gone then. */
  shrink(): void {
    if (this.start.length <= keptArgumentsMax) return;
    this.argc = 0;
    this.start = new Int32Array(initialArguments);
    this.end = new Int32Array(initialArguments);
  }

  /** The room for its arguments, if it is more than is kept. */
  get heldBytes(): number {
    const { length } = this.start;
    return length <= keptArgumentsMax ? 0 : 2 * length * Int32Array.BYTES_PER_ELEMENT;
  }

  length(index: number): number {
    return this.end[index] - this.start[index];
  }

  // ---- cold path -------------------------------------------------------------------------------

  /** Whether text() would return only the beginning of argument `index`. */
  isLong(index: number): boolean {
    return this.length(index) > textBytesMax;
  }

  /**
   * Argument `index` as text, cut at textBytesMax. Bytes that are not UTF-8 become U+FFFD, so never
   * use it for keys or values.
   */
  text(index: number): string {
    return decoder.decode(this.beginning(index));
  }

  /**
   * The beginning of argument `index` for an error that echoes it: one character per byte, up to
   * the first zero byte, since Redis prints it as a C string.
   */
  echo(index: number): string {
    const bytes = this.beginning(index);
    const zero = bytes.indexOf(0);
    return latin1(zero < 0 ? bytes : bytes.subarray(0, zero));
  }

  /** The beginning of argument `index`, one character per byte. */
  latin1(index: number, bytesMax: number): string {
    const start = this.start[index];
    return latin1(this.buf.subarray(start, Math.min(this.end[index], start + bytesMax)));
  }

  /** Cuts before decoding: an argument may be half a gigabyte. */
  private beginning(index: number): Uint8Array {
    const start = this.start[index];
    return this.buf.subarray(start, Math.min(this.end[index], start + textBytesMax));
  }

  /** Argument `index` as a copy of its bytes. */
  bytes(index: number): Uint8Array {
    return this.buf.slice(this.start[index], this.end[index]);
  }

  /** A request from copied arguments. */
  static of(args: readonly Uint8Array[]): Request {
    const request = new Request();
    request.buf = new Uint8Array(args.reduce((sum, bytes) => sum + bytes.length, 0));
    let at = 0;
    for (const bytes of args) {
      request.buf.set(bytes, at);
      request.push(at, at + bytes.length);
      at += bytes.length;
    }
    return request;
  }

  /**
   * A copy that outlives the handler, for a command that is queued or leaves its thread. It copies
   * one range, including the bytes between the arguments: there may be a million empty ones.
   */
  copy(): Request {
    const { argc } = this;
    const request = new Request(this.start.slice(0, argc), this.end.slice(0, argc));
    const from = argc === 0 ? 0 : this.start[0];
    request.buf = this.buf.slice(from, argc === 0 ? 0 : this.end[argc - 1]);
    request.argc = argc;
    for (let i = 0; i < argc; i++) {
      request.start[i] -= from;
      request.end[i] -= from;
    }
    return request;
  }
}
