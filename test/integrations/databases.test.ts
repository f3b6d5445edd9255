/**
 * Software that is told a database of its own: it finds its data there, database 0 stays empty, and
 * a new connection in the place of a lost one selects it again.
 */
import { expect, setDefaultTimeout } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Bench, integration, stock, type Untyped } from "./stock.ts";

setDefaultTimeout(caseMsMax);

/** Keys of each database that has any. */
async function keysByDatabase(bench: Bench): Promise<Record<string, number>> {
  const text = `${await bench.ask("INFO", "keyspace")}`;
  const rows = [...text.matchAll(/^(db\d+):keys=(\d+)/gm)];
  return Object.fromEntries(rows.map(([, name, keys]) => [name, Number(keys)]));
}

/** The same steps for any client, whose connection is closed by the node in between. */
async function survivesReconnect(
  bench: Bench,
  set: (key: string, value: string) => Promise<unknown>,
  get: (key: string) => Promise<unknown>,
): Promise<void> {
  await set("before", "1");
  await bench.ask("CLIENT", "KILL", "TYPE", "normal");
  await waitFor(async () => (await get("before")) === "1", { message: "a new connection" });
  await set("after", "2");
  expect(await get("after")).toBe("2");
  expect(await keysByDatabase(bench)).toEqual({ db1: 2 });
}

integration("ioredis with db: 1", { sends: "SELECT SET GET" }, async (bench) => {
  const { Redis } = await stock("ioredis");
  const client = new Redis({ port: bench.port, db: 1 });
  bench.after(() => client.quit());
  await survivesReconnect(
    bench,
    (key, value) => client.set(key, value),
    (key) => client.get(key),
  );
});

integration(
  "node-redis 6 with a URL of database 1",
  { sends: "SELECT SET GET", unknown: 2 },
  async (bench) => {
    const { createClient } = await stock("redis");
    const client = createClient({ url: `${bench.url}/1` });
    // The connection is killed on purpose.
    client.on("error", () => undefined);
    await client.connect();
    bench.after(() => client.close());
    await survivesReconnect(
      bench,
      (key, value) => client.set(key, value),
      (key) => client.get(key),
    );
  },
);

integration(
  "@keyv/redis with databases for two caches",
  { sends: "SELECT SET GET UNLINK SCAN" },
  async (bench) => {
    const { createKeyv } = await stock("@keyv/redis");
    const caches: Untyped[] = [1, 2].map((number) => createKeyv(`${bench.url}/${number}`));
    for (const [i, cache] of caches.entries()) {
      bench.after(() => cache.disconnect());
      await cache.set("key", `value ${i}`, 60_000);
    }
    expect(await Promise.all(caches.map((cache) => cache.get("key")))).toEqual([
      "value 0",
      "value 1",
    ]);
    expect(await keysByDatabase(bench)).toEqual({ db1: 1, db2: 1 });
    await caches[0].clear();
    expect(await keysByDatabase(bench)).toEqual({ db2: 1 });
  },
);

integration(
  "connect-redis in database 1, emptied without the others",
  { sends: "SELECT SET GET SCAN DEL FLUSHDB", unknown: 1 },
  async (bench) => {
    const { RedisStore } = await stock("connect-redis");
    const { createClient } = await stock("redis");
    const client = createClient({ url: bench.url, database: 1 });
    await client.connect();
    bench.after(() => client.close());
    const store = new RedisStore({ client });
    await bench.ask("SET", "kept", "in database 0");
    await store.set("id", { cookie: {}, user: 5 });
    expect((await store.get("id")).user).toBe(5);
    expect(await store.length()).toBe(1);
    await store.clear();
    await client.flushDb();
    expect(await keysByDatabase(bench)).toEqual({ db0: 1 });
  },
);
