// What a command handler answers through. Each protocol implements it; a handler never learns which
// one it speaks to. Aggregates announce their length first and the elements follow by further calls.

import type { ByteSource } from "../base/bytes.ts";
import type { ErrorReply } from "../base/errors.ts";
import type { Request } from "./request.ts";

/** Who counts the errors that are answered. */
export interface ErrorSink {
  note(error: ErrorReply): void;
}

export interface Reply {
  /** What follows answers this request: a protocol remembers of it what its answers depend on. */
  begin(request: Request): void;
  /** Bytes that break the protocol, in a sentence. The connection ends after it. */
  violation(text: string): void;
  /** From here on in RESP2 or RESP3; other protocols know no versions. */
  switchProtocol(version: 2 | 3): void;
  /** Success without a value: +OK. */
  ok(): void;
  /** A short status word such as PONG. It must hold no line break. */
  simple(text: string): void;
  error(reply: ErrorReply): void;
  integer(value: number | bigint): void;
  /** A value, binary safe. */
  bulk(bytes: Uint8Array, start: number, end: number): void;
  /** `length` bytes of `source` from `from` on, copied straight into the output. */
  bulkFrom(source: ByteSource, from: number, length: number): void;
  /** Text as a value. */
  text(text: string): void;
  /** Text that is meant for people, perhaps in pieces; a protocol may mark it as such. */
  verbatim(text: string | readonly string[]): void;
  nil(): void;
  nilArray(): void;
  boolean(value: boolean): void;
  double(value: number): void;
  array(length: number): void;
  set(length: number): void;
  /** A map of `pairs` keys, each followed by its value. */
  map(pairs: number): void;
  /** An out-of-band message of `length` elements. */
  push(length: number): void;
}
