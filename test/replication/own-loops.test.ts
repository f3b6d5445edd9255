/**
 * A node that follows itself, by another of its names or through other nodes none of which has a
 * link: it learns so from those that ask it, says it once in its log and in INFO, and stops saying
 * it when that is over. A circle whose links are up is in tree.test.ts, the texts in
 * test/unit/replication/tree/seekers.test.ts.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  caseMsMax,
  freePort,
  respClient,
  type SpawnedNode,
  spawnNode,
  waitFor,
} from "../harness.ts";

setDefaultTimeout(caseMsMax);

let a: SpawnedNode;
let b: SpawnedNode;
let c: SpawnedNode;

beforeAll(async () => {
  const port = await freePort();
  a = await spawnNode(["--listenaddr", `127.0.0.1:${port}`, "--leaderaddr", `localhost:${port}`]);
  [b, c] = await Promise.all([spawnNode(), spawnNode()]);
}, caseMsMax);

afterAll(async () => {
  for (const node of [a, b, c]) await node?.[Symbol.asyncDispose]();
}, caseMsMax);

async function follow(node: SpawnedNode, host: string, port: string | number): Promise<void> {
  await using client = await respClient(node.port);
  expect(`${await client.call("REPLICAOF", host, `${port}`)}`).toBe("OK");
}

async function field(node: SpawnedNode, name: string): Promise<string> {
  await using client = await respClient(node.port);
  const info = `${await client.call("INFO", "replication")}`;
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(info)?.[1] ?? "";
}

async function untilCircle(node: SpawnedNode, wanted: "0" | "1"): Promise<void> {
  await waitFor(async () => (await field(node, "mscache_tree_circle")) === wanted, {
    message: node.log(),
  });
}

/** The lines of the log from this moment on that have the text. */
function listener(node: SpawnedNode): (text: string) => string[] {
  const start = node.log().length;
  return (text) =>
    node
      .log()
      .slice(start)
      .split("\n")
      .filter((line) => line.includes(text));
}

/** It has said it once, and says nothing while its attempts go on. */
async function expectSaidOnce(said: (text: string) => string[], sentence: string): Promise<void> {
  await waitFor(() => said(sentence).length === 1, { message: said("").join("\n") });
  const before = said("").length;
  // Time in which an attempt is made: they are at most five seconds apart, and say nothing.
  await Bun.sleep(5_500);
  expect(said("").slice(before)).toEqual([]);
  expect(said(sentence)).toEqual([expect.stringContaining(" warn ")]);
}

test("started as a follower of another of its names, it says so once", async () => {
  await untilCircle(a, "1");
  const sentence = `this node follows itself: localhost:${a.port} is one of its own addresses`;
  await waitFor(() => a.log().includes(sentence), { message: a.log() });
  await expectSaidOnce(
    (text) =>
      a
        .log()
        .split("\n")
        .filter((line) => line.includes(text)),
    sentence,
  );
});

test("it says when that is over, and says it again for another of its names", async () => {
  const said = listener(a);
  await follow(a, "NO", "ONE");
  await untilCircle(a, "0");
  await waitFor(() => said("this node does not follow itself any more").length === 1);
  await follow(a, "127.0.0.1", a.port);
  await untilCircle(a, "1");
  await waitFor(() => said(`follows itself: 127.0.0.1:${a.port} is one`).length === 1);
  await follow(a, "NO", "ONE");
  await untilCircle(a, "0");
});

test("two that follow each other say so once, until one of them leads", async () => {
  const [saidA, saidB] = [listener(a), listener(b)];
  await follow(a, "127.0.0.1", b.port);
  await waitFor(async () => (await field(a, "master_link_status")) === "up");
  await follow(b, "127.0.0.1", a.port);
  await untilCircle(a, "1");
  await untilCircle(b, "1");
  const sentence = "this node follows itself through others";
  await Promise.all([expectSaidOnce(saidA, sentence), expectSaidOnce(saidB, sentence)]);
  await follow(b, "NO", "ONE");
  await untilCircle(a, "0");
  await untilCircle(b, "0");
  await waitFor(async () => (await field(a, "master_link_status")) === "up");
});

test("each of three in a circle says so, a node that follows one of them does not", async () => {
  const port = await freePort(); // so none of the three can have a link before the circle is closed
  for (const node of [a, b, c]) await follow(node, "127.0.0.1", port);
  await using leaf = await spawnNode(["--leaderaddr", a.address]);
  await follow(a, "127.0.0.1", b.port);
  await follow(b, "127.0.0.1", c.port);
  await follow(c, "127.0.0.1", a.port);
  for (const node of [a, b, c]) await untilCircle(node, "1");
  expect(await field(leaf, "mscache_tree_circle")).toBe("0");
  await follow(c, "NO", "ONE");
  for (const node of [a, b, leaf]) {
    await waitFor(async () => (await field(node, "master_link_status")) === "up");
  }
  for (const node of [a, b, c, leaf]) await untilCircle(node, "0");
});
