// The program of somebody who installed the package: it uses every name that the package exports
// and runs against a node. package.test.ts copies it into a project, with "mscache" for the path
// below. It needs nothing of its surroundings, no console and no process, so that it compiles
// without the types of bun and node, and every export has its type written out, for
// `isolatedDeclarations`.

import {
  AbortedError,
  type AbsentOptions,
  type ArgumentsOf,
  type BatchContext,
  type BatchFactory,
  BehindError,
  type Cache,
  type CacheEvent,
  type CacheEventType,
  type CacheOptions,
  type CacheSetOptions,
  type CacheStats,
  type CacheTimeouts,
  type CallResults,
  type ChangeKind,
  type ChangeListener,
  type CheckedCalls,
  type Client,
  ClosedError,
  type CodecName,
  type CommandArgument,
  type CommandCall,
  type CommandName,
  type CommandReply,
  ConflictError,
  ConnectError,
  ConnectionLostError,
  type ConnectOptions,
  type CopyKey,
  type CopyLag,
  type CopyOptions,
  type CopyState,
  CrossShardError,
  connect,
  createCache,
  type EmbeddedServer,
  type EntryOptions,
  type ErrorCode,
  type Factory,
  type FactoryContext,
  FactoryFailedError,
  FactoryTimeoutError,
  FollowFaultError,
  type FollowOptions,
  follow,
  type GetExOptions,
  type GetOrSetOptions,
  type Integer,
  InvalidArgumentError,
  type Key,
  type Lifespan,
  type Lifetime,
  type ListOptions,
  type LocalCopy,
  type Message,
  type Missed,
  MSCacheError,
  type NamespaceOptions,
  type NearCache,
  type NearCounters,
  type NearDecode,
  type NearOptions,
  type Pem,
  ProtocolError,
  ReadOnlyError,
  type ReadPolicy,
  type ReconnectOptions,
  type ReplyOf,
  type RequestOptions,
  ResultOutOfRangeError,
  type ScanOptions,
  type Script,
  type ScriptOptions,
  ServeError,
  type ServeOptions,
  ServerError,
  ServerFaultError,
  type SetOptions,
  type ShardedClient,
  type ShardedOptions,
  type ShardOptions,
  Store,
  StoreFullError,
  type StoreOptions,
  type StoreStats,
  type SubscribeOptions,
  type Subscription,
  serve,
  TimeoutError,
  type TlsOptions,
  TooManyPendingError,
  type Topics,
  type TransactionResults,
  type Value,
  type ValueOf,
  ValueTooLargeError,
  type WaitOptions,
  type WatchedCommand,
  type WatchOptions,
} from "../src/index.ts";

/** Everything the client did, in one line. */
export async function exercise(addr: string): Promise<string> {
  const reconnect: ReconnectOptions = { minDelayMs: 10, maxDelayMs: 100, maxAttempts: undefined };
  const ca: Pem = "";
  const tls: TlsOptions = { ca, rejectUnauthorized: true };
  const plain = tls.ca === "" ? false : tls;
  const reads: ReadPolicy = "leader";
  const absent = { reads, password: undefined, requestTimeoutMs: 30_000 };
  const options: ConnectOptions = { tls: plain, ...absent, reconnect };
  await using first = await connect(addr, options);
  const bounds: RequestOptions = { timeout: 60_000, signal: undefined };
  const client = first.with(bounds);
  const report: string[] = [await client.ping(), client.address === addr ? "here" : "elsewhere"];
  report.push(
    ...(await values(client)),
    ...(await lists(client)),
    ...(await streams(client)),
    ...(await lifetimes(client)),
    ...(await failures(client)),
    ...(await cached(first)),
  );
  await nearby(first);
  report.push(await sharded(addr));
  report.push((await client.info("server")).includes("mscache_version") ? "mscache" : "stranger");
  return report.join(" ");
}

async function nearby(client: Client): Promise<void> {
  const decode: NearDecode<string> = "text";
  const options: NearOptions = { decode, maxBytes: 100_000 };
  await using near: NearCache = await client.near(options);
  await near.get("near");
  const { misses }: NearCounters = near.counters;
  if (misses !== 1) throw new Error(`${misses} misses`);
}

/** Two databases of one node stand for two shards. */
async function sharded(addr: string): Promise<string> {
  const shards: ShardOptions[] = [0, 1].map((database) => ({
    name: `db${database}`,
    addresses: addr,
    database,
  }));
  const options: ShardedOptions = { shards, requestTimeoutMs: 60_000 };
  await using whole: ShardedClient = await connect(options);
  const apart = await whole.command("RENAME", "key:1", "key:2").catch((error: unknown) => error);
  return apart instanceof CrossShardError ? apart.shards.join() : "together";
}

async function values(client: Client): Promise<string[]> {
  const key: Key = new Uint8Array([0x6b]);
  const value: Value = new Uint8Array([0x76]);
  await client.set(key, value);
  const [first, absent]: (string | null | undefined)[] = await client.mget(["k", "none"]);
  const [bytes]: (Uint8Array | null | undefined)[] = await client.mgetBytes(["k"]);
  const single: Uint8Array | null = await client.getBytes("k");
  const sum: number = await client.incr("n", 41);
  const start: Integer = 0;
  const name: CommandName & "GETRANGE" = "GETRANGE";
  const range: ArgumentsOf<"GETRANGE"> = ["k", start, 0];
  const part: ReplyOf<"GETRANGE"> = await client.command(name, ...range);
  const unknown: CommandArgument = "k";
  const again: CommandReply = await client.command("GET" as string, unknown);
  return [
    `${await client.get("k")}${first}${absent}${part}${again}`,
    `${bytes?.[0]}${single?.[0]}`,
    `${sum}${await client.has("n")}${await client.delete("n")}${await client.deleteMany(["n"])}`,
  ];
}

async function cached(client: Client): Promise<string[]> {
  const told: CacheEventType[] = [];
  const codec: CodecName = "structured";
  const timeout: CacheTimeouts = { soft: 0, hard: 60_000 };
  const entry: EntryOptions = { ttl: 60_000, grace: 0, negativeTtl: undefined };
  const kept: NamespaceOptions = { ...entry, timeout, codec };
  const onEvent = ({ type }: CacheEvent): void => void told.push(type);
  const options: CacheOptions = { ...kept, prefix: "fixture:", serverTimeout: 60_000, onEvent };
  const cache: Cache = createCache({ client, ...options });
  const tags: CacheSetOptions = { tags: ["numbers"] };
  const call: GetOrSetOptions = { ...tags, signal: undefined };
  const factory: Factory<number> = ({ key, set }: FactoryContext) => {
    set(tags);
    return key.length;
  };
  const lengths: BatchFactory<number> = (keys, context: BatchContext) =>
    keys.map((key) => (context.signal.aborted ? 0 : key.length));
  const three: number = await cache.getOrSet("abc", factory, call);
  const more: number[] = await cache.getOrSetMany(["abc", "de"], lengths, call);
  await cache.expireTag("numbers");
  const failure: unknown = await cache
    .getOrSet("abc", () => Promise.reject(new Error("none")))
    .catch((error: unknown) => error instanceof FactoryFailedError);
  const late: boolean = failure instanceof FactoryTimeoutError;
  const stats: CacheStats = cache.stats();
  return [`${three}${more} ${stats.hits}${failure}${late} ${told.length}`];
}

type Pair = [["GET", "k"], ["STRLEN", "k"]];

async function lists(client: Client): Promise<string[]> {
  const list: Pair = [
    ["GET", "k"],
    ["STRLEN", "k"],
  ];
  const loose: readonly CommandCall[] = list;
  const pair: CheckedCalls<Pair> = list;
  const texts: ListOptions<false> = {};
  const options: ScriptOptions & WatchOptions<false> = {};
  const first: CallResults<Pair> = await client.pipeline(pair, texts);
  const second: TransactionResults<Pair, ValueOf<true>> = await client.transaction(pair, {
    bytes: true,
  });
  const attempt = async (command: WatchedCommand): Promise<[["STRLEN", string]]> => {
    return [["STRLEN", (await command("GET", "k")) ?? ""]];
  };
  const third = await client.watch(["k"], attempt, options);
  const script: Script = client.script("return ARGV[1]");
  const fourth: CommandReply = await script.run([], [loose.length], options);
  return [`${first}`, `${second}`, `${third}`, `${fourth}`];
}

async function streams(client: Client): Promise<string[]> {
  const topics: Topics = { channels: ["news"] };
  const missed: (Missed | null)[] = [];
  const options: SubscribeOptions<false> = { onMissed: (one: Missed) => missed.push(one) };
  const news: Subscription = await client.subscribe(topics, options);
  await client.command("PUBLISH", "news", "hello");
  const messages: Message[] = [];
  for await (const message of news) {
    messages.push(message);
    break;
  }
  const scan: ScanOptions<false> = { match: "k" };
  const keys: string[] = [];
  for await (const key of client.scan(scan)) keys.push(key);
  return [`${messages[0]?.message}${missed.length}`, keys.join()];
}

async function lifetimes(client: Client): Promise<string[]> {
  const minute: Lifetime = { ttl: 60_000 };
  const once: SetOptions = { ...minute, onlyIfAbsent: true };
  const maybe: boolean | undefined = undefined;
  const stored = [await client.set("t", "v", once), await client.set("t", "v", once)];
  await client.set("t", "w", { keepTtl: true, onlyIfPresent: maybe });
  const left: number | null = await client.ttl("t");
  const stays: GetExOptions = { persist: true };
  const absent: AbsentOptions = { onlyIfAbsent: true };
  const over: CopyOptions = { replace: true };
  await client.mset({ t: (await client.getEx("t", stays)) ?? "" }, absent);
  await client.copy("t", "t:old", over);
  const renewed = await client.expire("t", { expiresAt: new Date(4e12) });
  return [stored.join(), `${left !== null && left <= 60_000}`, `${renewed}`];
}

/** The class that each failure has for the compiler is the one that it has when it happens. */
async function failures(client: Client): Promise<string[]> {
  const failed = [client.incr("t"), client.set("t", "v", { ttl: -1 }), connect("127.0.0.1:1")];
  const causes = await Promise.allSettled(failed);
  return causes.map((result) => {
    const reason: unknown = result.status === "rejected" ? result.reason : undefined;
    return reason instanceof MSCacheError ? `${reason.code}:${detail(reason)}` : "no error";
  });
}

/** A program that is server and client, and has a store besides; in one line. */
export async function embed(): Promise<string> {
  const lines: string[] = [];
  const options: ServeOptions = { maxMemory: 16 * 1024 * 1024, log: (line) => lines.push(line) };
  await using server: EmbeddedServer = await serve(options);
  await using follower = await serve({ leaderaddr: server.address });
  await using client = await connect(server.address);
  await client.set("k", "v");
  const script = await client.command("EVAL", "return redis.call('GET', KEYS[1])", 1, "k");
  const refusal = await serve({ listenaddr: server.address }).then(
    () => "none",
    (error) => (error instanceof ServeError ? error.code : "another"),
  );
  const isLogged = lines.some((line) => line.includes(`listening on ${server.address}`));
  const held = await copied(server.address);
  return [script, refusal, isLogged, follower.port !== server.port, alone(), held].join(" ");
}

async function copied(address: string): Promise<string> {
  const options: FollowOptions = { maxMemory: 1024 * 1024, prefix: "k" };
  await using copy: LocalCopy = await follow(address, options);
  const kinds: ChangeKind[] = [];
  const listener: ChangeListener = (_, kind) => kinds.push(kind);
  copy.onChange(listener)();
  const patience: WaitOptions = { timeout: 10_000 };
  await copy.waitFor(copy.offset, patience);
  const key: CopyKey = "k";
  const state: CopyState = copy.state;
  const { bytes }: CopyLag = copy.lag;
  return [state, copy.get(key), copy.get("k2"), bytes, kinds.length].join();
}

function alone(): string {
  const options: StoreOptions = { maxMemory: 1024 * 1024, eviction: "none" };
  using store = new Store(options);
  const minute: Lifespan = { ttl: 60_000 };
  store.set("k", "v", minute);
  const { items }: StoreStats = store.stats();
  return `${store.get("k")}${items}`;
}

/** What a caller can read of each class. */
export function detail(error: MSCacheError): string {
  const code: ErrorCode = error.code;
  if (error instanceof ServerError) return error.serverCode;
  if (error instanceof ConnectError || error instanceof ConnectionLostError) return error.address;
  if (error instanceof ReadOnlyError) return error.address;
  if (error instanceof TimeoutError || error instanceof AbortedError)
    return error.sent ? "sent" : "never sent";
  if (error instanceof ResultOutOfRangeError) return (error.result + 1n).toString();
  if (error instanceof BehindError) return `${error.offset} of ${error.wanted}`;
  const embedded = [
    FollowFaultError,
    ServeError,
    ServerFaultError,
    StoreFullError,
    ValueTooLargeError,
  ];
  const plain = [
    ClosedError,
    ConflictError,
    InvalidArgumentError,
    ProtocolError,
    TooManyPendingError,
    ...embedded,
  ];
  return plain.some((kind) => error instanceof kind) ? error.name : code;
}
