// The interface of a protocol's decoder: bytes in, requests out, one at a time. A decoder throws
// nothing: a protocol violation sets `error`, which stays set.

import type { Request } from "./request.ts";

/** The violation of a request above `requestBytesMax`. */
export const tooBigRequest = "too big request";

export interface Decoder {
  /** The text of a violation. When set, next() stays false and the connection must be closed. */
  readonly error: string;
  /** Bytes of the largest request; may change at any time. */
  requestBytesMax: number;
  feed(chunk: Uint8Array): void;
  /**
   * Decodes the next command into `request`, which is valid until release(). False if more bytes
   * are needed: then its content is undefined, and the decoder itself keeps what it has decoded.
   */
  next(request: Request): boolean;
  /** Undoes decoding: the next command is the one that begins at this Request.origin. */
  rewind(origin: number): void;
  /** Bytes received but not consumed by a whole command. */
  pendingBytes(): number;
  /** Bytes of the arguments of an unfinished command that are decoded already. */
  decodedBytes(): number;
  /** Bytes of memory that the decoder holds, used or not, beyond what every connection has. */
  heldBytes(): number;
  /** Called at the end of a turn: releases memory that is no longer needed. */
  release(): void;
  /** The connection has closed: releases all memory. Nothing may be called afterwards. */
  dispose(): void;
}
