/**
 * Scripts with several data threads: they exclude each other and the commands of all threads, their
 * writes reach followers whole, of this program and of Redis's, and SCRIPT KILL arrives while one
 * runs.
 * Invariant: nothing depends on which thread a connection falls to.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, spawnNode, startRedis, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

/** Any data thread runs it. */
const moveHere =
  "redis.call('DECR', KEYS[1]) redis.call('INCR', KEYS[2]) redis.call('INCR', 'moves') " +
  "redis.call('SET', 'moves:' .. KEYS[1], redis.call('GET', 'moves')) return 0";
/** The control thread runs it, as it publishes. */
const move =
  "local from, to = KEYS[1], KEYS[2] " +
  "redis.call('SET', from, redis.call('GET', from) - 1) " +
  "redis.call('SET', to, redis.call('GET', to) + 1) " +
  "redis.call('SET', 'moves:' .. from, redis.call('INCR', 'moves')) " +
  "return redis.call('PUBLISH', 'moves', to)";
/** Other ways to call `redis.call('publish', 'c', 'm')`. */
const publishing = [
  "return redis['call']('publish', 'c', 'm')",
  "return redis['ca' .. 'll']('publish', 'c', 'm')",
  "return _G.redis['ca' .. 'll']('publish', 'c', 'm')",
  "local r = redis return r['ca' .. 'll']('publish', 'c', 'm')",
  "return loadstring([[return redis['ca' .. 'll']('publish', 'c', 'm')]])()",
  "for k, f in pairs(redis) do if #k == 4 and k:sub(2) == 'all' then return f('publish', 'c', 'm') end end",
  "local _, n = pcall(redis.call, 'publish', 'c', 'm') return n",
  "return redis.call('get' .. '', 'x') or redis.call('pub' .. 'lish', 'c', 'm')",
];
const sum =
  "local s = 0 for _, k in ipairs(KEYS) do s = s + (redis.call('GET', k) or 0) end return s";
const accounts = ["a", "b", "c", "d", "e"];
const start = 1000;
const total = `:${start * accounts.length}`;

describe.skipIf(process.platform !== "linux")("with 4 data threads", () => {
  test("scripts of many connections never show a part, here or on followers", async () => {
    await using leader = await spawnNode(["--threads", "4"]);
    await using follower = await spawnNode(["--threads", "4", "--leaderaddr", leader.address]);
    await using redis = redisInstalled()
      ? await startRedis(["--replicaof", "127.0.0.1", `${leader.port}`])
      : null;
    await using peer = await Peer.connect(leader.port);
    await peer.ask("MSET", ...accounts.flatMap((name) => [name, `${start}`]));
    const shas: string[] = [];
    for (const text of [move, moveHere])
      shas.push((await peer.ask("SCRIPT", "LOAD", text)).slice(1));
    const copies = [follower.port, ...(redis === null ? [] : [redis.port])];
    for (const port of copies) await waitFor(() => has(port, "a"), { message: "the first sync" });
    const clients = Array.from({ length: 8 }, async (_, index) => {
      await using client = await Peer.connect(leader.port);
      for (let i = 0; i < 40; i++) {
        const [from = "a", to = "b"] = [
          accounts[(index + i) % 5],
          accounts[(index + 2 * i + 1) % 5],
        ];
        if (from === to) continue;
        expect(await client.ask("EVALSHA", `${shas[i % 2]}`, 2, from, to)).toBe(":0");
        expect(await client.ask("EVAL_RO", sum, accounts.length, ...accounts)).toBe(total);
      }
    });
    const readers = copies.map(async (port) => {
      await using reader = await Peer.connect(port);
      for (let i = 0; i < 60; i++) {
        expect(await reader.ask("EVAL_RO", sum, accounts.length, ...accounts)).toBe(total);
      }
    });
    await Promise.all([...clients, ...readers]);
    const moves = await peer.ask("GET", "moves");
    for (const port of copies) {
      await waitFor(async () => (await ask(port, "GET", "moves")) === moves);
      const keys = [...accounts, ...accounts.map((name) => `moves:${name}`)];
      expect(await ask(port, "MGET", ...keys)).toBe(await peer.ask("MGET", ...keys));
    }
  });

  test("all threads know the same scripts", async () => {
    await using node = await spawnNode(["--threads", "4"]);
    await using stack = new AsyncDisposableStack();
    const peers = await Promise.all(Array.from({ length: 16 }, () => Peer.connect(node.port)));
    for (const peer of peers) stack.use(peer);
    const [first = await Peer.connect(node.port)] = peers;
    for (let round = 0; round < 5; round++) {
      const text = `return ${round} + redis.call('EXISTS', 'none')`;
      const sha = (await first.ask("SCRIPT", "LOAD", text)).slice(1);
      const all = (...words: [string, ...string[]]) => {
        return Promise.all(peers.map((peer) => peer.ask(...words)));
      };
      expect(new Set(await all("EVALSHA", sha, "0"))).toEqual(new Set([`:${round}`]));
      expect(await first.ask("SCRIPT", "FLUSH")).toBe("+OK");
      const refused = "-NOSCRIPT No matching script. Please use EVAL.";
      expect(new Set(await all("EVALSHA", sha, "0"))).toEqual(new Set([refused]));
      expect(new Set(await all("EVAL", text, "0"))).toEqual(new Set([`:${round}`]));
      expect(new Set(await all("EVALSHA", sha, "0"))).toEqual(new Set([`:${round}`]));
    }
  });

  test("a script may publish, however it hides that from who reads its text", async () => {
    await using node = await spawnNode(["--threads", "4"]);
    await using stack = new AsyncDisposableStack();
    const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.connect(node.port)));
    for (const peer of peers) stack.use(peer);
    const [first = await Peer.connect(node.port)] = peers;
    for (const text of publishing) {
      const sha = (await first.ask("SCRIPT", "LOAD", text)).slice(1);
      const replies = await Promise.all(peers.map((peer) => peer.ask("EVALSHA", sha, 0)));
      expect({ text, replies: new Set(replies) }).toEqual({ text, replies: new Set([":0"]) });
    }
  });

  test("SCRIPT KILL ends a script that has not written, and none that has", async () => {
    await using node = await spawnNode(["--threads", "4", "--busy-reply-threshold", "60000"]);
    await using caller = await Peer.connect(node.port);
    await using killer = await Peer.connect(node.port);
    expect(await killer.ask("SCRIPT", "KILL")).toStartWith("-NOTBUSY");
    caller.send("EVAL", "while true do end", "0");
    await waitFor(async () => (await killer.ask("SCRIPT", "KILL")) === "+OK");
    expect(await caller.shown()).toStartWith("-ERR Script killed by user with SCRIPT KILL...");
    const long = "redis.call('SET', 'a', 1) for i = 1, 2e7 do end return 7";
    let attempts = 0;
    // Once more if it was over, or had not written, when a busy machine came to ask. No thread
    // knows the new text, so it does not run in the killer's.
    await waitFor(async () => {
      let isOver = false;
      const run = caller.ask("EVAL", `${long} -- ${++attempts}`, "0").finally(() => {
        isOver = true;
      });
      let answer = "-NOTBUSY";
      while (answer.startsWith("-NOTBUSY") && !isOver) answer = await killer.ask("SCRIPT", "KILL");
      expect(await run).toBe(":7");
      return answer.startsWith("-UNKILLABLE");
    });
    expect(await killer.ask("GET", "a")).toBe("$1");
  });
});

async function ask(port: number, ...words: [string, ...string[]]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...words);
}

async function has(port: number, key: string): Promise<boolean> {
  return (await ask(port, "EXISTS", key)) === ":1";
}
