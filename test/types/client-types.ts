// What the compiler says about the client: the types that its methods give, and the calls that it
// refuses. Nothing here runs; `tsc --noEmit` is the test, and a refusal that stops being one fails
// it.

import {
  type Client,
  type ClientOptions,
  connect,
  type ErrorCode,
  type MSCacheError,
  type SetOptions,
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
  same<Result<"ping">, Promise<string>>(true);
  same<Result<"info">, Promise<string>>(true);
  same<Result<"close">, Promise<void>>(true);
  same<MSCacheError["code"], ErrorCode>(true);
}

export async function accepted(client: Client, password: string | undefined): Promise<void> {
  await connect();
  await connect({ addr: ":5000", password, reconnect: { maxAttempts: 3 } });
  await client.set("text", "text");
  await client.set(new Uint8Array(1), Buffer.from("bytes"));
  await client.set("k", "v", { ttlSeconds: 1 });
  await client.set("k", "v", { ttlMs: 1, onlyIfAbsent: true });
  await client.set("k", "v", { expiresAt: new Date(1), onlyIfPresent: true });
  await client.set("k", "v", { keepTtl: true, onlyIfPresent: true });
  await client.expire("k", { expiresAt: 1 });
  const keys: readonly string[] = ["a", "b"];
  await client.mget(keys);
  const disposable: AsyncDisposable = client;
  await disposable[Symbol.asyncDispose]();
}

export function refused(client: Client): void {
  // @ts-expect-error a key is no number
  client.get(1);
  // @ts-expect-error a value is no number
  client.set("k", 1);
  // @ts-expect-error two lifetimes
  client.set("k", "v", { ttlMs: 1, ttlSeconds: 1 });
  // @ts-expect-error a lifetime, and the one that the key has
  client.set("k", "v", { ttlMs: 1, keepTtl: true });
  // @ts-expect-error two conditions
  client.set("k", "v", { onlyIfAbsent: true, onlyIfPresent: true });
  // @ts-expect-error an option that is none
  client.set("k", "v", { ttl: 1 });
  // @ts-expect-error a lifetime is needed
  client.expire("k", {});
  // @ts-expect-error a list of keys
  client.mget("k");
  // @ts-expect-error an option that is none
  connect({ host: "localhost" });
  const options: SetOptions & ClientOptions = {};
  // @ts-expect-error a whole number
  client.incr("k", options.addr);
}
