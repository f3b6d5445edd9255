// A client over several shards: at our node with one data thread, at one with four, and at a
// redis-server, together. What is split and what is refused, what has a connection of its own, and
// that one shard that is gone takes nothing with it but its keys.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  AbortedError,
  type CommandCall,
  CrossShardError,
  connect,
  type ShardedClient,
  type ShardOptions,
} from "../../src/index.ts";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  type SpawnedNode,
  spawnNode,
  startNode,
  type TestNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient, quick } from "../support/patient-client.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { leaderName, startSentinel } from "../support/sentinels.ts";
import { oracle, ours } from "../support/servers.ts";
import { ScriptedNode } from "./scripted-node.ts";

setDefaultTimeout(caseMsMax);

const stack = new AsyncDisposableStack();
let nodes: TestNode[];
let client: ShardedClient;

beforeAll(async () => {
  const third = redisInstalled() ? oracle.start() : ours.start();
  const threads = (count: number) => ours.start(["--threads", `${count}`]);
  nodes = await Promise.all([threads(1), threads(4), third]);
  for (const node of nodes) stack.use(node);
  client = await connect({ shards: shardsAt(nodes), ...patient });
  stack.use(client);
});
afterAll(() => stack.disposeAsync());

function shardsAt(at: readonly { readonly address: string }[]): ShardOptions[] {
  return at.map(({ address }, i) => ({ name: "abc"[i] as string, addresses: address }));
}

/** The first key with this beginning in the shard of this name. */
function keyIn(name: string, beginning: string, of = client): string {
  for (let i = 0; ; i++) if (of.shardOf(`${beginning}${i}`) === name) return `${beginning}${i}`;
}

/** One key in each shard. */
function keyInEach(beginning: string): [string, string, string] {
  return [keyIn("a", beginning), keyIn("b", beginning), keyIn("c", beginning)];
}

whenShort(() => {
  describe("keys", () => {
    test("are in the shard that shardOf() says, and only there", async () => {
      for (const key of keyInEach("placed:")) {
        await client.set(key, "v", { ttl: 60_000 });
        expect(await client.get(key)).toBe("v");
        for (const name of client.shards) {
          expect(await client.shard(name).has(key)).toBe(name === client.shardOf(key));
        }
        expect(await client.incr(`${key}:visits`)).toBe(1);
        expect(await client.delete(key)).toBe(true);
      }
    });

    test("of several shards are read, written, counted and deleted in parts, in their order", async () => {
      const keys = Array.from({ length: 50 }, (_, i) => `part:${i}`);
      const pairs = keys.flatMap((key, i) => [key, `v${i}`]);
      expect(
        await client.command("MSET", pairs[0] as string, pairs[1] as string, ...pairs.slice(2)),
      ).toBe("OK");
      const wanted = [...keys.slice(10), "part:none", ...keys.slice(0, 10), "part:3"];
      const values = wanted.map((key) => (key === "part:none" ? null : `v${key.slice(5)}`));
      expect(await client.mget(wanted)).toEqual(values);
      const bytes = await client.mgetBytes(wanted);
      expect(bytes.map((one) => one && new TextDecoder().decode(one))).toEqual(values);
      expect(await client.command("EXISTS", "part:1", "part:1", "part:2", "part:none")).toBe(3);
      expect(await client.command("TOUCH", "part:1", "part:2", "part:none")).toBe(2);
      expect(await client.command("UNLINK", "part:1", "part:2", "part:none")).toBe(2);
      expect(await client.deleteMany([...keys, "part:none"])).toBe(48);
      expect(await client.mget(["part:3", "part:4"])).toEqual([null, null]);
    });

    test("of several shards in any other command are refused, and with a {tag} they are not", async () => {
      const [a, b] = keyInEach("apart:");
      const error = await failureOf(client.command("MSETNX", a, "1", b, "2"));
      expect(error).toBeInstanceOf(CrossShardError);
      expect(error).toMatchObject({ code: "CROSS_SHARD", keys: [a, b], shards: ["a", "b"] });
      expect(await client.mget([a, b])).toEqual([null, null]);
      expect(await client.command("MSETNX", `{${a}}:1`, "1", `{${a}}:2`, "2")).toBe(1);
      expect(await client.command("RENAME", `{${a}}:1`, `{${a}}:3`)).toBe("OK");
      expect(await client.get(`{${a}}:3`)).toBe("1");
    });
  });

  describe("a command without a key", () => {
    test("of the whole goes to all shards", async () => {
      await client.command("FLUSHALL");
      expect(await client.command("DBSIZE")).toBe(0);
      const keys = Array.from({ length: 100 }, (_, i) => `whole:${i}`);
      await Promise.all(keys.map((key) => client.set(key, "v")));
      expect(await client.command("DBSIZE")).toBe(100);
      expect(new Set(await client.command("KEYS", "whole:*"))).toEqual(new Set(keys));
      const each = client.shards.map((name) => client.shard(name).command("DBSIZE"));
      const sizes = await Promise.all(each);
      expect(Math.min(...sizes)).toBeGreaterThan(10);
      expect(sizes.reduce((sum, size) => sum + size)).toBe(100);
      expect(await client.ping()).toBe("PONG");
      await client.command("FLUSHDB");
      expect(await client.command("DBSIZE")).toBe(0);
    });

    test("of one node wants a shard to be named", async () => {
      const refusal = { code: "INVALID_ARGUMENT" };
      expect(await failureOf(client.info())).toMatchObject(refusal);
      expect(await failureOf(client.command("SCAN", 0))).toMatchObject(refusal);
      expect(await failureOf(client.command("LPUSH", "list", "x"))).toMatchObject(refusal);
      expect(await client.shard("a").info("server")).toContain("redis_version");
      expect(() => client.shard("d")).toThrow('there are "a", "b", "c"');
    });
  });

  describe("several commands", () => {
    test("of a pipeline go to their shards, and the results come in order", async () => {
      const keys = keyInEach("piped:");
      const calls = keys.flatMap((key) => [
        ["SET", key, "1"],
        ["INCR", key],
        ["GET", key],
      ]) as CommandCall[];
      const results = await client.pipeline([
        ...calls,
        ["MGET", ...keys],
        ["INCR", "piped:n"],
      ] as CommandCall[]);
      expect(results.slice(0, 9)).toEqual(["OK", 2, "2", "OK", 2, "2", "OK", 2, "2"]);
      expect(results.slice(9)).toEqual([["2", "2", "2"], 1]);
    });

    test("of which one has no shard are not sent at all", async () => {
      const [a, b] = keyInEach("unsent:");
      const lists: CommandCall[][] = [
        [
          ["SET", a, "1"],
          ["RENAME", a, b],
        ],
        [["SET", a, "1"], ["INFO"]],
        [
          ["SET", a, "1"],
          ["SET", b, Symbol() as never],
        ],
      ];
      for (const list of lists) {
        expect(["CROSS_SHARD", "INVALID_ARGUMENT"]).toContain(
          ((await failureOf(client.pipeline(list))) as CrossShardError).code,
        );
        expect(await client.has(a)).toBe(false);
      }
    });

    test("of a transaction must be of one shard", async () => {
      const [a, b] = keyInEach("bank:");
      const mixed = client.transaction([
        ["INCRBY", a, 5],
        ["INCRBY", b, 5],
      ]);
      expect(await failureOf(mixed)).toMatchObject({ code: "CROSS_SHARD", keys: [a, b] });
      const keyless = client.transaction([["INCRBY", a, 5], ["PING"]]);
      expect(await failureOf(keyless)).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(await client.mget([a, b])).toEqual([null, null]);
      const one = await client.transaction([
        ["INCRBY", `{${b}}:1`, 5],
        ["INCRBY", `{${b}}:2`, 6],
      ]);
      expect(one).toEqual([5, 6]);
    });

    test("that watch keys must be of one shard, too", async () => {
      const [, b, c] = keyInEach("stock:");
      await client.set(c, "5");
      const left = await client.watch([c], async (command) => {
        const stock = Number(await command("GET", c));
        return [
          ["SET", c, stock - 1],
          ["GET", c],
        ];
      });
      expect(left).toEqual(["OK", "4"]);
      const reads = client.watch([c], async (command) => {
        await command("GET", b);
        return null;
      });
      expect(await failureOf(reads)).toMatchObject({ code: "CROSS_SHARD", keys: [c, b] });
      const writes = client.watch([c], async () => [["DEL", b]]);
      expect(await failureOf(writes)).toMatchObject({ code: "CROSS_SHARD" });
      expect(await failureOf(client.watch([b, c], async () => null))).toMatchObject({
        code: "CROSS_SHARD",
      });
      expect(await client.watch([c], async () => null)).toBe(null);
    });

    test("of a script run where its keys are", async () => {
      const script = client.script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
      for (const key of keyInEach("counted:")) {
        expect(await script.run([key], [3])).toBe(3);
        expect(await client.get(key)).toBe("3");
      }
      const [a, b] = keyInEach("counted:");
      expect(await failureOf(script.run([a, b], [1]))).toMatchObject({ code: "CROSS_SHARD" });
      expect(await failureOf(script.run([], []))).toMatchObject({ code: "INVALID_ARGUMENT" });
    });
  });

  describe("streams", () => {
    test("of keys come from all shards", async () => {
      const keys = Array.from({ length: 300 }, (_, i) => `walked:${i}`);
      await Promise.all(keys.map((key) => client.set(key, "v")));
      const found = new Set<string>();
      for await (const key of client.scan({ match: "walked:*" })) found.add(key);
      expect(found).toEqual(new Set(keys));
    });

    test("of messages come from the shards of their channels, and of patterns from all", async () => {
      const channels = keyInEach("news:");
      await using named = await client.subscribe(channels);
      await using all = await client.subscribe({ patterns: ["news:*"] });
      for (const channel of channels) {
        expect(await client.command("PUBLISH", channel, `of ${channel}`)).toBe(2);
      }
      for (const subscription of [named, all]) {
        const seen = [];
        while (seen.length < 3) seen.push((await subscription.next()).value);
        expect(seen.map((one) => one?.message).sort()).toEqual(
          channels.map((c) => `of ${c}`).sort(),
        );
        expect(seen.every((one) => one?.missed === null)).toBe(true);
      }
      expect(await failureOf(client.subscribe([]))).toMatchObject({ code: "INVALID_ARGUMENT" });
    });
  });

  describe("bounds", () => {
    test("hold at every shard", async () => {
      const abort = new AbortController();
      const bounded = client.with({ timeout: 60_000 }).with({ signal: abort.signal });
      const keys = keyInEach("bounded:");
      expect(await bounded.mget(keys)).toEqual([null, null, null]);
      expect(await bounded.shard("b").get(keys[1])).toBe(null);
      abort.abort();
      for (const key of keys)
        expect(await failureOf(bounded.get(key))).toBeInstanceOf(AbortedError);
      expect(await failureOf(bounded.shard("c").ping())).toBeInstanceOf(AbortedError);
      expect(await client.get(keys[0])).toBe(null);
      expect(() => client.with({ timeout: -1 })).toThrow("timeout");
      expect(() => client.with(5 as never)).toThrow("options");
    });
  });
});

test("random commands get the answers of one node, or CROSS_SHARD", async () => {
  await using node = await startNode();
  await using single = await connect(node.address, patient);
  await client.flushAll();
  const random = new Random(seedFor("SHARDS_SEED"));
  const keys = Array.from({ length: 12 }, (_, i) => (i < 6 ? `k${i}` : `{t${i % 2}}:${i}`));
  const some = () => Array.from({ length: random.between(1, 6) }, () => random.pick(keys));
  const makers: readonly (() => CommandCall)[] = [
    () => ["MGET", ...some()],
    () => ["MSET", ...some().flatMap((key) => [key, random.below(100)])],
    () => ["MSETNX", ...some().flatMap((key) => [key, random.below(100)])],
    () => [random.pick(["DEL", "UNLINK", "EXISTS", "TOUCH"]), ...some()],
    () => ["INCRBY", random.pick(keys), random.below(100)],
    () => ["RENAMENX", random.pick(keys), random.pick(keys)],
    () => ["DBSIZE"],
    () => ["EVAL", "return redis.call('EXISTS', unpack(KEYS))", 2, ...some().slice(0, 1), "k0"],
  ];
  let refusals = 0;
  for (let round = 0; round < repetitions(100, 1_000); round++) {
    const calls = Array.from({ length: random.between(1, 5) }, () => random.pick(makers)());
    const found = await client.pipeline(calls).catch((cause) => cause as CrossShardError);
    if (Array.isArray(found)) {
      const expected = await single.pipeline(calls);
      expect([calls, found.map(textOf)]).toEqual([calls, expected.map(textOf)]);
    } else {
      expect(found.code).toBe("CROSS_SHARD");
      const [one, other] = found.keys;
      expect(client.shardOf(one)).not.toBe(client.shardOf(other));
      refusals++;
    }
  }
  expect(refusals).toBeGreaterThan(0);
});

/** An error by its text, which node and redis-server share where both refuse. */
function textOf(result: unknown): unknown {
  return result instanceof Error ? result.message : result;
}

whenShort(() => {
  describe("a shard that is gone", () => {
    const impatient = { ...quick, offlineQueue: false } as const;

    test("fails its own keys; others go on, and it comes back by itself", async () => {
      const start = (port: number) => spawnNode(["--listenaddr", `127.0.0.1:${port}`]);
      await using node = await start(await freePort());
      await using rest = await startNode();
      await using mixed = await connect({ shards: shardsAt([rest, node]), ...impatient });
      const [a, b] = [keyIn("a", "k", mixed), keyIn("b", "k", mixed)];
      let isOver = false;
      const steady = (async () => {
        let count = 0;
        for (; !isOver; count++) {
          await mixed.set(a, `${count}`);
          expect(await mixed.get(a)).toBe(`${count}`);
        }
        return count;
      })();
      expect(await mixed.set(b, "1")).toBe(true);
      node.process.kill("SIGKILL");
      await node.process.exited;
      await waitFor(async () => (await failureOf(mixed.set(b, "2"))).name === "ConnectError");
      expect(await failureOf(mixed.mget([a, b]))).toMatchObject({ code: "CONNECT_FAILED" });
      expect(await failureOf(mixed.ping())).toMatchObject({ code: "CONNECT_FAILED" });
      const [first, second] = await mixed.pipeline([
        ["EXISTS", a],
        ["SET", b, "x"],
      ]);
      expect([first, second]).toMatchObject([1, { code: "CONNECT_FAILED" }]);
      await using _again = await start(node.port);
      await waitFor(() => mixed.set(b, "3"));
      expect(await mixed.get(b)).toBe("3");
      isOver = true;
      expect(await steady).toBeGreaterThan(0);
    });

    test("is no reason not to connect, unless it is the last or refuses the login", async () => {
      await using rest = await startNode();
      const dead = await deadAddress();
      const at = [{ address: dead }, rest];
      await using client = await connect({ shards: shardsAt(at), ...impatient });
      expect(await client.set(keyIn("b", "k", client), "v")).toBe(true);
      expect(await failureOf(client.get(keyIn("a", "k", client)))).toMatchObject({
        code: "CONNECT_FAILED",
      });
      await using _late = new ScriptedNode(
        (command) => (command.startsWith("HELLO") ? undefined : "+OK\r\n"),
        Number(dead.split(":")[1]),
      );
      await waitFor(() => client.set(keyIn("a", "k", client), "v"));
      const none = connect({ shards: shardsAt([{ address: await deadAddress() }]), ...impatient });
      expect(await failureOf(none)).toMatchObject({ code: "CONNECT_FAILED" });
      await using strict = await startNode({ password: "secret" });
      const shards = shardsAt([rest, strict]);
      const wrong = [shards[0], { ...shards[1], password: "no" }] as ShardOptions[];
      expect(await failureOf(connect({ shards: wrong, ...impatient }))).toMatchObject({
        code: "CONNECT_FAILED",
        cause: { serverCode: "WRONGPASS" },
      });
    });
  });
});

async function deadAddress(): Promise<string> {
  await using node = new ScriptedNode(() => "");
  return node.addr;
}

whenShort(() => {
  describe("each shard", () => {
    test("is a group of its own: followers that one reads one's own writes from", async () => {
      await using leader = await startNode();
      const [host, port] = leader.address.split(":") as [string, string];
      await using follower = await startNode({ leaderAddr: { host, port: Number(port) } });
      await using other = await startNode();
      await using own = await connect({
        shards: shardsAt([follower, other]),
        readYourWrites: true,
        ...patient,
      });
      const keys = [keyIn("a", "own:", own), keyIn("b", "own:", own)];
      for (let i = 0; i < 20; i++) {
        for (const key of keys) {
          await own.set(key, `${i}`);
          expect(await own.get(key)).toBe(`${i}`);
        }
      }
      expect(await own.command("DBSIZE")).toBe(2);
      expect(own.address).toBe(`${follower.address}, ${other.address}`);
    });

    test.skipIf(!redisInstalled())("may be found by real Sentinels", async () => {
      await using guards = new AsyncDisposableStack();
      const directory = guards.use(await temporaryDirectory());
      const leader = guards.use((await ours.start()) as SpawnedNode);
      const other = guards.use(await startNode());
      const sentinelPort = await startSentinel(guards, directory.path, leader.port, [], 1);
      await using guarded = await connect({
        shards: [
          { name: "a", addresses: `127.0.0.1:${sentinelPort}`, sentinel: leaderName },
          { name: "b", addresses: other.address },
        ],
        ...patient,
      });
      const keys = [keyIn("a", "kept:", guarded), keyIn("b", "kept:", guarded)];
      for (const key of keys) await guarded.set(key, "v");
      expect(await guarded.mget(keys)).toEqual(["v", "v"]);
      expect(guarded.address).toBe(`${leader.address}, ${other.address}`);
    });
  });

  test("the whole is closed once and for all", async () => {
    await using node = await startNode();
    const whole = await connect({ shards: shardsAt([node]), ...patient });
    const view = whole.with({ timeout: 60_000 });
    const last = whole.set("k", "v");
    await Promise.all([whole.close(), view.close()]);
    expect(await last).toBe(true);
    expect(await failureOf(view.get("k"))).toMatchObject({ code: "CLOSED" });
    expect(await failureOf(whole.mget(["k", "l"]))).toMatchObject({ code: "CLOSED" });
    expect(await failureOf(connect({ shards: [] } as never, {}))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});
