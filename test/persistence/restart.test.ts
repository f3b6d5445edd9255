/**
 * What a restarted node has: all that the file has, with the same expiry times; and how it replies
 * while it loads. For broken files see damage.test.ts, for followers replication.test.ts.
 * Invariant: every wait is for a condition.
 */
import { describe, expect, test } from "bun:test";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { RdbWriter } from "../../src/rdb/writer.ts";
import { type SpawnedNode, spawnNode, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { contentsOf, fill, settledContentsOf, WriteLoad } from "../support/write-load.ts";
import { ask, Bed, infoField, start } from "./bed.ts";

async function shutDown(node: SpawnedNode): Promise<void> {
  node.process.kill("SIGTERM");
  expect(await node.process.exited).toBe(0);
}

describe("a warm restart", () => {
  test("restores every key with its bytes and its expiry time", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path);
    await using peer = await Peer.connect(node.port);
    const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await peer.ask("SET", binary, binary);
    await peer.ask("SET", "", "");
    await peer.ask("SET", "large", Buffer.alloc(3_000_000, "chained "));
    await peer.ask("SET", "long key".repeat(8_000), "x");
    await peer.ask("SET", "later", "x", "PXAT", "4102444800123");
    await using load = await WriteLoad.start(node.port, new Random(seedFor("RESTART_SEED")), true);
    await load.more(repetitions(1_000, 5_000));
    await load.stop();
    const before = await settledContentsOf(node.port);
    await shutDown(node);
    await using again = await start(path);
    expect(await contentsOf(again.port)).toEqual(before);
    expect(await ask(again.port, "PEXPIRETIME", "later")).toBe(":4102444800123");
    expect(await infoField(again.port, "rdb_last_load_keys_loaded")).toBe(`${before.size}`);
    expect(await infoField(again.port, "rdb_changes_since_last_save")).toBe("0");
  });

  test("does not restore what has expired meanwhile, and counts it", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    using before = new Bed({ path });
    await before.persistence.load(false);
    before.set("brief", "x", before.nowMs + 1_000);
    before.set("later", "x", before.nowMs + 1_001);
    await before.shutDown();
    using after = new Bed({ path });
    after.nowMs = before.nowMs + 1_000;
    await after.persistence.load(false);
    expect([after.get("brief"), after.get("later"), after.store.count()]).toEqual([null, "x", 1]);
    expect(after.persistence.info(false)).toContainEqual(["rdb_last_load_keys_expired", 1]);
  });

  test("on a follower keeps what has expired, as only its leader deletes it", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    using before = new Bed({ path });
    await before.persistence.load(false);
    before.set("brief", "x", before.nowMs + 1_000);
    await before.shutDown();
    using after = new Bed({ path });
    after.nowMs += 100_000;
    await after.persistence.load(true);
    expect([after.get("brief"), after.store.count()]).toEqual([null, 1]);
  });

  test("with less memory evicts instead of failing", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    using before = new Bed({ path });
    await before.persistence.load(false);
    for (let i = 0; i < 200; i++) before.set(`key:${i}`, new Uint8Array(16_000));
    await before.shutDown();
    using after = new Bed({ path, memoryBytes: 1024 * 1024 });
    await after.persistence.load(false);
    expect(after.store.memoryUsed()).toBeLessThanOrEqual(1024 * 1024);
    expect(after.store.count()).toBeGreaterThan(0);
    after.store.invariants();
  });

  test("without a file starts empty and says so; a shutdown without an option saves nothing", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path);
    expect(node.log()).toContain(`there is no snapshot ${path} yet`);
    await using plain = await spawnNode([], { directory: directory.path });
    await fill(plain.port, 10);
    await shutDown(plain);
    expect(await Array.fromAsync(new Bun.Glob("*").scan(directory.path))).toEqual([]);
  });
});

describe("while it loads", () => {
  /** A head, and then items of three bytes without an end: it takes minutes and no room. */
  async function endlessFile(path: string): Promise<number> {
    const writer = new RdbWriter();
    writer.header({
      serverVersion: "7.2.4",
      replid: "",
      offset: 0,
      streamDatabase: 0,
      usedMemoryBytes: 0,
      createdAtMs: 0,
    });
    const file = await open(path, "w");
    await file.write(writer.output.view());
    await file.truncate(2 ** 31);
    await file.close();
    return 2 ** 31;
  }

  test("a node replies -LOADING, reports its progress, and ends at once on SIGTERM", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const total = await endlessFile(path);
    await using node = await spawnNode(["--snapshot-file", path, "--max-memory", "256mb"]);
    const refusal = "-LOADING Redis is loading the dataset in memory";
    for (const command of [["PING"], ["GET", "a"], ["SET", "a", "1"], ["SAVE"], ["BGSAVE"]]) {
      expect(await ask(node.port, ...command)).toBe(refusal);
    }
    expect(await ask(node.port, "PSYNC", "?", "-1")).toBe(refusal);
    await waitFor(async () => Number(await infoField(node.port, "loading_loaded_bytes")) > 0);
    expect(await infoField(node.port, "loading")).toBe("1");
    expect(await infoField(node.port, "loading_total_bytes")).toBe(`${total}`);
    expect(Number(await infoField(node.port, "loading_loaded_perc"))).toBeLessThan(100);
    expect(Number(await infoField(node.port, "loading_eta_seconds"))).toBeGreaterThan(0);
    expect(Number(await infoField(node.port, "loading_start_time"))).toBeGreaterThan(1e9);
    await waitFor(() => /loading the snapshot: \d+ %, \d+ items/.test(node.log()), {
      message: "a line of progress",
    });
    await shutDown(node);
    expect(Bun.file(path).size).toBe(total);
  });
});
