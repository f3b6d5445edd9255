// The exports of the package, as explicit names and nothing else. The names listed here are the
// stable public API; everything else may change without notice.

export { type Client, connect, type Key, type Value } from "./client/client.ts";
export {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  type ErrorCode,
  InvalidArgumentError,
  MSCacheError,
  ProtocolError,
  ReadOnlyError,
  ResultOutOfRangeError,
  ServerError,
  TimeoutError,
  TooManyPendingError,
} from "./client/client-errors.ts";
export type { ClientOptions, ReconnectOptions } from "./client/client-options.ts";
export type { Pem, TlsOptions } from "./client/client-tls.ts";
export type { Lifetime, SetOptions } from "./client/lifetime.ts";
