// Read-your-writes: with readYourWrites, a client of a follower never reads what is older than its
// own writes. Scripted nodes show who is asked what; real ones, ours and Redis's, that it holds.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type ConnectOptions, connect } from "../../src/index.ts";
import {
  caseMsMax,
  redisInstalled,
  startNode,
  startRedis,
  type TestNode,
  waitFor,
} from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { replicationField } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { patient } from "../support/patient-client.ts";
import { Peer } from "../support/peer.ts";
import { redisNote } from "../support/servers.ts";
import {
  followerGreeting,
  followerOf,
  leaderRole,
  readOnly,
  type Script,
  ScriptedNode,
} from "./scripted-node.ts";

setDefaultTimeout(caseMsMax);

const quick: ConnectOptions = {
  ...patient,
  reconnect: { minDelayMs: 1, maxDelayMs: 5 },
  readYourWrites: true,
};
const replid = "a".repeat(40);

/** A leader whose last write is at that offset; it answers GET with "leader". */
const leader =
  (offset = 7): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command === "ROLE") return leaderRole;
    if (command === "WRITEOFFSET") return `*2\r\n$40\r\n${replid}\r\n:${offset}\r\n`;
    return command.startsWith("GET") ? "+leader\r\n" : "+OK\r\n";
  };

/** A follower that answers WAITOFFSET so, and GET with "follower". */
const follower =
  (of: { readonly port: number }, answer: () => string | undefined): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return followerGreeting;
    if (command === "ROLE") return followerOf(of);
    if (command.startsWith("WAITOFFSET")) return answer();
    return command.startsWith("GET") ? "+follower\r\n" : readOnly;
  };

describe("a client of a follower", () => {
  test("asks for the place of its writes once, and reads where they are", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode(follower(top, () => ":1\r\n"));
    await using client = await connect(node.addr, quick);
    expect(await client.get("before")).toBe("follower");
    await client.set("a", "1");
    expect(await Promise.all([client.get("a"), client.get("b")])).toEqual(["follower", "follower"]);
    expect(await client.get("c")).toBe("follower");
    await client.set("a", "2");
    expect(await client.get("d")).toBe("follower");
    expect(top.commands).toEqual(["ROLE", "SET a 1", "WRITEOFFSET", "SET a 2", "WRITEOFFSET"]);
    const wait = `WAITOFFSET ${replid} 7 100`;
    const reads = ["GET a", "GET b", "GET c"];
    expect(node.commands).toEqual(["GET before", "ROLE", wait, ...reads, wait, "GET d"]);
  });

  test.each([
    ["has not come so far", ":0\r\n"],
    ["has another history", "-OTHERHISTORY the history of this node is b\r\n"],
  ])("reads at the leader while its node %s", async (_name, answer) => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode(follower(top, () => answer));
    await using client = await connect(node.addr, quick);
    await client.set("a", "1");
    expect(await Promise.all([client.get("a"), client.get("b")])).toEqual(["leader", "leader"]);
    expect(await client.get("c")).toBe("leader");
    expect(node.commands.filter((command) => command.startsWith("WAIT"))).toHaveLength(1);
  });

  test("asks the next node as well when it loses its own", async () => {
    await using top = new ScriptedNode(leader());
    await using second = new ScriptedNode(follower(top, () => ":0\r\n"));
    await using first = new ScriptedNode(follower(top, () => ":1\r\n"));
    await using client = await connect([first.addr, second.addr], quick);
    await client.set("a", "1");
    expect(await client.get("a")).toBe("follower");
    await first[Symbol.asyncDispose]();
    await waitFor(() => client.address === second.addr);
    expect(await client.get("a")).toBe("leader");
  });

  test("reads at the leader if its node is lost while it is asked", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode(follower(top, () => undefined));
    await using client = await connect(node.addr, quick);
    await client.set("a", "1");
    const read = client.get("a");
    await waitFor(() => node.commands.some((command) => command.startsWith("WAIT")));
    node.cut();
    expect(await read).toBe("leader");
  });

  test("has its reads time out as others while the node is silent", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode(follower(top, () => undefined));
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 60 });
    await client.set("a", "1");
    const failure = await failureOf(client.with({ timeout: 20 }).get("a"));
    expect(failure).toMatchObject({ code: "TIMEOUT", sent: false });
  });
});

test("a client of the leader asks for nothing", async () => {
  await using top = new ScriptedNode(leader());
  await using client = await connect(top.addr, quick);
  await client.set("a", "1");
  expect(await client.get("a")).toBe("leader");
  expect(top.commands).toEqual(["SET a 1", "GET a"]);
});

/** How many GETs a node has executed. */
async function gets({ port }: TestNode): Promise<number> {
  await using peer = await Peer.connect(port);
  const text = await peer.ask("INFO", "commandstats");
  return Number(/cmdstat_get:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

const started = {
  ours: {
    leader: () => startNode(),
    follower: (port: number) => startNode({ leaderAddr: { host: "127.0.0.1", port } }),
  },
  [`Redis's${redisNote}`]: {
    leader: () => startRedis(),
    follower: (port: number) => startRedis(["--replicaof", "127.0.0.1", `${port}`]),
  },
};

describe.each(Object.entries(started))("with nodes of %s", (name, start) => {
  test.skipIf(name !== "ours" && !redisInstalled())(
    "each read has the write before it",
    async () => {
      await using top: TestNode = await start.leader();
      await using proxy = await LinkProxy.start(top.port);
      await using node: TestNode = await start.follower(proxy.port);
      await waitFor(async () => (await replicationField(node.port, "master_link_status")) === "up");
      const addresses = [top.address, node.address];
      await using client = await connect(addresses, { ...quick, reads: "followers" });
      const write = async (value: number) => {
        await client.set("k", String(value));
        expect(await client.get("k")).toBe(String(value));
      };
      for (let i = 0; i < 50; i++) await write(i);
      // A follower that gets nothing more: the leader serves, and nobody waits for long.
      proxy.hold(0);
      const begin = performance.now();
      for (let i = 50; i < 60; i++) await write(i);
      expect(performance.now() - begin).toBeLessThan(20_000);
      proxy.release();
      await waitFor(async () => {
        const before = await gets(node);
        await client.get("k");
        return (await gets(node)) > before;
      });
      expect(await client.get("k")).toBe("59");
    },
  );
});
