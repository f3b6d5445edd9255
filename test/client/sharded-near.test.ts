// The near cache of a client over two shards, one of them a redis-server: that each part is kept
// right by its own shard, and that one that is gone makes no key of the other doubtful. What a near
// cache does in one shard is in near.test.ts.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type ShardedClient } from "../../src/index.ts";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  spawnNode,
  startNode,
  type TestNode,
  waitFor,
} from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient, quick } from "../support/patient-client.ts";
import { oracle } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const stack = new AsyncDisposableStack();
let nodes: readonly TestNode[];
let client: ShardedClient;
let writer: ShardedClient;

beforeAll(async () => {
  nodes = await Promise.all([startNode(), redisInstalled() ? oracle.start() : startNode()]);
  client = await connect({ shards: shardsAt(nodes), ...patient });
  writer = await connect({ shards: shardsAt(nodes), ...patient });
  for (const one of [...nodes, client, writer]) stack.use(one);
});
afterAll(() => stack.disposeAsync());

function shardsAt(at: readonly { readonly address: string }[]) {
  return at.map(({ address }, i) => ({ name: "ab"[i] as string, addresses: address }));
}

/** A key in each shard. */
function keysOf(beginning: string): [string, string] {
  const keyIn = (shard: string) => {
    for (let i = 0; ; i++) if (client.shardOf(`${beginning}${i}`) === shard) return beginning + i;
  };
  return [keyIn("a"), keyIn("b")];
}

/** So long that a busy machine does not outlast it. */
const slow = { maxSilence: caseMsMax } as const;

test("each shard says what has changed of its keys", async () => {
  await using near = await client.near(slow);
  const keys = keysOf("told:");
  for (const key of keys) {
    expect(await near.get(key)).toBe(null);
    expect(near.peek(key)).toBe(null);
    await writer.set(key, "1");
    await waitFor(() => near.peek(key) === undefined);
    expect(await near.get(key)).toBe("1");
    expect(near.peek(key)).toBe("1");
  }
  expect(near.counters).toMatchObject({ entries: 2, misses: 4, invalidations: 2 });
  expect(near.isVouchedFor).toBe(true);
  // What this client writes is dropped at once, in parts as well.
  await client.mset(Object.fromEntries(keys.map((key) => [key, "2"])));
  expect(keys.map((key) => near.peek(key))).toEqual([undefined, undefined]);
  // News of that may still be on its way.
  for (const key of keys) {
    await waitFor(async () => (await near.get(key)) === "2" && near.peek(key) === "2");
  }
  near.forget(keys[1]);
  expect(near.peek(keys[1])).toBeUndefined();
  await near.get(keys[1]);
  await writer.command("FLUSHALL");
  await waitFor(() => keys.every((key) => near.peek(key) === undefined));
  for (const key of keys) expect(await near.get(key)).toBe(null);
  near.clear();
  expect(near.counters.entries).toBe(0);
  expect(await failureOf(near.get(5 as never))).toMatchObject({ code: "INVALID_ARGUMENT" });
  await near.close();
  expect(await failureOf(near.get(keys[0]))).toMatchObject({ code: "CLOSED" });
});

test("a shard that is gone makes no key of the other doubtful, and comes back by itself", async () => {
  const port = await freePort();
  const start = () => spawnNode(["--listenaddr", `127.0.0.1:${port}`]);
  await using rest = await startNode();
  const shards = shardsAt([{ address: `127.0.0.1:${port}` }, rest]);
  await using whole = await connect({ shards, ...quick });
  // It is not there yet.
  await using near = await whole.near(slow);
  const [a, b] = keysOf("kept:");
  const isHeld = async (key: string) => {
    await near.get(key);
    return near.peek(key) === null;
  };
  expect(await isHeld(b)).toBe(true);
  expect(near.isVouchedFor).toBe(false);
  {
    await using node = await start();
    await waitFor(() => isHeld(a));
    expect(near.isVouchedFor).toBe(true);
    node.process.kill("SIGKILL");
    await node.process.exited;
    await waitFor(() => near.peek(a) === undefined);
    expect(near.peek(b)).toBe(null);
  }
  await using _again = await start();
  await waitFor(() => isHeld(a));
  expect(near.peek(b)).toBe(null);
});

test("opens in all shards or, if one refuses, in none", async () => {
  await using one = await startNode();
  await using other = await startNode();
  await using root = await connect({ shards: shardsAt([one, other]), ...patient });
  const rules = ["on", ">secret", "~*", "+@all", "-client|tracking"];
  await root.shard("b").command("ACL SETUSER", "app", ...rules);
  await root.shard("a").command("ACL SETUSER", "app", ...rules.slice(0, 4));
  const login = { username: "app", password: "secret" };
  await using app = await connect({ shards: shardsAt([one, other]), ...patient, ...login });
  const before = await root.shard("a").command("CLIENT LIST");
  expect(await failureOf(app.near())).toMatchObject({ serverCode: "NOPERM" });
  const countIn = (list: unknown) => String(list).trim().split("\n").length;
  await waitFor(async () => {
    return countIn(await root.shard("a").command("CLIENT LIST")) === countIn(before);
  });
  const small = await failureOf(client.near({ maxBytes: 70_000 }));
  expect(small).toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(small.message).toContain("131072");
  expect(await failureOf(client.near({ maxBytes: -1 }))).toMatchObject({
    code: "INVALID_ARGUMENT",
  });
});
