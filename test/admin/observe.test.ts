/**
 * The lists of /v1/observe/: what each tells of a node that was given something to tell, with one
 * data thread and two; whom it tells; and what is a wrong request.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type RespClient, respClient, waitFor } from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

// biome-ignore lint/suspicious/noExplicitAny: what a list holds is what the cases say
type List = any;

async function listOf(node: AdminNode, name: string): Promise<List> {
  const response = await node.ask(`/v1/observe/${name}`);
  expect([name, response.status]).toEqual([name, 200]);
  return response.json();
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  let node: AdminNode;
  let client: RespClient;
  beforeAll(async () => {
    node = await startAdminNode({ threads, "enable-debug-command": "yes" });
    client = await respClient(node.port);
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  });

  test("slow: the newest entries of the slow log, arguments as text or as base64", async () => {
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "0");
    await client.call("SET", "slow", new Uint8Array([0xff]));
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "10000");
    const { atMs, total, entries } = await listOf(node, "slow?count=5");
    // On a busy machine, commands of the node's own become slow, and enter the log meanwhile.
    expect(entries.length).toBeLessThanOrEqual(Math.min(5, total));
    const set = entries.find(({ command }: List) => command[0] === "SET");
    expect(set.command).toEqual(["SET", "slow", { base64: "/w==" }]);
    expect([typeof set.usec, set.address.startsWith("127.0.0.1:")]).toEqual(["number", true]);
    expect(Math.abs(atMs - set.atMs)).toBeLessThan(caseMsMax);
  });

  test("clients: as CLIENT LIST names what it tells, numbers as numbers", async () => {
    await client.call("CLIENT", "SETNAME", "007");
    const { total, clients } = await listOf(node, "clients");
    expect(total).toBe(clients.length);
    const own = clients.find(({ name }: List) => name === "007");
    expect(own).toMatchObject({ db: 0, user: "default", cmd: "client|setname" });
    expect(own["tot-mem"]).toBeGreaterThan(0);
    const { total: all, clients: first } = await listOf(node, "clients?count=1");
    expect([all, first.length]).toEqual([total, 1]);
  });

  test("hottest: the keys that the commands of a moment name", async () => {
    let isLooking = true;
    const use = async () => {
      for (let i = 0; isLooking; i++) {
        await client.call("GET", "hot");
        if (i % 10 === 0) await client.call("MSET", "warm\xff", "1", "other", "2");
      }
    };
    const [{ commands, lookedMs, keys }] = await Promise.all([
      listOf(node, "hottest?count=2").finally(() => {
        isLooking = false;
      }),
      use(),
    ]);
    expect(commands).toBeGreaterThan(10);
    expect(lookedMs).toBeGreaterThan(0);
    expect(keys.length).toBe(2);
    expect(keys[0].key).toBe("hot");
    expect(keys[0].times).toBeGreaterThan(keys[1].times);
    expect(keys[0].perSecond).toBeGreaterThan(keys[0].times); // a moment is shorter than a second
  });

  test("biggest: the longest values, with what share of the items was looked at", async () => {
    await client.call("SELECT", "1");
    for (let i = 0; i < 50; i++) await client.call("SET", `small${i}`, "x".repeat(i));
    await client.call("SET", "big", "x".repeat(5000), "PX", "100000");
    await client.call("SELECT", "0");
    const { items, looked, share, values } = await listOf(node, "biggest?db=1&count=2");
    expect([items, looked, share]).toEqual([51, 51, 1]);
    expect(values.map(({ key, valueBytes }: List) => [key, valueBytes])).toEqual([
      ["big", 5000],
      ["small49", 49],
    ]);
    expect(values[0].memoryBytes).toBeGreaterThan(5000);
    expect(values[0].ttlMs).toBeWithin(1, 100_001);
    expect(values[1].ttlMs).toBeNull();
  });

  test("biggest: a walk over fewer items than there are says so", async () => {
    await client.call("DEBUG", "POPULATE", "20000");
    const { items, looked, share } = await listOf(node, "biggest?items=1000");
    expect(items).toBeGreaterThanOrEqual(20_000);
    expect(looked).toBeWithin(1000, 1100); // the last bucket is visited whole
    expect(share).toBeCloseTo(looked / items, 10);
    expect(await listOf(node, "biggest?db=5")).toMatchObject({ items: 0, looked: 0, share: 1 });
  });

  test("threads: what each has done, and how long its turns took", async () => {
    const { threads: rows, process: own } = await listOf(node, "threads");
    for (const figure of ["cpuSeconds", "residentBytes", "uptimeSeconds"]) {
      expect([figure, own[figure] > 0]).toEqual([figure, true]);
    }
    expect(rows.length).toBe(threads === "1" ? 1 : 3); // and the control thread
    const sum = rows.reduce((total: number, row: List) => total + row.commands, 0);
    expect(sum).toBeGreaterThan(50);
    const busy = rows.find((row: List) => row.turns.count > 0);
    expect(busy.turns.p50Ms).toBeGreaterThan(0);
    expect(busy.turns.longestMs).toBeGreaterThanOrEqual(busy.turns.p50Ms);
  });
});

test("replication: the leader, its followers and their lag, as each node sees it", async () => {
  await using leader = await startAdminNode();
  await using follower = await startAdminNode({ leaderaddr: `127.0.0.1:${leader.port}` });
  const seen = () => listOf(leader, "replication");
  await waitFor(async () => (await seen()).followers[0]?.state === "online");
  await using client = await respClient(leader.port);
  await client.call("SET", "key", "value");
  await waitFor(async () => (await seen()).followers[0].lagBytes === 0);
  const tree = await seen();
  expect(tree).toMatchObject({ role: "leader", port: leader.port, leader: null });
  const [{ address, lagSeconds, isCopy }] = tree.followers;
  expect(address).toBe(`127.0.0.1:${follower.port}`);
  expect(isCopy).toBe(false);
  expect(lagSeconds).toBeWithin(0, 60);
  const below = await listOf(follower, "replication");
  expect(below).toMatchObject({ role: "follower", history: tree.history, followers: [] });
  expect(below.leader).toMatchObject({ address: `127.0.0.1:${leader.port}`, isUp: true });
});

test("replication: followers of followers, and the way up, as the nodes tell them", async () => {
  await using root = await startAdminNode();
  await using middle = await startAdminNode({ leaderaddr: `127.0.0.1:${root.port}` });
  await using last = await startAdminNode({ leaderaddr: `127.0.0.1:${middle.port}` });
  const names = { root, middle, last };
  const addressOf = (name: keyof typeof names) => `127.0.0.1:${names[name].port}`;
  await waitFor(async () => (await listOf(root, "replication")).followers[0]?.followers.length);
  const seen = await listOf(root, "replication");
  expect(seen).toMatchObject({ above: [], isRootKnown: true, isCircle: false, leftOut: 0 });
  expect(seen.followers).toMatchObject([
    {
      ...{ address: addressOf("middle"), tellsFollowers: true },
      followers: [{ address: addressOf("last"), state: "online", followers: [] }],
    },
  ]);
  await waitFor(async () => (await listOf(last, "replication")).isRootKnown);
  const below = await listOf(last, "replication");
  expect(below.leader.address).toBe(addressOf("middle"));
  expect(below.above).toEqual([{ address: addressOf("root"), isUp: true }]);
  const info = await (await root.ask("/v1/info?section=replication")).text();
  const { replication } = JSON.parse(info);
  expect(replication).toMatchObject({
    mscache_tree_nodes: 2,
    mscache_tree_levels: 2,
    mscache_tree0: { under: "slave0", ip: "127.0.0.1", port: last.port, state: "online" },
  });
  const metrics = await (await root.ask("/metrics")).text();
  expect(metrics).toContain("\nmscache_tree_nodes 2\n");
  expect(metrics).toContain("\nmscache_tree_levels 2\n");
  expect(metrics).not.toContain(`${last.port}`); // it has no label of its own
});

describe("rights", () => {
  const rights: Readonly<Record<string, string>> = {
    slow: "+slowlog",
    clients: "+client",
    hottest: "+monitor +reset",
    biggest: "+scan",
    replication: "+info",
    threads: "+info",
  };

  test("each list is for who may run its command", async () => {
    await using node = await startAdminNode({ password: "secret" });
    await using client = await respClient(node.port);
    await client.call("AUTH", "secret");
    const status = async (name: string, may: string) => {
      await client.call("ACL", "SETUSER", "user", "reset", "on", ">pass", ...may.split(" "));
      const headers = { Authorization: `Basic ${btoa("user:pass")}` };
      return (await node.ask(`/v1/observe/${name}`, { headers })).status;
    };
    for (const [name, may] of Object.entries(rights)) {
      expect([name, await status(name, "+get")]).toEqual([name, 403]);
      expect([name, await status(name, may)]).toEqual([name, 200]);
      expect((await node.ask(`/v1/observe/${name}`)).status).toBe(401);
    }
  });

  test("biggest leaves out values whose size a user may not know", async () => {
    await using node = await startAdminNode({ password: "secret" });
    await using client = await respClient(node.port);
    await client.call("AUTH", "secret");
    await client.call("MSET", "app:1", "12345", "other", "1234567");
    await client.call("ACL", "SETUSER", "app", "on", ">pass", "+scan", "+memory", "%R~app:*");
    const headers = { Authorization: `Basic ${btoa("app:pass")}` };
    const answer: List = await (await node.ask("/v1/observe/biggest", { headers })).json();
    expect(answer.values.map(({ key }: List) => key)).toEqual(["app:1"]);
    expect(answer.looked).toBe(2);
  });
});

test("unknown lists, wrong methods and wrong numbers are refused", async () => {
  await using node = await startAdminNode();
  const status = async (path: string, method = "GET") => {
    return (await node.ask(`/v1/observe/${path}`, { method })).status;
  };
  expect(await status("nothing")).toBe(404);
  expect(await status("constructor")).toBe(404);
  expect(await status("slow", "POST")).toBe(405);
  expect(await status("slow?count=0")).toBe(400);
  expect(await status("slow?count=1001")).toBe(400);
  expect(await status("biggest?items=1e9")).toBe(400);
  expect(await status("biggest?db=99")).toBe(400);
});
