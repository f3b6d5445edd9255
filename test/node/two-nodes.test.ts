/**
 * Two nodes in one process share nothing that belongs to a node: what is set, counted, held or
 * broken in one does not show in the other. With one data thread and with several, which have their
 * own copies. Faults are injected by a command that throws while it holds the lock of its key's
 * shard.
 */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "../../src/command/core/command.ts";
import { register } from "../../src/command/core/registry.ts";
import { flag } from "../../src/command/terms/flags.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { NodeFault } from "../../src/node/control/faults.ts";
import { type Server, type ServerOptions, startServer } from "../../src/node/server.ts";
import { temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { builtProgram } from "../support/programs.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(120_000);

const facts = {
  arity: 2,
  flags: 0,
  keys: [1, 1, 1],
  group: "string",
  since: "0.1.0",
  complexity: "O(1)",
  summary: "Breaks this thread.",
} as const;

function breakOnPurpose(): never {
  throw new Error("thrown on purpose");
}

// In this process the node with one data thread runs them; others have crash-worker-fixture.ts's.
register(new Command({ ...facts, name: "throw", handler: breakOnPurpose }));
register(new Command({ ...facts, name: "throwcontrol", control: breakOnPurpose }));
register(
  new Command({ ...facts, name: "throwstream", flags: flag.WRITE, handler: breakOnPurpose }),
);

const workerEntry = builtProgram(new URL("../threads/crash-worker-fixture.ts", import.meta.url));

async function start(
  threads: number,
  overrides: Partial<Config> = {},
  options: ServerOptions = {},
): Promise<Server> {
  const flags = { listenaddr: "127.0.0.1:0", "max-memory": "32mb", "log-level": "error" };
  const config = { ...loadConfig(flags, {}, () => ""), threads, ...overrides };
  return await startServer(config, { workerEntry, ...options });
}

/** Several connections, so that with several threads more than one of them is asked. */
async function askAll({ port }: Server, ...words: string[]): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.connect(port)));
  for (const peer of peers) stack.use(peer);
  const replies = await Promise.all(peers.map((peer) => peer.ask(...words)));
  return [...new Set(replies)];
}

async function info(peer: Peer, section: string): Promise<Map<string, string>> {
  const { value } = await peer.typed("INFO", section);
  const lines = String(value).trim().split("\r\n");
  return new Map(lines.map((line) => line.split(/:(.*)/s, 2) as [string, string]));
}

describe.each([1, 2])("of two nodes with %d data threads each", (threads) => {
  test("each has its own keys, password and port", async () => {
    await using one = await start(threads, { password: "secret" });
    await using other = await start(threads);
    expect(one.port).not.toBe(other.port);
    await using client = await Peer.connect(one.port);
    expect(await client.ask("AUTH", "secret")).toBe("+OK");
    expect(await client.ask("SET", "key", "one")).toBe("+OK");
    expect(await askAll(other, "GET", "key")).toEqual(["$null"]);
    expect(await client.ask("CONFIG", "SET", "requirepass", "changed")).toBe("+OK");
    const refused = await askAll(one, "AUTH", "secret");
    expect(refused).toEqual([expect.stringMatching(/^-WRONGPASS/)]);
    expect(await askAll(one, "AUTH", "changed")).toEqual(["+OK"]);
    expect(await askAll(other, "AUTH", "changed")).toEqual([expect.stringMatching(/^-ERR/)]);
  });

  test("each logs at its own level, into its own sink", async () => {
    const [quiet, loud]: [string[], string[]] = [[], []];
    await using one = await start(threads, {}, { logSink: (line) => quiet.push(line) });
    const options = { logSink: (line: string) => void loud.push(line) };
    await using other = await start(threads, { logLevel: "info" }, options);
    expect(loud.join("")).toContain(`listening on 127.0.0.1:${other.port}`);
    const breakProtocol = async ({ port }: Server) => {
      await using peer = await Peer.connect(port);
      peer.write("*1\r\n!\r\n");
      await peer.raw.closed();
    };
    for (let i = 0; i < 8; i++) await breakProtocol(one);
    for (let i = 0; i < 8; i++) await breakProtocol(other);
    const broken = (lines: string[]) =>
      lines.filter((line) => line.includes("broke the protocol")).length;
    await waitFor(() => broken(loud) === 8, { message: "the lines of all data threads" });
    expect(quiet).toEqual([]);
    await using client = await Peer.connect(one.port);
    expect(await client.ask("CONFIG", "SET", "loglevel", "notice")).toBe("+OK");
    for (let i = 0; i < 8; i++) await breakProtocol(one);
    await waitFor(() => broken(quiet) === 8, { message: "lines at the level that was set" });
    expect(broken(loud)).toBe(8);
  });

  test("each has its own channels and pauses", async () => {
    await using one = await start(threads);
    await using other = await start(threads);
    await using reader = await Peer.connect(one.port);
    expect(await reader.ask("SUBSCRIBE", "news")).toContain("news");
    expect(await askAll(other, "PUBLISH", "news", "x")).toEqual([":0"]);
    expect(await askAll(other, "PUBSUB", "CHANNELS")).toEqual(["*[]"]);
    expect(await askAll(one, "PUBSUB", "CHANNELS")).toEqual(["*[$news]"]);

    await using pausing = await Peer.connect(one.port);
    expect(await pausing.ask("CLIENT", "PAUSE", "100000", "WRITE")).toBe("+OK");
    await using held = await Peer.connect(one.port);
    held.send("SET", "key", "value");
    expect(await askAll(other, "SET", "key", "value")).toEqual(["+OK"]);
    expect(held.raw.unread.length).toBe(0);
    expect(await pausing.ask("CLIENT", "UNPAUSE")).toBe("+OK");
    expect(await held.shown()).toBe("+OK");
  });

  test("each counts what its own clients do", async () => {
    await using one = await start(threads);
    await using other = await start(threads);
    for (let i = 0; i < 5; i++) await askAll(one, "SET", "key", "value");
    await askAll(one, "SET", "key");
    await using asking = await Peer.connect(other.port);
    const stats = await info(asking, "stats");
    expect(Number(stats.get("total_commands_processed"))).toBeLessThan(5);
    expect(stats.get("total_connections_received")).toBe("1");
    const commands = await info(asking, "commandstats");
    expect([...commands.keys()].filter((name) => name.startsWith("cmdstat_set"))).toEqual([]);
    const errors = await info(asking, "errorstats");
    expect([...errors.keys()].filter((name) => name.startsWith("errorstat_ERR"))).toEqual([]);
    const keyspace = await info(asking, "keyspace");
    expect(keyspace.get("db0")).toBeUndefined();
  });

  test("a follower refuses writes and names its own leader", async () => {
    await using leader = await start(1);
    await using second = await start(1);
    await using one = await start(threads);
    await using other = await start(threads);
    await using client = await Peer.connect(one.port);
    await using otherClient = await Peer.connect(other.port);
    const ports = [leader.port, second.port].map(String);
    expect(await client.ask("REPLICAOF", "127.0.0.1", ports[0])).toBe("+OK");
    expect(await otherClient.ask("REPLICAOF", "127.0.0.1", ports[1])).toBe("+OK");
    for (let i = 0; i < 3; i++) {
      expect(await client.ask("SET", "a", "b")).toEndWith(`Its leader is 127.0.0.1:${ports[0]}.`);
      const refusal = await otherClient.ask("SET", "a", "b");
      expect(refusal).toEndWith(`Its leader is 127.0.0.1:${ports[1]}.`);
    }
  });

  test("a fault of one ends it, reaches its owner, and leaves the other alone", async () => {
    await using directory = await temporaryDirectory();
    const snapshotFile = join(directory.path, "dump.rdb");
    const lines: string[] = [];
    const logSink = (line: string) => void lines.push(line);
    await using broken = await start(threads, { snapshotFile }, { logSink });
    await using other = await start(threads);
    await using follower = await start(1, {
      leaderAddr: { host: "127.0.0.1", port: broken.port },
    });
    await using client = await Peer.connect(broken.port);
    expect(await client.ask("SET", "key", "value")).toBe("+OK");
    await waitFor(async () => (await askAll(follower, "GET", "key"))[0] === "$value");

    const fault = broken.closed.then(
      () => null,
      (error) => error,
    );
    client.send("THROW", "key");
    client.send("SET", "key", "after");
    const error = await fault;
    expect(error).toBeInstanceOf(NodeFault);
    expect(error.message).toContain("thrown on purpose");
    expect(lines.join("")).toContain("thrown on purpose");
    await client.raw.closed();
    await waitFor(() => Peer.connect(broken.port).then(refuse, () => true), {
      message: "its port to be free",
    });
    await broken.close();
    expect(existsSync(snapshotFile)).toBe(false);

    expect(await askAll(other, "SET", "key", "value")).toEqual(["+OK"]);
    expect(await askAll(follower, "GET", "key")).toEqual(["$value"]);
  });

  test("an owner may be called instead", async () => {
    const faults: NodeFault[] = [];
    await using broken = await start(threads, {}, { onFault: (fault) => void faults.push(fault) });
    await using client = await Peer.connect(broken.port);
    client.send("THROW", "key");
    await waitFor(() => faults.length > 0);
    expect(faults[0].message).toContain("thrown on purpose");
    await broken.close();
    expect(faults).toHaveLength(1);
  });
});

test("a fault of a control command ends only its node", async () => {
  await using broken = await start(1);
  await using client = await Peer.connect(broken.port);
  const fault = broken.closed.catch((error) => error);
  client.send("THROWCONTROL", "key");
  expect(String(await fault)).toContain("thrown on purpose");
  await client.raw.closed();
});

test("a fault while a leader's stream is applied ends the follower, not the leader", async () => {
  // An empty snapshot without a checksum, and the command behind it.
  const snapshot = `REDIS0009\xff${"\0".repeat(8)}`;
  const head = `+FULLRESYNC ${"5eed".repeat(10)} 1\r\n$${snapshot.length}\r\n`;
  const command = encodeCommand(["THROWSTREAM", "key"]);
  const bytes = Buffer.concat([Buffer.from(head + snapshot, "latin1"), command]);
  await using leader = await ScriptedLeader.start(() => ({ bytes, staysOpen: true }));
  await using broken = await start(1, { leaderAddr: { host: "127.0.0.1", port: leader.port } });
  const fault = broken.closed.catch((error) => error);
  const error = await fault;
  expect(error).toBeInstanceOf(NodeFault);
  expect(error.message).toContain("thrown on purpose");
});

test("a data thread that ends by itself is a fault of its node", async () => {
  await using broken = await start(2);
  await using client = await Peer.connect(broken.port);
  const fault = broken.closed.catch((error) => error);
  client.send("REJECT", "key");
  expect(String(await fault)).toContain("data thread");
  await client.raw.closed();
});

async function refuse(peer: Peer): Promise<boolean> {
  await peer[Symbol.asyncDispose]();
  return false;
}
