// What the server asks of a protocol's decoder: bytes in, one request after the other out. A decoder
// throws nothing: what breaks the protocol is a text that stays.

import type { Request } from "./request.ts";

export interface Decoder {
  /**
   * The command that the last successful next() decoded; valid until the following call, unless it is
   * exchanged for another one before it: the decoder goes on with that.
   */
  request: Request;
  /** Text of a protocol violation; once set, next() stays false and the connection must be closed. */
  readonly error: string;
  feed(chunk: Uint8Array): void;
  /** True when a whole command was decoded. */
  next(): boolean;
  /** Takes decoded commands back: the next one is that which begins at this Request.origin again. */
  rewind(origin: number): void;
  /** Bytes received and not consumed by a whole command. */
  pendingBytes(): number;
  /** The memory that it holds, used or not, where that is more than a connection has anyway. */
  heldBytes(): number;
  /** Called at the end of a turn: gives memory back that is not needed any more. */
  release(): void;
  /** The connection is gone: gives all memory back, whatever is in it. Nothing may be called after it. */
  dispose(): void;
}
