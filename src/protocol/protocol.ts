// The interface of a protocol: which connections speak it, how bytes become requests and replies
// become bytes, and how its requests name their commands. The server knows protocols only by this
// interface; to add one, add a folder and a line in protocols.ts.
// Invariant: a protocol holds no state of a connection; decoders and replies do.

import type { Output } from "../base/output.ts";
import type { Decoder } from "./decoder.ts";
import type { ErrorSink, Reply } from "./reply.ts";

/** What a protocol may know of the client on the other end. */
export interface Peer {
  /** False until the client has logged in, if a password is set; stricter bounds then apply. */
  readonly authenticated: boolean;
}

/** A protocol that is detected by the first byte of a connection. */
interface Detectable {
  readonly name: string;
  speaks(firstByte: number): boolean;
  /**
   * Why this client cannot be served, as the end of a sentence about the client; empty if it can
   * be.
   */
  refusal(peer: Peer): string;
}

/** A protocol that is detected only so that the refusal can name it. */
export interface ForeignProtocol extends Detectable {
  readonly decoder?: never;
}

export interface Protocol extends Detectable {
  /**
   * Null: argument 0 of a request is the name of its command. Otherwise argument 0 is one byte, the
   * position of the command in this list, counted from 1; these commands cannot be called by name.
   */
  readonly commands: readonly string[] | null;
  /** A decoder for one connection. It owns the chunks that it is fed, and frees them. */
  decoder(peer: Peer): Decoder;
  /**
   * An encoder into `out` that reports error replies to `errors`. Connections use it one after
   * another.
   */
  reply(out: Output, errors: ErrorSink): Reply;
}
