// The errors of the client: one class for each situation that a caller can act on. `code` is stable
// and meant for switch; `message` is for people and may change; `cause` is the underlying error, if
// any. Nothing is logged and nothing is decided here.
// Invariant: every method of the client rejects only with a subclass of MSCacheError.
//
// | code                | class                 | meaning                                | remedy
// |---------------------|-----------------------|----------------------------------------|-----------------------------------------
// | CONNECT_FAILED      | ConnectError          | no connection, or the login failed     | check address, password, server
// | CONNECTION_LOST     | ConnectionLostError   | lost after the request was sent        | it may have been executed: read the key
// |                     |                       |                                        | before repeating a write
// | TIMEOUT             | TimeoutError          | no reply within requestTimeoutMs       | `sent`: whether it may have been executed
// | SERVER_ERROR        | ServerError           | the server refused; see `serverCode`   | WRONGTYPE, OOM, NOPERM, LOADING, ERR ...
// | READ_ONLY           | ReadOnlyError         | followers refused the write twice      | a failover is under way: try again
// | TOO_MANY_PENDING    | TooManyPendingError   | maxPending requests await replies      | slow down, or raise maxPending
// | PROTOCOL_ERROR      | ProtocolError         | the reply is not RESP3, or of a kind   | check that address and port belong to
// |                     |                       | that the command does not have         | an MSCache or Redis server
// | RESULT_OUT_OF_RANGE | ResultOutOfRangeError | executed; the result is beyond 2^53-1  | use `result`, a bigint
// | CLOSED              | ClosedError           | close() was called                     | connect() again
// | INVALID_ARGUMENT    | InvalidArgumentError  | nothing was sent                       | the message names the argument

/** The `code` of every error of the client. */
export type ErrorCode =
  | "CONNECT_FAILED"
  | "CONNECTION_LOST"
  | "TIMEOUT"
  | "SERVER_ERROR"
  | "READ_ONLY"
  | "TOO_MANY_PENDING"
  | "PROTOCOL_ERROR"
  | "RESULT_OUT_OF_RANGE"
  | "CLOSED"
  | "INVALID_ARGUMENT";

/** The base class of every error of the client. */
export abstract class MSCacheError extends Error {
  /** Stable; each class has its own. */
  abstract readonly code: ErrorCode;

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/**
 * No connection to `address`: refused, unreachable, too slow, or the login failed (see `cause`).
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

/** The connection was lost after the request was sent. The request may have been executed. */
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

/** No reply within `requestTimeoutMs`. */
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

/** The server replied with an error. */
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

/** A follower refused the write, and so did the node that was found as the leader after that. */
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

/** `maxPending` requests are waiting for replies. This one was not sent. */
export class TooManyPendingError extends MSCacheError {
  override readonly name = "TooManyPendingError";
  readonly code = "TOO_MANY_PENDING";

  constructor(maxPending: number) {
    super(`${maxPending} requests are waiting for replies (maxPending); this one was not sent`);
  }
}

/** The reply is not RESP3, or of a kind that the command does not have. */
export class ProtocolError extends MSCacheError {
  override readonly name = "ProtocolError";
  readonly code = "PROTOCOL_ERROR";
}

/** The result is beyond 2^53 - 1 and would lose precision as a number. The command was executed. */
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

/** The client was closed before the call, or before its reply arrived. */
export class ClosedError extends MSCacheError {
  override readonly name = "ClosedError";
  readonly code = "CLOSED";

  constructor() {
    super("the client is closed");
  }
}

/** An argument or an option is invalid. Nothing was sent. */
export class InvalidArgumentError extends MSCacheError {
  override readonly name = "InvalidArgumentError";
  readonly code = "INVALID_ARGUMENT";
}
