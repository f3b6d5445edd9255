// The program of somebody who installed the package: it uses every name that the package exports
// and runs against a node. package.test.ts copies it into a project, with "mscache" for the path
// below. It needs nothing of its surroundings, no console and no process, so that it compiles
// without the types of bun and node, and every export has its type written out, for
// `isolatedDeclarations`.

import {
  type Client,
  type ClientOptions,
  ClosedError,
  ConnectError,
  ConnectionLostError,
  connect,
  type ErrorCode,
  InvalidArgumentError,
  type Key,
  type Lifetime,
  MSCacheError,
  type Pem,
  ProtocolError,
  ReadOnlyError,
  type ReconnectOptions,
  ResultOutOfRangeError,
  ServerError,
  type SetOptions,
  TimeoutError,
  type TlsOptions,
  TooManyPendingError,
  type Value,
} from "../src/index.ts";

/** Everything the client did, in one line. */
export async function exercise(addr: string): Promise<string> {
  const reconnect: ReconnectOptions = { minDelayMs: 10, maxDelayMs: 100, maxAttempts: undefined };
  const ca: Pem = "";
  const tls: TlsOptions = { ca, rejectUnauthorized: true };
  const plain = tls.ca === "" ? false : tls;
  const absent = { password: undefined, requestTimeoutMs: 30_000 };
  const options: ClientOptions = { addr, tls: plain, ...absent, reconnect };
  await using client = await connect(options);
  const report: string[] = [await client.ping(), client.address === addr ? "here" : "elsewhere"];
  report.push(...(await values(client)), ...(await lifetimes(client)), ...(await failures(client)));
  report.push((await client.info("server")).includes("mscache_version") ? "mscache" : "stranger");
  return report.join(" ");
}

async function values(client: Client): Promise<string[]> {
  const key: Key = new Uint8Array([0x6b]);
  const value: Value = new Uint8Array([0x76]);
  await client.set(key, value);
  const [first, absent]: (string | null | undefined)[] = await client.mget(["k", "none"]);
  const [bytes]: (Uint8Array | null | undefined)[] = await client.mgetBytes(["k"]);
  const single: Uint8Array | null = await client.getBytes("k");
  const sum: number = await client.incr("n", 41);
  return [
    `${await client.get("k")}${first}${absent}`,
    `${bytes?.[0]}${single?.[0]}`,
    `${sum}${await client.has("n")}${await client.delete("n")}${await client.deleteMany(["n"])}`,
  ];
}

async function lifetimes(client: Client): Promise<string[]> {
  const minute: Lifetime = { ttlSeconds: 60 };
  const once: SetOptions = { ...minute, onlyIfAbsent: true };
  const maybe: boolean | undefined = undefined;
  const stored = [await client.set("t", "v", once), await client.set("t", "v", once)];
  await client.set("t", "w", { keepTtl: true, onlyIfPresent: maybe });
  const left: number | null = await client.ttl("t");
  const renewed = await client.expire("t", { expiresAt: new Date(4e12) });
  return [stored.join(), `${left !== null && left <= 60_000}`, `${renewed}`];
}

/** The class that each failure has for the compiler is the one that it has when it happens. */
async function failures(client: Client): Promise<string[]> {
  const failed = [
    client.incr("t"),
    client.set("t", "v", { ttlMs: -1 }),
    connect({ addr: "127.0.0.1:1" }),
  ];
  const causes = await Promise.allSettled(failed);
  return causes.map((result) => {
    const reason: unknown = result.status === "rejected" ? result.reason : undefined;
    return reason instanceof MSCacheError ? `${reason.code}:${detail(reason)}` : "no error";
  });
}

/** What a caller can read of each class. */
export function detail(error: MSCacheError): string {
  const code: ErrorCode = error.code;
  if (error instanceof ServerError) return error.serverCode;
  if (error instanceof ConnectError || error instanceof ConnectionLostError) return error.address;
  if (error instanceof ReadOnlyError) return error.address;
  if (error instanceof TimeoutError) return error.sent ? "sent" : "never sent";
  if (error instanceof ResultOutOfRangeError) return (error.result + 1n).toString();
  const plain = [ClosedError, InvalidArgumentError, ProtocolError, TooManyPendingError];
  return plain.some((kind) => error instanceof kind) ? error.name : code;
}
