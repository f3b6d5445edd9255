/**
 * Libraries of functions in snapshots: in our file, in that of redis-server, and in what redis-cli
 * asks for with --functions-rdb.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { caseMsMax, redisInstalled, startRedis, temporaryDirectory, waitFor } from "../harness.ts";
import { redisNote } from "../support/servers.ts";
import { ask, start } from "./bed.ts";

setDefaultTimeout(caseMsMax);

const small = "#!lua name=small\nredis.register_function('small', function() return 'small' end)";
/** Redis compresses it. */
const large =
  `#!lua name=large\n-- ${"long ".repeat(5_000)}\n` +
  "redis.register_function('large', function(keys) return #keys end)";

async function load(port: number): Promise<void> {
  expect(await ask(port, "FUNCTION", "LOAD", small)).toBe("$small");
  expect(await ask(port, "FUNCTION", "LOAD", large)).toBe("$large");
}

async function expectLibraries(port: number): Promise<void> {
  await waitFor(async () => (await ask(port, "FCALL", "small", "0")) === "$small");
  expect(await ask(port, "FCALL", "large", "1", "a")).toBe(":1");
  expect(await ask(port, "FUNCTION", "LIST", "LIBRARYNAME", "large", "WITHCODE")).toContain(
    "long long",
  );
}

describe.skipIf(!redisInstalled())(`libraries in files${redisNote}`, () => {
  test("of ours are read by redis-server and by us, and redis-check-rdb accepts them", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    {
      await using node = await start(path);
      await load(node.port);
      await ask(node.port, "SET", "a", "1");
      node.process.kill("SIGTERM");
      expect(await node.process.exited).toBe(0);
    }
    const check = Bun.spawnSync(["redis-check-rdb", path]);
    expect(check.stdout.toString()).toContain("RDB looks OK!");
    await copyFile(path, join(directory.path, "copy.rdb"));
    await using redis = await startRedis(["--dir", directory.path, "--dbfilename", "copy.rdb"]);
    await using node = await start(path);
    for (const { port } of [redis, node]) {
      await expectLibraries(port);
      expect(await ask(port, "GET", "a")).toBe("$1");
    }
  });

  test("of redis-server are read by us", async () => {
    await using directory = await temporaryDirectory();
    await using redis = await startRedis(["--dir", directory.path]);
    await load(redis.port);
    expect(await ask(redis.port, "SAVE")).toBe("+OK");
    await using node = await start(join(directory.path, "dump.rdb"));
    await expectLibraries(node.port);
  });

  test("that cannot be loaded are left out, with a line in the log", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using redis = await startRedis(["--dir", directory.path, "--rdbchecksum", "no"]);
    await load(redis.port);
    expect(await ask(redis.port, "SAVE")).toBe("+OK");
    const bytes = await readFile(path, "latin1");
    expect(bytes).toContain("name=small");
    await writeFile(path, bytes.replace("name=small", "nome=small"), "latin1");
    await using node = await start(path);
    expect(await ask(node.port, "FCALL", "large", "0")).toBe(":0");
    expect(await ask(node.port, "FCALL", "small", "0")).toBe("-ERR Function not found");
    expect(node.log()).toContain("a library of the snapshot cannot be loaded: Invalid metadata");
  });

  test("alone are what redis-cli --functions-rdb gets", async () => {
    await using directory = await temporaryDirectory();
    await using node = await start(join(directory.path, "dump.rdb"));
    await load(node.port);
    await ask(node.port, "SET", "a", "1");
    const path = join(directory.path, "functions.rdb");
    const got = Bun.spawnSync(["redis-cli", "-p", `${node.port}`, "--functions-rdb", path]);
    expect(got.exitCode).toBe(0);
    await using redis = await startRedis([
      "--dir",
      directory.path,
      "--dbfilename",
      "functions.rdb",
    ]);
    await expectLibraries(redis.port);
    expect(await ask(redis.port, "DBSIZE")).toBe(":0");
  });
});
