/**
 * Snapshot files between MSCache and Redis: redis-check-rdb accepts ours, redis-server loads them,
 * and a node loads what redis-server wrote, skipping what a cache of strings cannot hold. For the
 * format byte by byte, see test/unit/rdb/.
 * Invariant: contents are compared key by key, including expiry times.
 */
import { describe, expect, test } from "bun:test";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { redisInstalled, startRedis, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { Random, seedFor } from "../support/seed.ts";
import { redisNote } from "../support/servers.ts";
import { contentsOf, fill, settledContentsOf, WriteLoad } from "../support/write-load.ts";
import { ask, infoField, start } from "./bed.ts";

describe.skipIf(!redisInstalled())(`files for and from Redis${redisNote}`, () => {
  test("redis-check-rdb accepts our file, and redis-server starts with the same data", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path);
    await fill(node.port, 5_000);
    await using load = await WriteLoad.start(node.port, new Random(seedFor("TO_REDIS_SEED")), true);
    await load.more(3_000);
    await load.stop();
    await settledContentsOf(node.port);
    const ours = await contentsOf(node.port);
    for (const save of ["by command", "at the shutdown"]) {
      if (save === "by command") expect(await ask(node.port, "SAVE")).toBe("+OK");
      else node.process.kill("SIGTERM");
      if (save === "at the shutdown") expect(await node.process.exited).toBe(0);
      const check = Bun.spawnSync(["redis-check-rdb", path]);
      expect(check.stdout.toString()).toContain("RDB looks OK!");
      await copyFile(path, join(directory.path, "copy.rdb"));
      await using redis = await startRedis(["--dir", directory.path, "--dbfilename", "copy.rdb"]);
      await waitFor(async () => (await ask(redis.port, "PING")) === "+PONG");
      expect(await contentsOf(redis.port)).toEqual(ours);
    }
  });

  test("our node starts with the strings of a Redis file, and counts the rest", async () => {
    await using directory = await temporaryDirectory();
    await using redis = await startRedis(["--dir", directory.path]);
    await fill(redis.port, 1_000);
    await using peer = await Peer.connect(redis.port);
    await peer.ask("SET", "later", "x", "PXAT", "4102444800123");
    await peer.ask("SET", "number", "-123456");
    await peer.ask("SET", "compressed", "abc".repeat(10_000));
    const strings = await contentsOf(redis.port);
    await peer.ask("RPUSH", "list", "a", "b");
    await peer.ask("SADD", "set", "1", "2");
    await peer.ask("HSET", "hash", "f", "v");
    await peer.ask("ZADD", "zset", "1.5", "m");
    await peer.ask("XADD", "stream", "*", "f", "v");
    expect(await peer.ask("SAVE")).toBe("+OK");
    await using node = await start(join(directory.path, "dump.rdb"));
    expect(await contentsOf(node.port)).toEqual(strings);
    expect(await infoField(node.port, "mscache_last_load_skipped_values")).toBe("5");
    expect(node.log().match(/the snapshot has data that this cache cannot hold/g)).toHaveLength(1);
  });
});
