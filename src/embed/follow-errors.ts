// The errors of a copy in this process, follow(), beside those of the client, whose base class they
// have. What goes wrong with the first connection is a ConnectError; a read of a closed copy throws
// a ClosedError.

import { MSCacheError } from "../client/client-errors.ts";

/**
 * The copy has not reached the offset within the time that waitFor() was given.
 * What to do: ask the leader, or wait longer.
 *
 * @example
 * if (error instanceof BehindError) console.error(`only at ${error.offset} of ${error.wanted}`);
 */
export class BehindError extends MSCacheError {
  override readonly name = "BehindError";
  readonly code = "BEHIND";
  /** What was waited for, and where the copy is. */
  readonly wanted: number;
  readonly offset: number;

  constructor(wanted: number, offset: number, timeout: number) {
    super(`the copy is at offset ${offset} after ${timeout} ms, not yet at ${wanted}`);
    this.wanted = wanted;
    this.offset = offset;
  }
}

/**
 * A mistake in the copy's own code has ended the copy; `cause` is what was thrown.
 * What to do: call `follow()` again, and report it.
 *
 * @example
 * if (error instanceof FollowFaultError) console.error("follow() again, and report", error.cause);
 */
export class FollowFaultError extends MSCacheError {
  override readonly name = "FollowFaultError";
  readonly code = "FOLLOW_FAULT";

  constructor(cause: unknown) {
    super("a fault has ended the copy: please report it, with its cause", cause);
  }
}
