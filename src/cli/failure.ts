// The error that a subcommand throws when it fails for a reason that a user can understand. The
// user sees the message as it is. A wrong argument is a ConfigError (errors.ts) instead.

export class Failure extends Error {
  override readonly name = "Failure";
  /** The exit status of the process. */
  readonly status = 1;
}
