/**
 * With `--log-format json`, every line that a node writes in its life is one JSON object with time,
 * level and message, from a mistake in its configuration to the last words of a fault; what a
 * client sends cannot forge a line. For the form of one line, see unit/base/log.test.ts.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { logEvents } from "../../src/base/log-events.ts";
import {
  caseMsMax,
  runMscache,
  type SpawnedNode,
  spawnNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { builtProgram } from "../support/programs.ts";

setDefaultTimeout(caseMsMax);
const json = ["--log-format", "json", "--max-memory", "16mb"];

interface Line {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly event?: string;
  readonly [name: string]: unknown;
}

/** The lines of a log, each of which must be what every line is. */
function linesOf(log: string): Line[] {
  expect(log).toEndWith("\n");
  return log
    .trimEnd()
    .split("\n")
    .map((text) => {
      const line = JSON.parse(text) as Line;
      expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(["debug", "info", "warn", "error"]).toContain(line.level);
      expect(line.message).toBeString();
      if (line.event !== undefined) expect(logEvents).toContain(line.event as never);
      return line;
    });
}

async function ended(node: SpawnedNode, signal: NodeJS.Signals | null = "SIGTERM") {
  if (signal !== null) node.process.kill(signal);
  await node.process.exited;
  await waitFor(() => node.log().endsWith("\n"));
  return linesOf(node.log());
}

const of = (lines: readonly Line[], event: string) => lines.filter((line) => line.event === event);

test("in the life of a leader and its follower, every line is JSON with the event's numbers", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "snapshot");
  const saved = [...json, "--snapshot-file", path, "--enable-debug-command", "local"];
  await using leader = await spawnNode([...saved, "--log-level", "debug", "--threads", "2"]);
  await using client = await Peer.connect(leader.port);
  const forged = '\r\n{"level":"error","message":"forged"}\u001b[31m';
  await waitFor(() => leader.log().includes("is ready"));
  expect(await client.ask("SET", "key", "value")).toBe("+OK");
  await using follower = await spawnNode([...json, "--leaderaddr", leader.address]);
  expect(await client.ask("WAIT", "1", "60000")).toBe(":1");
  expect(await client.ask("DEBUG", "LOG", forged)).toBe("+OK");
  expect(await client.ask("SAVE")).toBe("+OK");
  expect(await client.ask("CONFIG", "GET", "log-format")).toBe("*[$log-format $json]");
  await using rude = await Peer.connect(leader.port);
  rude.write('*1\r\n$"level":"error"}\r\n');
  await rude.raw.closed();
  await using demoted = await Peer.connect(follower.port);
  expect(await demoted.ask("REPLICAOF", "NO", "ONE")).toBe("+OK");

  const told = await ended(leader);
  expect(of(told, "listening")[0]).toMatchObject({ role: "leader", addresses: leader.address });
  expect(of(told, "ready")[0]).toMatchObject({ pid: leader.process.pid });
  expect(of(told, "snapshot-saved").at(-1)).toMatchObject({
    ...{ level: "info", path },
    bytes: Bun.file(path).size,
    ms: expect.any(Number),
  });
  expect(of(told, "client-closed")[0]).toMatchObject({
    client: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    reason: expect.any(String),
  });
  const online = of(told, "follower-link").find(({ to }) => to === "online");
  expect(online).toMatchObject({ follower: follower.address, offset: expect.any(Number) });
  expect(of(told, "signal")[0]).toMatchObject({ signal: "SIGTERM" });
  expect(of(told, "shutdown").at(-1)).toMatchObject({ from: "closing", to: "ended" });
  expect(told.filter(({ message }) => message === `DEBUG LOG: ${forged}`)).toHaveLength(1);
  expect(told.filter(({ message }) => message === "forged")).toEqual([]);

  const heard = await ended(follower);
  expect(of(heard, "leader-link").find(({ to }) => to === "connected")).toMatchObject({
    ...{ leader: leader.address, items: 1, bytes: expect.any(Number), ms: expect.any(Number) },
  });
  expect(of(heard, "role").at(-1)).toMatchObject({ role: "leader" });
});

test("CONFIG SET log-format changes the form of the lines that follow", async () => {
  await using node = await spawnNode(["--max-memory", "16mb"]);
  await using client = await Peer.connect(node.port);
  const before = node.log().length;
  expect(await client.ask("CONFIG", "SET", "log-format", "json")).toBe("+OK");
  node.process.kill("SIGTERM");
  await node.process.exited;
  await waitFor(() => node.log().includes('"ended"'));
  expect(node.log().slice(0, before)).toMatch(/^\S+Z info {2}listening on /);
  expect(of(linesOf(node.log().slice(before)), "shutdown")).not.toEqual([]);
});

test.each([
  ["a flag", [...json, "--threads", "none"], {}],
  ["an unknown flag", ["--port", "1", "--log-format=json"], {}],
  ["the environment", ["--threads", "none"], { MSCACHE_LOG_FORMAT: "json" }],
])(
  "a mistake in the configuration is a JSON line if %s asks for it",
  async (_, args, environment) => {
    const { status, errors } = await runMscache(args, { environment });
    expect(status).toBe(2);
    const [line, ...rest] = linesOf(errors);
    expect([line?.level, rest]).toEqual(["error", []]);
    expect(line?.message).toMatch(/--threads: "none" is not|unknown flag --port/);
  },
);

test("a node that cannot start says so in JSON if only its file asks for it", async () => {
  await using directory = await temporaryDirectory();
  const config = join(directory.path, "node.conf");
  await using other = await spawnNode(["--max-memory", "16mb"]);
  await Bun.write(config, "log-format json\nmax-memory 16mb\n");
  const args = ["--config", config, "--listenaddr", other.address];
  const { status, errors } = await runMscache(args);
  expect(status).toBe(1);
  const last = linesOf(errors).at(-1);
  expect(last).toMatchObject({ level: "error", message: expect.stringContaining(other.address) });
});

test("every event of the log is explained, and no other", async () => {
  const text = await Bun.file(join(import.meta.dir, "../../scripts/deploy/README.md")).text();
  const table = text.slice(text.indexOf("| `event` |"));
  const explained = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name = ""]) => name);
  expect(explained.slice(1).toSorted()).toEqual([...logEvents].map(String).toSorted());
});

const fixture = builtProgram(new URL("../threads/crash-node-fixture.ts", import.meta.url));

test.each(["THROW", "EXIT", "REJECT"])(
  "the last words of a data thread (%s) are JSON",
  async (word) => {
    const environment = { MSCACHE_LOG_FORMAT: "json" };
    const command = [process.execPath, fileURLToPath(fixture)];
    await using node = await spawnNode([], { command, environment });
    await using client = await Peer.connect(node.port);
    client.send(word, "key");
    const lines = await ended(node, null);
    expect(node.process.signalCode).toBe("SIGABRT");
    expect(of(lines, "fault").at(-1)).toMatchObject({
      level: "error",
      where: expect.stringContaining("data thread"),
    });
  },
);
