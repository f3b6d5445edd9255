/**
 * Unexpected time: the system's clock steps by an hour, and processes are stopped and continued.
 * The clock that steps is the test's own (bun:test sets what Date returns and leaves the monotonic
 * clock alone), so these nodes are in this process; those that are stopped have their own.
 */
import { afterEach, describe, expect, setDefaultTimeout, setSystemTime, test } from "bun:test";
import { caseMsMax, spawnNode, startNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);
afterEach(() => {
  setSystemTime();
});

const hourMs = 3_600_000;

/** Several looks of a second each at idle clients and silent links. */
const lookMs = 3_500;

describe.each([
  ["forward", hourMs],
  ["back", -hourMs],
])("when the clock steps an hour %s", (_, step) => {
  test("no client and no link is dropped, and none is kept that should not be", async () => {
    await using leader = await startNode({ threads: 1 });
    await using follower = await startNode({
      threads: 1,
      leaderAddr: { host: "127.0.0.1", port: leader.port },
    });
    await using operator = await Peer.connect(leader.port);
    const offsetOf = async ({ port }: { port: number }) => {
      await using peer = await Peer.connect(port);
      return (await peer.ask("ROLE")).includes("$connected");
    };
    await waitFor(() => offsetOf(follower));
    await operator.ask("CONFIG", "SET", "timeout", "60");
    await using client = await Peer.connect(leader.port);
    await using waiting = await Peer.connect(leader.port);
    expect(await waiting.ask("SET", "k", "v")).toBe("+OK");
    waiting.send("WAIT", 2, lookMs);
    setSystemTime(new Date(Date.now() + step));
    // The seconds that must pass are those in which idle clients and silent links are looked for.
    await Bun.sleep(lookMs);
    expect(await client.ask("PING")).toBe("+PONG");
    expect(await waiting.shown()).toBe(":1");
    const list = textOf(await operator.typed("CLIENT", "LIST"));
    for (const [, seconds] of list.matchAll(/ (?:age|idle)=(\d+)/g)) {
      expect(Number(seconds)).toBeLessThan(60);
    }
    const info = textOf(await operator.typed("INFO"));
    expect(Number(/uptime_in_seconds:(\d+)/.exec(info)?.[1])).toBeLessThan(60);
    expect(info).toMatch(/slave0:.*state=online.*lag=[0-2]\r/);
    expect(info).toContain("sync_full:1\r\n");
    await operator.ask("CONFIG", "SET", "timeout", "1");
    await waitFor(() => client.raw.isClosed);
  });

  test("a key expires at its time, and a pause has its full length", async () => {
    await using node = await startNode({ threads: 1 });
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("SET", "k", "v", "EX", "60")).toBe("+OK");
    expect(await peer.ask("CLIENT", "PAUSE", "300", "WRITE")).toBe("+OK");
    setSystemTime(new Date(Date.now() + step));
    expect(await peer.ask("SET", "held", "v")).toBe("+OK");
    // A moment of the clock on the wall, as with Redis: it is gone after a step forward.
    expect(await peer.ask("EXISTS", "k")).toBe(step > 0 ? ":0" : ":1");
  });
});

describe("a node that was stopped and continued", () => {
  // They wait nearly all of their time, and have no part in the clock of this process.
  test.concurrent.each(["1", "2"])(
    "keeps the clients that spoke meanwhile (%s data threads)",
    async (threads) => {
      await using node = await spawnNode(["--threads", threads, "--idle-timeout", "2"]);
      await using client = await Peer.connect(node.port);
      await using silent = await Peer.connect(node.port);
      expect(await client.ask("PING")).toBe("+PONG");
      node.process.kill("SIGSTOP");
      for (let i = 0; i < 16; i++) {
        client.send("PING");
        // The time for which it is stopped: twice the time-out.
        await Bun.sleep(250);
      }
      node.process.kill("SIGCONT");
      for (let i = 0; i < 16; i++) expect(await client.shown()).toBe("+PONG");
      expect(await client.ask("PING")).toBe("+PONG");
      await waitFor(() => silent.raw.isClosed);
    },
  );

  test.concurrent.each(["leader", "follower"])("keeps its link (%s)", async (stopped) => {
    await using leader = await spawnNode();
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    const isConnected = async () => {
      await using peer = await Peer.connect(follower.port);
      return (await peer.ask("ROLE")).includes("$connected");
    };
    await waitFor(isConnected);
    const { process } = stopped === "leader" ? leader : follower;
    process.kill("SIGSTOP");
    // The time for which it is stopped; the bound itself, 60 s, is for unit tests with a clock of
    // theirs.
    await Bun.sleep(3_000);
    process.kill("SIGCONT");
    await using peer = await Peer.connect(leader.port);
    expect(await peer.ask("SET", "k", "v")).toBe("+OK");
    expect(await peer.ask("WAIT", "1", "20000")).toBe(":1");
    expect(textOf(await peer.typed("INFO", "stats"))).toMatch(
      /sync_full:1\r\nsync_partial_ok:0\r\n/,
    );
  });
});
