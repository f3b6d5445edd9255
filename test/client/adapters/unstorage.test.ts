// The driver of mscache/unstorage under unstorage itself, with mounts and prefixes, and under
// ocache, whose cached functions are those of Nitro.

import { expect, test } from "bun:test";
import { mscacheDriver } from "../../../src/client/adapters/unstorage-driver.ts";
import type { Client } from "../../../src/client/client.ts";
import { stock, type Untyped } from "../../integrations/stock.ts";
import { eachServer } from "../../support/client-servers.ts";
import { connectPatiently } from "../../support/patient-client.ts";

const { createStorage, prefixStorage, snapshot, restoreSnapshot } = await stock("unstorage");
const { createBlobStorage, defineCachedFunction } = await stock("ocache");

eachServer("a storage over a client", (node) => {
  test("gives items back as they were, one by one and many at once", async () => {
    await using client = await connectPatiently(node().address);
    const storage = createStorage({ driver: mscacheDriver({ client, base: "items:" }) });
    const values = [{ a: [1, null] }, "text", "", 7, true, null, "\ud83d\ude00"];
    for (const value of values) {
      await storage.setItem("some:key", value);
      expect(await storage.getItem("some/key")).toEqual(value);
    }
    expect(await client.has("items:some:key")).toBe(true);
    expect([await storage.has("some:key"), await storage.has("none")]).toEqual([true, false]);
    await storage.setItems([
      { key: "a", value: 1 },
      { key: "b", value: { c: 2 }, options: { ttl: 30 } },
    ]);
    expect(await storage.getItems(["a", "none", { key: "b" }])).toEqual([
      { key: "a", value: 1 },
      { key: "none", value: null },
      { key: "b", value: { c: 2 } },
    ]);
    await storage.removeItem("a");
    expect(await storage.getItem("a")).toBeNull();
    await storage.setMeta("b", { owner: "ann" });
    expect(await storage.getMeta("b")).toEqual({ ttl: 30, owner: "ann" });
    await storage.remove("b", { removeMeta: true });
    expect(await storage.getMeta("b")).toEqual({});
  });

  test("stores raw items as their bytes", async () => {
    await using client = await connectPatiently(node().address);
    const storage = createStorage({ driver: mscacheDriver({ client, base: "raw" }) });
    const bytes = new Uint8Array([0, 255, 10, 13]);
    const forms = [bytes, Buffer.from(bytes), bytes.buffer, new DataView(bytes.buffer)];
    for (const form of forms) {
      await storage.setItemRaw("bytes", form);
      expect(new Uint8Array(await storage.getItemRaw("bytes"))).toEqual(bytes);
    }
    expect(await client.getBytes("raw:bytes")).toEqual(bytes);
    await storage.setItemRaw("text", "text");
    expect(await storage.getItem("text")).toBe("text");
    expect(await storage.getItemRaw("none")).toBeNull();
    const refusal = storage.setItemRaw("list", [1]).catch(({ code }: Untyped) => code);
    expect(await refusal).toBe("INVALID_ARGUMENT");
  });

  test("counts its own lifetime in milliseconds and those of callers in seconds", async () => {
    await using client = await connectPatiently(node().address);
    const driver = mscacheDriver({ client, base: "ttl", ttl: 5_500 });
    const storage = createStorage({ driver });
    await storage.setItem("usual", 1);
    await storage.setItem("longer", 1, { ttl: 60 });
    await storage.setItemRaw("raw", "1", { ttl: 60 });
    const left = async (key: string) => (await client.ttl(`ttl:${key}`)) ?? 0;
    expect(await left("usual")).toBeWithin(1, 5_501);
    for (const key of ["longer", "raw"]) expect(await left(key)).toBeWithin(50_000, 60_001);
    expect((await storage.getMeta("longer")).ttl).toBeWithin(50, 61);
    await client.set("ttl:ever", "1");
    expect([await driver.getMeta("ever"), await driver.getMeta("none")]).toEqual([{}, null]);
  });

  test("lists and clears what is under a base, and nothing else", async () => {
    await using client = await connectPatiently(node().address);
    const driver = mscacheDriver({ client, base: "li*t" });
    const storage = createStorage({ driver });
    await client.set("list:a", "of somebody else");
    for (const key of ["a", "b:c", "b:d:e", "bc", "[x]:y"]) await storage.setItem(key, 1);
    const keys = async (...args: unknown[]) => (await storage.getKeys(...args)).sort();
    expect(await keys()).toEqual(["[x]:y", "a", "b:c", "b:d:e", "bc"]);
    expect(await keys("b")).toEqual(["b:c", "b:d:e"]);
    expect(await keys("[x]")).toEqual(["[x]:y"]);
    expect(await keys("", { maxDepth: 0 })).toEqual(["a", "bc"]);
    expect(await keys("b", { maxDepth: 1 })).toEqual(["b:c"]);
    // unstorage asks a driver for less than all only if it is mounted under the base.
    await driver.clear("b:");
    expect(await keys()).toEqual(["[x]:y", "a", "bc"]);
    await storage.clear();
    expect([await keys(), await client.has("list:a")]).toEqual([[], true]);
  });

  test("works where it is mounted, under prefixes, and for snapshots", async () => {
    await using client = await connectPatiently(node().address);
    const storage = createStorage();
    storage.mount("cache", mscacheDriver({ client, base: "one" }));
    storage.mount("cache:deep", mscacheDriver({ client, base: "two" }));
    await storage.setItem("local", 0);
    await storage.setItem("cache:a", 1);
    await storage.setItem("cache:deep:b", 2);
    expect([await client.get("one:a"), await client.get("two:b")]).toEqual(["1", "2"]);
    expect((await storage.getKeys()).sort()).toEqual(["cache:a", "cache:deep:b", "local"]);
    expect(await storage.getKeys("cache:deep")).toEqual(["cache:deep:b"]);
    expect(await storage.getKeys("", { maxDepth: 1 })).toEqual(["cache:a", "local"]);
    expect(await storage.getItems(["cache:a", "local"])).toContainEqual({
      key: "cache:a",
      value: 1,
    });
    const users = prefixStorage(storage, "cache:users");
    await users.setItem("1", { name: "Ada" });
    expect(await client.has("one:users:1")).toBe(true);
    expect([await users.getKeys(), await users.getItem("1")]).toEqual([["1"], { name: "Ada" }]);
    const copy = await snapshot(storage, "cache");
    await storage.clear("cache");
    expect(await storage.getKeys()).toEqual(["local"]);
    await restoreSnapshot(storage, copy, "cache");
    expect(await storage.getItem("cache:users:1")).toEqual({ name: "Ada" });
    const changes: unknown[] = [];
    await storage.watch((event: string, key: string) => changes.push([event, key]));
    await storage.setItem("cache:a", 2);
    expect(changes).toEqual([["update", "cache:a"]]);
    await storage.clear("cache");
    await storage.unmount("cache:deep");
    expect(await client.ping()).toBe("PONG");
  });

  test("keeps the cached functions of Nitro, for all processes", async () => {
    await using client = await connectPatiently(node().address);
    let computed = 0;
    /** A process of its own: what it knows of others comes from the storage. */
    const start = () => {
      const storage = createStorage({ driver: mscacheDriver({ client, base: "nitro" }) });
      const blobs = createBlobStorage({
        get: (key: string) => storage.getItemRaw(key),
        set: (key: string, value: unknown, options: object) =>
          value === null ? storage.removeItem(key) : storage.setItemRaw(key, value, options),
      });
      const options = { maxAge: 60, swr: false, name: "double", getKey: (n: number) => `${n}` };
      const compute = (n: number) => ({ twice: n * 2, run: ++computed });
      return defineCachedFunction(compute, { ...options, storage: blobs });
    };
    expect(await start()(21)).toEqual({ twice: 42, run: 1 });
    expect(await start()(21)).toEqual({ twice: 42, run: 1 });
    expect(await start()(4)).toEqual({ twice: 8, run: 2 });
    const [key = ""] = await Array.fromAsync(client.scan({ match: "nitro:*21*" }));
    expect(await client.ttl(key)).toBeWithin(50_000, 60_001);
  });

  test("leaves the client open, or closes it if it is told to", async () => {
    const client = await connectPatiently(node().address);
    await createStorage({ driver: mscacheDriver({ client }) }).dispose();
    expect(await client.ping()).toBe("PONG");
    await createStorage({ driver: mscacheDriver({ client, closeClient: true }) }).dispose();
    expect(await client.ping().catch(({ code }) => code)).toBe("CLOSED");
  });
});

test("a driver refuses an empty base and a lifetime that cannot be", () => {
  const client = { atLeader: () => undefined } as unknown as Client;
  expect(() => mscacheDriver({ client, base: ":" })).toThrow("base must not be empty");
  for (const ttl of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => mscacheDriver({ client, ttl })).toThrow("ttl must be from 1 to");
  }
  expect(() => mscacheDriver({ client, ttl: "60000" as never })).toThrow("ttl must be a number");
});
