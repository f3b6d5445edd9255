// `mscache monitor` as a process: which commands of which nodes it shows, and how it ends. What
// MONITOR itself tells is tested in conformance/monitor.test.ts.

import { describe, expect, test } from "bun:test";
import {
  respClient,
  runMscache,
  spawnNode,
  startNode,
  type TestNode,
  waitFor,
} from "../harness.ts";
import { collectText } from "../support/collected-text.ts";
import { nodeCommand } from "../support/programs.ts";
import { forAllCases, ours } from "../support/servers.ts";
import { quoted } from "../support/tmux.ts";

interface Monitor extends AsyncDisposable {
  /** What is shown, without the times and the ports of clients. */
  readonly lines: () => string[];
  readonly text: () => string;
  readonly errors: () => string;
  /** Resolves to the exit status. */
  end(signal: "SIGINT" | "SIGTERM"): Promise<number>;
}

/** Listens to all the nodes already. */
async function monitor(nodes: readonly TestNode[], args: readonly string[] = []): Promise<Monitor> {
  const addresses = nodes.map(({ address }) => address);
  const child = Bun.spawn([...nodeCommand, "monitor", ...addresses, ...args], {
    env: { ...process.env, NO_COLOR: "1" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const text = collectText(child.stdout);
  const errors = collectText(child.stderr);
  for (const node of nodes) {
    await using client = await respClient(node.port);
    const isListening = async () => `${await client.call("CLIENT", "LIST")}`.includes("flags=O ");
    await waitFor(isListening, { message: "the node to have a monitor" });
  }
  const end = async (signal: "SIGINT" | "SIGTERM") => {
    child.kill(signal);
    return await child.exited;
  };
  const bare = (line: string) => line.replace(/\d+\.\d+ \[(\d+) 127[^\]]*\]/, "[$1]");
  return {
    text,
    errors,
    lines: () => text().split("\n").slice(0, -1).map(bare),
    end,
    [Symbol.asyncDispose]: async () => void (await end("SIGTERM")),
  };
}

describe("the commands of a node", () => {
  const node = forAllCases(() => ours.start());
  /** What this monitor shows of some commands, of which the last is shown by each. */
  async function shown(args: readonly string[]): Promise<string[]> {
    await using listening = await monitor([node()], args);
    await using client = await respClient(node().port);
    await client.call("SET", "user:1", 'a"b\n');
    await client.call("GET", "other");
    await client.call("EVAL", "return redis.call('GET', KEYS[1])", "1", "user:2");
    await client.call("SELECT", "1");
    await client.call("GET", "user:last");
    const isWhole = () => listening.text().includes("user:last");
    await waitFor(isWhole, { message: "the last command" });
    return listening.lines();
  }
  const set = String.raw`[0] "SET" "user:1" "a\"b\n"`;
  const last = '[1] "GET" "user:last"';

  test("are shown as MONITOR tells them", async () => {
    const lines = await shown([]);
    expect(lines).toContain(set);
    expect(lines).toContain('[0] "GET" "other"');
    expect(lines.at(-1)).toBe(last);
  });

  test("--command, --match, --db and --client choose among them", async () => {
    const lua = /^\S+ \[0 lua\] "GET" "user:2"$/;
    expect(await shown(["--command", "set,Get", "--db", "1"])).toEqual([last]);
    const matching = await shown(["--match", "user:*", "--command", "GET"]);
    expect(matching).toEqual([expect.stringMatching(lua), last]);
    expect(
      await shown(["--client", "127.*", "--match", "user:?*", "--command", "get,set"]),
    ).toEqual([set, last]);
  });

  test("--json has an object a line", async () => {
    await using listening = await monitor([node()], ["--json", "--command", "ECHO"]);
    await using client = await respClient(node().port);
    await client.call("ECHO", "é\n");
    await client.call("ECHO", Buffer.of(0xff));
    await waitFor(() => listening.lines().length === 2, { message: "both commands" });
    const [first, second] = listening.lines().map((line) => JSON.parse(line));
    expect(first).toEqual({
      time: expect.any(Number),
      node: node().address,
      db: 0,
      client: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      command: ["ECHO", "é\n"],
    });
    expect(second.command).toEqual(["ECHO", { base64: "/w==" }]);
  });

  test("Ctrl-C ends it with 0, and so does a reader that leaves", async () => {
    const listening = await monitor([node()]);
    expect(await listening.end("SIGINT")).toBe(0);
    const command = `${quoted([...nodeCommand, "monitor", "--addr", node().address])}; echo $? >&2`;
    const child = Bun.spawn(["sh", "-c", `(${command}) | head -1`], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const ended = child.stderr.text();
    await using client = await respClient(node().port);
    const isOver = async () => {
      await client.call("PING");
      return child.exitCode !== null;
    };
    await waitFor(isOver, { message: "the end of both" });
    expect(await ended).toBe("0\n");
    expect(await child.stdout.text()).toContain('"');
  });
});

describe("several nodes", () => {
  test("stand before their lines, and those that remain are shown when one is lost", async () => {
    await using one = await startNode();
    await using two = await startNode();
    await using listening = await monitor([one, two], ["--command", "echo"]);
    await using first = await respClient(one.port);
    await using second = await respClient(two.port);
    await first.call("ECHO", "a");
    await waitFor(() => listening.lines().length === 1, { message: "the first" });
    await one[Symbol.asyncDispose]();
    await second.call("ECHO", "b");
    await waitFor(() => listening.lines().length === 2, { message: "the second" });
    expect(listening.lines()).toEqual([
      `${one.address} [0] "ECHO" "a"`,
      `${two.address} [0] "ECHO" "b"`,
    ]);
  });
});

test("a node that goes away is connected to again, and standard error says both", async () => {
  const first = await startNode();
  const { port, address } = first;
  await using listening = await monitor([first], ["--command", "echo"]);
  await first[Symbol.asyncDispose]();
  await waitFor(() => listening.errors().includes("trying again"), { message: "the loss" });
  await using second = await spawnNode(["--listenaddr", `127.0.0.1:${port}`]);
  await waitFor(() => listening.errors().includes("is there"), { message: "the return" });
  await using client = await respClient(second.port);
  await client.call("ECHO", "after");
  await waitFor(() => listening.lines().length > 0, { message: "its command" });
  expect(listening.lines()).toEqual(['[0] "ECHO" "after"']);
  expect(listening.errors()).toBe(
    `mscache: ${address} is lost: Server closed the connection; trying again\n` +
      `mscache: ${address} is there again\n`,
  );
  expect(await listening.end("SIGINT")).toBe(0);
});

test("a node that cannot be reached or refuses is one sentence, and exits 1", async () => {
  await using node = await startNode({ password: "secret" });
  const refused = await runMscache(["monitor", node.address]);
  expect([refused.status, refused.out]).toEqual([1, ""]);
  expect(refused.errors).toBe(`mscache: ${node.address}: NOAUTH Authentication required.\n`);
  await node[Symbol.asyncDispose]();
  const { status, errors } = await runMscache(["monitor", node.address]);
  expect(status).toBe(1);
  expect(errors).toMatch(/^mscache: Could not connect to [^\n]*\n$/);
});
