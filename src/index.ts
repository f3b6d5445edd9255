// The exports of the package, as explicit names and nothing else. The names listed here are the
// stable public API; everything else may change without notice.

export { type Cache, createCache, type Factory } from "./client/cache/cache.ts";
export { FactoryFailedError, FactoryTimeoutError } from "./client/cache/cache-errors.ts";
export type { CacheEvent, CacheEventType, CacheStats } from "./client/cache/cache-events.ts";
export type {
  CacheOptions,
  CacheSetOptions,
  CacheTimeouts,
  CodecName,
  EntryOptions,
  GetOrSetOptions,
  NamespaceOptions,
} from "./client/cache/cache-options.ts";
export type { BatchContext, BatchFactory, FactoryContext } from "./client/cache/factory-context.ts";
export type {
  Message,
  Missed,
  SubscribeOptions,
  Subscription,
  Topics,
} from "./client/channels/subscription.ts";
export type { Client } from "./client/client.ts";
export {
  AbortedError,
  ClosedError,
  ConflictError,
  ConnectError,
  ConnectionLostError,
  CrossShardError,
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
export type { ConnectOptions, ReadPolicy, ReconnectOptions } from "./client/client-options.ts";
export type {
  CallResults,
  CheckedCalls,
  CommandCall,
  ListOptions,
  TransactionResults,
  WatchOptions,
} from "./client/commands/call-list.ts";
export type { Script, ScriptOptions } from "./client/commands/client-script.ts";
export type {
  ArgumentsOf,
  CommandName,
  ReplyOf,
  ValueOf,
  WatchedCommand,
} from "./client/commands/command-types.ts";
export type {
  CommandArgument,
  CommandReply,
  Integer,
  Key,
  Value,
} from "./client/commands/command-values.ts";
export type { CopyOptions } from "./client/commands/data-client.ts";
export type { ScanOptions } from "./client/commands/key-scan.ts";
export type {
  AbsentOptions,
  GetExOptions,
  Lifetime,
  SetOptions,
} from "./client/commands/lifetime.ts";
export { connect } from "./client/connect.ts";
export type { Pem, TlsOptions } from "./client/link/client-tls.ts";
export type { NearCache, NearCounters } from "./client/near/near-cache.ts";
export type { NearOptions } from "./client/near/near-options.ts";
export type { NearDecode } from "./client/near/near-values.ts";
export type { RequestOptions } from "./client/routing/request-scope.ts";
export type { ShardedOptions, ShardOptions } from "./client/shards/shard-options.ts";
export type { ShardedClient } from "./client/shards/sharded-client.ts";
export type { CopyKey, CopyLag, CopyState, LocalCopy, WaitOptions } from "./embed/copy-types.ts";
export {
  ServeError,
  ServerFaultError,
  StoreFullError,
  ValueTooLargeError,
} from "./embed/embed-errors.ts";
export { serve } from "./embed/embedded-serve.ts";
export type { EmbeddedServer } from "./embed/embedded-server.ts";
export { Store, type StoreOptions, type StoreStats } from "./embed/embedded-store.ts";
export { follow } from "./embed/follow.ts";
export type { ChangeKind, ChangeListener } from "./embed/follow-changes.ts";
export { BehindError, FollowFaultError } from "./embed/follow-errors.ts";
export type { FollowOptions } from "./embed/follow-options.ts";
export type { Lifespan } from "./embed/lifespan.ts";
export type { ServeOptions } from "./embed/serve-options.ts";
