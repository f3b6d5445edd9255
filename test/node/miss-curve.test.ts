/**
 * The miss curve of a node: what it tells by HTTP, as metrics and in INFO of clients that fill a
 * cache which is too small for their data, with one data thread and two; and that a node without
 * the option has none.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type RespClient, respClient, waitFor } from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

interface Point {
  readonly memory: number;
  readonly hitRatio: number;
  readonly error: number;
  readonly isFilled: boolean;
}

const keys = 6_000;
const value = "x".repeat(1_000);

/** Reads keys at random, and fills what is missed: 6 MB of data. */
async function use(client: RespClient, requests: number): Promise<void> {
  for (let left = requests; left > 0; left -= 100) {
    const wanted = Array.from({ length: 100 }, () => `key:${Math.floor(Math.random() * keys)}`);
    client.sendAll(wanted.map((key) => ["GET", key]));
    const missed: string[] = [];
    for (const key of wanted) if ((await client.reply()).value === null) missed.push(key);
    client.sendAll(missed.map((key) => ["SET", key, value]));
    for (let i = 0; i < missed.length; i++) await client.reply();
  }
}

async function curveOf(node: AdminNode) {
  const response = await node.ask("/v1/observe/miss-curve");
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown> & { points: readonly Point[] };
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("it tells what more and less memory would give, until its counts begin anew", async () => {
    const flags = { threads, "max-memory": "4mb", "miss-curve": "yes" };
    await using node = await startAdminNode(flags);
    const clients = await Promise.all(Array.from({ length: 4 }, () => respClient(node.port)));
    await Promise.all(clients.map((client) => use(client, 3_000)));
    await clients[0].call("CONFIG", "RESETSTAT");
    await Promise.all(clients.map((client) => use(client, 3_000)));

    const curve = await curveOf(node);
    expect(curve).toMatchObject({ isOn: true, lookups: 12_000, limitBytes: 4 * 2 ** 20 });
    expect(curve).toMatchObject({ rate: 1 / 8, dropped: 0 });
    expect(curve.keys).toBeWithin(600, 900); // of 6,000, one in eight
    expect(curve.points.map(({ memory }) => memory)).toEqual([0.5, 1, 2, 4]);
    const ratios = curve.points.map(({ hitRatio }) => hitRatio);
    expect(ratios).toEqual(ratios.toSorted((a, b) => a - b));
    // Of keys that are asked for alike, as many are hit as there is room for.
    expect(Math.abs(ratios[1] - Number(curve.hitRatio))).toBeLessThan(0.1);
    expect(ratios[0]).toBeWithin(0.2, 0.45);
    expect(ratios[2]).toBeGreaterThan(0.9);
    expect(curve.points.map(({ isFilled }) => isFilled)).toEqual([true, true, false, false]);
    expect(Math.max(...curve.points.map(({ error }) => error))).toBeWithin(0, 0.2);

    const metrics = await (await node.ask("/metrics")).text();
    const [, told] = /^mscache_miss_curve_hit_ratio\{memory="0\.5"\} (\S+)$/m.exec(metrics) ?? [];
    expect(Number(told)).toBeCloseTo(ratios[0], 1);
    const info = String(await clients[0].call("INFO", "misscurve"));
    expect(info).toMatch(/^miss_curve_memory_x4:hit_ratio=[01]\.\d{4},error=0\.\d{4},filled=0\r$/m);

    await clients[0].call("CONFIG", "RESETSTAT");
    expect(await curveOf(node)).toMatchObject({ lookups: 0, hitRatio: null, points: null });
    await clients[0].call("FLUSHALL");
    await waitFor(async () => (await curveOf(node)).keys === 0);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});

test("a node without the option says that it has none", async () => {
  await using node = await startAdminNode();
  expect(await curveOf(node)).toMatchObject({ isOn: false });
  const metrics = await (await node.ask("/metrics")).text();
  expect(metrics).toContain("# TYPE mscache_miss_curve_hit_ratio gauge\n# HELP");
  await using client = await respClient(node.port);
  expect(String(await client.call("INFO", "misscurve"))).toContain("miss_curve_enabled:0");
  const refused = await client.call("CONFIG", "SET", "miss-curve", "yes");
  expect(JSON.stringify(refused)).toContain("can't set immutable config");
});
