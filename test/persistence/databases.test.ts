/**
 * Snapshot files of several databases: what is saved comes back in the database where it was, also
 * by and for a real Redis; a save during which databases are swapped begins again.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, redisInstalled, temporaryDirectory } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, redisNote } from "../support/servers.ts";
import { contentsOf } from "../support/write-load.ts";
import { Bed, start } from "./bed.ts";

setDefaultTimeout(caseMsMax);

const sizes = (bed: Bed) =>
  bed.store.databases.reports().map(({ number, items }) => [number, items]);

function fill(bed: Bed, database: number, count: number): void {
  bed.store.databases.select(database);
  for (let i = 0; i < count; i++) bed.set(`key:${i}`, `value ${i} of ${database}`);
  bed.store.databases.select(0);
}

async function reloaded(path: string): Promise<Bed> {
  const bed = new Bed({ path, memoryBytes: 32 * 1024 * 1024 });
  await bed.persistence.load(false);
  return bed;
}

test("a save during which databases are swapped begins again", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "dump.rdb");
  using bed = await reloaded(path);
  fill(bed, 0, 20_000);
  fill(bed, 1, 10_000);
  const saving = bed.persistence.save();
  bed.store.databases.swap(0, 1);
  expect(await saving).toBeNull();
  using again = await reloaded(path);
  expect(sizes(again)).toEqual(sizes(bed));
  expect(again.get("key:1")).toBe("value 1 of 1");
  expect(again.get("key:19999")).toBeNull();
});

test("a save fails if databases are swapped again and again, and leaves the last file", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "dump.rdb");
  using bed = await reloaded(path);
  fill(bed, 0, 10_000);
  expect(await bed.persistence.save()).toBeNull();
  fill(bed, 1, 10_000);
  let isSaving = true;
  const swaps = (async () => {
    while (isSaving) {
      bed.store.databases.swap(0, 1);
      await Bun.sleep(0); // lets the save take its turns
    }
  })();
  const error = await bed.persistence.save();
  isSaving = false;
  await swaps;
  expect(error?.text).toContain("databases were swapped again and again");
  using again = await reloaded(path);
  expect(sizes(again)).toEqual([[0, 10_000]]);
});

test("a flush during a save does not begin it again", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "dump.rdb");
  using bed = await reloaded(path);
  fill(bed, 0, 5_000);
  fill(bed, 1, 20_000);
  const saving = bed.persistence.save();
  bed.store.databases.select(1);
  bed.store.databases.clear();
  bed.store.databases.select(0);
  expect(await saving).toBeNull();
  using again = await reloaded(path);
  expect(sizes(again)[0]).toEqual([0, 5_000]);
});

test.skipIf(!redisInstalled())(
  `all databases pass from here to redis-server and back${redisNote}`,
  async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const node = await start(path);
    await using peer = await Peer.connect(node.port);
    for (const database of ["0", "3", "15"]) {
      await peer.ask("SELECT", database);
      for (let i = 0; i < 50; i++) await peer.ask("SET", `key:${i}`, `${i} of ${database}`);
      await peer.ask("PEXPIREAT", "key:7", "4102444800123");
    }
    await peer.ask("SWAPDB", "0", "3");
    const written = await contentsOf(node.port);
    node.process.kill("SIGTERM");
    expect(await node.process.exited).toBe(0);
    const check = Bun.spawnSync(["redis-check-rdb", path]);
    expect(check.stdout.toString()).toContain("RDB looks OK");
    await using redis = await oracle.start(["--dir", directory.path]);
    expect(await contentsOf(redis.port)).toEqual(written);
    await using other = await Peer.connect(redis.port);
    await other.ask("SELECT", "1");
    await other.ask("SET", "by", "redis");
    await other.ask("SAVE");
    const saved = await contentsOf(redis.port);
    await using again = await start(path);
    expect(await contentsOf(again.port)).toEqual(saved);
    await using few = await start(path, "--databases", "2");
    await using last = await Peer.connect(few.port);
    expect(await last.ask("INFO", "keyspace")).toMatch(/db0:keys=50.*\n?.*db1:keys=1,/s);
    expect(few.log()).toContain("100 other database");
  },
);
