// The store of mscache/keyv under Keyv 5 itself, by the contract that @keyv/test-suite checks, and
// under cache-manager 7 and cacheable 2, which stand on Keyv; under Keyv 6, what differs there.

import { expect, test } from "bun:test";
import { KeyvStore, type KeyvStoreOptions } from "../../../src/client/adapters/keyv-store.ts";
import type { Client } from "../../../src/client/client.ts";
import { stock, type Untyped } from "../../integrations/stock.ts";
import { eachServer } from "../../support/client-servers.ts";
import { connectPatiently } from "../../support/patient-client.ts";

const { Keyv } = await stock("keyv");
const { createCache } = await stock("cache-manager");
const { Cacheable } = await stock("cacheable");

/** A Keyv on a store of its own, and the errors that it has told of. */
function keyvOn(client: Client, options: Untyped = {}, storeOptions: object = {}) {
  const store = new KeyvStore({ client, ...storeOptions } as KeyvStoreOptions);
  const keyv = new Keyv({ store, ...options });
  const errors: Untyped[] = [];
  keyv.on("error", (error: unknown) => errors.push(error));
  return { keyv, store, errors };
}

const entriesOf = async (keyv: Untyped): Promise<[string, unknown][]> =>
  (await Array.fromAsync(keyv.iterator() as AsyncIterable<[string, unknown]>)).sort();

eachServer("a Keyv over a client", (node) => {
  test("gives values back as they were", async () => {
    await using client = await connectPatiently(node().address);
    const { keyv, errors } = keyvOn(client, { namespace: "values" });
    const object = { fizz: "buzz", list: [1, null], bytes: Buffer.from([0, 255, 10]) };
    const values = [
      false,
      null,
      undefined,
      0,
      "",
      'it\'s "so"',
      "\ud83d\ude00",
      object,
      object.bytes,
    ];
    for (const value of values) {
      expect(await keyv.set("foo", value)).toBe(true);
      expect(await keyv.get("foo")).toEqual(value);
    }
    expect(await keyv.get("none")).toBeUndefined();
    const gotten = await keyv.get(["foo", "none"]);
    expect(gotten).toEqual([object.bytes, undefined]);
    expect(errors).toEqual([]);
  });

  test("deletes, and says what was there", async () => {
    await using client = await connectPatiently(node().address);
    const { keyv } = keyvOn(client, { namespace: "gone" });
    expect(await keyv.delete("foo")).toBe(false);
    await keyv.set("foo", "bar");
    expect([await keyv.has("foo"), await keyv.delete("foo")]).toEqual([true, true]);
    expect([await keyv.has("foo"), await keyv.get("foo")]).toEqual([false, undefined]);
    await keyv.setMany([
      { key: "a", value: 1 },
      { key: "b", value: 2 },
    ]);
    expect(await keyv.has(["a", "none", "b"])).toEqual([true, false, true]);
    expect(await keyv.delete(["a", "none"])).toBe(true);
    expect(await keyv.delete(["a", "none"])).toBe(false);
    expect(await keyv.get(["a", "b"])).toEqual([undefined, 2]);
  });

  test("lets lifetimes of milliseconds end in the server, and 0 never", async () => {
    await using client = await connectPatiently(node().address);
    const { keyv } = keyvOn(client, { namespace: "ttl", useKeyPrefix: false, ttl: 40_000 });
    await keyv.set("usual", 1);
    await keyv.set("own", 1, 5_500);
    await keyv.set("never", 1, 0);
    const results = await keyv.setMany([
      { key: "many", value: 1, ttl: 5_500 },
      { key: "many:never", value: 1, ttl: 0 },
    ]);
    expect(results).toEqual([true, true]);
    const left = async (key: string) => (await client.ttl(`ttl::${key}`)) ?? 0;
    expect(await left("usual")).toBeWithin(30_000, 40_001);
    for (const key of ["own", "many"]) expect(await left(key)).toBeWithin(1, 5_501);
    for (const key of ["never", "many:never"]) expect(await left(key)).toBe(Infinity);
  });

  test("keeps namespaces apart, with Keyv's own prefix and without", async () => {
    await using client = await connectPatiently(node().address);
    await client.set("near", "of somebody else");
    for (const useKeyPrefix of [true, false]) {
      const { keyv: first } = keyvOn(client, { namespace: "near", useKeyPrefix });
      const { keyv: second } = keyvOn(client, { namespace: "n*ar", useKeyPrefix });
      await first.set("a:b", 1);
      await first.set("c", 2);
      await second.set("c", 3);
      const entries = [
        ["a:b", 1],
        ["c", 2],
      ];
      expect(await entriesOf(first)).toEqual(entries as [string, unknown][]);
      expect(await entriesOf(second)).toEqual([["c", 3]]);
      await second.clear();
      expect(await entriesOf(second)).toEqual([]);
      expect(await entriesOf(first)).toEqual(entries as [string, unknown][]);
      await first.clear();
      expect(await first.get(["a:b", "c"])).toEqual([undefined, undefined]);
    }
    expect(await client.get("near")).toBe("of somebody else");
  });

  test("shares its keys with @keyv/redis, and finds what that has stored", async () => {
    await using client = await connectPatiently(node().address);
    const { createKeyv } = await stock("@keyv/redis");
    const other = createKeyv(`redis://${node().address}`, { namespace: "moved" });
    const { keyv } = keyvOn(client, { namespace: "moved", useKeyPrefix: false });
    await other.set("old", { by: "another" }, 60_000);
    expect(await keyv.get("old")).toEqual({ by: "another" });
    await keyv.set("new", [1]);
    expect(await other.get("new")).toEqual([1]);
    await other.disconnect();
  });

  test("refuses to list or clear the keys of everybody", async () => {
    await using client = await connectPatiently(node().address);
    const { keyv, errors } = keyvOn(client, { namespace: undefined });
    await keyv.set("own", "key");
    expect(await client.has("own")).toBe(true);
    await keyv.clear();
    expect(await entriesOf(keyv)).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["INVALID_ARGUMENT", "INVALID_ARGUMENT"]);
    expect(await keyv.get("own")).toBe("key");
  });

  test("tells of a client that fails, and answers as if nothing were there", async () => {
    const client = await connectPatiently(node().address);
    const { keyv, errors } = keyvOn(client, {}, { closeClient: true });
    await keyv.disconnect();
    expect(await keyv.get("foo")).toBeUndefined();
    expect(await keyv.get(["foo"])).toEqual([undefined]);
    expect([await keyv.set("foo", 1), await keyv.delete("foo")]).toEqual([false, false]);
    expect(await keyv.setMany([{ key: "foo", value: 1 }])).toEqual([false]);
    expect([await keyv.has("foo"), await keyv.has(["foo"])]).toEqual([false, [false]]);
    await keyv.clear();
    expect(errors.map(({ code }) => code)).toEqual(Array(8).fill("CLOSED"));
  });

  test("rejects instead if it is told to", async () => {
    const client = await connectPatiently(node().address);
    const { keyv } = keyvOn(client, { throwOnErrors: true }, { throwOnErrors: true });
    await keyv.disconnect();
    await keyv.set("foo", "the client is still open");
    await client.close();
    const calls = [keyv.get("foo"), keyv.set("foo", 1), keyv.delete("foo"), keyv.clear()];
    const results = await Promise.allSettled(calls);
    const codes = results.map((result) => result.status === "rejected" && result.reason.code);
    expect(codes).toEqual(Array(4).fill("CLOSED"));
  });

  test("has one namespace before its keys under Keyv 6, and lifetimes in the server", async () => {
    await using client = await connectPatiently(node().address);
    const { Keyv: Keyv6 } = await stock("keyv-6");
    const keyv = new Keyv6({ store: new KeyvStore({ client }), namespace: "six" });
    expect(await keyv.set("a", { n: 1 }, 60_000)).toBe(true);
    expect((await client.ttl("six::a")) ?? 0).toBeWithin(30_000, 60_001);
    expect(await keyv.setMany([{ key: "b", value: 2, ttl: 60_000 }])).toEqual([true]);
    expect((await client.ttl("six::b")) ?? 0).toBeWithin(30_000, 60_001);
    expect(await keyv.get(["a", "none", "b"])).toEqual([{ n: 1 }, undefined, 2]);
    expect([await keyv.has("a"), await keyv.delete("a"), await keyv.has("a")]).toEqual([
      ...[true, true, false],
    ]);
    await keyv.set("c", 3);
    expect(await keyv.delete(["a", "c", "none"])).toEqual([false, true, false]);
    expect(await entriesOf(keyv)).toEqual([["b", 2]]);
    await keyv.clear();
    expect(await client.has("six::b")).toBe(false);
  });

  test("rejects under Keyv 6 if nobody listens, or a listener throws, whatever it is told", async () => {
    const { Keyv: Keyv6 } = await stock("keyv-6");
    const rethrow = (error: unknown) => {
      throw error;
    };
    for (const throwOnErrors of [true, false]) {
      for (const listener of [undefined, rethrow, () => undefined]) {
        const client = await connectPatiently(node().address);
        const store = new KeyvStore({ client, throwOnErrors });
        const keyv = new Keyv6({ store, namespace: "failing", throwOnErrors });
        if (listener !== undefined) keyv.on("error", listener);
        await client.close();
        const calls = [keyv.get("foo"), keyv.set("foo", 1), keyv.delete("foo"), keyv.clear()];
        const results = (await Promise.allSettled(calls)) as Untyped[];
        const seen = results.map(({ reason, value }) => reason?.code ?? value);
        const isHeard = listener !== undefined && listener !== rethrow;
        const answers = [undefined, false, false, undefined];
        expect(seen).toEqual(isHeard ? answers : Array(4).fill("CLOSED"));
      }
    }
  });

  test("is a store of cache-manager 7", async () => {
    await using client = await connectPatiently(node().address);
    const cache = createCache({
      stores: [keyvOn(client, { namespace: "manager" }).keyv],
      ttl: 60_000,
      refreshThreshold: 59_000,
    });
    await cache.set("foo", "bar", 50_000);
    expect([await cache.get("foo"), await cache.get("none")]).toEqual(["bar", undefined]);
    expect((await cache.ttl("foo")) - Date.now()).toBeWithin(30_000, 50_001);
    let computed = 0;
    const wrapped = () => cache.wrap("sum", () => ++computed, { ttl: 60_000, refreshThreshold: 0 });
    expect([await wrapped(), await wrapped()]).toEqual([1, 1]);
    const refreshed = new Promise((resolve) => cache.on("refresh", resolve));
    expect(await cache.wrap("foo", () => "new", 50_000)).toBe("bar");
    await refreshed;
    expect(await cache.get("foo")).toBe("new");
    await cache.mset([
      { key: "a", value: 1 },
      { key: "b", value: 2, ttl: 30_000 },
    ]);
    expect(await cache.mget(["a", "none", "b"])).toEqual([1, undefined, 2]);
    expect((await cache.ttl("b")) - Date.now()).toBeWithin(1, 30_001);
    await cache.mdel(["a", "b"]);
    expect(await cache.mget(["a", "b"])).toEqual([undefined, undefined]);
    await cache.clear();
    expect(await cache.get("foo")).toBeUndefined();
    await cache.disconnect();
  });

  test("is the second layer of cacheable 2", async () => {
    await using client = await connectPatiently(node().address);
    const layer = () => keyvOn(client, { namespace: "layers" }).keyv;
    const here = new Cacheable({ secondary: layer(), ttl: "1h" });
    const there = new Cacheable({ secondary: layer(), ttl: "1h" });
    await here.set("key", { value: 1 }, 60_000);
    expect(await there.get("key")).toEqual({ value: 1 });
    expect([await there.has("key"), await there.has("none")]).toEqual([true, false]);
    await here.setMany([
      { key: "a", value: 1 },
      { key: "b", value: 2, ttl: 60_000 },
    ]);
    expect(await there.getMany(["a", "b", "none"])).toEqual([1, 2, undefined]);
    const double = here.wrap((n: number) => n * 2, { ttl: "1h", keyPrefix: "double" });
    expect([await double(21), await double(21)]).toEqual([42, 42]);
    await here.deleteMany(["a", "b"]);
    expect(await layer().get(["a", "b"])).toEqual([undefined, undefined]);
    await here.clear();
    expect(await layer().get("key")).toBeUndefined();
  });
});
