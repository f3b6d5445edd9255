/**
 * The cache of the client over a node of ours and over redis-server: what it serves fresh, stale or
 * computed, what an invalidation does, and what becomes of it all when the server is away.
 * Other processes are in cache-processes.test.ts.
 * Invariant: each case has a prefix of its own, so that cases share a server and a connection.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  type Cache,
  type Client,
  connect,
  createCache,
  type FactoryContext,
  FactoryTimeoutError,
  TimeoutError,
} from "../../src/index.ts";
import { caseMsMax, startNode, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { contestants, forAllCases } from "../support/servers.ts";

const long = { ttl: caseMsMax, grace: caseMsMax };

for (const { name, isMissing, start } of contestants) {
  describe.skipIf(isMissing)(`a cache over ${name}`, () => {
    const server = forAllCases(() => start());
    let client: Client;
    let prefixes = 0;
    beforeAll(async () => {
      client = await connect(server().address);
    });
    afterAll(async () => await client?.close());

    /** A cache of its own for each case, or the cache of another process for the same. */
    function open(options: Partial<Parameters<typeof createCache>[0]> = {}): Cache {
      return createCache({
        client,
        prefix: `c${prefixes}:`,
        serverTimeout: caseMsMax,
        ...options,
      });
    }
    function fresh(options: Parameters<typeof open>[0] = {}): Cache {
      prefixes++;
      return open(options);
    }

    // ---- values ---------------------------------------------------------------------------------

    test("what is set is what get, has and getMany find, until it is deleted", async () => {
      const cache = fresh();
      expect(await cache.get("a")).toBeUndefined();
      await cache.set("a", { n: 1, list: ["x"] });
      await cache.set("b", null);
      expect(await cache.get<{ n: number }>("a")).toEqual({ n: 1, list: ["x"] } as never);
      expect(await cache.getMany(["b", "none", "a"])).toEqual([
        null,
        undefined,
        { n: 1, list: ["x"] },
      ]);
      expect(await cache.has("b")).toBe(true);
      expect(await cache.delete("a")).toBe(true);
      expect(await cache.delete("a")).toBe(false);
      expect(await cache.has("a")).toBe(false);
    });

    test("an entry is fresh for its ttl", async () => {
      const cache = fresh();
      await cache.set("a", 1, { ttl: 30 });
      await waitFor(async () => !(await cache.has("a")));
      let runs = 0;
      expect(await cache.getOrSet("a", () => ++runs)).toBe(1);
    });

    test("structured values and bytes come back as they were, long ones compressed", async () => {
      const cache = fresh();
      const structured = cache.namespace("s", { codec: "structured", compressOver: 100 });
      const value = {
        at: new Date(5),
        by: new Map([["k", new Set([1n])]]),
        text: "x".repeat(5_000),
      };
      await structured.set("a", value);
      expect(await structured.get<typeof value>("a")).toEqual(value);
      expect(Number(await client.command("STRLEN", `c${prefixes}:v:s:a`))).toBeLessThan(1_000);
      const bytes = cache.namespace("b", { codec: "bytes" });
      await bytes.set("a", new Uint8Array([0, 255, 1]));
      expect(await bytes.get("a")).toEqual(new Uint8Array([0, 255, 1]));
    });

    test("what another program or another codec has written is a miss", async () => {
      const cache = fresh();
      await client.set(`c${prefixes}:v:a`, "not an entry");
      await client.set(
        `c${prefixes}:v:b`,
        new Uint8Array([1, 0x4d, 0x43, 0, ...Array(40).fill(255)]),
      );
      await cache.set("c", 1);
      expect(await cache.getMany(["a", "b"])).toEqual([undefined, undefined]);
      expect(await open({ codec: "structured" }).get("c")).toBeUndefined();
      expect(await cache.getOrSet("a", () => "new")).toBe("new");
      expect(await cache.get("a")).toBe("new");
    });

    test("null and undefined have their own ttl, and 0 does not store them", async () => {
      const cache = fresh({ negativeTtl: 0 });
      let runs = 0;
      const absent = () => (++runs === 1 ? null : undefined);
      expect(await cache.getOrSet("a", absent)).toBeNull();
      expect(await cache.getOrSet("a", absent)).toBeUndefined();
      expect(await cache.getOrSet("a", absent, { negativeTtl: caseMsMax })).toBeUndefined();
      expect(await cache.getOrSet("a", absent)).toBeUndefined();
      expect(runs).toBe(3);
    });

    // ---- one factory ----------------------------------------------------------------------------

    test("callers of two processes share one run of the factory", async () => {
      const caches = [fresh(), open()];
      let runs = 0;
      const gate = Promise.withResolvers<void>();
      const factory = async () => {
        runs++;
        await gate.promise;
        return "value";
      };
      const calls = caches.flatMap((cache) => [
        ...Array.from({ length: 20 }, () => cache.getOrSet("k", factory)),
      ]);
      await waitFor(() => runs === 1);
      calls.push(...caches.map((cache) => cache.getOrSet("k", factory)));
      gate.resolve();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(["value"]));
      expect(runs).toBe(1);
    });

    test("the error of a factory reaches every caller, here and in other processes", async () => {
      let tries = 0;
      const counting: Client = Object.create(client);
      counting.atLeader = (words, timeout) => {
        if (words[0] === "SET") tries++;
        return client.atLeader(words, timeout);
      };
      const caches = [fresh(), open({ client: counting })];
      const gate = Promise.withResolvers<void>();
      let runs = 0;
      const factory = async () => {
        runs++;
        await gate.promise;
        throw new RangeError("no such user");
      };
      const first = caches[0]?.getOrSet("k", factory);
      await waitFor(() => runs === 1);
      const second = caches[1]?.getOrSet("k", factory);
      // Its second try for the lock comes after it has begun to listen and has left a mark.
      await waitFor(() => tries === 3);
      gate.resolve();
      const ends = await Promise.allSettled([first, second]);
      const reasons = ends.map((end) => (end as PromiseRejectedResult).reason);
      expect(reasons[0]).toBeInstanceOf(RangeError);
      expect(reasons[1]).toMatchObject({ code: "FACTORY_FAILED", message: "no such user" });
      expect(runs).toBe(1);
    });

    test("a factory that takes too long is aborted, and its late result is dropped", async () => {
      const cache = fresh();
      let aborted = false;
      const call = cache.getOrSet(
        "k",
        ({ signal }) =>
          new Promise((resolve) => {
            signal.addEventListener("abort", () => {
              aborted = true;
              resolve("late");
            });
          }),
        { timeout: 30 },
      );
      await expect(call).rejects.toBeInstanceOf(FactoryTimeoutError);
      expect(aborted).toBe(true);
      expect(await cache.getOrSet("k", () => "next")).toBe("next");
    });

    test("a factory may set lifetimes and tags, and may skip the cache", async () => {
      const cache = fresh();
      await cache.getOrSet("a", ({ set, skip }) => {
        set({ tags: ["late"], ttl: caseMsMax });
        setImmediate(skip); // without effect: the factory has ended
        return 1;
      });
      expect(await cache.get("a")).toBe(1);
      await cache.expireTag("late");
      expect(await cache.get("a")).toBeUndefined();
      await cache.getOrSet("b", ({ skip }) => skip());
      expect(await cache.has("b")).toBe(false);
    });

    test("a caller's signal ends its own wait alone", async () => {
      const cache = fresh();
      const gate = Promise.withResolvers<string>();
      const own = new AbortController();
      const call = cache.getOrSet("k", () => gate.promise, { signal: own.signal });
      const other = cache.getOrSet("k", () => gate.promise);
      own.abort(new Error("gone"));
      await expect(call).rejects.toThrow("gone");
      gate.resolve("value");
      expect(await other).toBe("value");
    });

    test("a factory for many keys is called once with those that are missing", async () => {
      const cache = fresh();
      await cache.set("b", "B");
      const calls: string[][] = [];
      const factory = (keys: readonly string[]) => {
        calls.push([...keys]);
        return keys.map((key) => key.toUpperCase());
      };
      expect(await cache.getOrSetMany(["a", "b", "c", "a"], factory)).toEqual(["A", "B", "C", "A"]);
      expect(await cache.getOrSetMany(["c", "a"], factory)).toEqual(["C", "A"]);
      expect(calls).toEqual([["a", "c"]]);
    });

    test("a batch without one value for each key is a factory that has failed", async () => {
      const cache = fresh(long);
      for (const values of [["A"], ["A", "B", "C"], "AB", undefined]) {
        const batch = cache.getOrSetMany(["a", "b"], () => values as string[]);
        expect(await failureOf(batch)).toMatchObject({ code: "FACTORY_FAILED" });
      }
      expect(await cache.getMany(["a", "b"])).toEqual([undefined, undefined]);
    });

    // ---- stale values ---------------------------------------------------------------------------

    test("a stale value is served at once while one process computes a new one", async () => {
      const caches = [fresh(long), open(long)];
      await caches[0]?.set("k", "old", { tags: ["t"] });
      await caches[1]?.invalidateTag("t");
      const gate = Promise.withResolvers<string>();
      let runs = 0;
      const factory = () => {
        runs++;
        return gate.promise;
      };
      for (const cache of [...caches, ...caches]) {
        expect(await cache.getOrSet("k", factory, { tags: ["t"] })).toBe("old");
      }
      await waitFor(() => runs === 1);
      gate.resolve("new");
      await waitFor(
        async () => (await caches[1]?.getOrSet("k", factory, { tags: ["t"] })) === "new",
      );
      expect(runs).toBe(1);
    });

    test("a caller may wait for the new value for some time", async () => {
      const cache = fresh({ ...long, timeout: { soft: caseMsMax } });
      await cache.set("k", "old");
      await cache.invalidatePrefix("");
      expect(await cache.getOrSet("k", () => "new")).toBe("new");
      await cache.invalidatePrefix("");
      const never = Promise.withResolvers<string>();
      expect(await cache.getOrSet("k", () => never.promise, { timeout: { soft: 20 } })).toBe("new");
      never.resolve("newer");
    });

    test("a factory that fails falls back to the stale value, and rests before it runs again", async () => {
      const cache = fresh({ ...long, timeout: { soft: 50 } });
      await cache.set("k", "old");
      await cache.invalidatePrefix("");
      let runs = 0;
      const failing = (): string => {
        runs++;
        throw new Error("origin is down");
      };
      expect(await cache.getOrSet("k", failing)).toBe("old");
      expect(await cache.getOrSet("k", failing)).toBe("old");
      expect(runs).toBe(1);
      expect(cache.stats()).toMatchObject({ stale: 2, factoryErrors: 1 });
    });

    test("an early refresh computes a new value while the old one is fresh", async () => {
      const cache = fresh({ ttl: 10_000 });
      await cache.getOrSet("k", async () => {
        await Bun.sleep(5); // the cost that makes a refresh early
        return "old";
      });
      const early = { early: 1_000 };
      await waitFor(async () => (await cache.getOrSet("k", () => "new", early)) === "new");
      expect(cache.stats().misses).toBe(1);
    });

    // ---- invalidation ---------------------------------------------------------------------------

    test("what is expired by tag or prefix is gone, whatever its grace", async () => {
      const cache = fresh({ ...long, prefixDepth: 2 });
      const users = cache.namespace("users");
      const fill = async () => {
        await cache.set("a:b:c", 1, { tags: ["x", "y"] });
        await users.set("u:1", 2, { tags: ["y"] });
        await cache.set("other", 3);
      };
      const present = async () => [
        await cache.getOrSet("a:b:c", unknown),
        await users.getOrSet("u:1", unknown),
        await cache.getOrSet("other", unknown),
      ];
      await fill();
      expect(await present()).toEqual([1, 2, 3]);
      await cache.expireTag("x");
      expect(await present()).toEqual([undefined, 2, 3]);
      await fill();
      await users.expireTag("y");
      expect(await present()).toEqual([undefined, undefined, 3]);
      await fill();
      await cache.expirePrefix("a:b:");
      expect(await present()).toEqual([undefined, 2, 3]);
      await users.expirePrefix("u:");
      expect(await present()).toEqual([undefined, undefined, 3]);
      await fill();
      await users.clear();
      expect(await present()).toEqual([1, undefined, 3]);
      await cache.clear();
      expect(await present()).toEqual([undefined, undefined, undefined]);
      await expect(cache.expirePrefix("a")).rejects.toThrow("prefixDepth");
    });

    test("an entry whose generation was evicted is gone", async () => {
      const cache = fresh(long);
      await cache.set("k", 1, { tags: ["t"] });
      await client.delete(`c${prefixes}:g:t:t`);
      expect(await cache.get("k")).toBeUndefined();
      await cache.set("k", 2, { tags: ["t"] });
      await client.delete(`c${prefixes}:e`);
      await cache.expireTag("t");
      expect(await cache.get("k")).toBeUndefined();
    });

    test("a value that was computed before an invalidation serves nobody who called after it", async () => {
      const caches = [fresh(long), open(long)];
      const [own, other] = caches as [Cache, Cache];
      const verbs = [
        () => other.expireTag("t"),
        () => other.expirePrefix("k:"),
        () => other.delete("k:1"),
        () => own.delete("k:1"),
        () => other.invalidateTag("late"),
      ];
      for (const [i, invalidate] of verbs.entries()) {
        const gate = Promise.withResolvers<void>();
        const origin = { value: `old ${i}`, reads: 0 };
        const factory = async ({ set }: { set: (options: { tags: string[] }) => void }) => {
          const { value } = origin;
          origin.reads++;
          await gate.promise;
          set({ tags: ["late"] });
          return value;
        };
        const before = own.getOrSet("k:1", factory, { tags: ["t"], grace: 0 });
        await waitFor(() => origin.reads === 1);
        origin.value = `new ${i}`;
        await invalidate();
        const after = caches.map((c) => c.getOrSet("k:1", factory, { tags: ["t"], grace: 0 }));
        gate.resolve();
        expect([`old ${i}`, `new ${i}`]).toContain(await before);
        expect(await Promise.all(after)).toEqual([`new ${i}`, `new ${i}`]);
        await own.delete("k:1");
      }
    });

    test("a set while a factory runs is not replaced by its result", async () => {
      const cache = fresh();
      const gate = Promise.withResolvers<string>();
      let isRunning = false;
      const call = cache.getOrSet("k", () => {
        isRunning = true;
        return gate.promise;
      });
      await waitFor(() => isRunning);
      await cache.set("k", "set");
      gate.resolve("computed");
      expect(await call).toBe("computed");
      expect(await cache.get("k")).toBe("set");
    });

    test("an invalidation is one command, however many entries and tags there are", async () => {
      const cache = fresh();
      const tags = (i: number) => ["all", `t${i % 50}`];
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => cache.set(`k${i}`, i, { tags: tags(i) })),
      );
      const before = await commandsOf(client);
      await cache.expireTag("all");
      const after = await commandsOf(client);
      expect(after - before).toBeLessThan(10); // the script, what it calls, and INFO
      expect(
        (await cache.getMany(Array.from({ length: 500 }, (_, i) => `k${i}`))).some(
          (v) => v !== undefined,
        ),
      ).toBe(false);
    });
  });
}

describe("a cache without its server", () => {
  /** What a client does whose server never replies. */
  const timesOut = async (_: unknown, timeoutMs: number) => {
    await Bun.sleep(timeoutMs);
    throw new TimeoutError(timeoutMs, true);
  };
  const silent: Client = Object.create(null, { atLeader: { value: timesOut } });

  test("runs the factory once for all callers of this process, and does not wait again", async () => {
    const cache = createCache({ client: silent, serverTimeout: 20, retryDelay: caseMsMax });
    let runs = 0;
    const gate = Promise.withResolvers<string>();
    const factory = () => {
      runs++;
      return gate.promise;
    };
    const calls = Array.from({ length: 50 }, () => cache.getOrSet("k", factory));
    await waitFor(() => runs === 1);
    gate.resolve("value");
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["value"]));
    expect(runs).toBe(1);
    const { serverErrors } = cache.stats();
    expect(await cache.get("k")).toBeUndefined();
    expect(await cache.getOrSetMany(["a", "b"], (keys) => keys)).toEqual(["a", "b"]);
    expect(cache.stats().serverErrors).toBe(serverErrors);
  });

  test("rejects if it is told to, and rejects what it cannot promise in any case", async () => {
    const closed = createCache({ client: silent, serverTimeout: 20, failOpen: false });
    const expected = { code: "TIMEOUT" };
    const ends = await Promise.allSettled([
      closed.get("k"),
      closed.getOrSet("k", () => 1),
      createCache({ client: silent, serverTimeout: 20 }).set("k", 1),
      createCache({ client: silent, serverTimeout: 20 }).delete("k"),
      createCache({ client: silent, serverTimeout: 20 }).expireTag("t"),
    ]);
    for (const end of ends) {
      expect((end as PromiseRejectedResult).reason).toMatchObject(expected);
    }
  });

  test("refuses options and arguments that mean nothing", async () => {
    const bad = [
      { ttl: 0 },
      { grace: -1 },
      { codec: "xml" },
      { prefixDepth: 9 },
      { timeout: "1" },
      { name: 1 },
    ];
    for (const options of bad) {
      expect(() => createCache({ client: silent, ...(options as object) })).toThrow();
    }
    const cache = createCache({ client: silent });
    await expect(cache.get(1 as never)).rejects.toThrow("key must be a string");
    await expect(cache.getOrSet("k", "f" as never)).rejects.toThrow("factory must be a function");
    await expect(cache.set("k", 1, { tags: "t" as never })).rejects.toThrow(
      "tags must be an array",
    );
  });
});

test("a cache counts and tells what happens, by a hook, channels and Prometheus text", async () => {
  await using node = await startNode();
  await using client = await connect(node.address);
  const told: string[] = [];
  const heard: unknown[] = [];
  const listen = (event: unknown) => void heard.push(event);
  subscribe("mscache.cache.factory", listen);
  const cache = createCache({
    client,
    name: 'a "name"',
    serverTimeout: 60_000,
    onEvent: ({ type, key }) => void told.push(`${type} ${key}`),
  });
  await cache.getOrSet("k", () => 1);
  await cache.getOrSet("k", () => 2);
  await cache.expireTag("t");
  unsubscribe("mscache.cache.factory", listen);
  expect(told).toEqual(["miss k", "factory k", "hit k", "invalidate t"]);
  expect(heard).toMatchObject([{ type: "factory", cache: 'a "name"', key: "k" }]);
  expect(cache.stats()).toMatchObject({ hits: 1, misses: 1, factories: 1, invalidations: 1 });
  expect(cache.metrics()).toContain('mscache_cache_hits_total{cache="a \\"name\\""} 1\n');
});

/** A factory that finds nothing, and does not say so for long. */
function unknown({ skip }: FactoryContext): unknown {
  skip();
  return undefined;
}

async function commandsOf(client: Client): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await client.info("stats"))?.[1]);
}
