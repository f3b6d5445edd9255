/**
 * One behaviour suite over the command table, run through every stock client with its defaults,
 * against our node and a real redis-server.
 * Does not look at bytes (framing.test.ts) or at rare edges (differential.test.ts): this is what an
 * application sees.
 * Invariant: a case that holds for redis-server and not for our node is a fault of our node.
 */
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { plain, type StockClient, stockClients } from "../support/clients.ts";
import { contestants, forAllCases } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** The text of the error that a call answers with. */
async function errorOf(promise: Promise<unknown>): Promise<string> {
  try {
    return `no error but ${JSON.stringify(await promise)}`;
  } catch (error) {
    return (error as Error).message;
  }
}

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    for (const kind of stockClients) {
      describe(`through ${kind.name}`, () => {
        let client: StockClient;
        beforeAll(async () => {
          client = await kind.connect(server().port);
        });
        beforeEach(() => client.call("FLUSHALL"));
        afterAll(() => client[Symbol.asyncDispose]());
        valueCases(() => client);
        keyCases(() => client);
        timeCases(() => client);
        connectionCases(() => client, kind.protocol);
      });
    }
  });
}

function valueCases(use: () => StockClient): void {
  test("SET then GET returns the value, and GET of an absent key returns null", async () => {
    const client = use();
    expect(await client.set("key", "value")).toBe("OK");
    expect(await client.get("key")).toBe("value");
    expect(await client.get("absent")).toBeNull();
  });

  test("binary keys and values come back as they went in", async () => {
    const client = use();
    const key = Buffer.from([0, 13, 10, 255, 36]);
    const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await client.setBytes(key, value);
    expect(await client.getBytes(key)).toEqual(value);
  });

  test("an empty value is a value", async () => {
    const client = use();
    await client.set("empty", "");
    expect(await client.get("empty")).toBe("");
    expect(await client.exists("empty")).toBe(1);
    expect(await client.call("STRLEN", "empty")).toBe(0);
  });

  test("SET obeys NX, XX and GET", async () => {
    const { call } = use();
    expect(await call("SET", "key", "1", "XX")).toBeNull();
    expect(await call("SET", "key", "1", "NX")).toBe("OK");
    expect(await call("SET", "key", "2", "NX")).toBeNull();
    expect(await call("SET", "key", "3", "XX", "GET")).toBe("1");
    expect(await call("SET", "other", "x", "GET")).toBeNull();
    expect(await call("SET", "key", "4", "NX", "GET")).toBe("3");
    expect(await call("GET", "key")).toBe("3");
  });

  test("SETNX, GETSET, GETDEL and GETEX do what their names say", async () => {
    const { call } = use();
    expect(await call("SETNX", "key", "1")).toBe(1);
    expect(await call("SETNX", "key", "2")).toBe(0);
    expect(await call("GETSET", "key", "3")).toBe("1");
    expect(await call("GETEX", "key", "EX", "100")).toBe("3");
    expect(await call("TTL", "key")).toBeWithin(90, 101);
    expect(await call("GETEX", "key", "PERSIST")).toBe("3");
    expect(await call("TTL", "key")).toBe(-1);
    expect(await call("GETDEL", "key")).toBe("3");
    expect(await call("GETDEL", "key")).toBeNull();
  });

  test("MSET, MSETNX and MGET take many keys", async () => {
    const client = use();
    expect(await client.call("MSET", "a", "1", "b", "2")).toBe("OK");
    expect(await client.mget(["a", "missing", "b"])).toEqual(["1", null, "2"]);
    expect(await client.call("MSETNX", "c", "3", "a", "9")).toBe(0);
    expect(await client.get("c")).toBeNull();
    expect(await client.call("MSETNX", "c", "3", "d", "4")).toBe(1);
  });

  test("APPEND, GETRANGE and SETRANGE edit a value in place", async () => {
    const { call } = use();
    expect(await call("APPEND", "key", "Hello")).toBe(5);
    expect(await call("APPEND", "key", " World")).toBe(11);
    expect(await call("GETRANGE", "key", "0", "4")).toBe("Hello");
    expect(await call("GETRANGE", "key", "-5", "-1")).toBe("World");
    expect(await call("GETRANGE", "key", "5", "2")).toBe("");
    expect(await call("SETRANGE", "key", "6", "Redis")).toBe(11);
    expect(await call("GET", "key")).toBe("Hello Redis");
    expect(await call("SETRANGE", "pad", "3", "x")).toBe(4);
    expect(await call("GET", "pad")).toBe("\0\0\0x");
  });

  test("counters count, and refuse a value that is not a number or would overflow", async () => {
    const client = use();
    expect(await client.incr("n")).toBe(1);
    expect(await client.call("INCRBY", "n", "41")).toBe(42);
    expect(await client.call("DECR", "n")).toBe(41);
    expect(await client.call("DECRBY", "n", "50")).toBe(-9);
    expect(await client.call("INCRBYFLOAT", "n", "0.5")).toBe("-8.5");
    expect(await client.call("INCRBYFLOAT", "f", "5.0e3")).toBe("5000");
    const notAnInteger = "ERR value is not an integer or out of range";
    expect(await errorOf(client.incr("n"))).toContain(notAnInteger);
    await client.set("n", "9223372036854775807");
    const overflow = "ERR increment or decrement would overflow";
    expect(await errorOf(client.incr("n"))).toContain(overflow);
  });

  test("hundreds of requests in flight get their replies in order", async () => {
    const client = use();
    const names = Array.from({ length: 500 }, (_, i) => `key:${i}`);
    await Promise.all(names.map((name) => client.set(name, `value of ${name}`)));
    const values = await Promise.all(names.map((name) => client.get(name)));
    expect(values).toEqual(names.map((name) => `value of ${name}`));
    const counts = await Promise.all(names.map(() => client.incr("count")));
    expect(counts).toEqual(names.map((_, i) => i + 1));
  });
}

function keyCases(use: () => StockClient): void {
  test("DEL, UNLINK, EXISTS, TOUCH and TYPE count and name what is there", async () => {
    const client = use();
    await client.call("MSET", "a", "1", "b", "2", "c", "3");
    expect(await client.exists("a")).toBe(1);
    expect(await client.call("EXISTS", "a", "a", "none")).toBe(2);
    expect(await client.call("TOUCH", "a", "b", "none")).toBe(2);
    expect(await client.call("TYPE", "a")).toBe("string");
    expect(await client.call("TYPE", "none")).toBe("none");
    expect(await client.del("a")).toBe(1);
    expect(await client.call("UNLINK", "b", "c", "none")).toBe(2);
    expect(await client.call("DBSIZE")).toBe(0);
  });

  test("KEYS matches glob patterns", async () => {
    const { call } = use();
    await call("MSET", "user:1", "a", "user:2", "b", "item:1", "c");
    expect((await call("KEYS", "user:*")) as string[]).toContainAllValues(["user:1", "user:2"]);
    expect(await call("KEYS", "i?em:[0-9]")).toEqual(["item:1"]);
    expect(await call("KEYS", "nothing*")).toEqual([]);
  });

  test("SCAN iterates over all keys, or those that match", async () => {
    const { call } = use();
    const names = Array.from({ length: 300 }, (_, i) => `key:${i}`);
    await call("MSET", ...names.flatMap((name) => [name, "x"]));
    expect((await scan(call)).sort()).toEqual([...names].sort());
    const some = await scan(call, "MATCH", "key:1?", "COUNT", "50");
    expect(some.sort()).toEqual(names.slice(10, 20));
    expect(await scan(call, "TYPE", "list")).toEqual([]);
  });

  test("RANDOMKEY returns an existing key", async () => {
    const { call } = use();
    expect(await call("RANDOMKEY")).toBeNull();
    await call("MSET", "a", "1", "b", "2");
    expect(["a", "b"]).toContain((await call("RANDOMKEY")) as string);
  });

  test("RENAME, RENAMENX and COPY move and copy values with their expiry", async () => {
    const { call } = use();
    await call("SET", "a", "1", "EX", "100");
    expect(await call("RENAME", "a", "b")).toBe("OK");
    expect(await call("TTL", "b")).toBeWithin(90, 101);
    await call("SET", "c", "2");
    expect(await call("RENAMENX", "b", "c")).toBe(0);
    expect(await call("COPY", "b", "c")).toBe(0);
    expect(await call("COPY", "b", "c", "REPLACE")).toBe(1);
    expect(await call("GET", "c")).toBe("1");
    expect(await call("TTL", "c")).toBeWithin(90, 101);
    expect(await errorOf(call("RENAME", "none", "x"))).toContain("ERR no such key");
  });

  test("FLUSHDB and FLUSHALL empty the keyspace", async () => {
    const { call } = use();
    await call("SET", "a", "1");
    expect(await call("FLUSHDB")).toBe("OK");
    await call("SET", "a", "1");
    expect(await call("FLUSHALL", "ASYNC")).toBe("OK");
    expect(await call("DBSIZE")).toBe(0);
  });
}

async function scan(call: StockClient["call"], ...options: string[]): Promise<string[]> {
  const found = new Set<string>();
  let cursor = "0";
  do {
    const [next, keys] = (await call("SCAN", cursor, ...options)) as [string, string[]];
    for (const key of keys) found.add(key);
    cursor = String(next);
  } while (cursor !== "0");
  return [...found];
}

function timeCases(use: () => StockClient): void {
  test("TTL reports a missing key, no expiry and the remaining time", async () => {
    const client = use();
    expect(await client.ttl("none")).toBe(-2);
    await client.set("key", "value");
    expect(await client.ttl("key")).toBe(-1);
    expect(Number(await client.expire("key", 100))).toBe(1);
    expect(await client.ttl("key")).toBeWithin(90, 101);
    expect(await client.call("PERSIST", "key")).toBe(1);
    expect(await client.ttl("key")).toBe(-1);
  });

  test("a key disappears at its expiry", async () => {
    const client = use();
    await client.call("SET", "brief", "x", "PX", "400");
    await client.call("PSETEX", "brief2", "400", "x");
    expect(await client.get("brief")).toBe("x");
    await waitFor(async () => (await client.exists("brief")) === 0);
    expect(await client.get("brief")).toBeNull();
    expect(await client.ttl("brief")).toBe(-2);
  });

  test("SET with EX replaces an earlier time, without one clears it, with KEEPTTL keeps it", async () => {
    const { call } = use();
    await call("SET", "key", "1", "EX", "100");
    await call("SET", "key", "2", "EX", "500");
    expect(await call("TTL", "key")).toBeWithin(490, 501);
    await call("SET", "key", "3", "KEEPTTL");
    expect(await call("TTL", "key")).toBeWithin(490, 501);
    await call("SET", "key", "4");
    expect(await call("TTL", "key")).toBe(-1);
  });

  test("EXPIRE obeys NX, XX, GT and LT, and a time in the past deletes", async () => {
    const { call } = use();
    await call("SET", "key", "1");
    expect(await call("EXPIRE", "key", "100", "XX")).toBe(0);
    expect(await call("EXPIRE", "key", "100", "GT")).toBe(0);
    expect(await call("EXPIRE", "key", "100", "NX")).toBe(1);
    expect(await call("EXPIRE", "key", "50", "GT")).toBe(0);
    expect(await call("EXPIRE", "key", "200", "LT")).toBe(0);
    expect(await call("EXPIRE", "key", "200", "GT")).toBe(1);
    expect(await call("EXPIRE", "key", "-1")).toBe(1);
    expect(await call("EXISTS", "key")).toBe(0);
  });

  test("moments are kept to the millisecond and told in rounded seconds", async () => {
    const { call } = use();
    await call("SET", "key", "1");
    await call("PEXPIREAT", "key", "4102444800499");
    expect(await call("PEXPIRETIME", "key")).toBe(4102444800499);
    expect(await call("EXPIRETIME", "key")).toBe(4102444800);
    await call("PEXPIREAT", "key", "4102444800500");
    expect(await call("EXPIRETIME", "key")).toBe(4102444801);
    await call("EXPIREAT", "key", "4102444800");
    expect(await call("PEXPIRETIME", "key")).toBe(4102444800000);
    await call("SETEX", "key", "100", "x");
    expect(await call("PTTL", "key")).toBeWithin(95_000, 100_001);
  });
}

function connectionCases(use: () => StockClient, protocol: 2 | 3): void {
  test("PING, ECHO, TIME and SELECT answer", async () => {
    const { call } = use();
    expect(await call("PING")).toBe("PONG");
    expect(await call("PING", "hello")).toBe("hello");
    expect(await call("ECHO", "again")).toBe("again");
    const [seconds] = (await call("TIME")) as [string, string];
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(5);
    expect(await call("SELECT", "15")).toBe("OK");
    expect(await call("SELECT", "0")).toBe("OK");
    expect(await errorOf(call("SELECT", "16"))).toContain("ERR DB index is out of range");
  });

  test("the client has an id and a name", async () => {
    const { call } = use();
    expect(await call("CLIENT", "ID")).toBeGreaterThan(0);
    expect(await call("CLIENT", "SETNAME", "judge")).toBe("OK");
    expect(await call("CLIENT", "GETNAME")).toBe("judge");
    const info = String(await call("CLIENT", "INFO"));
    expect(info).toMatch(/^id=\d+ addr=\S+:\d+ .*name=judge /);
    expect(String(await call("CLIENT", "LIST"))).toContain("name=judge");
  });

  test("INFO has sections with the fields that clients read", async () => {
    const { call } = use();
    const everything = String(await call("INFO"));
    for (const line of [/^redis_version:\d+\.\d+\.\d+\r$/m, /^role:master\r$/m, /^loading:0\r$/m]) {
      expect(everything).toMatch(line);
    }
    const replication = String(await call("INFO", "replication"));
    expect(replication).toStartWith("# Replication\r\n");
    expect(replication).toMatch(/^master_replid:[0-9a-f]{40}\r$/m);
    expect(await call("INFO", "nosuchsection")).toBe("");
  });

  test("HELLO describes the server without switching the protocol", async () => {
    const hello = pairsOf(await use().call("HELLO"));
    expect(hello).toMatchObject({ server: "redis", proto: protocol, mode: "standalone" });
    expect(hello.role).toBe("master");
    expect(Number.parseInt(String(hello.version), 10)).toBeGreaterThanOrEqual(7);
  });

  test("CONFIG GET finds parameters by pattern and CONFIG SET changes them", async () => {
    const { call } = use();
    const before = pairsOf(await call("CONFIG", "GET", "maxmemory")).maxmemory;
    expect(before).toMatch(/^\d+$/);
    expect(await call("CONFIG", "SET", "maxmemory", "512mb")).toBe("OK");
    const after = pairsOf(await call("CONFIG", "GET", "maxmem*y"));
    expect(after.maxmemory).toBe(String(512 * 1024 * 1024));
    await call("CONFIG", "SET", "maxmemory", String(before));
    expect(pairsOf(await call("CONFIG", "GET", "no-such-parameter"))).toEqual({});
    const { save, appendonly } = pairsOf(await call("CONFIG", "GET", "save", "appendonly"));
    expect([save, appendonly]).toEqual(["", "no"]);
  });

  test("COMMAND describes commands", async () => {
    const { call } = use();
    expect(await call("COMMAND", "COUNT")).toBeGreaterThan(60);
    const [get, none] = (await call("COMMAND", "INFO", "get", "nosuch")) as [unknown[], null];
    expect(get?.slice(0, 2)).toEqual(["get", 2]);
    expect(get?.slice(3, 6)).toEqual([1, 1, 1]);
    expect(none).toBeNull();
    const docs = pairsOf(await call("COMMAND", "DOCS", "get"));
    expect(pairsOf(docs.get)).toMatchObject({ group: "string" });
  });

  test("ROLE names a leader, its offset and its followers", async () => {
    const [role, offset, followers] = (await use().call("ROLE")) as [string, number, unknown[]];
    expect(role).toBe("master");
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(followers).toEqual([]);
  });

  test("errors have Redis's own text", async () => {
    const { call } = use();
    const error = (...args: string[]) => errorOf(call(...args));
    expect(await error("GET")).toContain("ERR wrong number of arguments for 'get' command");
    expect(await error("SET", "a", "b", "EX")).toContain("ERR syntax error");
    expect(await error("SET", "a", "b", "EX", "0")).toContain(
      "ERR invalid expire time in 'set' command",
    );
    expect(await error("NOSUCH", "a")).toContain(
      "ERR unknown command 'NOSUCH', with args beginning with: 'a'",
    );
    expect(await error("CLIENT", "NOSUCH")).toContain(
      "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.",
    );
  });
}

/** A map as an object, whether it came as one (RESP3) or flat (RESP2). */
function pairsOf(reply: unknown): Record<string, unknown> {
  if (!Array.isArray(reply)) return plain(reply) as Record<string, unknown>;
  const pairs: [string, unknown][] = [];
  for (let i = 0; i < reply.length; i += 2) pairs.push([String(reply[i]), reply[i + 1]]);
  return Object.fromEntries(pairs);
}
