// Decodes MSCache's binary protocol. Integers are little-endian. A frame becomes a request:
// argument 0 is the opcode byte, followed by the key and, for SET, the value and the four TTL
// bytes. The commands behind the opcodes are ordinary rows of the command table. mscache-reply.ts
// encodes the replies.
//   SET 1 | int32 key length | key | int32 value length | value | int32 TTL in seconds
//   GET 2 | int32 key length | key          DEL 3 | int32 key length | key          JOIN 4
// A negative or too large length, or an unknown opcode, closes the connection and allocates
// nothing.

import { bulkBytesMax, keyBytesMax, requestBytesMax } from "../../base/limits.ts";
import { type Decoder, tooBigRequest } from "../decoder.ts";
import { Input } from "../input.ts";
import type { Request } from "../request.ts";

export const opcode = { SET: 1, GET: 2, DEL: 3, JOIN: 4 } as const;

const lengthBytes = 4;

export class MscacheParser implements Decoder {
  error: string;
  requestBytesMax: number;
  private readonly input: Input;
  /** Bytes from the frame's start that must have arrived before the next attempt to decode it. */
  private wanted: number;

  /** With `ownsChunks`, the memory of each chunk is freed as soon as it is consumed. */
  constructor(ownsChunks = false) {
    this.error = "";
    this.requestBytesMax = requestBytesMax;
    this.input = new Input(ownsChunks);
    this.wanted = 1;
  }

  feed(chunk: Uint8Array): void {
    this.input.feed(chunk, this.wanted);
  }

  rewind(origin: number): void {
    this.input.mark = origin;
    this.input.pos = origin;
    this.wanted = 1;
    this.error = "";
  }

  pendingBytes(): number {
    return this.input.end - this.input.pos;
  }

  /** A frame is decoded whole. */
  decodedBytes(): number {
    return 0;
  }

  heldBytes(): number {
    return this.input.heldBytes;
  }

  release(): void {
    this.input.mark = this.input.pos;
    this.input.settle(); // no position is remembered between frames
  }

  dispose(): void {
    this.input.dispose();
  }

  /**
   * A frame has at most three fields, so decoding an unfinished one again from its start is cheap.
   */
  next(request: Request): boolean {
    const input = this.input;
    input.mark = input.pos;
    if (this.error !== "" || input.end - input.pos < this.wanted) return false;
    const code = input.buf[input.pos];
    request.argc = 0;
    request.buf = input.buf;
    request.origin = input.pos;
    request.push(input.pos, input.pos + 1);
    if (code < opcode.SET || code > opcode.JOIN) return this.fail(`unknown opcode ${code}`);
    let end = input.pos + 1;
    if (code !== opcode.JOIN) end = this.field(request, end, keyBytesMax);
    if (code === opcode.SET && end > 0) end = this.field(request, end, bulkBytesMax);
    if (code === opcode.SET && end > 0) end = this.fixed(request, end);
    if (end < 0) return false;
    input.pos = end;
    this.wanted = 1;
    return true;
  }

  /**
   * Reads a length and that many bytes; returns the position after them, or -1 while bytes are
   * missing.
   */
  private field(request: Request, at: number, lengthMax: number): number {
    const { buf } = this.input;
    if (!this.has(at + lengthBytes)) return -1;
    const length = buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24);
    if (length < 0 || length > lengthMax) {
      this.fail(`length ${length} is out of bounds`);
      return -1;
    }
    const start = at + lengthBytes;
    if (start + length - this.input.mark > this.requestBytesMax) {
      this.fail(tooBigRequest);
      return -1;
    }
    if (!this.has(start + length)) return -1;
    request.push(start, start + length);
    return start + length;
  }

  private fixed(request: Request, at: number): number {
    if (!this.has(at + lengthBytes)) return -1;
    request.push(at, at + lengthBytes);
    return at + lengthBytes;
  }

  private has(position: number): boolean {
    if (position <= this.input.end) return true;
    this.wanted = position - this.input.mark;
    return false;
  }

  private fail(text: string): boolean {
    this.error = text;
    return false;
  }
}
