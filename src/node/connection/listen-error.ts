// The error of a node that cannot listen. It is a file of its own, as what binds addresses and what
// binds Unix sockets throw it.

/** A start that failed for a reason outside the program, in one sentence. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}
