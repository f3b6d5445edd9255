// The errors of the client: one class for each situation that a caller can act on. `code` is stable
// and meant for switch; `message` is for people and may change; `cause` is the underlying error, if
// any. Nothing is logged and nothing is decided here.
// Invariant: every method of the client rejects only with a subclass of MSCacheError.
//
// | code                | class                 | meaning                                | remedy
// |---------------------|-----------------------|----------------------------------------|-----------------------------------------
// | CONNECT_FAILED      | ConnectError          | no connection, or the login failed     | check address, password, server
// | CONNECTION_LOST     | ConnectionLostError   | lost after the write was sent, or too  | it may have been executed: read the key
// |                     |                       | often after a read was                 | before repeating a write
// | ABORTED             | AbortedError          | the request's signal was aborted       | `sent`: whether it may have been executed
// | TIMEOUT             | TimeoutError          | no reply within its timeout            | `sent`: whether it may have been executed
// | SERVER_ERROR        | ServerError           | the server refused; see `serverCode`   | WRONGTYPE, OOM, NOPERM, LOADING, ERR ...
// | READ_ONLY           | ReadOnlyError         | followers refused the write twice      | a failover is under way: try again
// | TOO_MANY_PENDING    | TooManyPendingError   | maxPending requests await replies      | slow down, or raise maxPending
// | PROTOCOL_ERROR      | ProtocolError         | the reply is not RESP3, or of a kind   | check that address and port belong to
// |                     |                       | that the command does not have         | an MSCache or Redis server
// | RESULT_OUT_OF_RANGE | ResultOutOfRangeError | executed; the result is beyond 2^53-1  | use `result`, a bigint
// | CROSS_SHARD         | CrossShardError       | keys of several shards in one command, | give them one {tag}: "{user:1}:name"
// |                     |                       | transaction or script; nothing was sent|
// | CONFLICT            | ConflictError         | a watched key changed at each attempt  | try again later; nothing was written
// | CLOSED              | ClosedError           | close() was called, or what the        | connect() again
// |                     |                       | message names has ended                |
// | INVALID_ARGUMENT    | InvalidArgumentError  | a wrong argument or option, or a list  | the message names the argument; no
// |                     |                       | that a callback gave                   | command that has it was sent

/** The `code` of every error of the client. */
export type ErrorCode =
  | "CONNECT_FAILED"
  | "CONNECTION_LOST"
  | "ABORTED"
  | "TIMEOUT"
  | "SERVER_ERROR"
  | "READ_ONLY"
  | "TOO_MANY_PENDING"
  | "PROTOCOL_ERROR"
  | "RESULT_OUT_OF_RANGE"
  | "CROSS_SHARD"
  | "CONFLICT"
  | "CLOSED"
  | "INVALID_ARGUMENT"
  // Those of createCache(): cache/cache-errors.ts.
  | "FACTORY_TIMEOUT"
  | "FACTORY_FAILED"
  // Those of what runs in the process itself: embed/embed-errors.ts, embed/follow-errors.ts.
  | "BEHIND"
  | "FOLLOW_FAULT"
  | "SERVE_FAILED"
  | "SERVER_FAULT"
  | "VALUE_TOO_LARGE"
  | "STORE_FULL";

/**
 * The base class of every error of the client.
 *
 * @example
 * if (error instanceof MSCacheError) console.error(error.code, error.message);
 */
export abstract class MSCacheError extends Error {
  /** Stable; each class has its own. */
  abstract readonly code: ErrorCode;

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/**
 * No connection to `address`: refused, unreachable, too slow, or the login failed (see `cause`).
 *
 * @example
 * if (error instanceof ConnectError) console.error(`${error.address} cannot be reached`);
 */
export class ConnectError extends MSCacheError {
  override readonly name = "ConnectError";
  readonly code = "CONNECT_FAILED";
  /** The node, as "host:port". */
  readonly address: string;

  constructor(address: string, reason: string, cause?: unknown) {
    super(`cannot connect to ${address}: ${reason}`, cause);
    this.address = address;
  }
}

/**
 * The connection was lost after the request was sent. The request may have been executed.
 *
 * @example
 * if (error instanceof ConnectionLostError) console.error("read before you write it again");
 */
export class ConnectionLostError extends MSCacheError {
  override readonly name = "ConnectionLostError";
  readonly code = "CONNECTION_LOST";
  /** The node, as "host:port". */
  readonly address: string;

  constructor(address: string, reason: string, cause?: unknown) {
    super(`connection to ${address} lost: ${reason}`, cause);
    this.address = address;
  }
}

/**
 * The `signal` of the request was aborted; `cause` is its reason.
 *
 * @example
 * if (error instanceof AbortedError && !error.sent) console.error("it was not executed");
 */
export class AbortedError extends MSCacheError {
  override readonly name = "AbortedError";
  readonly code = "ABORTED";
  /** False if the request never left this process, so that it was certainly not executed. */
  readonly sent: boolean;

  constructor(sent: boolean, reason?: unknown) {
    super(`the request was aborted (${sent ? "sent" : "never sent"})`, reason);
    this.sent = sent;
  }
}

/**
 * No reply within `requestTimeoutMs`, or the request's own `timeout`.
 *
 * @example
 * if (error instanceof TimeoutError && !error.sent) console.error("it was not executed");
 */
export class TimeoutError extends MSCacheError {
  override readonly name = "TimeoutError";
  readonly code = "TIMEOUT";
  /** False if the request never left this process, so that it was certainly not executed. */
  readonly sent: boolean;

  constructor(timeoutMs: number, sent: boolean, cause?: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    super(`no reply within ${timeoutMs} ms (${sent ? "sent" : "never sent"})${reason}`, cause);
    this.sent = sent;
  }
}

/**
 * The server replied with an error.
 *
 * @example
 * if (error instanceof ServerError && error.serverCode === "OOM") console.error("no memory left");
 */
export class ServerError extends MSCacheError {
  override readonly name = "ServerError";
  readonly code = "SERVER_ERROR";
  /** The first word of the error reply: ERR, WRONGTYPE, OOM, LOADING, NOPERM, NOAUTH ... */
  readonly serverCode: string;

  /** `text` is the whole error reply and becomes the message. */
  constructor(serverCode: string, text: string) {
    super(text);
    this.serverCode = serverCode;
  }
}

/**
 * A follower refused the write, and so did the node that was found as the leader after that.
 *
 * @example
 * if (error instanceof ReadOnlyError) console.error("a failover is under way: try again");
 */
export class ReadOnlyError extends MSCacheError {
  override readonly name = "ReadOnlyError";
  readonly code = "READ_ONLY";
  /** The last node that refused, as "host:port". */
  readonly address: string;

  constructor(address: string) {
    super(`${address} was reported as the leader but refuses writes as a follower`);
    this.address = address;
  }
}

/**
 * `maxPending` requests are waiting for replies. This one was not sent.
 *
 * @example
 * if (error instanceof TooManyPendingError) console.error("too fast for the server");
 */
export class TooManyPendingError extends MSCacheError {
  override readonly name = "TooManyPendingError";
  readonly code = "TOO_MANY_PENDING";

  constructor(maxPending: number) {
    super(`${maxPending} requests are waiting for replies (maxPending); this one was not sent`);
  }
}

/**
 * The reply is not RESP3, or of a kind that the command does not have.
 *
 * @example
 * if (error instanceof ProtocolError) console.error("is this the port of a cache?");
 */
export class ProtocolError extends MSCacheError {
  override readonly name = "ProtocolError";
  readonly code = "PROTOCOL_ERROR";
}

/**
 * The result is beyond 2^53 - 1 and would lose precision as a number. The command was executed.
 *
 * @example
 * if (error instanceof ResultOutOfRangeError) console.error(`it is ${error.result} now`);
 */
export class ResultOutOfRangeError extends MSCacheError {
  override readonly name = "ResultOutOfRangeError";
  readonly code = "RESULT_OUT_OF_RANGE";
  /** The exact result. */
  readonly result: bigint;

  constructor(result: bigint) {
    super(`${result} is too large for a number to hold exactly; see result`);
    this.result = result;
  }
}

/**
 * Keys that one command, transaction or script names are in several shards, and it cannot be split.
 * Nothing was sent. Keys with the same part in braces, such as "{user:1}:name", are in one shard.
 *
 * @example
 * if (error instanceof CrossShardError) console.error(error.keys, "need one {tag}");
 */
export class CrossShardError extends MSCacheError {
  override readonly name = "CrossShardError";
  readonly code = "CROSS_SHARD";
  /** Two of the keys that are in different shards. */
  readonly keys: readonly [string, string];
  /** The names of their shards. */
  readonly shards: readonly [string, string];

  constructor(what: string, keys: readonly [string, string], shards: readonly [string, string]) {
    const [one, other] = keys.map((key, i) => `${shown(key)} (shard ${shown(shards[i] ?? "")})`);
    const remedy = "keys with one {tag} are in one shard";
    super(`${what} cannot be split over shards, but ${one} and ${other} are apart: ${remedy}`);
    this.keys = keys;
    this.shards = shards;
  }
}

/**
 * Others changed a watched key before each attempt of a transaction. Nothing was executed.
 *
 * @example
 * if (error instanceof ConflictError) console.error("others write it all the time");
 */
export class ConflictError extends MSCacheError {
  override readonly name = "ConflictError";
  readonly code = "CONFLICT";

  constructor(attempts: number) {
    super(`a watched key changed before each of ${attempts} attempts; nothing was executed`);
  }
}

/**
 * The client was closed before the call, or before its reply arrived; or what the message names
 * has ended: a store, a copy, a watch() whose `command` was kept.
 *
 * @example
 * if (error instanceof ClosedError) console.error("this client is closed");
 */
export class ClosedError extends MSCacheError {
  override readonly name = "ClosedError";
  readonly code = "CLOSED";

  constructor(what = "the client", state = "is closed") {
    super(`${what} ${state}`);
  }
}

/**
 * An argument or an option is invalid, or no option has this name; or a callback, such as that of
 * watch(), returned what cannot be sent. No command that has it was sent.
 *
 * @example
 * if (error instanceof InvalidArgumentError) console.error(error.message);
 */
export class InvalidArgumentError extends MSCacheError {
  override readonly name = "InvalidArgumentError";
  readonly code = "INVALID_ARGUMENT";
}

// --- internal ---

/** In quotes, and not longer than a line. */
function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
