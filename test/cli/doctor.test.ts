// `mscache doctor` as a process, on real nodes in bad states, a real redis-server, and nodes in
// which all is well: what it finds, that what it tells to do helps, and its exit status. What each
// check says of which facts is in unit/cli/doctor/.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Judged } from "../../src/cli/doctor/diagnosis.ts";
import {
  caseMsMax,
  freePort,
  noRedis,
  redisInstalled,
  respClient,
  runMscache,
  spawnNode,
  startRedis,
  type TestNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { startSentinel } from "../support/sentinels.ts";

setDefaultTimeout(caseMsMax);

interface Report {
  readonly status: number;
  readonly pid: number | null;
  /** By the id of the check. */
  readonly findings: ReadonlyMap<string, Judged>;
}

async function examine({ address }: TestNode, ...args: string[]): Promise<Report> {
  const words = ["doctor", "--addr", address, "--seconds", "1", "--json", ...args];
  const { status, out, errors } = await runMscache(words);
  if (out === "") throw new Error(errors);
  const { findings, pid } = JSON.parse(out) as { findings: Judged[]; pid: number | null };
  return { status, pid, findings: new Map(findings.map((finding) => [finding.id, finding])) };
}

/** The levels of these checks. */
function levelsOf({ findings }: Report, ...ids: string[]): (string | undefined)[] {
  return ids.map((id) => findings.get(id)?.level);
}

test("a sound node has no failure, and its process is found", async () => {
  await using node = await spawnNode(["--max-memory", "64mb"]);
  const report = await examine(node);
  expect(report.status).toBe(0);
  if (process.platform === "linux") expect(report.pid).toBe(node.process.pid);
  const sound = ["password", "memory-bound", "clients", "rejected", "errors", "last-save", "turns"];
  expect(levelsOf(report, ...sound)).toEqual(sound.map(() => "ok"));
});

test("the report for people says what, why and what to do, without colours in a pipe", async () => {
  await using node = await spawnNode(["--max-memory", "64mb", "--tcp-keepalive", "0"]);
  const { status, out } = await runMscache(["doctor", "--addr", node.address, "--seconds", "1"]);
  expect(status).toBe(0);
  expect(out).toMatch(new RegExp(`^${node.address}: MSCache \\d\\S*, leader, `));
  expect(out).toContain(
    [
      "advice   dead connections: tcp-keepalive is 0",
      "         why: a connection whose other end is gone keeps its place and its memory for ever",
      "         do:  CONFIG SET tcp-keepalive 300, and --tcp-keepalive 300 at the next start",
    ].join("\n"),
  );
  expect(out).toMatch(/\n\d+ failure, \d+ warning, \d+ advice, \d+ ok\nnot judged \(.*\): .*\n$/);
  expect(out).not.toContain("\x1b");
});

test("what it tells to do helps", async () => {
  const badly = ["--tcp-keepalive", "0", "--eviction", "none", "--slowlog-log-slower-than", "-1"];
  await using node = await spawnNode(["--max-memory", "64mb", ...badly]);
  await using client = await respClient(node.port);
  const ids = ["keepalive", "eviction", "slow-log"];
  const before = await examine(node);
  expect(levelsOf(before, ...ids)).toEqual(["advice", "advice", "advice"]);
  for (const id of ids) {
    const change = before.findings.get(id)?.change ?? "";
    const [, command = ""] = /(CONFIG SET [^,;]+)[,;]/.exec(change) ?? [];
    expect(await client.call(...command.split(" "))).toBe("OK");
  }
  expect(levelsOf(await examine(node), ...ids)).toEqual(["ok", "ok", "ok"]);
});

test("a full node that evicts nothing, and clients near their limit, fail the command", async () => {
  const limits = ["--max-memory", "1mb", "--eviction", "none", "--max-clients", "8"];
  await using node = await spawnNode(limits);
  await using stack = new AsyncDisposableStack();
  const client = stack.use(await respClient(node.port));
  const value = "v".repeat(10_000);
  let isFull = false;
  for (let i = 0; !isFull; i++) isFull = (await client.call("SET", `k${i}`, value)) !== "OK";
  for (let i = 0; i < 6; i++) stack.use(await respClient(node.port));
  const report = await examine(node);
  expect(report.status).toBe(1);
  expect(levelsOf(report, "eviction", "errors")).toEqual(["failure", "warning"]);
  expect(report.findings.get("errors")?.saw).toContain("OOM 1");
  expect(report.findings.get("clients")).toMatchObject({ level: "failure", saw: "8 of 8 (100%)" });
});

test("a node that is open to all, MONITOR, slow commands and refused logins are seen", async () => {
  const port = await freePort();
  await using node = await spawnNode(
    ["--listenaddr", `0.0.0.0:${port}`, "--protected-mode", "no", "--max-memory", "64mb"].concat([
      ...["--slowlog-log-slower-than", "0", "--enable-debug-command", "yes"],
    ]),
  );
  await using watching = await respClient(port);
  expect(await watching.call("MONITOR")).toBe("OK");
  await using client = await respClient(port);
  await client.call("AUTH", "default", "wrong");
  await client.call("ACL", "SETUSER", "other", "on", ">secret");
  await client.call("AUTH", "other", "wrong");
  const report = await examine({ ...node, address: `127.0.0.1:${port}` });
  expect(report.status).toBe(1);
  expect(levelsOf(report, "password", "encryption", "debug-command", "monitors", "logins")).toEqual(
    [...["failure", "advice", "warning", "warning", "warning"]],
  );
  expect(report.findings.get("slow-commands")?.level).not.toBe("ok");
  expect(report.findings.get("monitors")?.change).toMatch(/CLIENT KILL ID \d+$/);
});

describe("replication", () => {
  test("a follower that has lost its leader fails the command", async () => {
    const leader = `127.0.0.1:${await freePort()}`;
    await using node = await spawnNode(["--max-memory", "64mb", "--leaderaddr", leader]);
    const report = await examine(node);
    expect(report.status).toBe(1);
    const link = report.findings.get("leader-link");
    expect(link?.level).toBe("failure");
    expect(link?.saw).toContain(`the link to ${leader} has been down`);
  });

  test("a leader's journal, its empty restart and the versions of its followers", async () => {
    await using leader = await spawnNode(["--max-memory", "64mb", "--journal-size", "1mb"]);
    await using follower = await spawnNode([
      "--max-memory",
      "64mb",
      "--leaderaddr",
      leader.address,
    ]);
    await using client = await respClient(leader.port);
    await waitFor(async () =>
      `${await client.call("INFO", "replication")}`.includes("state=online"),
    );
    let isOver = false;
    const value = "v".repeat(50_000);
    const writes = (async () => {
      while (!isOver) await client.call("SET", "k", value);
    })();
    const report = await examine(leader);
    isOver = true;
    await writes;
    expect(levelsOf(report, "journal", "empty-restart")).toEqual(["warning", "warning"]);
    expect(report.findings.get("journal")?.change).toMatch(/^start it with --journal-size \d+mb$/);
    expect(report.findings.get("versions")?.saw).toMatch(/^MSCache \S+ on all 2 nodes$/);
    expect(report.findings.get("clock")?.level).toBe("ok");
    expect(levelsOf(await examine(follower), "leader-link")).toEqual(["ok"]);
  });
});

test.skipIf(process.platform !== "linux")(
  "a snapshot that cannot be written is a failure, before the save and after it; Linux only",
  async () => {
    await using directory = await temporaryDirectory();
    const gone = `${directory.path}/gone`;
    await Bun.$`mkdir ${gone}`;
    await using node = await spawnNode([
      "--max-memory",
      "64mb",
      "--snapshot-file",
      `${gone}/a.rdb`,
    ]);
    await using client = await respClient(node.port);
    await client.call("SET", "k", "v");
    expect(levelsOf(await examine(node), "snapshot-place", "last-save")).toEqual(["ok", "ok"]);
    await Bun.$`rm -r ${gone}`;
    const before = await examine(node);
    expect(before.status).toBe(1);
    expect(before.findings.get("snapshot-place")?.saw).toContain("ENOENT");
    expect(await client.call("SAVE")).toHaveProperty("error");
    expect(levelsOf(await examine(node), "last-save")).toEqual(["failure"]);
    // Or its shutdown would be refused at the end of the test.
    await Bun.$`mkdir ${gone}`;
  },
);

test.skipIf(!redisInstalled())(`Sentinels are judged too; ${noRedis} if skipped`, async () => {
  await using stack = new AsyncDisposableStack();
  const node = stack.use(await spawnNode(["--max-memory", "64mb"]));
  const directory = stack.use(await temporaryDirectory());
  const port = await startSentinel(stack, directory.path, node.port);
  const report = await examine(node, "--sentinel", `127.0.0.1:${port}`);
  expect(report.findings.get("sentinels")).toMatchObject({
    level: "warning",
    saw: "watched by 1 Sentinel",
  });
  expect(report.findings.get("down-after")).toMatchObject({ level: "ok" });
  expect(report.findings.get("down-after")?.saw).toContain("down-after-milliseconds is 1000,");
});

test("a user who may ask little gets what can be seen", async () => {
  await using node = await spawnNode(["--max-memory", "64mb"]);
  await using client = await respClient(node.port);
  await client.call("ACL", "SETUSER", "watcher", "on", ">secret", "+info", "+hello", "+time");
  const report = await examine(node, "--user", "watcher", "--password", "secret");
  expect(report.status).toBe(0);
  expect(levelsOf(report, "clients", "password", "monitors")).toEqual(["ok", undefined, undefined]);
});

test("a node that cannot be reached is one sentence", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const { status, out, errors } = await runMscache(["doctor", "--addr", address]);
  expect([status, out]).toEqual([1, ""]);
  expect(errors).toMatch(new RegExp(`^mscache: [^\\n]*${address}[^\\n]*\\n$`));
});

test.skipIf(!redisInstalled())(`a redis-server is judged too; ${noRedis} if skipped`, async () => {
  await using redis = await startRedis(["--maxclients", "50", "--maxmemory", "0"]);
  await using client = await respClient(redis.port);
  await client.call("CONFIG", "SET", "save", "100 1");
  await client.call("KEYS", "*");
  const report = await examine(redis);
  expect(report.status).toBe(0);
  if (process.platform === "linux") expect(report.pid).toBe(redis.process.pid);
  expect(levelsOf(report, "password", "whole-walks", "turns")).toEqual(["ok", "advice", undefined]);
  if (process.platform !== "linux") return;
  expect(levelsOf(report, "memory-bound", "snapshot-place")).toEqual(["warning", "ok"]);
});
