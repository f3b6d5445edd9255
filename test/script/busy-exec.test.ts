/**
 * Scripts within EXEC that take longer than busy-reply-threshold: others get -BUSY and may kill
 * them, and the rest of the transaction goes on before anybody else sees anything of it.
 */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, spawnNode, startRedis, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { variants } from "../support/repetitions.ts";
import { forAllCases, optimizedEarly, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const threshold = ["--busy-reply-threshold", "20"];
const busy =
  "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const killed = "-ERR Script killed by user with SCRIPT KILL...";

const counting =
  "redis.call('SET', KEYS[1], '0') for i = 1, tonumber(ARGV[1]) do redis.call('INCR', KEYS[1]) end " +
  "return redis.call('GET', KEYS[1])";

/** Turns and loops are long enough to be suspended many times: several times the threshold. */
const judge = {
  ...{ ...oracle, turns: "100000", loops: "15e6" },
  start: () => oracle.start(threshold),
};
const own = [
  { ...ours, turns: "30000", loops: "6e6", start: () => ours.start(threshold, optimizedEarly) },
  {
    ...ours,
    name: "mscache, 2 data threads",
    turns: "30000",
    loops: "6e6",
    start: () => ours.start(["--threads", "2", ...threshold], optimizedEarly),
  },
];

async function isBusy(other: Peer): Promise<void> {
  await waitFor(async () => (await other.ask("PING")) === busy);
}

async function queue(peer: Peer, ...commands: [string, ...string[]][]): Promise<void> {
  await peer.ask("MULTI");
  for (const command of commands) expect(await peer.ask(...command)).toBe("+QUEUED");
}

async function hasEnded(port: number): Promise<boolean> {
  try {
    await using _peer = await Peer.connect(port);
    return false;
  } catch {
    return true; // refused
  }
}

for (const { name, isMissing, turns, loops, start } of variants(own, [judge])) {
  describe.skipIf(isMissing)(`a long script within EXEC: ${name}`, () => {
    const node = forAllCases(start);
    beforeEach(async () => {
      await using peer = await Peer.connect(node().port);
      expect(await peer.ask("FLUSHALL")).toBe("+OK"); // what the last case has left
    });

    test("lets others be told so, and be killed; the rest of EXEC goes on", async () => {
      await using caller = await Peer.connect(node().port);
      await using other = await Peer.connect(node().port);
      await queue(
        caller,
        ["SET", "a", "1"],
        ["EVAL", "while true do redis.call('PING') end", "0"],
        ["INCR", "a"],
        ["EVAL", "return redis.call('GET', 'a')", "0"],
      );
      caller.send("EXEC");
      await isBusy(other);
      expect(await other.ask("GET", "a")).toBe(busy);
      expect(await other.ask("SCRIPT", "KILL")).toBe("+OK");
      expect(await caller.shown()).toStartWith(`*[+OK ${killed}`);
      expect(await other.ask("GET", "a")).toBe("$2");
      expect(await other.ask("PING")).toBe("+PONG");
      expect(await caller.ask("EVAL", "return 7", "0")).toBe(":7");
    });

    test("shows others all of EXEC or nothing, though several scripts take long", async () => {
      await using caller = await Peer.connect(node().port);
      await using stack = new AsyncDisposableStack();
      const others = await Promise.all(Array.from({ length: 4 }, () => Peer.connect(node().port)));
      for (const other of others) stack.use(other);
      const [other = caller] = others;
      await other.ask("MSET", "first", "0", "n", "0", "m", "0", "last", "0");
      await queue(
        caller,
        ["INCR", "first"],
        ["EVAL", counting, "1", "n", turns],
        ["INCR", "first"],
        ["EVAL", counting, "1", "m", turns],
        ["EVAL", "return redis.call('INCR', 'last')", "0"],
      );
      caller.send("EXEC");
      await isBusy(other);
      let isOver = false;
      const looks = others.map(async (peer) => {
        while (!isOver) {
          const seen = await peer.ask("MGET", "first", "n", "m", "last");
          if (seen !== busy) expect(seen).toBe(`*[$2 $${turns} $${turns} $1]`);
        }
      });
      expect(await caller.shown()).toBe(`*[:1 $${turns} :2 $${turns} :1]`);
      isOver = true;
      await Promise.all(looks);
    });

    test("answers what its errors are, in their places", async () => {
      await using caller = await Peer.connect(node().port);
      await using other = await Peer.connect(node().port);
      const failing = `local n = 0 for i = 1, ${loops} do n = n + 1 end return redis.call('INCR', 's')`;
      await other.ask("SET", "s", "text");
      await queue(caller, ["EVAL", failing, "0"], ["SELECT", "1"], ["SET", "b", "1"]);
      caller.send("EXEC");
      await isBusy(other);
      const reply = await caller.shown();
      expect(reply).toStartWith("*[-ERR value is not an integer or out of range");
      expect(reply).toEndWith(" +OK +OK]");
      expect(await caller.ask("GET", "b")).toBe("$1");
      expect(await other.ask("GET", "b")).toBe("$null");
    });

    test("ends alone, though its client has gone", async () => {
      const caller = await Peer.connect(node().port);
      await using other = await Peer.connect(node().port);
      await queue(caller, ["EVAL", counting, "1", "n", turns], ["SET", "after", "1"]);
      caller.send("EXEC");
      await isBusy(other);
      caller.breakOff();
      await waitFor(async () => (await other.ask("MGET", "n", "after")) === `*[$${turns} $1]`);
    });

    test("does not keep SHUTDOWN NOSAVE from ending the node, whatever it would run next", async () => {
      await using node = await start();
      await using caller = await Peer.connect(node.port);
      await using other = await Peer.connect(node.port);
      const endless = "redis.call('SET', 'a', 1) while true do end";
      await queue(caller, ["EVAL", endless, "0"], ["EVAL", endless, "0"], ["EVAL", endless, "0"]);
      caller.send("EXEC");
      await isBusy(other);
      other.send("SHUTDOWN", "NOSAVE");
      await waitFor(async () => await hasEnded(node.port));
    });
  });
}

for (const server of variants([ours, oursWithThreads(2)], [])) {
  describe(server.name, () => {
    const node = forAllCases(() => server.start(threshold));

    test("functions within EXEC are shown and killed one by one", async () => {
      await using caller = await Peer.connect(node().port);
      await using other = await Peer.connect(node().port);
      const library =
        "#!lua name=lib\nredis.register_function('f', function() while true do end end) " +
        "redis.register_function('g', function() for i = 1, 4e6 do end return redis.call('INCR', 'calls') end)";
      await caller.ask("FUNCTION", "LOAD", library);
      await queue(caller, ["FCALL", "g", "0"], ["FCALL", "f", "0"], ["ROLE"], ["FCALL", "g", "0"]);
      caller.send("EXEC");
      await waitFor(async () => (await other.ask("FUNCTION", "STATS")).includes("$name $f "));
      expect(await other.ask("FUNCTION", "KILL")).toBe("+OK");
      const reply = await caller.shown();
      expect(reply).toStartWith(`*[:1 ${killed}`);
      expect(reply).toEndWith("] :2]");
      expect(await other.ask("FUNCTION", "STATS")).toContain("$running_script $null");
    });

    // In Redis 7.0 the message would be an element of the reply.
    test("a long script within EXEC sends messages behind its reply", async () => {
      await using caller = await Peer.connect(node().port);
      await using other = await Peer.connect(node().port);
      const long = "local n = 0 for i = 1, 6e6 do n = n + 1 end return redis.call('INCR', KEYS[1])";
      await caller.ask("HELLO", "3");
      await caller.ask("SUBSCRIBE", "channel");
      await other.ask("WATCH", "n");
      await queue(
        caller,
        ["PUBLISH", "channel", "before"],
        ["EVAL", long, "1", "n"],
        ["PUBLISH", "channel", "after"],
      );
      caller.send("EXEC");
      caller.send("CLIENT", "REPLY", "SKIP");
      caller.send("PING");
      expect(await caller.shown()).toBe("*[:1 :1 :1]");
      expect(await caller.shown()).toBe(">[$message $channel $before]");
      expect(await caller.shown()).toBe(">[$message $channel $after]");
      await queue(other, ["PING"]);
      expect(await other.ask("EXEC")).toBe("*null");
      caller.send("CLIENT", "REPLY", "OFF");
      caller.send("MULTI");
      caller.send("EVAL", long, "1", "n");
      caller.send("EXEC");
      expect(await caller.ask("CLIENT", "REPLY", "ON")).toBe("+OK");
      expect(await caller.ask("GET", "n")).toBe("$2");
      expect(await other.ask("INFO", "commandstats")).toContain("cmdstat_eval:calls=2,");
    });
  });
}

for (const threads of variants(["2"], ["1"])) {
  test.skipIf(oracle.isMissing)(`reaches followers whole: ${threads} data threads`, async () => {
    await using leader = await spawnNode(["--threads", threads, ...threshold]);
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    await using redis = await startRedis(["--replicaof", "127.0.0.1", `${leader.port}`]);
    await using caller = await Peer.connect(leader.port);
    await using other = await Peer.connect(leader.port);
    await caller.ask("SET", "first", "0");
    for (const port of [follower.port, redis.port]) {
      await using reader = await Peer.connect(port);
      await waitFor(async () => (await reader.ask("GET", "first")) === "$0");
    }
    await queue(
      caller,
      ["INCR", "first"],
      ["EVAL", counting, "1", "n", "10000"],
      ["EVAL_RO", "local n = 0 for i = 1, 6e6 do n = n + 1 end return n", "0"],
      ["INCR", "first"],
    );
    caller.send("EXEC");
    await isBusy(other);
    expect(await caller.shown()).toBe("*[:1 $10000 :6000000 :2]");
    expect(await other.ask("SET", "later", "1")).toBe("+OK");
    for (const port of [follower.port, redis.port]) {
      await using reader = await Peer.connect(port);
      const seen = () => reader.ask("MGET", "first", "n", "later");
      await waitFor(async () => {
        const now = await seen();
        expect(["*[$0 $null $null]", "*[$2 $10000 $null]", "*[$2 $10000 $1]"]).toContain(now);
        return now === "*[$2 $10000 $1]";
      });
    }
  });
}
