/**
 * The alert rules and the Grafana dashboard of scripts/deploy: Prometheus's own promtool parses
 * every expression and runs the unit tests of the rules, and each metric and label that they name
 * is one of a node's. Grafana itself is not here.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { metricTable } from "../../src/node/admin/metrics.ts";
import { caseMsMax, respClient, temporaryDirectory } from "../harness.ts";
import { startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

const promtool = Bun.which("promtool");
if (promtool === null && process.env.CI === "true") throw new Error("promtool is not installed");

const deploy = join(import.meta.dir, "../../scripts/deploy");
const rulesFile = join(deploy, "prometheus/alerts.yaml");

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

const rules = (Bun.YAML.parse(await Bun.file(rulesFile).text()) as { groups: { rules: Rule[] }[] })
  .groups;
const alerts = rules.flatMap((group) => group.rules);
const dashboard = await Bun.file(join(deploy, "grafana-dashboard.json")).json();
const panels: readonly Panel[] = dashboard.panels;

/** What Prometheus would be asked by the dashboard, with Grafana's variables filled in. */
const queries = panels
  .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  .concat(dashboard.annotations.list.map(({ expr }: { expr: string }) => expr))
  .map((expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$(job|instance)/g, ".*"));

async function run(...args: string[]): Promise<{ status: number; text: string }> {
  const child = Bun.spawn([promtool ?? "", ...args], { stdout: "pipe", stderr: "pipe" });
  const said = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await child.exited, text: said.join("") };
}

test.skipIf(promtool === null)(
  "promtool accepts the rules, and their unit tests pass",
  async () => {
    const check = await run("check", "rules", rulesFile);
    expect(check).toEqual({ status: 0, text: expect.stringContaining(`${alerts.length} rules`) });
    const tests = join(deploy, "prometheus/alerts.test.yaml");
    expect(await run("test", "rules", tests)).toMatchObject({ status: 0 });
  },
);

test("each alert is expected by a unit test once, and a healthy node raises none", async () => {
  interface Case {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }
  const file = await Bun.file(join(deploy, "prometheus/alerts.test.yaml")).text();
  const { tests } = Bun.YAML.parse(file) as { tests: { alert_rule_test: Case[] }[] };
  const [healthy, ...ill] = tests.map((each) => each.alert_rule_test);
  const names = alerts.map(({ alert }) => alert);
  expect(healthy?.map(({ alertname }) => alertname)).toEqual(names);
  expect(healthy?.flatMap(({ exp_alerts }) => exp_alerts)).toEqual([]);
  const raised = ill.flat().filter(({ exp_alerts }) => exp_alerts.length > 0);
  expect(raised.map(({ alertname }) => alertname).sort()).toEqual(names.toSorted());
});

test.skipIf(promtool === null)("promtool parses each query of the dashboard", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "queries.yaml");
  const records = queries.map((expr, i) => ({ record: `query:${i}`, expr }));
  await Bun.write(file, JSON.stringify({ groups: [{ name: "dashboard", rules: records }] }));
  const { status, text } = await run("check", "rules", file);
  expect([status, text]).toEqual([0, expect.stringContaining(`${queries.length} rules`)]);
});

test("every metric that is asked for is in the table of metrics", () => {
  const known = new Set(
    [...metricTable().matchAll(/^\| `(\w+)` \| (\w+)/gm)].flatMap(([, name = "", type]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const texts = [...queries, ...alerts.map(({ expr }) => expr)];
  const asked = texts.flatMap((text) => text.match(/\b(mscache|process)_\w+/g) ?? []);
  expect(asked.length).toBeGreaterThan(50);
  expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([]);
});

test("every label that is asked for is one that a node gives that metric", async () => {
  await using leader = await startAdminNode();
  await using client = await respClient(leader.port);
  await client.call("NOSUCH");
  await using follower = await startAdminNode({ leaderaddr: `127.0.0.1:${leader.port}` });
  await client.call("SET", "key", "value");
  await client.call("WAIT", "1", "60000");
  const text =
    (await (await leader.ask("/metrics")).text()) + (await (await follower.ask("/metrics")).text());
  const given = new Set(
    [...text.matchAll(/^(\w+)\{(.*)\} /gm)].flatMap(([, metric, labels = ""]) =>
      [...labels.matchAll(/(\w+)="/g)].map(([, label]) => `${metric}.${label}`),
    ),
  );
  const texts = [...queries, ...alerts.map(({ expr }) => expr)];
  // Prometheus itself adds job and instance.
  const asked = texts.flatMap((expr) =>
    [...expr.matchAll(/by \(([\w, ]+)\) \(\w*\(?(mscache_\w+)/g)].flatMap(([, labels = "", name]) =>
      labels.split(", ").map((label) => `${name}.${label}`),
    ),
  );
  const foreign = asked.filter((each) => !/\.(job|instance)$/.test(each) && !given.has(each));
  expect(foreign).toEqual([]);
  expect(asked.length).toBeGreaterThan(15);
});

test("the panels of the dashboard do not overlap, and each says what it asks", () => {
  const ids = panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const places = panels.map(({ gridPos: { x, y } }) => `${x}:${y}`);
  expect(new Set(places).size).toBe(places.length);
  for (const { type, title, targets = [], gridPos } of panels) {
    expect(title).not.toBe("");
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect(targets.length > 0).toBe(type !== "row");
  }
});
