// Why data could not be moved, in one sentence for the user of the command line, which shows it as
// it is. Anything else that is thrown in this room is a bug of ours.

export class MoveError extends Error {
  override readonly name = "MoveError";
}
