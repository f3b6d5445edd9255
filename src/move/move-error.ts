// Why data could not be moved, in one sentence for the user of the command line, which shows it as
// it is. Whatever else is thrown in this room is a mistake of our own.

export class MoveError extends Error {
  override readonly name = "MoveError";
}
