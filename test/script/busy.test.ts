// Scripts that take longer than busy-reply-threshold, beside redis-server: others get -BUSY and may
// kill them, whatever they are in the middle of. On a node with one data thread, which runs the
// script itself, and with several.

import { beforeEach, describe, expect, test } from "bun:test";
import { spawnNode, type TestNode, waitFor } from "../harness.ts";
import { infoNumber } from "../support/info-number.ts";
import { Peer } from "../support/peer.ts";
import { variants, whenShort } from "../support/repetitions.ts";
import {
  type Contestant,
  forAllCases,
  optimizedEarly,
  oracle,
  ours,
  oursWithThreads,
} from "../support/servers.ts";

/** For a node whose script calls commands a hundred thousand times. */
const early = { environment: optimizedEarly };
const threshold = ["--busy-reply-threshold", "20"];
const busyScript =
  "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const busyFunction = busyScript.replace("SCRIPT", "FUNCTION");
const killed = "-ERR Script killed by user with SCRIPT KILL...";

/** What never ends, and can be killed. */
const endless: readonly (readonly [string, string])[] = [
  ["a loop", "while true do end"],
  ["calls", "while true do redis.call('PING') end"],
  ["pcall", "while true do pcall(function() while true do redis.pcall('GET', 'k') end end) end"],
  ["xpcall", "while true do xpcall(function() while true do end end, function() end) end"],
  ["a coroutine", "coroutine.wrap(function() while true do end end)()"],
  ["the function of a sort", "table.sort({3, 2, 1}, function() while true do end end)"],
  ["the function of gsub", "string.gsub('x', 'x', function() while true do end end)"],
];

async function pair(node: TestNode): Promise<AsyncDisposable & { caller: Peer; other: Peer }> {
  const caller = await Peer.connect(node.port);
  const other = await Peer.connect(node.port);
  return {
    ...{ caller, other },
    async [Symbol.asyncDispose]() {
      await caller[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}

/** What the last case has left goes. */
async function empty(port: number): Promise<void> {
  await using peer = await Peer.connect(port);
  expect(await peer.ask("FLUSHALL")).toBe("+OK");
  expect(await peer.ask("FUNCTION", "FLUSH")).toBe("+OK");
}

async function isBusy(other: Peer, reply = busyScript): Promise<void> {
  await waitFor(async () => (await other.ask("PING")) === reply);
}

const untilChanged =
  "if redis.call('GET', 'k') ~= 'before' then return 'late' end " +
  "while redis.call('GET', 'k') == 'before' do end return 'changed'";

/** A script for which a change comes; not before it has begun, or all is done again. */
async function whileRunning(
  { caller, other }: { caller: Peer; other: Peer },
  change: (run: () => void) => Promise<void>,
): Promise<void> {
  for (;;) {
    let reply = "";
    await change(() => {
      caller.send("EVAL_RO", untilChanged, "0");
      void caller.shown().then((text) => {
        reply = text;
      });
    });
    await waitFor(async () => reply !== "" || (await other.ask("PING")) === busyScript);
    if (reply === "$late") continue;
    await other.ask("SCRIPT", "KILL");
    await waitFor(() => reply !== "");
    return expect(reply).toStartWith(killed);
  }
}

const contestants = variants<Contestant>([ours, oursWithThreads(2)], [oracle]);

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(`a long script: ${contestant.name}`, () => {
    const node = forAllCases(() => contestant.start(threshold));
    beforeEach(async () => await empty(node().port));

    test("is ended by SCRIPT KILL, whatever it is in the middle of", async () => {
      await using peers = await pair(node());
      const { caller, other } = peers;
      for (const [name, code] of endless) {
        caller.send("EVAL", code, "0");
        caller.send("PING");
        await isBusy(other);
        expect(await other.ask("GET", "k")).toBe(busyScript);
        expect(await other.ask("FUNCTION", "KILL")).toBe(busyScript);
        expect(await other.ask("SCRIPT", "KILL")).toBe("+OK");
        expect([name, await caller.shown()]).toEqual([name, expect.stringContaining(killed)]);
        expect(await caller.shown()).toBe("+PONG");
        expect(await other.ask("SET", "k", "v")).toBe("+OK");
      }
      expect(await other.ask("SCRIPT", "KILL")).toStartWith("-NOTBUSY");
    }, 120_000);

    test("goes on to its end if nobody kills it, and others see all it did", async () => {
      await using peers = await pair(node());
      const { caller, other } = peers;
      await caller.ask("SELECT", "3");
      const code =
        "redis.call('SET', KEYS[1], 'a') local began = redis.call('TIME')[1] repeat " +
        "redis.call('INCR', 'n') until redis.call('EXISTS', 'never') == 1 or " +
        "tonumber(redis.call('GET', 'n')) > tonumber(ARGV[2]) redis.call('SELECT', 5) " +
        "redis.call('SET', 'b', ARGV[1]) return {KEYS[1], redis.call('DBSIZE'), {ok = 'done'}}";
      // Several times the threshold, on each of them.
      const turns = contestant === oracle ? 50_000 : 20_000;
      caller.send("EVAL", code, "1", "key", "x", turns);
      caller.send("MGET", "key", "n");
      await isBusy(other);
      expect(await other.ask("SCRIPT", "KILL")).toStartWith("-UNKILLABLE");
      expect(await other.ask("SHUTDOWN")).toBe(busyScript);
      expect(await caller.shown()).toBe("*[$key :1 +done]");
      expect(await caller.shown()).toBe(`*[$a $${turns + 1}]`);
      await other.ask("SELECT", "5");
      expect(await other.ask("GET", "b")).toBe("$x");
      // On a busy machine other commands may have been slow as well.
      const entries = (await other.call("SLOWLOG", "GET", "-1")) as [0, 0, number, string[]][];
      const entry = entries.find(([, , , [name]]) => name === "EVAL");
      expect(entry?.[2]).toBeGreaterThan(20_000);
    }, 120_000);

    test("fails EXEC and lets MULTI and WATCH through, as Redis does", async () => {
      await using peers = await pair(node());
      const { caller, other } = peers;
      expect(await other.ask("MULTI")).toBe("+OK");
      expect(await other.ask("SET", "k", "v")).toBe("+QUEUED");
      caller.send("EVAL", "while true do end", "0");
      await using third = await Peer.connect(node().port);
      await isBusy(third);
      expect(await third.ask("WATCH", "k")).toBe("+OK");
      expect(await third.ask("MULTI")).toBe("+OK");
      expect(await third.ask("SET", "k", "v")).toBe(busyScript);
      expect(await third.ask("DISCARD")).toBe("+OK");
      const refused = await other.ask("EXEC");
      expect(refused).toStartWith("-EXECABORT Transaction discarded because of: BUSY");
      expect(await third.ask("SCRIPT", "KILL")).toBe("+OK");
      expect(await caller.shown()).toStartWith(killed);
      expect(await third.ask("EXISTS", "k")).toBe(":0");
    }, 120_000);

    test("goes on when its client has left, until it is killed", async () => {
      await using peers = await pair(node());
      const { caller, other } = peers;
      caller.send("EVAL", "while true do end", "0");
      await isBusy(other);
      caller.breakOff();
      expect(await other.ask("PING")).toBe(busyScript);
      expect(await other.ask("SCRIPT", "KILL")).toBe("+OK");
      await waitFor(async () => (await other.ask("PING")) === "+PONG");
    }, 120_000);

    test("that is a function is shown by FUNCTION STATS and ended by FUNCTION KILL", async () => {
      await using peers = await pair(node());
      const { caller, other } = peers;
      const code = "#!lua name=lib\nredis.register_function('f', function() while true do end end)";
      await caller.ask("FUNCTION", "LOAD", code);
      caller.send("FCALL", "f", "1", "k", "x");
      await isBusy(other, busyFunction);
      expect(await other.ask("SCRIPT", "KILL")).toBe(busyFunction);
      const shown = await other.ask("FUNCTION", "STATS");
      expect(shown).toContain("$name $f $command *[$FCALL $f $1 $k $x] $duration_ms :");
      expect(await other.ask("FUNCTION", "KILL")).toBe("+OK");
      expect(await caller.shown()).toStartWith(killed);
      expect(await other.ask("FUNCTION", "STATS")).toContain("$running_script $null");
    }, 120_000);

    test("does not keep SHUTDOWN NOSAVE from ending the node", async () => {
      await using node = await contestant.start(threshold);
      await using peers = await pair(node);
      const { caller, other } = peers;
      caller.send("EVAL", "redis.call('SET', 'a', 1) while true do end", "0");
      await isBusy(other);
      other.send("SHUTDOWN", "NOSAVE");
      await waitFor(async () => await ended(node.port));
    }, 120_000);
  });
}

async function ended(port: number): Promise<boolean> {
  try {
    await using _peer = await Peer.connect(port);
    return false;
  } catch {
    return true; // refused
  }
}

whenShort(() =>
  describe("a long script", () => {
    test("reaches followers as one transaction, and is atomic there", async () => {
      await using leader = await spawnNode(["--threads", "2", ...threshold], early);
      await using follower = await spawnNode(["--leaderaddr", `127.0.0.1:${leader.port}`], early);
      await using peers = await pair(leader);
      const { caller, other } = peers;
      await using there = await Peer.connect(follower.port);
      await waitFor(async () =>
        (await there.ask("INFO", "replication")).includes("link_status:up"),
      );
      await caller.ask("SET", "n", "0");
      await waitFor(async () => (await there.ask("GET", "n")) === "$0");
      const code = "for i = 1, 2e4 do redis.call('INCR', 'n') end return 1";
      caller.send("EVAL", code, "0");
      await isBusy(other);
      const seen = new Set<string>();
      await waitFor(async () => {
        seen.add(await there.ask("GET", "n"));
        return seen.has("$20000");
      });
      expect([...seen]).toEqual(["$0", "$20000"]);
      expect(await caller.shown()).toBe(":1");
      await caller.ask("SET", "n", "after");
      await waitFor(async () => (await there.ask("GET", "n")) === "$after");
    }, 120_000);

    test("leaves a follower at the offset of its leader, which tells it of itself", async () => {
      await using leader = await spawnNode(["--threads", "2", ...threshold]);
      await using follower = await spawnNode(["--leaderaddr", `127.0.0.1:${leader.port}`]);
      await using peers = await pair(leader);
      const { caller, other } = peers;
      await using there = await Peer.connect(follower.port);
      const offset = (peer: Peer) => infoNumber(peer, "master_repl_offset");
      const isUp = async () => (await there.ask("INFO", "replication")).includes("link_status:up");
      await waitFor(isUp);
      await other.ask("CLIENT", "KILL", "TYPE", "REPLICA");
      await waitFor(async () => (await infoNumber(other, "sync_partial_ok")) === 1);
      // Longer than the second within which the leader tells a new follower of itself.
      const code = "redis.call('SET', 'a', 1) redis.call('SET', 'b', 1) for i = 1, ARGV[1] do end";
      const began = performance.now();
      while (performance.now() - began < 1_500) {
        expect(await caller.ask("EVAL", code, "0", "1e7")).toBe("$null");
      }
      await caller.ask("SET", "n", "after");
      await waitFor(async () => (await there.ask("GET", "n")) === "$after");
      await waitFor(async () => (await offset(there)) === (await offset(other)));
    }, 120_000);

    test("on a follower sees none of its leader's changes", async () => {
      await using leader = await spawnNode([]);
      const address = ["--leaderaddr", `127.0.0.1:${leader.port}`];
      await using follower = await spawnNode([...address, ...threshold]);
      await using writer = await Peer.connect(leader.port);
      await using peers = await pair(follower);
      const { caller, other } = peers;
      await writer.ask("SET", "k", "before");
      await waitFor(async () => (await other.ask("GET", "k")) === "$before");
      const code = "for i = 1, 4e6 do end while redis.call('GET', 'k') == 'before' do end return 1";
      caller.send("EVAL_RO", code, "0");
      await isBusy(other);
      await writer.ask("SET", "k", "after");
      // The change must not come; 200 ms are long for a link of this machine.
      await Bun.sleep(200);
      expect(await other.ask("SCRIPT", "KILL")).toBe("+OK");
      expect(await caller.shown()).toStartWith(killed);
      await waitFor(async () => (await other.ask("GET", "k")) === "$after");
    }, 120_000);

    test("sees no change for which a thread waited when the script was suspended", async () => {
      await using leader = await spawnNode([]);
      const address = ["--leaderaddr", `127.0.0.1:${leader.port}`];
      const slow = ["--threads", "4", "--busy-reply-threshold", "300"];
      await using follower = await spawnNode([...address, ...slow]);
      await using writer = await Peer.connect(leader.port);
      await using there = await pair(follower);
      await whileRunning(there, async (run) => {
        await writer.ask("SET", "k", "before");
        await waitFor(async () => (await there.other.ask("GET", "k")) === "$before");
        run();
        await writer.ask("SET", "k", "after");
      });
      await using alone = await spawnNode(slow);
      await using here = await pair(alone);
      await whileRunning(here, async (run) => {
        await here.other.ask("SET", "k", "before", "PX", "30");
        run();
      });
    }, 240_000);

    test("ends with an error where it cannot be suspended", async () => {
      await using node = await ours.start(threshold);
      await using peer = await Peer.connect(node.port);
      const within = "('a'):rep(3e5):gsub('a-b*a', function() while true do end end)";
      expect(await peer.ask("EVAL", within, "0")).toStartWith(
        "-ERR Script ended: it ran for too long",
      );
      expect(await peer.ask("PING")).toBe("+PONG");
    }, 120_000);
  }),
);
