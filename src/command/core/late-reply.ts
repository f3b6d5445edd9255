// Plain types for commands that end after they have returned, as their script is suspended. Nothing
// runs here.

import type { Request } from "../../protocol/request.ts";

/** The reply of such a command, encoded; its memory goes back to the pool of buffers. */
export type LateReply = Uint8Array;

/** A script that others see running. */
export interface RunningScript {
  readonly name: string;
  readonly request: Request;
  readonly ms: number;
}
