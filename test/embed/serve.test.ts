/**
 * serve(): a server as a value of this process. What it serves is judged elsewhere; here it is that
 * several live side by side, that a fault of one reaches its owner and nobody else, that wrong
 * options are named, and that nothing of the process is touched. Faults are injected by a command
 * that throws in the middle of a turn.
 */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Command } from "../../src/command/core/command.ts";
import { register } from "../../src/command/core/registry.ts";
import { connect, type EmbeddedServer, ServerFaultError, serve } from "../../src/index.ts";
import { temporaryDirectory, waitFor } from "../harness.ts";
import { exampleIn, runExample } from "../support/docstring-example.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";

setDefaultTimeout(120_000);

register(
  new Command({
    ...{ name: "throwembedded", arity: 2, flags: 0, keys: [1, 1, 1], group: "string" },
    ...{ since: "0.1.0", complexity: "O(1)", summary: "Breaks this server." },
    handler: () => {
      throw new Error("thrown on purpose");
    },
  }),
);

async function ask(server: EmbeddedServer, ...words: string[]): Promise<string> {
  await using peer = await Peer.connect(server.port);
  return await peer.ask(...words);
}

/** Makes the server's own code fail; the connection ends without a reply. */
async function breakDown(server: EmbeddedServer): Promise<void> {
  await using peer = await Peer.connect(server.port);
  peer.send("THROWEMBEDDED", "key");
  await peer.raw.closed();
}

function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error) => error,
  );
}

async function isRefused(server: EmbeddedServer): Promise<boolean> {
  const peer = await Peer.connect(server.port).catch(() => null);
  await peer?.[Symbol.asyncDispose]();
  return peer === null;
}

whenShort(() => {
  test("the example of its docstring runs", async () => {
    const code = await exampleIn("src/embed/embedded-serve.ts");
    await runExample(`${code}\nawait client.get("greeting"); // "hello"`, "connect, serve");
  });

  test("a leader, its follower and a stranger live in one process", async () => {
    await using leader = await serve({ databases: 2 });
    await using follower = await serve({ leaderaddr: leader.address });
    await using stranger = await serve({ maxMemory: 1024 * 1024 });
    await using client = await connect(follower.address);
    await client.set("key", "value");
    await waitFor(async () => (await ask(follower, "GET", "key")) === "$value");
    expect(await ask(stranger, "GET", "key")).toBe("$null");
    expect(await ask(stranger, "CONFIG", "GET", "maxmemory")).toContain("1048576");
    expect(await ask(leader, "SELECT", "2")).toStartWith("-ERR");
    expect(leader.addresses).toEqual([`127.0.0.1:${leader.port}`]);
    expect(leader.address).toBe(leader.addresses[0]);
    expect(leader.tlsPort).toBe(0);
  });

  test("its addresses are what connect() takes, on a Unix socket alone as well", async () => {
    await using directory = await temporaryDirectory();
    const unixSocket = join(directory.path, "socket");
    await using server = await serve({ listenaddr: "none", unixSocket });
    expect([server.address, server.port]).toEqual([`unix://${unixSocket}`, 0]);
    await using client = await connect(server.address);
    expect(await client.ping()).toBe("PONG");
  });

  test("close() frees its port, and is the same promise each time", async () => {
    const server = await serve();
    const { address } = server;
    expect(server.close()).toBe(server.close());
    await server.close();
    await server.closed;
    expect(server.address).toBe(address);
    expect(await isRefused(server)).toBe(true);
    await using again = await serve({ listenaddr: address });
    expect(again.address).toBe(address);
  });

  test("a client's SHUTDOWN ends it alone", async () => {
    await using server = await serve();
    await using other = await serve();
    await using peer = await Peer.connect(server.port);
    peer.send("SHUTDOWN", "NOSAVE");
    await server.closed;
    expect(await ask(other, "PING")).toBe("+PONG");
  });

  test("a snapshot is written by close(), and loaded by the next one", async () => {
    await using directory = await temporaryDirectory();
    const snapshotFile = join(directory.path, "dump.rdb");
    const first = await serve({ snapshotFile });
    await ask(first, "SET", "key", "value");
    await first.close();
    await using second = await serve({ snapshotFile });
    expect(await ask(second, "GET", "key")).toBe("$value");
  });

  test("several data threads serve one store, and end with it", async () => {
    await using server = await serve({ threads: 2 });
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, i) => ask(server, "SET", `key${i}`, "value")),
    );
    expect([...new Set(replies)]).toEqual(["+OK"]);
    expect(await ask(server, "DBSIZE")).toBe(":8");
    await server.close();
    expect(await isRefused(server)).toBe(true);
  });

  describe("its log", () => {
    test("goes to its owner line by line, at its level", async () => {
      const lines: string[] = [];
      const server = await serve({ log: (line) => lines.push(line) });
      expect(lines[0]).toMatch(/^\S+Z info {2}listening on 127\.0\.0\.1:\d+ as a leader$/);
      await server.close();
      const quiet: string[] = [];
      await (await serve({ log: (line) => quiet.push(line), logLevel: "error" })).close();
      expect(quiet).toEqual([]);
    });

    test("may throw", async () => {
      const log = () => {
        throw new Error("no log");
      };
      await using server = await serve({ log });
      expect(await ask(server, "PING")).toBe("+PONG");
    });
  });

  describe("a fault", () => {
    test("closes its server, reaches its owner, and leaves the others alone", async () => {
      const broken = await serve();
      await using other = await serve();
      await ask(other, "SET", "key", "value");
      await breakDown(broken);
      const fault = await failureOf(broken.closed);
      expect(fault).toBeInstanceOf(ServerFaultError);
      expect(fault).toMatchObject({
        code: "SERVER_FAULT",
        cause: { message: "thrown on purpose" },
      });
      expect(String(fault)).toContain("the server has ended: fault in");
      await waitFor(() => isRefused(broken));
      expect(await failureOf(broken.close())).toBe(fault);
      expect(await ask(other, "GET", "key")).toBe("$value");
    });

    test("is told to onError, once, and close() has nothing to add", async () => {
      const errors: Error[] = [];
      const lines: string[] = [];
      const onError = (error: Error) => {
        errors.push(error);
        throw new Error("from the owner");
      };
      await using broken = await serve({ onError, log: (line) => lines.push(line) });
      await breakDown(broken);
      expect(await failureOf(broken.closed)).toBeInstanceOf(ServerFaultError);
      await broken.close();
      expect(errors.map((error) => error.name)).toEqual(["ServerFaultError"]);
      expect(lines.join()).toContain("onError threw: Error: from the owner");
    });
  });

  test.each([
    [{ maxMemory: 5 }, 'maxMemory: "5" is below the minimum of 1mb'],
    [{ maxMemory: "64mb" }, "maxMemory must be a number, not a string"],
    [{ "max-memory": 1 }, "max-memory: unknown option"],
    [{ config: "file" }, "config: unknown option"],
    [{ idleTimeout: 1_500 }, "idleTimeout must be whole seconds in milliseconds"],
    [{ protectedMode: "no" }, "protectedMode must be a boolean, not a string"],
    [{ eviction: "lru" }, 'eviction: "lru" is not one of s3fifo, none'],
    [{ tlsPort: "any" }, "tlsPort: needs tlsCertFile and tlsKeyFile"],
    [{ log: "console" }, "log must be a function, not a string"],
    [{ leaderaddr: "127.0.0.1:0" }, 'leaderaddr: "127.0.0.1:0" has port 0'],
  ])("%j is refused by name", async (options, message) => {
    const error = await failureOf(serve(options as never));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(String(error)).toContain(message);
  });

  test("what cannot start says why", async () => {
    await using server = await serve();
    const taken = await failureOf(serve({ listenaddr: server.address }));
    expect(taken).toMatchObject({ name: "ServeError", code: "SERVE_FAILED" });
    expect(String(taken)).toContain(server.address);
    await using directory = await temporaryDirectory();
    const snapshotFile = join(directory.path, "dump.rdb");
    await Bun.write(snapshotFile, "REDIS0009 and no more");
    const corrupt = await failureOf(serve({ snapshotFile }));
    expect(corrupt).toMatchObject({ name: "ServeError", code: "SERVE_FAILED" });
    expect(String(corrupt)).toContain(snapshotFile);
  });
});

test("a process that serves, survives a fault and closes is as it was, and ends by itself", async () => {
  const rounds = `${repetitions(12, 100)}`;
  const fixture = join(import.meta.dir, "guest-fixture.ts");
  const child = Bun.spawn([process.execPath, fixture, rounds], {
    ...{ stdout: "pipe", stderr: "pipe", timeout: 100_000, killSignal: "SIGKILL" },
    env: { ...process.env, MSCACHE_LISTENADDRESS: "nonsense", MSCACHE_CONFIG: "/nowhere" },
  });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([await child.exited, errors]).toEqual([0, ""]);
  const { grownBytes, ...report } = JSON.parse(out);
  expect(report).toEqual({ changed: [], faults: 1, descriptorsGrown: 0 });
  // Each would leave 15 MB or more.
  expect(grownBytes).toBeLessThan(48 * 1024 * 1024);
});
