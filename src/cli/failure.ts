// The errors that a subcommand throws when it fails for a reason that a user can understand. The
// user sees the message as it is. A wrong argument is a ConfigError (errors.ts) instead.

import type { LogFormat } from "../base/log.ts";
import { reasonOf } from "../base/reason.ts";

export class Failure extends Error {
  override readonly name = "Failure";
  /** The exit status of the process. */
  readonly status = 1;
}

/** A node could not start, or an error has ended it: told in the format of its log. */
export class NodeFailure extends Error {
  override readonly name = "NodeFailure";
  readonly format: LogFormat;

  constructor(cause: unknown, format: LogFormat) {
    super(reasonOf(cause), { cause });
    this.format = format;
  }
}

/** Standard output did not take it: the disk is full, say. */
export function outputFailure(cause: unknown): Failure {
  return new Failure(`cannot write the output: ${reasonOf(cause)}`, { cause });
}
