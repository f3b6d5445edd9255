// The client against real servers: every method, a leader with followers, and a failover. The same
// suite runs over our node and over Debian's redis-server, which keeps it honest. Events that real
// servers do not show on demand are in test/unit/client.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Client, ConnectOptions } from "../../src/index.ts";
import { respClient, type TestNode, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { connectPatiently } from "../support/patient-client.ts";
import { oracle, ours } from "../support/servers.ts";

interface Kind {
  readonly name: string;
  readonly isMissing: boolean;
  readonly passwordFlag: string;
  start(args?: readonly string[]): Promise<TestNode>;
  /** The arguments of a follower of this port. */
  following(port: number): readonly string[];
}

const kinds: readonly Kind[] = [
  { ...ours, following: (port) => ["--leaderaddr", `127.0.0.1:${port}`] },
  {
    ...oracle,
    // By default it waits five seconds for more followers before it sends a snapshot.
    start: (args = []) => oracle.start(["--repl-diskless-sync-delay", "0", ...args]),
    following: (port) => ["--replicaof", "127.0.0.1", String(port)],
  },
];

const binary = new Uint8Array(256).map((_, index) => index);

async function flush(node: TestNode): Promise<void> {
  await using raw = await respClient(node.port);
  await raw.call("FLUSHALL");
}

for (const kind of kinds) {
  describe.skipIf(kind.isMissing)(`the client and ${kind.name}`, () => {
    describe("one node", () => {
      let node: TestNode;
      let client: Client;
      beforeAll(async () => {
        node = await kind.start();
        client = await connectPatiently(node.address);
      });
      beforeEach(() => flush(node));
      afterAll(async () => {
        await client.close();
        await node[Symbol.asyncDispose]();
      });
      valueCases(() => client);
      conditionCases(() => client);
      lifetimeCases(() => client);
      otherCases(() => client);
      exampleCases(() => node);
    });
    describe("a password", () => passwordCases(kind));
    describe("a group", () => groupCases(kind));
  });
}

describe("the client and an address", () => {
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === "::1");

  test("of four numbers and a name that means it reach the node", async () => {
    await using node = await ours.start(["--listenaddr", "127.0.0.1:0"]);
    for (const host of ["127.0.0.1", "localhost", ""]) {
      await using client = await connectPatiently(`${host}:${node.port}`);
      expect(await client.ping()).toBe("PONG");
    }
  });

  test.skipIf(!hasIpv6)("of IPv6 and a name that means it reach the node", async () => {
    await using node = await ours.start(["--listenaddr", "[::1]:0"]);
    for (const host of ["[::1]", "[0:0:0:0:0:0:0:1]", "localhost"]) {
      await using client = await connectPatiently(`${host}:${node.port}`);
      expect([client.address, await client.ping()]).toEqual([`${host}:${node.port}`, "PONG"]);
    }
  });

  test.skipIf(!hasIpv6)("of IPv6 that a follower names lead a write to the leader", async () => {
    await using leader = await ours.start(["--listenaddr", "[::1]:0"]);
    await using follower = await ours.start(["--leaderaddr", `[::1]:${leader.port}`]);
    await using client = await connectPatiently(follower.address);
    expect(await client.set("k", "v")).toBe(true);
    await waitFor(async () => (await client.get("k")) === "v", { message: "the follower" });
  });
});

function valueCases(client: () => Client): void {
  test.each([
    ["text", "hello"],
    ["nothing", ""],
    ["text beyond ASCII", "héllo 😀"],
    ["line breaks", "a\r\n$-1\r\n"],
  ])("%s comes back as text", async (_name, value) => {
    expect(await client().set("k", value)).toBe(true);
    expect(await client().get("k")).toBe(value);
  });

  test.each([
    ["every byte", binary],
    ["no bytes", new Uint8Array(0)],
    ["a window of a larger buffer", Buffer.from("--abc--").subarray(2, 5)],
    ["64 MB", new Uint8Array(1 << 26).fill(1).fill(2, 1 << 25)],
  ])("%s come back as bytes", async (_name, value) => {
    expect(await client().set("k", value)).toBe(true);
    expect(Buffer.compare((await client().getBytes("k")) ?? Buffer.from("none"), value)).toBe(0);
  });

  test.each([
    ["the empty key", ""],
    ["a key of bytes", binary],
    ["a key of 64 KiB", "k".repeat(65_536)],
    ["a key beyond ASCII", "ключ"],
  ])("%s is a key as any other", async (_name, key) => {
    await client().set(key, "v");
    expect([await client().get(key), await client().has(key)]).toEqual(["v", true]);
    expect([await client().delete(key), await client().get(key)]).toEqual([true, null]);
  });

  test("text and bytes name the same key", async () => {
    await client().set("ключ", "v");
    expect(await client().get(Buffer.from("ключ"))).toBe("v");
  });

  test("an absent key is null, false, or not counted", async () => {
    expect(await client().get("none")).toBeNull();
    expect(await client().getBytes("none")).toBeNull();
    expect(await client().has("none")).toBe(false);
    expect(await client().delete("none")).toBe(false);
    expect(await client().ttl("none")).toBeNull();
    expect(await client().expire("none", { ttl: 1_000 })).toBe(false);
  });

  test("mget keeps the order of the keys and tells absent from empty", async () => {
    await Promise.all([client().set("a", "1"), client().set("b", ""), client().set("d", binary)]);
    expect(await client().mget(["b", "c", "a", "a"])).toEqual(["", null, "1", "1"]);
    expect(await client().mgetBytes(["d", "c"])).toEqual([binary, null]);
    expect([await client().mget([]), await client().mgetBytes([])]).toEqual([[], []]);
  });

  test("deleteMany counts what was there", async () => {
    await Promise.all([client().set("a", "1"), client().set("b", "2")]);
    expect(await client().deleteMany(["a", "b", "c"])).toBe(2);
    expect(await client().deleteMany([])).toBe(0);
  });

  test("ten thousand requests of one turn are all answered, in order", async () => {
    const keys = Array.from({ length: 10_000 }, (_, index) => `key:${index}`);
    const stored = Promise.all(keys.map((key) => client().set(key, key)));
    const values = Promise.all(keys.map((key) => client().get(key)));
    expect((await stored).every(Boolean)).toBe(true);
    expect(await values).toEqual(keys);
  });
}

function conditionCases(client: () => Client): void {
  test("onlyIfAbsent stores once", async () => {
    expect(await client().set("k", "1", { onlyIfAbsent: true })).toBe(true);
    expect(await client().set("k", "2", { onlyIfAbsent: true, ttl: 9_000 })).toBe(false);
    expect([await client().get("k"), await client().ttl("k")]).toEqual(["1", Infinity]);
  });

  test("onlyIfPresent replaces and never creates", async () => {
    expect(await client().set("k", "1", { onlyIfPresent: true })).toBe(false);
    expect(await client().get("k")).toBeNull();
    await client().set("k", "1");
    expect(await client().set("k", "2", { onlyIfPresent: true })).toBe(true);
    expect(await client().get("k")).toBe("2");
  });
}

function lifetimeCases(client: () => Client): void {
  test.each([
    ["ttl", () => ({ ttl: 60_000 })],
    ["expiresAt", () => ({ expiresAt: new Date(Date.now() + 60_000) })],
  ])("set and expire take %s", async (_name, makeLifetime) => {
    const lifetime = makeLifetime();
    for (const give of [
      () => client().set("k", "v", lifetime),
      () => client().expire("k", lifetime),
    ]) {
      await client().set("k", "v");
      expect(await give()).toBe(true);
      const left = (await client().ttl("k")) ?? 0;
      expect(left).toBeGreaterThan(50_000);
      expect(left).toBeLessThanOrEqual(60_000);
    }
  });

  test("a set without a lifetime ends the earlier one, and with keepTtl keeps it", async () => {
    await client().set("k", "1", { ttl: 60_000 });
    await client().set("k", "2", { keepTtl: true });
    expect(await client().ttl("k")).toBeLessThanOrEqual(60_000);
    await client().set("k", "3");
    expect(await client().ttl("k")).toBe(Number.POSITIVE_INFINITY);
  });

  test("a key disappears at its expiry, or at once if that is in the past", async () => {
    // In one write, so that the key is read within its time on a busy machine as well.
    const set = client().set("short", "v", { ttl: 20 });
    expect(await client().get("short")).toBe("v");
    await set;
    await waitFor(async () => (await client().get("short")) === null);
    await client().set("past", "v");
    expect(await client().expire("past", { expiresAt: 1 })).toBe(true);
    expect(await client().has("past")).toBe(false);
  });
}

function otherCases(client: () => Client): void {
  test("incr starts at 0, adds any step, and keeps the lifetime", async () => {
    expect(await client().incr("n")).toBe(1);
    expect(await client().incr("n", 41)).toBe(42);
    expect(await client().incr("n", -50)).toBe(-8);
    await client().expire("n", { ttl: 60_000 });
    await client().incr("n");
    expect(await client().ttl("n")).toBeLessThanOrEqual(60_000);
  });

  test("incr of a text rejects with the server's error, and the client stays usable", async () => {
    await client().set("k", "text");
    const error = await failureOf(client().incr("k"));
    expect(error).toMatchObject({ code: "SERVER_ERROR", serverCode: "ERR" });
    expect(error.message).toBe("ERR value is not an integer or out of range");
    expect(await client().get("k")).toBe("text");
  });

  test("incr beyond 2^53 - 1 is executed, and rejects with the exact sum", async () => {
    await client().set("n", String(Number.MAX_SAFE_INTEGER));
    const error = await failureOf(client().incr("n"));
    expect(error).toMatchObject({ code: "RESULT_OUT_OF_RANGE", result: 9007199254740992n });
    expect(await client().get("n")).toBe("9007199254740992");
  });

  test("ping and info answer", async () => {
    expect(await client().ping()).toBe("PONG");
    expect(await client().info()).toContain("# Server");
    expect(await client().info("replication")).toContain("role:master");
  });
}

function exampleCases(node: () => TestNode): void {
  const run = async (addr: string) => {
    const script = join(import.meta.dir, "../../scripts/example.ts");
    const child = Bun.spawn([process.execPath, script, "--serveraddr", addr], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { status: await child.exited, out, error };
  };

  test("the example client stores, reads, deletes and exits with 0", async () => {
    const { status, out, error } = await run(node().address);
    expect([status, error]).toEqual([0, ""]);
    expect(out).toContain('example_key_9 = "value of example_key_9"');
    expect(out).toEndWith("deleted 10 keys\n");
  });

  test("the example client exits with 1 and one line if nothing listens", async () => {
    const { status, out, error } = await run("127.0.0.1:1");
    expect([status, out]).toEqual([1, ""]);
    expect(error).toMatch(/^CONNECT_FAILED: cannot connect to 127\.0\.0\.1:1: .*\n$/);
  });
}

function passwordCases(kind: Kind): void {
  test("is needed if the node requires one, and a wrong one is refused", async () => {
    await using node = await kind.start([kind.passwordFlag, "secret"]);
    const addr = node.address;
    await using client = await connectPatiently(addr, { password: "secret" });
    expect(await client.set("k", "v")).toBe(true);
    expect(await failureOf(connectPatiently(addr))).toMatchObject({
      code: "CONNECT_FAILED",
      cause: { serverCode: "NOAUTH" },
    });
    expect(await failureOf(connectPatiently(addr, { password: "wrong" }))).toMatchObject({
      code: "CONNECT_FAILED",
      cause: { serverCode: "WRONGPASS" },
    });
  });

  test("is taken by a node that needs none, so that clients can have it before their nodes", async () => {
    await using node = await kind.start();
    await using client = await connectPatiently(node.address, { password: "secret" });
    expect(await client.set("k", "v")).toBe(true);
    await using named = await connectPatiently(node.address, { username: "default", password: "" });
    expect(await named.get("k")).toBe("v");
  });
}

function groupCases(kind: Kind): void {
  const quick: ConnectOptions = { reconnect: { minDelayMs: 5, maxDelayMs: 50 } };
  const startFollower = (leader: TestNode) => kind.start(kind.following(leader.port));
  const arrives = (client: Client, key: string, value: string) =>
    waitFor(async () => (await client.get(key)) === value, { message: `${key} on the follower` });

  test("a client of a follower writes to the leader and reads from the follower", async () => {
    await using leader = await kind.start();
    await using follower = await startFollower(leader);
    await using client = await connectPatiently(follower.address);
    await using judge = await connectPatiently(leader.address);
    expect(await client.set("k", "v", { ttl: 60_000 })).toBe(true);
    expect(await judge.get("k")).toBe("v");
    await arrives(client, "k", "v");
    expect(await client.info("replication")).toContain("role:slave");
    expect([await client.incr("n"), await client.delete("k")]).toEqual([1, true]);
    await waitFor(async () => !(await client.has("k")), { message: "the deletion" });
  });

  test("a client of a follower of a follower writes to the leader", async () => {
    await using leader = await kind.start();
    await using middle = await startFollower(leader);
    await using follower = await startFollower(middle);
    await using client = await connectPatiently(follower.address);
    expect(await client.set("k", "v")).toBe(true);
    await arrives(client, "k", "v");
  });

  test("a client survives the death of the leader and finds the next one", async () => {
    const leader = await kind.start();
    await using next = await startFollower(leader);
    await using follower = await startFollower(leader);
    await using client = await connectPatiently(follower.address, quick);
    await using judge = await connectPatiently(next.address);
    await client.set("before", "1");
    await Promise.all([client, judge].map((one) => arrives(one, "before", "1")));
    await leader[Symbol.asyncDispose]();
    await promote(next, [follower]);
    await waitFor(() => client.set("after", "2").catch(() => false), { message: "a write" });
    await arrives(client, "after", "2");
    expect(await client.get("before")).toBe("1");
  });

  test("a client of a demoted leader writes to the new one", async () => {
    await using old = await kind.start();
    await using next = await startFollower(old);
    await using client = await connectPatiently(old.address, quick);
    await client.set("before", "1");
    await using judge = await connectPatiently(next.address);
    await arrives(judge, "before", "1");
    await promote(next, [old]);
    await waitFor(() => client.set("after", "2").catch(() => false), { message: "a write" });
    expect(await judge.get("after")).toBe("2");
    await arrives(client, "after", "2");
  });
}

/** Makes one node the leader of the others, as an operator does. */
async function promote(next: TestNode, others: readonly TestNode[]): Promise<void> {
  await using raw = await respClient(next.port);
  await raw.call("REPLICAOF", "NO", "ONE");
  for (const other of others) {
    await using follower = await respClient(other.port);
    await follower.call("REPLICAOF", "127.0.0.1", String(next.port));
  }
}
