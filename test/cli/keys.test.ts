// `mscache keys` as a process, on a node of ours and on a real redis-server: lists, rankings, what
// a pipe and a program get, and readers that leave. How a key is escaped is in unit/cli/.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  caseMsMax,
  noRedis,
  redisInstalled,
  respClient,
  runMscache,
  spawnNode,
  startNode,
  startRedis,
  type TestNode,
  waitFor,
} from "../harness.ts";
import { nodeCommand } from "../support/programs.ts";

setDefaultTimeout(caseMsMax);

const many = 3_000;
const longest = 2_000;
const odd = Buffer.from("odd\n\x1b[31m\xff", "latin1");

/** Many keys with values of growing lengths in database 0, one that expires, and one in 3. */
async function fill({ port }: TestNode): Promise<void> {
  await using client = await respClient(port);
  for (let i = 0; i < many; i++) client.send("SET", `key:${i}`, "v".repeat(i < 10 ? i : 1));
  for (let i = 0; i < many; i++) await client.reply();
  await client.call("SET", "big", "x".repeat(longest), "EX", "1000");
  await client.call("SELECT", "3");
  await client.call("SET", odd, "1");
}

describe("keys of a node of ours", () => suite(() => startNode()));

describe.skipIf(!redisInstalled())(`keys of redis-server; ${noRedis} if skipped`, () =>
  suite(() => startRedis()),
);

function suite(start: () => Promise<TestNode>): void {
  let node: TestNode;
  beforeAll(async () => {
    node = await start();
    await fill(node);
  });
  afterAll(() => node[Symbol.asyncDispose]());
  const keys = (...args: string[]) => runMscache(["keys", "--addr", node.address, ...args]);

  test("lists each key of the database on a line", async () => {
    const { status, out, errors } = await keys();
    expect([status, errors]).toEqual([0, ""]);
    const lines = out.trimEnd().split("\n");
    expect(lines.length).toBe(new Set(lines).size);
    expect(new Set(lines)).toEqual(
      new Set(["big", ...Array.from({ length: many }, (_, i) => `key:${i}`)]),
    );
  });

  test("finds keys by a pattern, with the seconds they live", async () => {
    const { out } = await keys("--pattern", "b*", "--ttl");
    expect(out).toMatch(/^\d+\.\d{3}\tbig\n$/);
    expect(Number.parseFloat(out)).toBeWithin(900, 1001);
    expect((await keys("--pattern", "key:1", "--ttl")).out).toBe("none\tkey:1\n");
  });

  test("a key that is no text is exact in JSON, and the database is named", async () => {
    const { out } = await keys("--all", "--json", "--pattern", "odd*");
    expect(JSON.parse(out)).toEqual({ key: { base64: odd.toString("base64") }, db: 3 });
  });

  test("--db and --all choose the databases", async () => {
    expect((await keys("--db", "7")).out).toBe("");
    expect((await keys("--all", "--pattern", "big")).out).toBe("0\tbig\n");
    const refused = await keys("--all", "--db", "1");
    expect(refused).toMatchObject({ status: 2, errors: "mscache: --all excludes --db\n" });
  });

  test("the biggest come first, with what they take", async () => {
    const { out, errors } = await keys("--biggest", "3", "--pattern", "*", "--json", "--ttl");
    expect(errors).toBe("");
    const { looked, biggest } = JSON.parse(out);
    expect(looked).toBe(many + 1);
    expect(biggest.length).toBe(3);
    expect(biggest[0]).toMatchObject({ key: "big", db: 0 });
    expect(biggest[0].bytes).toBeGreaterThan(longest);
    expect(biggest[0].ttl).toBeWithin(900, 1001);
    expect(biggest[1].ttl).toBeNull();
    expect(biggest[1].bytes).toBeLessThan(longest);
    const text = await keys("--biggest", "1");
    expect(text.out).toMatch(/^# the biggest, bytes, of 3001 keys\n\d+ {2}big\n$/);
  });

  test("a sample looks at no more keys than it is told", async () => {
    const { out } = await keys("--sample", "250");
    expect(out.trimEnd().split("\n").length).toBe(250);
    const { looked } = JSON.parse((await keys("--sample", "250", "--biggest", "1", "--json")).out);
    expect(looked).toBe(250);
  });

  test("--rate bounds the keys a second", async () => {
    const began = performance.now();
    const { out } = await keys("--rate", "1000", "--sample", "500", "--count", "10");
    expect(out.trimEnd().split("\n").length).toBe(500);
    // The last batch is not waited for.
    expect(performance.now() - began).toBeGreaterThan(450);
  });

  test("a reader that leaves ends it quietly", async () => {
    const child = Bun.spawn([...nodeCommand, "keys", "--addr", node.address, "--count", "10"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
  });
}

test("the hottest need a policy by which the server counts", async () => {
  await using node = await startNode();
  await using client = await respClient(node.port);
  const keys = (...args: string[]) => runMscache(["keys", "--addr", node.address, ...args]);
  for (let i = 0; i < 20; i++) await client.call("SET", `key:${i}`, "v");
  for (let i = 0; i < 20; i++) await client.call("GET", "key:7");
  const { hottest } = JSON.parse((await keys("--hottest", "2", "--json")).out);
  expect(hottest[0]).toMatchObject({ key: "key:7", db: 0 });
  expect(hottest[0].uses).toBeGreaterThan(hottest[1].uses);
  await client.call("CONFIG", "SET", "maxmemory-policy", "noeviction");
  const { status, out, errors } = await keys("--hottest", "2");
  expect([status, out]).toEqual([1, ""]);
  expect(errors).toMatch(/^mscache: [^\n]*CONFIG SET maxmemory-policy allkeys-lfu[^\n]*\n$/);
});

test("--follower asks a follower and not the leader", async () => {
  await using leader = await startNode();
  await using client = await respClient(leader.port);
  await client.call("SET", "k", "v");
  const keys = () => runMscache(["keys", "--addr", leader.address, "--follower"]);
  expect(await keys()).toEqual({
    status: 1,
    out: "",
    errors: "mscache: the node has no follower that is in sync\n",
  });
  await using _ = await spawnNode(["--leaderaddr", leader.address]);
  await waitFor(
    async () => `${await client.call("INFO", "replication")}`.includes("state=online"),
    {
      message: "the follower to be online",
    },
  );
  expect(await keys()).toEqual({ status: 0, out: "k\n", errors: "" });
  expect(await client.call("INFO", "commandstats")).not.toContain("cmdstat_scan");
});

test.each([
  [["--count", "0"], '--count: "0" is not a whole number from 1 to 100000'],
  [["--biggest", "many"], '--biggest: "many" is not a whole number from 1 to 10000'],
  [["--db", "-1"], '"-1" is not the number of a database'],
])("%p is refused in one sentence", async (args, sentence) => {
  const { status, errors } = await runMscache(["keys", ...args]);
  expect([status, errors]).toEqual([2, `mscache: ${sentence}\n`]);
});

test("without permission for SCAN it says so and exits 1", async () => {
  await using node = await startNode();
  await using client = await respClient(node.port);
  const rules = ["on", ">secret", "~*", "+get", "+hello", "+dbsize"];
  await client.call("ACL", "SETUSER", "reader", ...rules);
  const login = ["--user", "reader", "--password", "secret"];
  const { status, errors } = await runMscache(["keys", "--addr", node.address, ...login]);
  expect(status).toBe(1);
  expect(errors).toMatch(/^mscache: NOPERM [^\n]*'scan'[^\n]*\n$/);
});
