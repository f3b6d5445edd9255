// The reply of a connection that has turned its replies off (CLIENT REPLY OFF, SKIP). As in Redis,
// it passes on pushed messages, such as the confirmations of SUBSCRIBE, and drops all others. It
// checks at each call whether the connection is still muted, since a transaction may turn replies
// on.
// Invariant: an element is passed on with the push that it belongs to, or not at all.

import type { ByteSource } from "../base/bytes.ts";
import type { ErrorReply } from "../base/errors.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

export class MutedReply implements Reply {
  private readonly to: Reply;
  private readonly isMuted: () => boolean;
  /** Elements of the current push that are still to come; none of them is an aggregate. */
  private pushed = 0;

  constructor(to: Reply, isMuted: () => boolean) {
    this.to = to;
    this.isMuted = isMuted;
  }

  /** Whether to pass on the next value. */
  private passes(): boolean {
    if (this.pushed === 0) return !this.isMuted();
    this.pushed--;
    return true;
  }

  push(length: number): void {
    this.pushed = length;
    this.to.push(length);
  }

  begin(request: Request): void {
    this.pushed = 0;
    this.to.begin(request);
  }

  violation(text: string): void {
    this.to.violation(text);
  }

  switchProtocol(version: 2 | 3): void {
    this.to.switchProtocol(version);
  }

  statusLine(text: string): void {
    if (this.passes()) this.to.statusLine(text);
  }

  ok(): void {
    if (this.passes()) this.to.ok();
  }

  simple(text: string): void {
    if (this.passes()) this.to.simple(text);
  }

  error(reply: ErrorReply): void {
    if (this.passes()) this.to.error(reply);
  }

  integer(value: number | bigint): void {
    if (this.passes()) this.to.integer(value);
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    if (this.passes()) this.to.bulk(bytes, start, end);
  }

  bulkFrom(source: ByteSource, from: number, length: number): void {
    if (this.passes()) this.to.bulkFrom(source, from, length);
  }

  text(text: string): void {
    if (this.passes()) this.to.text(text);
  }

  verbatim(text: string | readonly string[]): void {
    if (this.passes()) this.to.verbatim(text);
  }

  formatted(format: string, bytes: Uint8Array): void {
    if (this.passes()) this.to.formatted(format, bytes);
  }

  nil(): void {
    if (this.passes()) this.to.nil();
  }

  nilArray(): void {
    if (this.passes()) this.to.nilArray();
  }

  boolean(value: boolean): void {
    if (this.passes()) this.to.boolean(value);
  }

  double(value: number | string): void {
    if (this.passes()) this.to.double(value);
  }

  bigNumber(digits: string): void {
    if (this.passes()) this.to.bigNumber(digits);
  }

  attribute(pairs: number): void {
    if (this.passes()) this.to.attribute(pairs);
  }

  array(length: number): void {
    if (this.passes()) this.to.array(length);
  }

  set(length: number): void {
    if (this.passes()) this.to.set(length);
  }

  map(pairs: number): void {
    if (this.passes()) this.to.map(pairs);
  }
}
