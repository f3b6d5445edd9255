// What a protocol is to the server: one object that says which connections speak it, how bytes become
// requests and replies become bytes, and how its requests name their commands. The server knows protocols
// by this interface only; to add one, add its folder and its line in protocols.ts.
// Invariant: a protocol holds no state of a connection; decoders and replies do.

import type { Output } from "../base/output.ts";
import type { Decoder } from "./decoder.ts";
import type { ErrorSink, Reply } from "./reply.ts";

/** What a protocol may know of the client on the other end. */
export interface Peer {
  /** Stricter bounds hold until a client has logged in, where a password is set. */
  readonly authenticated: boolean;
}

/** Told apart from the others by the first byte of a connection. */
interface Detectable {
  readonly name: string;
  speaks(firstByte: number): boolean;
  /** Why this client cannot be served, as the end of a sentence about it; empty: it can. */
  refusal(peer: Peer): string;
}

/** What some clients speak and this server does not, known only to be refused by its name. */
export interface ForeignProtocol extends Detectable {
  readonly decoder?: never;
}

export interface Protocol extends Detectable {
  /**
   * Null: argument 0 of a request is the name of its command. Else argument 0 is one byte that counts
   * these names of commands from 1; they cannot be called by name.
   */
  readonly commands: readonly string[] | null;
  /** A decoder for one connection. It owns the chunks that it is fed and frees them. */
  decoder(peer: Peer): Decoder;
  /** An encoder into `out`, which tells `errors` of those it answers. It serves one connection after the other. */
  reply(out: Output, errors: ErrorSink): Reply;
}
