/**
 * Protected mode: a node without a password serves its own machine only. This machine plays the
 * other one: a connection to an address of its network card comes from that address. A machine
 * without one shows the rest, and the table of addresses that count as its own.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { formatAddress, isLoopback } from "../../src/base/address.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type Server, startServer } from "../../src/node/server.ts";
import { caseMsMax, respClient, spawnNode, waitFor } from "../harness.ts";
import { workerEntry } from "../support/programs.ts";
import { rawConnection } from "../support/raw-connection.ts";
import { startTls, tlsBed, tlsClient } from "../support/tls-bed.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

/** Addresses by which this machine reaches itself as another machine would. */
const outer = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .filter(({ address, internal }) => !internal && !address.startsWith("fe80:"))
  .map(({ address }) => address);

async function start(flags: Readonly<Record<string, string>>): Promise<Server> {
  const config = loadConfig({ "max-memory": "16mb", ...flags }, {}, () => "");
  return startServer(config, { workerEntry, logSink: () => undefined });
}

/** What the node says to a client that says PING, and whether the connection then stays. */
async function greeting(port: number, host: string): Promise<string> {
  await using raw = await rawConnection(port, host);
  raw.write(encodeCommand(["PING"]));
  return (await raw.readUntil("\r\n")).toString();
}

test.each([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["192.0.2.1", false],
  ["::ffff:192.0.2.1", false],
  ["fe80::1", false],
  ["::2", false],
  ["1.127.0.1", false],
])("an address of the loopback is this machine's: %s, %p", (address, isOwn) => {
  expect(isLoopback(address)).toBe(isOwn);
});

test("a node that listens on the loopback serves without a password", async () => {
  await using server = await start({ listenaddr: "127.0.0.1:0" });
  expect(await greeting(server.port, "127.0.0.1")).toBe("+PONG\r\n");
});

test("the log says at start that other machines are refused, but only if it is so", async () => {
  const said = async (...args: string[]) => {
    await using node = await spawnNode(args);
    await waitFor(() => node.log().includes("is ready")); // the last line of a start
    return node.log().includes("protected mode: without a password");
  };
  expect(await said("--listenaddr", "0.0.0.0:0")).toBe(true);
  expect(await said("--listenaddr", "127.0.0.1:0")).toBe(false);
  expect(await said("--listenaddr", "0.0.0.0:0", "--password", "x")).toBe(false);
  expect(await said("--listenaddr", "0.0.0.0:0", "--protected-mode", "no")).toBe(false);
});

describe.each(outer)("a client that comes from %s", (host) => {
  const everywhere = isIPv6(host) ? "[::]:0" : "0.0.0.0:0";

  test.each(["1", "2"])("is denied without a password, with %s data threads", async (threads) => {
    await using server = await start({ listenaddr: everywhere, threads });
    const { port } = server;
    const line = await greeting(port, host);
    expect(line).toStartWith("-DENIED MSCache is running in protected mode");
    expect(line).toContain("CONFIG SET protected-mode no");
    await using raw = await rawConnection(port, host);
    await raw.closed(); // also one that sends nothing and does not close
    await using own = await respClient(port);
    expect(await own.call("INFO", "stats")).toMatch(/rejected_connections:2\r/);
    await own.call("CONFIG", "SET", "protected-mode", "no");
    expect(await greeting(port, host)).toBe("+PONG\r\n");
    await own.call("CONFIG", "SET", "protected-mode", "yes", "requirepass", "secret");
    expect(await greeting(port, host)).toStartWith("-NOAUTH ");
  });

  test("is denied by an IPv6 socket that takes IPv4 as well, and the loopback is not", async () => {
    await using server = await start({ listenaddr: "[::]:0" });
    expect(await greeting(server.port, host)).toStartWith("-DENIED ");
    expect(await greeting(server.port, "127.0.0.1")).toBe("+PONG\r\n");
    expect(await greeting(server.port, "::1")).toBe("+PONG\r\n");
  });

  test("is denied by TLS as well", async () => {
    await using bed = await tlsBed();
    await using server = await startTls(bed, { listenaddr: everywhere });
    const rejectUnauthorized = false; // the certificate does not name this address
    await using client = await tlsClient(server.tlsPort, bed, { host, rejectUnauthorized });
    expect((await client.raw.closed()).toString()).toStartWith("-DENIED ");
  });

  test("is denied as a follower, whose log has the leader's words", async () => {
    await using leader = await start({ listenaddr: everywhere });
    const address = formatAddress({ host, port: leader.port });
    await using follower = await spawnNode(["--leaderaddr", address]);
    await waitFor(() => follower.log().includes("-DENIED MSCache is running in protected mode"), {
      message: "the follower to say why it cannot follow",
    });
  });
});
