// The harness judged by a real redis-server and by sockets of the test's own: a helper that cannot
// fail would make every test that uses it worthless. Only what other tests rely on is here.

import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  freePort,
  noRedis,
  redisInstalled,
  respClient,
  spawnNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "./harness.ts";
import { rawConnection } from "./support/raw-connection.ts";

describe("waitFor", () => {
  test("resolves to the first value that is true, past failures", async () => {
    let calls = 0;
    const value = await waitFor(() => {
      calls++;
      if (calls < 3) throw new Error("not yet");
      return calls >= 4 && "done";
    });
    expect([value, calls]).toEqual(["done", 4]);
  });

  test("fails with what was waited for and the last reason", async () => {
    const never = () => {
      throw new Error("the reason");
    };
    const waiting = waitFor(never, { timeoutMs: 20, message: "something" });
    await expect(waiting).rejects.toThrow("waited 20 ms for something: Error: the reason");
  });
});

describe("a server that ends instead of listening", () => {
  test("fails the test at once, with what it has said", async () => {
    const starting = spawnNode(["--listenaddr", "nowhere"]);
    await expect(starting).rejects.toThrow(/it ended with 2; its log: .*"nowhere" is not an addr/s);
    if (!redisInstalled()) return;
    await expect(startRedis(["--port", "nonsense"])).rejects.toThrow("it ended with 1");
  });
});

describe("a raw connection", () => {
  /** A server that greets with `parts`, one packet each, and closes. */
  async function greeter(parts: readonly string[]) {
    const server = createServer((socket) => {
      for (const part of parts) socket.write(part);
      socket.end();
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return { port, [Symbol.dispose]: () => void server.close() };
  }

  test("hands out bytes in order, whichever way they are read", async () => {
    using server = await greeter(["ab", "cdef", "\r\ng", "hi"]);
    await using connection = await rawConnection(server.port);
    expect((await connection.readExactly(3)).toString()).toBe("abc");
    expect((await connection.readUntil("\r\n")).toString()).toBe("def\r\n");
    expect((await connection.closed()).toString()).toBe("ghi");
    expect(connection.isClosed).toBe(true);
  });

  test("fails when the other side closes before the bytes are there, and when time is up", async () => {
    using server = await greeter(["abc"]);
    await using connection = await rawConnection(server.port);
    await expect(connection.readExactly(4)).rejects.toThrow("closed before 4 bytes");
    using silent = await greeter([]);
    await using second = await rawConnection(silent.port);
    await second.closed();
    await expect(second.readSome(10)).rejects.toThrow("closed before more bytes");
  });

  test("fails at once where nobody listens", async () => {
    await expect(rawConnection(await freePort())).rejects.toThrow("ECONNREFUSED");
  });
});

describe.skipIf(!redisInstalled())(
  `with redis-server${redisInstalled() ? "" : ` (${noRedis})`}`,
  () => {
    test("replies come out as values that keep their kind", async () => {
      await using redis = await startRedis();
      await using client = await respClient(redis.port);
      expect(await client.call("SET", "k", Buffer.from([0, 255, 13, 10]))).toBe("OK");
      expect(await client.call("GET", "k")).toBe("\u0000\u00ff\r\n");
      expect(await client.call("GET", "gone")).toBeNull();
      expect(await client.call("APPEND", "k", "x")).toBe(5);
      expect(await client.call("NOSUCH")).toMatchObject({
        error: expect.stringContaining("ERR unknown"),
      });
      expect(await client.call("MGET", "k", "gone")).toEqual(["\u0000\u00ff\r\nx", null]);
      expect(await client.typed("PING")).toEqual({ type: "+", value: "PONG" });
    });

    test("HELLO 3 is said for those who ask for RESP3", async () => {
      await using redis = await startRedis();
      await using client = await respClient(redis.port, { protocol: 3 });
      expect((await client.typed("GET", "gone")).type).toBe("_");
    });

    test("a password does not keep it from being found", async () => {
      await using redis = await startRedis(["--requirepass", "secret"]);
      await using client = await respClient(redis.port);
      expect(await client.call("AUTH", "secret")).toBe("OK");
    });

    test("it is gone when the test is over", async () => {
      let port = 0;
      {
        await using redis = await startRedis();
        port = redis.port;
      }
      await expect(rawConnection(port)).rejects.toThrow("ECONNREFUSED");
    });
  },
);

describe("the seed of a fuzzer", () => {
  const draw = async (env: Record<string, string>): Promise<string> => {
    const script = `
      import { seedFor } from "${join(import.meta.dir, "support/seed.ts")}";
      for (let turn = 0; turn < 2; turn++) seedFor("A_SEED");
      seedFor("B_SEED");`;
    const { CI, MSCACHE_TEST_SEEDS, ...others } = process.env;
    const child = Bun.spawn([process.execPath, "-e", script], { env: { ...others, ...env } });
    return child.stdout.text();
  };

  test("is a fresh one each time, and in CI the same", async () => {
    expect(await draw({})).not.toBe(await draw({}));
    const steady = await draw({ CI: "true" });
    expect(await draw({ CI: "true" })).toBe(steady);
    expect(await draw({ CI: "true", MSCACHE_TEST_SEEDS: "fresh" })).not.toBe(steady);
    const lines = steady.trim().split("\n");
    expect(lines.map((line) => line.split("=")[0])).toEqual(["A_SEED", "A_SEED", "B_SEED"]);
    expect(new Set(lines.map((line) => line.split("=")[1])).size).toBe(3);
  });

  test("is the one of the environment, wherever it runs", async () => {
    expect(await draw({ CI: "true", A_SEED: "7", B_SEED: "8" })).toBe(
      "A_SEED=7\nA_SEED=7\nB_SEED=8\n",
    );
  });
});

test("a temporary directory is gone with its contents", async () => {
  let path = "";
  {
    await using directory = await temporaryDirectory();
    path = directory.path;
    await Bun.write(`${path}/a/b`, "c");
  }
  expect(await Bun.file(`${path}/a/b`).exists()).toBe(false);
});
