// The interface through which a command handler replies. Each protocol implements it; a handler
// never learns which protocol it serves. Aggregates announce their length first; further calls add
// the elements.

import type { ByteSource } from "../base/bytes.ts";
import type { ErrorReply } from "../base/errors.ts";
import type { Request } from "./request.ts";

/** Counts the error replies. */
export interface ErrorSink {
  note(error: Pick<ErrorReply, "code">): void;
}

export interface Reply {
  /** The next calls answer this request. The protocol keeps what its encoding depends on. */
  begin(request: Request): void;
  /** Reports a protocol violation. The connection is closed after it. */
  violation(text: string): void;
  /** Switches to RESP2 or RESP3; other protocols have no versions. */
  switchProtocol(version: 2 | 3): void;
  /** A status of a script: one character per byte, and no line break. */
  statusLine(text: string): void;
  /** Success without a value: +OK. */
  ok(): void;
  /** A short status word such as PONG. It must not contain a line break. */
  simple(text: string): void;
  error(reply: ErrorReply): void;
  integer(value: number | bigint): void;
  /** A binary-safe value. */
  bulk(bytes: Uint8Array, start: number, end: number): void;
  /** A value: `length` bytes of `source` from position `from`, copied directly into the output. */
  bulkFrom(source: ByteSource, from: number, length: number): void;
  /** Text as a value. */
  text(text: string): void;
  /** Text for people, whole or in pieces; a protocol may mark it as such. */
  verbatim(text: string | readonly string[]): void;
  /** A value of a script that it has marked as text of this format, three characters. */
  formatted(format: string, bytes: Uint8Array): void;
  nil(): void;
  nilArray(): void;
  boolean(value: boolean): void;
  /** A decimal number; as text, if it has more digits than a number holds. */
  double(value: number | string): void;
  /** An integer of any length, as its digits. */
  bigNumber(digits: string): void;
  /** What precedes a reply and tells more about it, in a version that has it. */
  attribute(pairs: number): void;
  array(length: number): void;
  set(length: number): void;
  /** A map of `pairs` keys, each followed by its value. */
  map(pairs: number): void;
  /** An out-of-band message of `length` elements. */
  push(length: number): void;
}
