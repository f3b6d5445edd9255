// The errors of the client: one class for each situation that a caller can act on. `code` is stable
// and meant for switch; `message` is for people and may change; `cause` is the underlying error, if
// any. Nothing is logged and nothing is decided here.
// Invariant: every method of the client rejects only with a subclass of MSCacheError. The docstring
// of a class says what the error means and, after "What to do:", its remedy: ERRORS.md is made of
// these.

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
 * What to do: check address, password and server.
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
 * The connection was lost after a write was sent, or again and again after a read was. A write may
 * have been executed.
 * What to do: read the key before you repeat the write.
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
 * What to do: if `sent` is false, it was not executed; otherwise it may have been.
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
 * What to do: if `sent` is false, it was not executed; otherwise it may have been.
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
 * What to do: `serverCode` says why: `OOM`, `LOADING`, `NOPERM`, `WRONGTYPE`, `ERR` ...
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
 * What to do: a failover is under way: try again.
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
 * `maxPending` requests are waiting, for a connection or for replies. This one was not sent.
 * What to do: slow down, or raise `maxPending`.
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
 * What to do: check that address and port are those of an MSCache or a Redis.
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
 * What to do: take `result`, a bigint, or read the key with `get()`.
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
 * Nothing was sent.
 * What to do: give the keys one part in braces, as in `{user:1}:name`; they are then in one shard.
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
 * What to do: try again later.
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
 * What to do: connect again, or make a new one.
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
 * What to do: the message names the argument or the option.
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
