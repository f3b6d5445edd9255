// client.scan(): every key once at least, over databases and data threads, with what it filters by;
// and that its connection ends with the loop.

import { expect, test } from "bun:test";
import { connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { eachServer } from "../support/client-servers.ts";
import { failureOf } from "../support/failure.ts";
import { connectPatiently, patient, quick } from "../support/patient-client.ts";
import { followerGreeting, followerOf, leaderRole, ScriptedNode } from "./scripted-node.ts";

async function collect<T>(keys: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const key of keys) found.push(key);
  return found;
}

eachServer("scan()", (node) => {
  test("yields every key of its database that matches", async () => {
    await using client = await connectPatiently(node().address);
    await using other = await connectPatiently(`redis://${node().address}/3`);
    const names = Array.from({ length: 1_000 }, (_, i) => `key:${i}`);
    await client.pipeline(names.map((name) => ["SET", name, "v"] as const));
    await other.pipeline([
      ["SET", "elsewhere", "v"],
      ["SET", new Uint8Array([0xff]), "v"],
    ]);
    expect(new Set(await collect(client.scan()))).toEqual(new Set(names));
    expect(new Set(await collect(client.scan({ match: "key:99*", count: 7 })))).toEqual(
      new Set(names.filter((name) => name.startsWith("key:99"))),
    );
    expect(await collect(client.scan({ type: "list" }))).toEqual([]);
    const bytes = await collect(client.scan({ database: 3, bytes: true }));
    expect(bytes.map((key) => key[0]).sort()).toEqual([0x65, 0xff]);
    expect(await collect(other.scan({ match: "else*", type: "string" }))).toEqual(["elsewhere"]);
  });

  test("closes its connection when the loop is left", async () => {
    await using client = await connectPatiently(node().address);
    await client.pipeline([
      ["SET", "one", "v"],
      ["SET", "two", "v"],
    ]);
    for await (const key of client.scan({ count: 1 })) {
      expect(key).toBeString();
      break;
    }
    const clients = async () => (await client.command("CLIENT LIST")).trim().split("\n").length;
    await waitFor(async () => (await clients()) === 1, { message: "no connection to be left" });
  });
});

test("a wrong option is named when the loop begins, and nothing is opened", async () => {
  await using node = new ScriptedNode(() => undefined);
  await using client = await connect(node.addr);
  const loose = client as unknown as { scan(options: unknown): AsyncGenerator<unknown> };
  const wrong: [string, unknown][] = [
    ["options", 7],
    ["match", { match: 7 }],
    ["count", { count: 0 }],
    ["type", { type: 7 }],
    ["database", { database: -1 }],
    ["bytes", { bytes: "yes" }],
    ["reads", { reads: "followers" }],
  ];
  for (const [name, options] of wrong) {
    const error = await failureOf(loose.scan(options).next());
    expect([error.name, error.message]).toEqual([
      "InvalidArgumentError",
      expect.stringContaining(name),
    ]);
  }
  expect(node.peers).toHaveLength(1);
});

test("a scan reads where reads go, or from the leader, whoever may not PING", async () => {
  const answer = (name: string) => (command: string) =>
    command.startsWith("SCAN")
      ? `*2\r\n$1\r\n0\r\n*1\r\n$${name.length}\r\n${name}\r\n`
      : command === "PING"
        ? "-NOPERM no\r\n"
        : undefined;
  await using leader = new ScriptedNode((command) =>
    command === "ROLE" ? leaderRole : answer("leader")(command),
  );
  await using follower = new ScriptedNode((command) => {
    if (command.startsWith("HELLO")) return followerGreeting;
    return command === "ROLE" ? followerOf(leader) : answer("follower")(command);
  });
  await using client = await connect(follower.addr, patient);
  expect(await collect(client.scan())).toEqual(["follower"]);
  expect(await collect(client.scan({ reads: "leader" }))).toEqual(["leader"]);
});

test("a scan waits for a node that is away, and no longer than its time limit", async () => {
  const first = new ScriptedNode(() => undefined);
  const { port, addr } = first;
  await using client = await connect(addr, quick);
  await first[Symbol.asyncDispose]();
  const late = failureOf(collect(client.with({ timeout: 100 }).scan()));
  expect(await late).toMatchObject({ code: "TIMEOUT" });
  const keys = collect(client.scan());
  await using _ = new ScriptedNode(
    (command) =>
      command.startsWith("SCAN")
        ? "*2\r\n$1\r\n0\r\n*0\r\n"
        : command === "PING"
          ? "+PONG\r\n"
          : undefined,
    port,
  );
  expect(await keys).toEqual([]);
});

test("a scan whose connection is lost, or whose client is closed, rejects", async () => {
  await using node = new ScriptedNode((command, peer) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command === "PING") return "+PONG\r\n";
    if (command.startsWith("SCAN 0")) return "*2\r\n$1\r\n5\r\n*1\r\n$1\r\na\r\n";
    peer.socket.terminate();
    return undefined;
  });
  const client = await connect(node.addr);
  const keys = client.scan();
  expect((await keys.next()).value).toBe("a");
  expect(await failureOf(keys.next())).toMatchObject({ code: "CONNECTION_LOST" });
  const late = client.scan();
  await late.next();
  await client.close();
  expect(await failureOf(late.next())).toMatchObject({ code: "CLOSED" });
});
