/**
 * Keys, INFO and commands by HTTP: what each request answers, its conditions, who may send it, and
 * that it is a client as others are. With one data thread and with two.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, respClient } from "../harness.ts";
import { type AdminNode, outcome, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

function put(
  node: AdminNode,
  key: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) {
  return node.ask(`/v1/keys/${key}`, { method: "PUT", body, headers });
}

function command(node: AdminNode, words: unknown, headers: Record<string, string> = {}) {
  const type = { "Content-Type": "application/json" };
  const body = JSON.stringify(words);
  return node.ask("/v1/commands", { method: "POST", body, headers: { ...type, ...headers } });
}

/** What the answers of these tests have, each some of it. */
interface Told {
  readonly reply: unknown;
  readonly cursor: string;
  readonly keys: readonly string[];
  readonly keyspace: { readonly db0: unknown };
  readonly server: { readonly tcp_port: number };
  readonly commandstats: { readonly cmdstat_set: { readonly calls: number } };
}

async function jsonIn(response: Promise<Response>): Promise<Told> {
  return (await (await response).json()) as Told;
}

const as = (user: string, password: string) => ({
  Authorization: `Basic ${btoa(`${user}:${password}`)}`,
});

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("a value is written, read and deleted, whatever its bytes", async () => {
    await using node = await startAdminNode({ threads });
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i);
    expect((await put(node, "a%2Fb%00%FF", bytes)).status).toBe(201);
    expect((await put(node, "a%2Fb%00%FF", bytes)).status).toBe(204);
    const read = await node.ask("/v1/keys/a%2Fb%00%FF");
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes);
    const head = await node.ask("/v1/keys/a%2Fb%00%FF", { method: "HEAD" });
    expect([head.status, head.headers.get("etag")]).toEqual([200, read.headers.get("etag")]);
    const remove = () => node.ask("/v1/keys/a%2Fb%00%FF", { method: "DELETE" });
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 404]);
    expect(await outcome(await node.ask("/v1/keys/x"))).toEqual([404, "there is no such key"]);
  });

  test("the ETag is the value's digest, and conditions are as atomic as SET's", async () => {
    await using node = await startAdminNode({ threads });
    await using client = await respClient(node.port);
    const tag = (await put(node, "k", "one")).headers.get("etag") ?? "";
    expect(tag).toBe(`"${await client.call("DIGEST", "k")}"`);
    expect((await put(node, "k", "two", { "If-None-Match": "*" })).status).toBe(412);
    expect((await put(node, "k", "two", { "If-Match": tag })).status).toBe(204);
    expect((await put(node, "k", "three", { "If-Match": tag })).status).toBe(412);
    expect((await put(node, "new", "x", { "If-Match": "*" })).status).toBe(412);
    expect((await put(node, "new", "x", { "If-Match": 'W/"1"' })).status).toBe(400);
    const remove = (value: string) =>
      node.ask("/v1/keys/k", { method: "DELETE", headers: { "If-Match": value } });
    expect((await remove(tag)).status).toBe(412);
    const present = (await node.ask("/v1/keys/k")).headers.get("etag") ?? "";
    const again = await node.ask("/v1/keys/k", { headers: { "If-None-Match": present } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    expect((await remove(present)).status).toBe(204);
    const racers = Array.from({ length: 8 }, () => put(node, "r", "x", { "If-None-Match": "*" }));
    const won = (await Promise.all(racers)).filter(({ status }) => status === 201);
    expect(won).toHaveLength(1);
  });

  test("it is a client as others are: in CLIENT LIST, and held by a pause", async () => {
    await using node = await startAdminNode({ threads });
    await using client = await respClient(node.port);
    const { reply } = await jsonIn(command(node, ["CLIENT", "LIST"]));
    expect(reply).toMatch(/addr=127\.0\.0\.1:\d+ .*name=http .*cmd=client\|list/);
    await client.call("CLIENT", "PAUSE", "60000", "WRITE");
    const held = put(node, "k", "v");
    expect((await node.ask("/v1/keys/k")).status).toBe(404); // reads go on
    await client.call("CLIENT", "UNPAUSE");
    expect((await held).status).toBe(201);
  });

  test("a user may by HTTP what it may, and no longer than it is there", async () => {
    await using node = await startAdminNode({ threads, password: "secret" });
    await using client = await respClient(node.port);
    await client.call("AUTH", "secret");
    await client.call("ACL", "SETUSER", "reader", "on", ">pass", "~open:*", "+get", "+pttl");
    await client.call("SET", "open:1", "x");
    const get = (key: string, headers: Record<string, string>) =>
      node.ask(`/v1/keys/${key}`, { headers });
    expect((await get("open:1", {})).status).toBe(401);
    expect((await get("open:1", {})).headers.get("www-authenticate")).toStartWith("Basic ");
    expect((await get("open:1", as("reader", "wrong"))).status).toBe(401);
    expect((await get("open:1", as("", "secret"))).status).toBe(200);
    expect((await get("open:1", as("reader", "pass"))).status).toBe(200);
    expect((await get("other", as("reader", "pass"))).status).toBe(403);
    const metrics = () => node.ask("/metrics", { headers: as("reader", "pass") });
    expect((await metrics()).status).toBe(403);
    await client.call("ACL", "SETUSER", "reader", "+info");
    expect((await metrics()).status).toBe(200);
    await client.call("ACL", "DELUSER", "reader");
    expect((await get("open:1", as("reader", "pass"))).status).toBe(401);
    expect(node.log()).toContain("127.0.0.1 has sent a wrong user name or password");
  });

  test("a change of users counts in every thread when HTTP has answered", async () => {
    await using node = await startAdminNode({ threads });
    await using client = await respClient(node.port);
    await command(node, ["ACL", "SETUSER", "default", "-get"]);
    expect(await client.call("GET", "k")).toEqual({
      error: "NOPERM this user has no permissions to run the 'get' command",
    });
  });
});

test("a TTL goes both ways in seconds, and without one a write removes it", async () => {
  await using node = await startAdminNode();
  const ttl = async () => Number((await node.ask("/v1/keys/k")).headers.get("mscache-ttl"));
  await put(node, "k", "v", { "MSCache-TTL": "100.5" });
  expect(await ttl()).toBeWithin(50, 100.501);
  await put(node, "k", "w", { "MSCache-TTL": "keep" });
  expect(await ttl()).toBeWithin(50, 100.501);
  await put(node, "k", "w");
  expect(await ttl()).toBe(0);
  for (const wrong of ["0", "-1", "x", "1e5"]) {
    expect((await put(node, "k", "v", { "MSCache-TTL": wrong })).status).toBe(400);
  }
});

test("a value that is too long is refused before it is read", async () => {
  await using node = await startAdminNode({ "max-value-size": "1kb" });
  expect((await put(node, "k", "x".repeat(1024))).status).toBe(201);
  expect(await outcome(await put(node, "k", "x".repeat(1025)))).toEqual([
    413,
    "1025 bytes are more than 1024",
  ]);
});

test("keys are listed step by step, and databases are apart", async () => {
  await using node = await startAdminNode();
  for (let i = 0; i < 20; i++) await put(node, `k${i}?db=3`, "v");
  const found: string[] = [];
  let cursor = "0";
  do {
    const step = await jsonIn(node.ask(`/v1/keys?db=3&match=k*&count=5&cursor=${cursor}`));
    found.push(...step.keys);
    cursor = step.cursor;
  } while (cursor !== "0");
  expect(new Set(found).size).toBe(20);
  expect((await jsonIn(node.ask("/v1/keys"))).keys).toEqual([]);
  expect((await node.ask("/v1/keys?db=99")).status).toBe(400);
});

test("INFO is told as JSON, with numbers as numbers", async () => {
  await using node = await startAdminNode();
  await put(node, "k", "v");
  const info = await jsonIn(node.ask("/v1/info"));
  expect(info.keyspace.db0).toEqual({ keys: 1, expires: 0, avg_ttl: 0 });
  expect(info.server.tcp_port).toBe(node.port);
  expect(info.commandstats.cmdstat_set.calls).toBe(1);
  const some = await jsonIn(node.ask("/v1/info?section=cpu&section=clients"));
  expect(Object.keys(some).toSorted()).toEqual(["clients", "cpu"]);
});

test("a command is answered as JSON, and an error by its status", async () => {
  await using node = await startAdminNode();
  const reply = async (words: unknown) => (await jsonIn(command(node, words))).reply;
  expect(await reply(["SET", "k", { base64: "/w==" }])).toBe("OK");
  expect(await reply(["GET", "k"])).toEqual({ base64: "/w==" });
  expect(await reply(["SET", "k", { base64: "/w" }])).toBe("OK");
  expect(await reply(["CONFIG", "GET", "maxmemory"])).toEqual({ maxmemory: "67108864" });
  expect((await command(node, ["NOSUCH"])).status).toBe(400);
  for (const stays of [["SUBSCRIBE", "a"], ["MONITOR"], ["CLIENT", "REPLY", "OFF"], ["QUIT"]]) {
    expect((await command(node, stays)).status).toBe(400);
  }
  const broken = ["SET", "k", { base64: "no base64" }];
  for (const wrong of [{}, [], [1], [null], "x", broken]) {
    expect((await command(node, wrong)).status).toBe(400);
  }
  const form = { method: "POST", body: '["PING"]', headers: { "Content-Type": "text/plain" } };
  expect((await node.ask("/v1/commands", form)).status).toBe(415);
});

test("a follower refuses a write and names its leader", async () => {
  await using leader = await startAdminNode();
  await using follower = await startAdminNode({ leaderaddr: `127.0.0.1:${leader.port}` });
  const [status, text] = await outcome(await put(follower, "k", "v"));
  expect(status).toBe(421);
  expect(text).toContain(`READONLY You can't write against a read only replica.`);
  expect(text).toContain(`127.0.0.1:${leader.port}`);
});
