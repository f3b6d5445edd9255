/**
 * Where nodes listen: names with several addresses, and that a second node on the same port is
 * refused, however the two name it, with one data thread and with two. Names with two addresses are
 * invented here, as this machine's `localhost` may have only one.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { loadConfig } from "../../src/config/config.ts";
import { type Server, startServer } from "../../src/node/server.ts";
import { caseMsMax, runMscache, spawnNode } from "../harness.ts";
import { workerEntry } from "../support/programs.ts";
import { rawConnection } from "../support/raw-connection.ts";
import { repetitions } from "../support/repetitions.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const loopbacks = ["::1", "127.0.0.1"];
/**
 * `here` has both loopback addresses; `far` one that is nobody's here as well; an address is its
 * own.
 */
const names: Readonly<Record<string, readonly string[]>> = {
  here: loopbacks,
  far: ["192.0.2.77", "127.0.0.1"],
  nowhere: ["192.0.2.77", "192.0.2.78"],
};

function start(listenaddr: string, threads = 1): Promise<Server> {
  const flags = { listenaddr, "max-memory": "16mb", threads: `${threads}` };
  const config = loadConfig(flags, {}, () => "");
  const lookup = async (host: string) => names[host] ?? [host];
  return startServer(config, { workerEntry, lookup, logSink: () => undefined });
}

async function answers(port: number, host: string): Promise<boolean> {
  await using raw = await rawConnection(port, host);
  raw.write(encodeCommand(["PING"]));
  return (await raw.readUntil("\r\n")).toString() === "+PONG\r\n";
}

/** The sentence with which a start is refused. */
async function refusal(starting: Promise<Server>): Promise<string> {
  try {
    await using server = await starting;
    return `it listens on port ${server.port}`;
  } catch (error) {
    expect(error).toHaveProperty("name", "ListenError");
    return (error as Error).message;
  }
}

describe.each([1, 2])("with %d data threads", (threads) => {
  test("a name with two addresses is served on both, under one port that the system chose", async () => {
    await using server = await start("here:0", threads);
    expect(server.addresses).toEqual(loopbacks.map((host) => ({ host, port: server.port })));
    for (const host of loopbacks) expect(await answers(server.port, host)).toBe(true);
  });

  test("a second node on the same name is refused, and the first keeps running", async () => {
    await using first = await start("here:0", threads);
    expect(await refusal(start(`here:${first.port}`, threads))).toBe(
      `cannot listen on [::1]:${first.port}: the port is taken`,
    );
    // One of the two is free again and must not be taken, either.
    await using second = await start("127.0.0.1:0", threads);
    expect(await refusal(start(`here:${second.port}`, threads))).toBe(
      `cannot listen on 127.0.0.1:${second.port}: the port is taken`,
    );
    await using third = await start(`[::1]:${second.port}`, threads);
    expect(third.port).toBe(second.port);
  });

  const overlapping = [
    ["127.0.0.1", ["0.0.0.0", "127.0.0.1", "[::]", "here"]],
    ["0.0.0.0", ["[::]", "127.0.0.1", "here"]],
    ["[::]", ["here", "127.0.0.1", "0.0.0.0", "[::1]"]],
    ["here", ["127.0.0.1", "0.0.0.0", "[::]", "[::1]"]],
  ] as const;

  test.each(overlapping)("a node on %s leaves no room for one on %p", async (first, others) => {
    await using server = await start(`${first}:0`, threads);
    const taken = RegExp(`^cannot listen on \\S+:${server.port}: the port is taken$`);
    // With two threads the others are more cases of the same, for test:long.
    for (const other of others.slice(0, threads === 1 ? 4 : repetitions(1, 4))) {
      const reason = await refusal(start(`${other}:${server.port}`, threads));
      expect(`${other}: ${taken.test(reason) ? "taken" : reason}`).toBe(`${other}: taken`);
    }
  });

  test("an address of a name that is not this machine's is left out", async () => {
    await using server = await start("far:0", threads);
    expect(server.addresses).toEqual([{ host: "127.0.0.1", port: server.port }]);
  });

  test("a name without any address here is refused in a sentence", async () => {
    expect(await refusal(start("nowhere:0", threads))).toBe(
      "cannot listen on nowhere:0: no address is this machine's",
    );
    expect(await refusal(start("192.0.2.77:0", threads))).toBe(
      "cannot listen on 192.0.2.77:0: it is not this machine's",
    );
  });

  test("a list whose second address is taken leaves the first one free", async () => {
    await using taken = await start("127.0.0.1:0", threads);
    await using probe = await start("127.0.0.1:0", threads);
    const { port } = probe;
    await probe.close();
    const list = `127.0.0.1:${port},127.0.0.1:${taken.port}`;
    expect(await refusal(start(list, threads))).toContain(": the port is taken");
    await using again = await start(`127.0.0.1:${port}`, threads);
    expect(await answers(again.port, "127.0.0.1")).toBe(true);
  });
});

test.each(["1", "2"])(
  "two processes with --threads %s cannot share a port of localhost",
  async (threads) => {
    await using node = await spawnNode(["--listenaddr", "localhost:0", "--threads", threads]);
    const again = ["--listenaddr", `localhost:${node.port}`, "--threads", threads];
    const { status, errors } = await runMscache(again);
    expect(status).not.toBe(0);
    expect(errors.trim().split("\n")).toHaveLength(1);
    expect(errors).toContain(`:${node.port}: the port is taken`);
  },
);

test("a name that does not exist is refused in a sentence", async () => {
  const { status, errors } = await runMscache(["--listenaddr", "no-such-host.invalid:0"]);
  expect(status).not.toBe(0);
  expect(errors.trim().split("\n")).toHaveLength(1);
  expect(errors).toContain("cannot listen on no-such-host.invalid:0: the name has no address");
});
