// Encodes the replies of MSCache's binary protocol, in request order.
//   SET and DEL: status; GET: status | int32 value length | value; JOIN: nothing
// Implements only the replies that the protocol's commands use.

import type { ByteSource } from "../../base/bytes.ts";
import type { ErrorReply } from "../../base/errors.ts";
import type { Output } from "../../base/output.ts";
import type { ErrorSink, Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { opcode } from "./mscache-parser.ts";

export const status = { OK: 1, ERROR: 2, KEY_NOT_FOUND: 3, NOT_LEADER: 4 } as const;

const lengthBytes = 4;

export class MscacheReply implements Reply {
  out: Output;
  /** The opcode of the request: a reply to GET has a length even if it has no value. */
  private opcode: number;

  private readonly errors: ErrorSink | null;

  constructor(out: Output, errors: ErrorSink | null = null) {
    this.out = out;
    this.errors = errors;
    this.opcode = 0;
  }

  begin({ buf, start }: Request): void {
    this.opcode = buf[start[0]];
  }

  ok(): void {
    this.status(status.OK);
  }

  /** The protocol has no reply for an invalid frame: the connection is closed. */
  violation(): void {}

  error(reply: ErrorReply): void {
    this.errors?.note(reply);
    this.failure(reply.code === "READONLY" ? status.NOT_LEADER : status.ERROR);
  }

  nil(): void {
    this.failure(status.KEY_NOT_FOUND);
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    this.value(end - start);
    this.out.append(bytes, start, end);
  }

  bulkFrom(source: ByteSource, from: number, length: number): void {
    this.value(length);
    const at = this.out.reserve(length);
    source.copyTo(this.out.bytes, at, from, length);
  }

  /** There is only one version. */
  switchProtocol(): void {}

  // The commands of this protocol use no other replies; a call would be a programmer error.
  simple(): void {
    this.ok();
  }
  integer(): void {
    this.ok();
  }
  statusLine(): void {
    unsupported("statusLine");
  }
  text(): void {
    unsupported("text");
  }
  formatted(): void {
    unsupported("formatted");
  }
  verbatim(): void {
    unsupported("verbatim");
  }
  nilArray(): void {
    unsupported("nilArray");
  }
  boolean(): void {
    unsupported("boolean");
  }
  double(): void {
    unsupported("double");
  }
  bigNumber(): void {
    unsupported("bigNumber");
  }
  attribute(): void {
    unsupported("attribute");
  }
  array(): void {
    unsupported("array");
  }
  set(): void {
    unsupported("set");
  }
  map(): void {
    unsupported("map");
  }
  push(): void {
    unsupported("push");
  }

  private status(code: number): void {
    const at = this.out.reserve(1);
    this.out.bytes[at] = code;
  }

  private failure(code: number): void {
    this.status(code);
    if (this.opcode === opcode.GET) this.length(0);
  }

  private value(length: number): void {
    this.status(status.OK);
    this.length(length);
  }

  private length(value: number): void {
    const at = this.out.reserve(lengthBytes);
    const { bytes } = this.out;
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
    bytes[at + 2] = value >> 16;
    bytes[at + 3] = value >> 24;
  }
}

function unsupported(what: string): never {
  throw new Error(`the binary protocol has no ${what} reply`);
}
