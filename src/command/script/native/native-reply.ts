// The reply of a command that a native script calls: the number, or whether the value is the one
// that the script compares with. Nothing is kept of a value.
// Hot path: no allocation, but for values longer than any before.

import { type ByteSource, sameBytes } from "../../../base/bytes.ts";
import type { ErrorReply } from "../../../base/errors.ts";
import { NullReply } from "../../../protocol/null-reply.ts";
import type { Reply } from "../../../protocol/reply.ts";

const firstBytes = 256;
const Ignoring: new () => Reply = NullReply;

export class NativeReply extends Ignoring {
  /** The last integer. */
  number = 0;
  /** Whether the last value was the wanted one. */
  isWanted = false;
  /** Whether the last reply was a value. */
  isThere = false;
  failure: ErrorReply | null = null;
  private scratch = Buffer.alloc(firstBytes);
  private wanted: Uint8Array = this.scratch;
  private start = 0;
  private end = 0;

  /** The value to compare the next one with. */
  want(bytes: Uint8Array, start: number, end: number): void {
    this.wanted = bytes;
    this.start = start;
    this.end = end;
    this.isWanted = false;
  }

  override integer(value: number | bigint): void {
    this.number = Number(value);
  }

  override bulk(bytes: Uint8Array, start: number, end: number): void {
    this.isThere = true;
    if (end - start !== this.end - this.start) return;
    this.isWanted = sameBytes(bytes, start, this.wanted, this.start, end - start);
  }

  override bulkFrom(source: ByteSource, from: number, length: number): void {
    this.isThere = true;
    if (length !== this.end - this.start) return;
    if (length > this.scratch.length) this.scratch = Buffer.alloc(length);
    source.copyTo(this.scratch, 0, from, length);
    this.bulk(this.scratch, 0, length);
  }

  override error(reply: ErrorReply): void {
    this.failure ??= reply;
  }
}
