// The command line against a node: starting, stopping, and the client commands. Each case runs the
// program in its own process, as a user would. Other tests cover the replies of a node.

import { describe, expect, test } from "bun:test";
import { respClient, runMscache, runToEnd, spawnNode, startNode, waitFor } from "./harness.ts";
import { quickestMs } from "./support/quickest.ts";
import { rawConnection } from "./support/raw-connection.ts";

describe("a node", () => {
  test.each([[[]], [["serve"]]])("starts with %p and answers within a second", async (words) => {
    await using stack = new AsyncDisposableStack();
    const tookMs = await quickestMs(1000, async () => {
      const node = stack.use(await spawnNode(words));
      const client = stack.use(await respClient(node.port));
      expect(await client.call("PING")).toBe("PONG");
      expect(node.log()).toContain(`listening on ${node.address} as a leader`);
    });
    expect(tookMs).toBeLessThan(1000);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s closes its clients and exits 0", async (signal) => {
    await using node = await spawnNode();
    await using client = await rawConnection(node.port);
    node.process.kill(signal);
    await client.closed();
    expect(await node.process.exited).toBe(0);
    expect(node.log()).toContain(`${signal}: shutting down`);
  });

  test("reports a port in use in one sentence and exits 1", async () => {
    await using node = await startNode();
    const { status, out, errors } = await runMscache(["--listenaddr", node.address]);
    expect([status, out]).toEqual([1, ""]);
    expect(errors).toBe(`mscache: cannot listen on ${node.address}: the port is taken\n`);
  });

  test("reads its configuration from the environment, as the first MSCache did", async () => {
    await using leader = await spawnNode();
    await using follower = await spawnNode([], {
      environment: { MSCACHE_LEADERADDRESS: leader.address },
    });
    expect(follower.log()).toContain(`as a follower of ${leader.address}`);
  });

  test("with --leaderaddr, it has the data of its leader", async () => {
    await using leader = await spawnNode();
    await runMscache(["set", "a", "1", "--addr", leader.address]);
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    const read = () => runMscache(["get", "a", "--addr", follower.address]);
    await waitFor(async () => (await read()).out === "1", {
      message: "the follower to have the key",
    });
    const write = await runMscache(["set", "b", "2", "--addr", follower.address]);
    expect(write).toEqual({ status: 0, out: "OK\n", errors: "" });
    expect((await runMscache(["get", "b", "--addr", leader.address])).out).toBe("2");
  });
});

describe("the client commands", () => {
  test("set, get, ttl and del do what they say", async () => {
    await using node = await startNode();
    const run = (...args: string[]) => runMscache([...args, "--addr", node.address]);
    expect(await run("set", "k", "väl ue")).toEqual({ status: 0, out: "OK\n", errors: "" });
    expect(await run("get", "k")).toEqual({ status: 0, out: "väl ue", errors: "" });
    expect((await run("ttl", "k")).out).toBe("none\n");
    await run("set", "k", "v", "--ttl", "100");
    expect((await run("ttl", "k")).out).toMatch(/^(100|9\d)\n$/);
    expect((await run("del", "k")).out).toBe("1\n");
    expect(await run("del", "k")).toEqual({ status: 0, out: "0\n", errors: "" });
  });

  test.each(["get", "ttl"])("%s of a missing key exits 1 with nothing on stdout", async (name) => {
    await using node = await startNode();
    const result = await runMscache([name, "gone", "--addr", node.address]);
    expect(result).toEqual({ status: 1, out: "", errors: 'mscache: there is no key "gone"\n' });
  });

  test("a value of - is read from standard input, byte for byte", async () => {
    await using node = await startNode();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
    const set = await runMscache(["set", "k", "-", "--addr", node.address], { input: bytes });
    expect(set.status).toBe(0);
    const get = await runToEnd(["get", "k", "--addr", node.address]);
    expect(get.bytes).toEqual(Buffer.from(bytes));
  });

  test("keys and values that look like flags go after --", async () => {
    await using node = await startNode();
    await runMscache(["set", "--addr", node.address, "--", "--k", "-v"]);
    expect((await runMscache(["get", "--addr", node.address, "--", "--k"])).out).toBe("-v");
  });

  test("ping and info print the replies of the node", async () => {
    await using node = await startNode();
    expect((await runMscache(["ping", "--addr", node.address])).out).toBe("PONG\n");
    const { out } = await runMscache(["info", "replication", "--addr", node.address]);
    expect(out).toContain("role:master\n");
    expect(out).not.toContain("\r");
  });

  test("a password comes from the flag or the environment, and a wrong one is one sentence", async () => {
    await using node = await startNode({ password: "secret" });
    const args = ["ping", "--addr", node.address];
    expect((await runMscache([...args, "--password", "secret"])).out).toBe("PONG\n");
    const environment = { MSCACHE_PASSWORD: "secret" };
    expect((await runMscache(args, { environment })).out).toBe("PONG\n");
    expect(await runMscache(args)).toEqual({
      status: 1,
      out: "",
      errors: `mscache: ${node.address} requires a password; set --password or MSCACHE_PASSWORD\n`,
    });
    const wrong = await runMscache([...args, "--password", "wrong"]);
    expect(wrong).toMatchObject({ status: 1, out: "" });
    expect(wrong.errors).toMatch(/^mscache: [^\n]*WRONGPASS[^\n]*\n$/);
  });
});

test.skipIf(process.platform !== "linux")(
  "output that a full disk does not take is a failure, and that nobody reads is none",
  async () => {
    await using node = await startNode();
    await runMscache(["set", "key", "value", "--addr", node.address]);
    const main = new URL("../src/main.ts", import.meta.url).pathname;
    const shell = ["bash", "-c", '"$@" > "$OUT"', "bash", process.execPath, main];
    for (const name of ["info", "keys"]) {
      const environment = { OUT: "/dev/full" };
      const options = { command: shell, environment };
      const { status, errors } = await runMscache([name, "--addr", node.address], options);
      expect(status).toBe(1);
      const reason = "no space left on device (ENOSPC)";
      expect(errors).toBe(`mscache: cannot write the output: ${reason}\n`);
    }
    const command = ["bash", "-c", '"$@" | true', ...shell.slice(3)];
    const { errors } = await runMscache(["info", "--addr", node.address], { command });
    expect(errors).toBe("");
  },
);
