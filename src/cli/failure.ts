// What a subcommand throws when it could not do its work for a reason that a user understands: the
// message is the sentence that is shown. Wrong arguments are ConfigErrors (errors.ts) instead.

export class Failure extends Error {
  override readonly name = "Failure";
  /** The exit status of the process. */
  readonly status = 1;
}
