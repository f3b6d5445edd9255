// Encodes replies as RESP2 or RESP3 into an Output. One encoder serves all connections of a thread:
// `resp3` is set to the connection's version before its commands run.
// The shapes are those of redis 7.0 `networking.c` (addReply*): in RESP2, maps and sets are flat
// arrays, booleans are 0 and 1, and doubles and verbatim texts are bulk strings.
// Hot path: constant replies are encoded once at load; numbers are written digit by digit.

import { writeDigits, writeInteger } from "../../base/ascii.ts";
import { type ByteSource, latin1Bytes } from "../../base/bytes.ts";
import { assert, type ErrorReply, errorReply } from "../../base/errors.ts";
import { formatNumber } from "../../base/number-format.ts";
import type { Output } from "../../base/output.ts";
import type { ErrorSink, Reply } from "../reply.ts";

const encoder = new TextEncoder();
const okBytes = encoder.encode("+OK\r\n");
const pongBytes = encoder.encode("+PONG\r\n");
const nilBytes = encoder.encode("$-1\r\n");
const nilArrayBytes = encoder.encode("*-1\r\n");
const nullBytes = encoder.encode("_\r\n");
const trueBytes = encoder.encode("#t\r\n");
const falseBytes = encoder.encode("#f\r\n");

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a; // integer
const DOLLAR = 0x24; // bulk string
const STAR = 0x2a; // array
const PERCENT = 0x25; // map
const TILDE = 0x7e; // set
const BAR = 0x7c; // attribute
const GREATER = 0x3e; // push
const headerBytesMax = 24; // type, sign, 20 digits, CR LF

/** As many as tell any two doubles apart. */
const doubleDigits = 17;

export class RespReply implements Reply {
  out: Output;
  resp3: boolean;
  private readonly errors: ErrorSink | null;

  constructor(out: Output, errors: ErrorSink | null = null) {
    this.out = out;
    this.resp3 = false;
    this.errors = errors;
  }

  switchProtocol(version: 2 | 3): void {
    this.resp3 = version === 3;
  }

  begin(): void {}

  violation(text: string): void {
    this.error(errorReply(text));
  }

  ok(): void {
    this.constant(okBytes);
  }

  simple(text: string): void {
    if (text === "PONG") this.constant(pongBytes);
    else this.raw(`+${text}\r\n`);
  }

  statusLine(text: string): void {
    this.out.appendAll(latin1Bytes(`+${text}\r\n`));
  }

  error(reply: ErrorReply): void {
    this.errors?.note(reply);
    this.out.appendAll(reply.bytes);
  }

  integer(value: number | bigint): void {
    if (typeof value === "bigint") this.raw(`:${value}\r\n`);
    else this.header(COLON, value);
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.header(DOLLAR, length);
    const out = this.out;
    out.append(bytes, start, end);
    this.lineEnd();
  }

  bulkFrom(source: ByteSource, from: number, length: number): void {
    this.header(DOLLAR, length);
    const out = this.out;
    const at = out.reserve(length + 2);
    source.copyTo(out.bytes, at, from, length);
    out.bytes[at + length] = CR;
    out.bytes[at + length + 1] = LF;
  }

  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.header(DOLLAR, length);
    const at = this.out.reserve(length);
    encoder.encodeInto(text, this.out.bytes.subarray(at, at + length));
    this.lineEnd();
  }

  verbatim(text: string | readonly string[]): void {
    const pieces = typeof text === "string" ? [text] : text;
    const bytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
    this.raw(this.resp3 ? `=${bytes + 4}\r\ntxt:` : `$${bytes}\r\n`);
    for (const piece of pieces) this.raw(piece);
    this.lineEnd();
  }

  formatted(format: string, bytes: Uint8Array): void {
    if (!this.resp3) return this.bulk(bytes, 0, bytes.length);
    this.raw(`=${bytes.length + 4}\r\n${format}:`);
    this.out.append(bytes, 0, bytes.length);
    this.lineEnd();
  }

  nil(): void {
    this.constant(this.resp3 ? nullBytes : nilBytes);
  }

  nilArray(): void {
    this.constant(this.resp3 ? nullBytes : nilArrayBytes);
  }

  boolean(value: boolean): void {
    if (this.resp3) this.constant(value ? trueBytes : falseBytes);
    else this.header(COLON, value ? 1 : 0);
  }

  double(value: number | string): void {
    const text = typeof value === "string" ? value : doubleText(value);
    if (this.resp3) this.raw(`,${text}\r\n`);
    else this.text(text);
  }

  bigNumber(digits: string): void {
    if (this.resp3) this.raw(`(${digits}\r\n`);
    else this.text(digits);
  }

  /** RESP2 has no attributes, and its elements would be taken for replies. */
  attribute(pairs: number): void {
    assert(this.resp3, "an attribute is for RESP3");
    this.header(BAR, pairs);
  }

  array(length: number): void {
    this.header(STAR, length);
  }

  set(length: number): void {
    this.header(this.resp3 ? TILDE : STAR, length);
  }

  map(pairs: number): void {
    if (this.resp3) this.header(PERCENT, pairs);
    else this.header(STAR, pairs * 2);
  }

  push(length: number): void {
    this.header(this.resp3 ? GREATER : STAR, length);
  }

  // ---- internal --------------------------------------------------------------------------------

  private constant(bytes: Uint8Array): void {
    const out = this.out;
    const at = out.reserve(bytes.length);
    const target = out.bytes;
    for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i];
  }

  /** `<type><number>\r\n` */
  private header(type: number, value: number): void {
    const out = this.out;
    const at = out.reserve(headerBytesMax);
    const target = out.bytes;
    target[at] = type;
    const end =
      value >= 0 ? writeDigits(target, at + 1, value) : writeInteger(target, at + 1, value);
    target[end] = CR;
    target[end + 1] = LF;
    out.length = end + 2;
  }

  private lineEnd(): void {
    const out = this.out;
    const at = out.reserve(2);
    out.bytes[at] = CR;
    out.bytes[at + 1] = LF;
  }

  private raw(text: string): void {
    this.out.appendAll(encoder.encode(text));
  }
}

/** As Redis prints a double. */
function doubleText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return formatNumber(value, doubleDigits);
}
