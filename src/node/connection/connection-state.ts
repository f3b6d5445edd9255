// The states of a connection and the legal moves between them; connection.ts makes the moves.
// Invariant: commands are executed only while a connection is running.

/*
 *   fresh --first byte--> open
 *   open <--its input is worked on--> running
 *   running --a pause holds its command--> held --the pause is over--> open
 *   running --a command for the control thread--> handed --its reply--> open
 *   running --too much unsent output--> blocked --sent--> open
 *   running --its time is up--> yielded --the other sockets had their turn--> open
 *   open --its turns are long, and so was another's--> yielded
 *   any --QUIT, violation, CLIENT KILL, end of input--> ending --the last reply is sent--> closed
 *   any --the socket has closed--> closed
 *
 * Two facts beside the state are told by others, and the next move acts on them: session.closing (a
 * command that sees only the session wants the end after its reply) and session.inputEnded (the
 * client has closed its half, in whatever state the connection is).
 */

export const FRESH = 0;
export const OPEN = 1;
export const RUNNING = 2;
/** A pause holds its next command. */
export const HELD = 3;
/** The control thread has its command. */
export const HANDED = 4;
/** Its client does not read its replies. */
export const BLOCKED = 5;
/** It has more input, and others are served first. */
export const YIELDED = 6;
/** Its last replies are on their way; nothing more is read. */
export const ENDING = 7;
export const CLOSED = 8;

export type ConnectionState = number;

const names = [
  ...["fresh", "open", "running", "held", "handed", "blocked", "yielded", "ending", "closed"],
];

function set(...states: readonly ConnectionState[]): number {
  return states.reduce((bits, state) => bits | (1 << state), 0);
}

const allowed: readonly number[] = [
  set(OPEN, ENDING, CLOSED),
  set(RUNNING, YIELDED, ENDING, CLOSED),
  set(OPEN, HELD, HANDED, BLOCKED, YIELDED, ENDING, CLOSED),
  set(OPEN, ENDING, CLOSED),
  set(OPEN, ENDING, CLOSED),
  set(OPEN, ENDING, CLOSED),
  set(OPEN, ENDING, CLOSED),
  set(ENDING, CLOSED),
  set(CLOSED),
];

/** The state after a move, which must be legal. */
export function moved(from: ConnectionState, to: ConnectionState): ConnectionState {
  if (!mayMove(from, to)) throw illegalMove(from, to);
  return to;
}

export function mayMove(from: ConnectionState, to: ConnectionState): boolean {
  return (allowed[from] & (1 << to)) !== 0;
}

export function illegalMove(from: ConnectionState, to: ConnectionState): Error {
  return new Error(`a connection that is ${names[from]} cannot become ${names[to]}`);
}
