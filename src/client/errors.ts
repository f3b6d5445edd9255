// What can go wrong for a user of the client: one class for each situation that a caller could act on.
// `code` never changes and is meant for switch; `message` is for people and may; `cause` holds the error
// underneath, where there is one. All are MSCacheError, and every method rejects with nothing else.
// Nothing is logged and nothing is decided here.
//
// | code                | class                 | meaning                                | remedy
// |---------------------|-----------------------|----------------------------------------|-----------------------------------------
// | CONNECT_FAILED      | ConnectError          | no connection, or the login failed     | check address, password, server
// | CONNECTION_LOST     | ConnectionLostError   | cut after the request was sent         | it may have been executed: read before
// |                     |                       |                                        | repeating what must not happen twice
// | TIMEOUT             | TimeoutError          | no answer in requestTimeoutMs          | `sent` says if it can have been executed
// | SERVER_ERROR        | ServerError           | the server refused; see `serverCode`   | WRONGTYPE, OOM, NOPERM, LOADING, ERR ...
// | READ_ONLY           | ReadOnlyError         | the leader refused the write as a      | a failover is under way: try again
// |                     |                       | follower, twice                        |
// | TOO_MANY_PENDING    | TooManyPendingError   | maxPending requests wait for answers   | slow down, or raise maxPending
// | PROTOCOL_ERROR      | ProtocolError         | the answer is no RESP3, or no answer   | is this a cache server, and its port?
// |                     |                       | to what was asked                      |
// | RESULT_OUT_OF_RANGE | ResultOutOfRangeError | a number beyond 2^53 - 1; it was done  | read it with get()
// | CLOSED              | ClosedError           | close() was called                     | connect() again
// | INVALID_ARGUMENT    | InvalidArgumentError  | nothing was sent                       | the message names the argument

/** The codes of all errors of the client. */
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

/** What every error of the client is. */
export abstract class MSCacheError extends Error {
  /** Stable; one for each class. */
  abstract readonly code: ErrorCode;

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** No connection to `address`: refused, unreachable, too slow, or the login failed (see `cause`). */
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

/** The connection ended after the request had been sent: nobody knows whether it was executed. */
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

/** No answer within `requestTimeoutMs`. */
export class TimeoutError extends MSCacheError {
  override readonly name = "TimeoutError";
  readonly code = "TIMEOUT";
  /** False: the request never left this process and was certainly not executed. */
  readonly sent: boolean;

  constructor(timeoutMs: number, sent: boolean, cause?: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    super(`no answer within ${timeoutMs} ms (${sent ? "sent" : "never sent"})${reason}`, cause);
    this.sent = sent;
  }
}

/** The server answered with an error. */
export class ServerError extends MSCacheError {
  override readonly name = "ServerError";
  readonly code = "SERVER_ERROR";
  /** The first word of the server's answer: ERR, WRONGTYPE, OOM, LOADING, NOPERM, NOAUTH ... */
  readonly serverCode: string;

  /** `text` is the server's whole line and becomes the message. */
  constructor(serverCode: string, text: string) {
    super(text);
    this.serverCode = serverCode;
  }
}

/** A write reached a follower, the leader was asked for anew, and it refused the write too. */
export class ReadOnlyError extends MSCacheError {
  override readonly name = "ReadOnlyError";
  readonly code = "READ_ONLY";
  /** The node that refused last, as "host:port". */
  readonly address: string;

  constructor(address: string) {
    super(`${address} is a follower and takes no writes, though it was named as the leader`);
    this.address = address;
  }
}

/** `maxPending` requests are waiting for their answers; this one was not sent. */
export class TooManyPendingError extends MSCacheError {
  override readonly name = "TooManyPendingError";
  readonly code = "TOO_MANY_PENDING";

  constructor(maxPending: number) {
    super(`${maxPending} requests are waiting for answers (maxPending): this one was not sent`);
  }
}

/** What came back is no RESP3, or is no answer to what was asked. */
export class ProtocolError extends MSCacheError {
  override readonly name = "ProtocolError";
  readonly code = "PROTOCOL_ERROR";
}

/** The result is beyond 2^53 - 1 and would lose digits as a number. The command was executed. */
export class ResultOutOfRangeError extends MSCacheError {
  override readonly name = "ResultOutOfRangeError";
  readonly code = "RESULT_OUT_OF_RANGE";
  readonly result: bigint;

  constructor(result: bigint) {
    super(`${result} is beyond the integers that a number holds exactly`);
    this.result = result;
  }
}

/** The client was closed before this request was answered, or before it was made. */
export class ClosedError extends MSCacheError {
  override readonly name = "ClosedError";
  readonly code = "CLOSED";

  constructor() {
    super("the client is closed");
  }
}

/** An argument or an option makes no sense; nothing was sent. */
export class InvalidArgumentError extends MSCacheError {
  override readonly name = "InvalidArgumentError";
  readonly code = "INVALID_ARGUMENT";
}
