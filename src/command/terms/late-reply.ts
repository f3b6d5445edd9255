// Plain types for commands that end after they have returned, as their script is suspended. Nothing
// runs here.

import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";

/** The reply of such a command, encoded; its memory goes back to the pool of buffers. */
export type LateReply = Uint8Array;

/** A reply that is encoded apart, while replies to others are sent. It is taken once. */
export interface LateAnswer {
  readonly reply: Reply;
  /** What was written, and then `more`; nothing if its client has gone or was to hear nothing. */
  take(more?: LateReply): LateReply;
}

/** A script that others see running. */
export interface RunningScript {
  readonly name: string;
  readonly request: Request;
  readonly ms: number;
}
