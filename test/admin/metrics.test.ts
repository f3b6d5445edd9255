/**
 * Metrics as Prometheus reads them: judged by its own promtool, over commands, data and followers,
 * with one data thread and two. What a scrape costs: `bun run bench scrape`.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, respClient, waitFor } from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";
import { calledCommands } from "../support/every-command.ts";

setDefaultTimeout(caseMsMax);

const promtool = Bun.which("promtool");
if (promtool === null && process.env.CI === "true") throw new Error("promtool is not installed");

async function scrape(node: AdminNode): Promise<string> {
  const response = await node.ask("/metrics");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return response.text();
}

/** The value of one sample, by its name with labels. */
function valueIn(text: string, sample: string): number {
  const line = text.split("\n").find((each) => each.startsWith(`${sample} `));
  return Number(line?.slice(sample.length) ?? "NaN");
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("commands, lookups and data are counted over all threads", async () => {
    await using node = await startAdminNode({ threads });
    await using client = await respClient(node.port);
    await client.call("SET", "key", "value", "EX", "100");
    await client.call("GET", "key");
    await client.call("GET", "nothing");
    await client.call("INCR", "key");
    const text = await scrape(node);
    expect(valueIn(text, 'mscache_commands_total{command="get"}')).toBe(2);
    expect(valueIn(text, 'mscache_commands_failed_total{command="incr"}')).toBe(1);
    expect(valueIn(text, "mscache_hits_total")).toBe(1);
    expect(valueIn(text, "mscache_misses_total")).toBe(1);
    expect(valueIn(text, 'mscache_items{db="0"}')).toBe(1);
    expect(valueIn(text, 'mscache_expiring_items{db="0"}')).toBe(1);
    expect(valueIn(text, "mscache_data_threads")).toBe(Number(threads));
    expect(valueIn(text, "mscache_memory_limit_bytes")).toBe(64 * 1024 * 1024);
    const buckets = [...text.matchAll(/_bucket\{command="get",le="(\S+)"\} (\d+)/g)];
    const counts = buckets.map(([, , count]) => Number(count));
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect([buckets.at(-1)?.[1], counts.at(-1)]).toEqual(["+Inf", 2]);
    expect(valueIn(text, 'mscache_command_duration_seconds_count{command="get"}')).toBe(2);
  });

  test.skipIf(promtool === null)("promtool finds nothing to say, whatever ran", async () => {
    await using node = await startAdminNode({ threads });
    await using client = await respClient(node.port);
    for (const command of calledCommands) await client.call(...command);
    const check = Bun.spawn([promtool ?? "", "check", "metrics"], {
      stdin: new TextEncoder().encode(await scrape(node)),
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await Promise.all([check.stdout.text(), check.stderr.text()]);
    expect([await check.exited, said.join("").trim().replace("OK", "")]).toEqual([0, ""]);
  });
});

test("every family has help and type, and none is told twice", async () => {
  await using node = await startAdminNode();
  const text = await scrape(node);
  const helped = [...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name);
  const typed = [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram)$/gm)];
  expect(typed.map(([, name]) => name)).toEqual(helped);
  expect(new Set(helped).size).toBe(helped.length);
});

test("the start of the process is the same in every scrape", async () => {
  await using node = await startAdminNode();
  const start = async () => valueIn(await scrape(node), "process_start_time_seconds");
  const first = await start();
  expect(Math.abs(Date.now() / 1000 - process.uptime() - first)).toBeLessThan(5);
  for (let i = 0; i < 20; i++) expect(await start()).toBe(first);
});

test("a leader tells of each follower, and a follower of its leader", async () => {
  await using leader = await startAdminNode();
  await using follower = await startAdminNode({ leaderaddr: `127.0.0.1:${leader.port}` });
  await waitFor(async () => (await follower.ask("/readyz")).status === 200);
  const lag = `mscache_follower_lag_bytes{address="127.0.0.1:${follower.port}"}`;
  await waitFor(async () => valueIn(await scrape(leader), lag) >= 0);
  const [told, copied] = [await scrape(leader), await scrape(follower)];
  expect([valueIn(told, "mscache_leader"), valueIn(told, "mscache_followers")]).toEqual([1, 1]);
  expect([valueIn(copied, "mscache_leader"), valueIn(copied, "mscache_leader_link_up")]).toEqual([
    0, 1,
  ]);
});
