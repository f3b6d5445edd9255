// Every entry point that takes options, with a name that it does not know: a misspelt one, or that
// of another package. It is refused, as nobody would read it: `{ EX: 60 }` would store for ever.
// What a framework hands to an adapter is not ours to judge, and passes.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { KeyvStore } from "../../src/client/adapters/keyv-store.ts";
import {
  createIsrHandler,
  createUseCacheHandler,
} from "../../src/client/adapters/next-handlers.ts";
import { RateLimiter } from "../../src/client/adapters/rate-limit.ts";
import { createSessionStore } from "../../src/client/adapters/session-store.ts";
import { mscacheDriver } from "../../src/client/adapters/unstorage-driver.ts";
import {
  type Cache,
  type Client,
  connect,
  createCache,
  follow,
  Store,
  serve,
} from "../../src/index.ts";
import { caseMsMax, type TestNode } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

let node: TestNode;
let client: Client;
let cache: Cache;

beforeAll(async () => {
  node = await ours.start();
  client = await connect(node.address);
  cache = createCache({ client });
});
afterAll(async () => {
  await client.close();
  await node[Symbol.asyncDispose]();
});

const mib = 2 ** 20;
class Base {}

/** Each is called with nothing more than what is right, and then with what is wrong as well. */
const entries: readonly [what: string, call: (more: object) => unknown][] = [
  ["connect()", (more) => connect(node.address, more)],
  ["reconnect", (more) => connect(node.address, { reconnect: { ...more } })],
  ["connect() to shards", (more) => connect({ shards: [shard({})], ...more })],
  ["a shard", (more) => connect({ shards: [shard(more)] })],
  ["with()", (more) => client.with({ timeout: 1_000, ...more }).ping()],
  ["set()", (more) => client.set("k", "v", { ttl: 60_000, ...more })],
  ["getEx()", (more) => client.getEx("k", { ttl: 60_000, ...more })],
  ["expire()", (more) => client.expire("k", { ttl: 60_000, ...more })],
  ["mset()", (more) => client.mset({ k: "v" }, more)],
  ["rename()", (more) => client.mset({ from: "v" }).then(() => client.rename("from", "to", more))],
  ["copy()", (more) => client.copy("k", "l", more)],
  ["scan()", (more) => Array.fromAsync(client.scan(more))],
  ["pipeline()", (more) => client.pipeline([["PING"]], more)],
  ["transaction()", (more) => client.transaction([["GET", "k"]], more)],
  ["watch()", (more) => client.watch(["k"], async () => [["GET", "k"] as const], more)],
  ["a script", (more) => client.script("return 1").run([], [], more)],
  ["a script that reads", (more) => client.script("return 1").runReadOnly([], [], more)],
  ["subscribe()", (more) => client.subscribe("news", more)],
  ["the names of subscribe()", (more) => client.subscribe({ channels: ["news"], ...more })],
  ["near()", (more) => client.near(more)],
  ["createCache()", (more) => createCache({ client, ...more })],
  ["timeout of createCache()", (more) => createCache({ client, timeout: { ...more } })],
  ["namespace()", (more) => cache.namespace("n", more)],
  ["set() of a cache", (more) => cache.set("k", 1, more)],
  ["getOrSet()", (more) => cache.getOrSet("k", () => 1, more)],
  ["getOrSetMany()", (more) => cache.getOrSetMany(["k"], () => [1], more)],
  ["set() of a factory", (more) => factorySetting(more)],
  ["KeyvStore", (more) => new KeyvStore({ client, ...more })],
  ["mscacheDriver()", (more) => mscacheDriver({ client, ...more })],
  ["createSessionStore()", (more) => createSessionStore({ client, Store: Base, ...more })],
  ["RateLimiter", (more) => new RateLimiter({ client, limit: 1, window: 1_000, ...more })],
  ["createIsrHandler()", (more) => createIsrHandler({ client, ...more })],
  ["createUseCacheHandler()", (more) => createUseCacheHandler({ client, ...more })],
  ["Store", (more) => new Store({ maxMemory: mib, ...more })[Symbol.dispose]()],
  ["set() of a Store", (more) => inStore((store) => store.set("k", "v", { ttl: 1, ...more }))],
  ["expire() of a Store", (more) => inStore((store) => store.expire("k", { ttl: 1, ...more }))],
  ["follow()", (more) => follow(node.address, { maxMemory: mib, ...more })],
  ["waitFor() of a copy", waitFor],
];

function shard(more: object) {
  return { name: "a", addresses: node.address, ...more };
}

let keysMade = 0;
function factorySetting(more: object): Promise<number> {
  const make = ({ set }: { set(options: object): void }) => {
    set(more);
    return 1;
  };
  return cache.getOrSet(`made:${keysMade++}`, make);
}

function inStore(use: (store: Store) => unknown): unknown {
  using store = new Store({ maxMemory: mib });
  return use(store);
}

async function waitFor(more: object): Promise<void> {
  await using copy = await follow(node.address, { maxMemory: mib });
  await copy.waitFor(0, more);
}

/** What the call gives, ended if it can be. */
async function settle(call: () => unknown): Promise<void> {
  const result = (await call()) as Partial<AsyncDisposable> | null | undefined;
  if (typeof result !== "object") return;
  await result?.[Symbol.asyncDispose]?.();
}

describe.each(entries)("%s", (_, call) => {
  test("takes the names that it knows", async () => {
    await settle(() => call({}));
  });

  test.each([1, undefined])("refuses another name, with the value %p", async (value) => {
    const failure = await failureOf(settle(() => call({ evicton: value })));
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(failure.message).toContain('unknown option "evicton"');
    expect(failure.message).toContain("; known: ");
  });
});

describe("an unknown name", () => {
  test("stores nothing, and the message says what there is", async () => {
    const failure = await failureOf(client.set("session", "v", { EX: 60 } as never));
    expect(failure.message).toBe(
      'unknown option "EX"; known: ttl, expiresAt, keepTtl, onlyIfAbsent, onlyIfPresent',
    );
    expect(await client.get("session")).toBeNull();
  });

  test("is answered with the names that callers may say, and with no internal one", async () => {
    const make = () => new RateLimiter({ client, limit: 1, window: 1_000, per: 1 } as never);
    const { message } = await failureOf(Promise.try(make));
    expect(message).toBe('unknown option "per"; known: client, limit, window, segments, prefix');
  });

  test("is found in the part of the options where it stands", async () => {
    const failure = await failureOf(connect(node.address, { reconnect: { delay: 1 } as never }));
    expect(failure.message).toStartWith('unknown option "delay" in reconnect; known: minDelayMs');
    const shards = [{ ...shard({}), retrys: 3 }];
    const ofShard = await failureOf(connect({ shards } as never));
    expect(ofShard.message).toStartWith('unknown option "retrys" in shards[0]; known: ');
  });

  test("may be that of a method of every object", async () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      const options = JSON.parse(`{ "ttl": 1, "${name}": 1 }`);
      const failure = await failureOf(client.set("k", "v", options));
      expect(failure.message).toContain(`unknown option "${name}"`);
    }
  });

  test("is inherited as well as own", async () => {
    const options = Object.create({ EX: 60 });
    expect((await failureOf(client.set("k", "v", options))).message).toContain('"EX"');
  });

  test("is none if a library has put it into every object", async () => {
    const everywhere = Object.prototype as { helper?: unknown };
    everywhere.helper = () => undefined;
    try {
      expect(await client.set("k", "v", { ttl: 60_000 })).toBe(true);
    } finally {
      delete everywhere.helper;
    }
  });
});

test("an adapter or a cache without a client is refused at once", () => {
  const makers: readonly ((options: never) => unknown)[] = [
    createCache,
    (options) => new KeyvStore(options),
    mscacheDriver,
    (options: object) => createSessionStore({ Store: Base, ...options } as never),
    (options: object) => new RateLimiter({ limit: 1, window: 1_000, ...options } as never),
    createIsrHandler,
    createUseCacheHandler,
  ];
  for (const make of makers) {
    expect(() => make({} as never)).toThrow("client must be a Client, not undefined");
    expect(() => make({ client: null } as never)).toThrow("client must be a Client, not null");
    expect(() => make({ client: {} } as never)).toThrow("client must be a Client, not an object");
  }
});

test("a cache or an adapter that is given the client itself says where it belongs", async () => {
  await using server = await serve();
  await using client = await connect(server.address);
  const sentence = "options must be an object that has the client: { client }";
  for (const make of [createCache, (it: never) => new KeyvStore(it), mscacheDriver]) {
    expect(() => make(client as never)).toThrow(sentence);
  }
});

describe("what a framework hands over passes", () => {
  const context = { ttl: 60, nitro: { some: "context" }, expires: 1 };

  test("with an item of unstorage", async () => {
    const driver = mscacheDriver({ client });
    await driver.setItem("a", "1", context);
    await driver.setItems([{ key: "b", value: "2", options: context }], context);
    expect([await driver.getItem("a"), await driver.getItem("b")]).toEqual(["1", "2"]);
    expect(await driver.getKeys("", { maxDepth: 0, other: 1 } as never)).toBeArrayOfSize(2);
  });

  test("with a cookie of express-session", async () => {
    const store = createSessionStore({ client, Store: Base });
    const cookie = { originalMaxAge: 60_000, path: "/", sameSite: "lax", priority: "high" };
    const { promise, resolve } = Promise.withResolvers<unknown>();
    store.set("id", { cookie, user: 1 } as never, resolve);
    expect(await promise).toBeNull();
    expect(await client.ttl("sess:id")).toBeWithin(1, 60_001);
  });

  test("with an entry and a tag of Next.js", async () => {
    const Handler = createIsrHandler({ client });
    const handler = new Handler({ dev: false, flushToDisk: true });
    const context = { isRoutePPREnabled: false, cacheControl: { revalidate: 60, expire: 300 } };
    await handler.set("/page", { kind: "APP_ROUTE" }, { ...context, tags: ["t"] });
    expect(await handler.get("/page", { isFallback: false })).not.toBeNull();
    await handler.revalidateTag("t", { expire: 1, stale: 1 } as never);
  });
});

test("a factory for many keys that gives too few values rejects by name", async () => {
  const failure = await failureOf(cache.getOrSetMany(["few:1", "few:2"], () => ["x"]));
  expect(failure).toMatchObject({ code: "FACTORY_FAILED" });
  expect(failure.message).toBe(
    "the factory must return an array with one value for each key; it returned 1 for 2 keys",
  );
  const none = await failureOf(cache.getOrSetMany(["few:3"], () => undefined as never));
  expect(none.message).toEndWith("one value for each key; it returned no array");
});
