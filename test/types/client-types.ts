// What the compiler says about the client: the types that its methods give, and the calls that it
// refuses. Nothing here runs; `tsc --noEmit` is the test, and a refusal that stops being one fails
// it.

import {
  type AbortedError,
  type Client,
  type ClosedError,
  type ConflictError,
  type ConnectError,
  type ConnectionLostError,
  type ConnectOptions,
  type CrossShardError,
  connect,
  type ErrorCode,
  type InvalidArgumentError,
  MSCacheError,
  type ProtocolError,
  type ReadOnlyError,
  type ResultOutOfRangeError,
  type ServerError,
  type SetOptions,
  type ShardedClient,
  type TimeoutError,
  type TooManyPendingError,
} from "../../src/index.ts";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where the two types are the same. */
declare function same<A, B>(equal: Equal<A, B>): void;

type Result<Method extends keyof Client> = Client[Method] extends (...args: never) => infer R
  ? R
  : never;

export function results(): void {
  same<ReturnType<typeof connect>, Promise<Client>>(true);
  same<Result<"get">, Promise<string | null>>(true);
  same<Result<"getBytes">, Promise<Uint8Array | null>>(true);
  same<Result<"mget">, Promise<(string | null)[]>>(true);
  same<Result<"mgetBytes">, Promise<(Uint8Array | null)[]>>(true);
  same<Result<"has">, Promise<boolean>>(true);
  same<Result<"ttl">, Promise<number | null>>(true);
  same<Result<"set">, Promise<boolean>>(true);
  same<Result<"delete">, Promise<boolean>>(true);
  same<Result<"deleteMany">, Promise<number>>(true);
  same<Result<"expire">, Promise<boolean>>(true);
  same<Result<"incr">, Promise<number>>(true);
  same<Result<"mset">, Promise<boolean>>(true);
  same<Result<"append">, Promise<number>>(true);
  same<Result<"getDel">, Promise<string | null>>(true);
  same<Result<"getEx">, Promise<string | null>>(true);
  same<Result<"expiresAt">, Promise<number | null>>(true);
  same<Result<"rename">, Promise<boolean>>(true);
  same<Result<"copy">, Promise<boolean>>(true);
  same<Result<"setBit">, Promise<boolean>>(true);
  same<Result<"pfMerge">, Promise<void>>(true);
  same<Result<"ping">, Promise<string>>(true);
  same<Result<"info">, Promise<string>>(true);
  same<Result<"close">, Promise<void>>(true);
  same<MSCacheError["code"], ErrorCode>(true);
}

export async function accepted(client: Client, password: string | undefined): Promise<void> {
  await connect();
  await connect(":5000", { password, reconnect: { maxAttempts: 3 } });
  await client.set("text", "text");
  await client.set(new Uint8Array(1), Buffer.from("bytes"));
  await client.set("k", "v", { ttl: 1_000 });
  await client.set("k", "v", { ttl: 1, onlyIfAbsent: true });
  await client.set("k", "v", { expiresAt: new Date(1), onlyIfPresent: true });
  await client.set("k", "v", { keepTtl: true, onlyIfPresent: true });
  await client.expire("k", { expiresAt: 1 });
  await client.getEx("k", { ttl: 1_000 });
  await client.getEx("k", { persist: true });
  await client.mset({ a: "1", b: new Uint8Array(1) });
  await client.mset(new Map([["a", "1"]]), { onlyIfAbsent: true });
  await client.mset([[new Uint8Array(1), "1"]]);
  const keys: readonly string[] = ["a", "b"];
  await client.mget(keys);
  const disposable: AsyncDisposable = client;
  await disposable[Symbol.asyncDispose]();
}

export async function sharded(): Promise<void> {
  const client = await connect({ shards: [{ name: "a", addresses: ":5000" }], database: 1 });
  same<typeof client, ShardedClient>(true);
  same<ReturnType<typeof client.with>, ShardedClient>(true);
  same<ReturnType<typeof client.shard>, Client>(true);
  const near = await client.near({ decode: (bytes) => bytes.length });
  same<ReturnType<typeof near.peek>, number | null | undefined>(true);
  const [text, sum] = await client.pipeline([
    ["GET", "k"],
    ["EXISTS", "k", "l"],
  ]);
  same<Exclude<typeof text, Error>, string | null>(true);
  same<Exclude<typeof sum, Error>, number>(true);
  // @ts-expect-error a shard has a name
  await connect({ shards: [{ addresses: ":5000" }] });
  // @ts-expect-error options stand beside the shards
  await connect({ shards: [{ name: "a", addresses: ":5000" }] }, { database: 1 });
}

export function refused(client: Client): void {
  // @ts-expect-error a key is no number
  client.get(1);
  // @ts-expect-error a value is no number
  client.set("k", 1);
  // @ts-expect-error two lifetimes
  client.set("k", "v", { ttl: 1, expiresAt: 1 });
  // @ts-expect-error a lifetime, and the one that the key has
  client.set("k", "v", { ttl: 1, keepTtl: true });
  // @ts-expect-error a lifetime, or none
  client.getEx("k", {});
  // @ts-expect-error not both
  client.getEx("k", { ttl: 1, persist: true });
  // @ts-expect-error a value is no number
  client.mset({ k: 1 });
  // @ts-expect-error a bit is a boolean
  client.setBit("k", 0, 1);
  // @ts-expect-error two conditions
  client.set("k", "v", { onlyIfAbsent: true, onlyIfPresent: true });
  // @ts-expect-error an option that is none
  client.set("k", "v", { ttlMs: 1 });
  // @ts-expect-error a lifetime is needed
  client.expire("k", {});
  // @ts-expect-error a list of keys
  client.mget("k");
  // @ts-expect-error an option that is none
  connect({ host: "localhost" });
  const options: SetOptions & ConnectOptions = {};
  // @ts-expect-error a whole number
  client.incr("k", options.addr);
}

type Failure =
  | AbortedError
  | ClosedError
  | ConflictError
  | ConnectError
  | ConnectionLostError
  | CrossShardError
  | InvalidArgumentError
  | ProtocolError
  | ReadOnlyError
  | ResultOutOfRangeError
  | ServerError
  | TimeoutError
  | TooManyPendingError;

/** A code leads to one class, and what that class has. */
export function failures(error: Failure, unknown: unknown): void {
  same<Extract<ErrorCode, Failure["code"]>, Failure["code"]>(true);
  switch (error.code) {
    case "ABORTED":
    case "TIMEOUT":
      return same<typeof error.sent, boolean>(true);
    case "SERVER_ERROR":
      return same<typeof error, ServerError>(true);
    case "RESULT_OUT_OF_RANGE":
      return same<typeof error.result, bigint>(true);
    case "CROSS_SHARD":
      return same<typeof error.shards, readonly [string, string]>(true);
    case "CONNECT_FAILED":
    case "CONNECTION_LOST":
    case "READ_ONLY":
      return same<typeof error.address, string>(true);
    default:
      // @ts-expect-error no other has an address
      error.address;
  }
  if (unknown instanceof MSCacheError) same<typeof unknown.code, ErrorCode>(true);
}
