// What `import "mscache"` gives: explicit names and nothing else. A name that is listed here is a
// promise; everything else may change without notice.

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
} from "./client/errors.ts";
export type { Lifetime, SetOptions } from "./client/lifetime.ts";
export type { ClientOptions, ReconnectOptions } from "./client/options.ts";
