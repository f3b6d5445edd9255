/**
 * The Unix socket of a node: commands over it, its file, and what CLIENT LIST says of its clients,
 * beside redis-server where that can judge. With one data thread and with two, which all accept.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, lstatSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { loadConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/node/server.ts";
import {
  caseMsMax,
  RespClient,
  respClient,
  runMscache,
  spawnNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { workerEntry } from "../support/programs.ts";
import { RawConnection } from "../support/raw-connection.ts";
import { redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

function unixClient(path: string): Promise<RespClient> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(new RespClient(new RawConnection(socket)));
    });
  });
}

async function start(path: string, flags: Readonly<Record<string, string>> = {}) {
  const all = { listenaddr: "127.0.0.1:0", "max-memory": "16mb", "unix-socket": path, ...flags };
  const config = loadConfig(all, {}, () => "");
  return startServer(config, { workerEntry, logSink: () => undefined });
}

/** The sentence with which a start is refused. */
async function refusal(starting: ReturnType<typeof start>): Promise<string> {
  try {
    await using server = await starting;
    return `it listens on port ${server.port}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Addresses and flags of the client itself, with its path shown as PATH. */
async function ownLine(client: RespClient, path: string): Promise<string> {
  const line = String(await client.call("CLIENT", "INFO"));
  const [, addr, laddr] = / addr=(\S+) laddr=(\S+) /.exec(line) ?? [];
  const [, flags] = / flags=(\w+) /.exec(line) ?? [];
  return [addr, laddr, flags].join(" ").replaceAll(path, "PATH");
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("commands run, the value is the one that TCP clients see, and the file has its mode", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "node.sock");
    await using server = await start(path, { threads, "unix-socket-perm": "750" });
    expect(statSync(path).mode & 0o777).toBe(0o750);
    await using tcp = await respClient(server.port);
    for (let i = 0; i < 12; i++) {
      await using client = await unixClient(path);
      const value = "x".repeat(2_000_000) + i;
      expect(await client.call("SET", `key${i}`, value)).toBe("OK");
      expect(await client.call("GET", `key${i}`)).toBe(value);
      expect(await tcp.call("STRLEN", `key${i}`)).toBe(value.length);
    }
    expect(await tcp.call("CONFIG", "GET", "unixsocket*")).toEqual([
      ...["unixsocket", path],
      ...["unixsocketperm", "750"],
    ]);
  });

  test("CLIENT LIST and KILL know a client by its path", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "node.sock");
    await using server = await start(path, { threads });
    await using client = await unixClient(path);
    await using tcp = await respClient(server.port);
    expect(await ownLine(client, path)).toBe("PATH:0 PATH:0 U");
    expect(await tcp.call("CLIENT", "LIST", "TYPE", "normal")).toContain(` addr=${path}:0 `);
    expect(await tcp.call("CLIENT", "KILL", "ADDR", `${path}:0`)).toBe(1);
    await client.raw.closed();
  });

  test("SYNC over it sends a snapshot, as redis-cli --rdb asks for", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "node.sock");
    await using server = await start(path, { threads });
    await using tcp = await respClient(server.port);
    await tcp.call("SET", "key", "value");
    await using client = await unixClient(path);
    client.raw.write("SYNC\r\n");
    await client.raw.readUntil("REDIS00");
    await waitFor(async () => /slave0:ip=\S+,port=0/.test(String(await tcp.call("INFO"))));
  });

  test("the file is gone when the node has ended", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "node.sock");
    const server = await start(path, { threads });
    expect(lstatSync(path).isSocket()).toBe(true);
    await server.close();
    expect([existsSync(path), existsSync(`${path}~`)]).toEqual([false, false]);
  });

  test("a second node on the same path is refused, and the first keeps serving", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "node.sock");
    await using _first = await start(path, { threads });
    expect(await refusal(start(path, { threads }))).toBe(
      `cannot listen on ${path}: another process listens on it`,
    );
    await using client = await unixClient(path);
    expect(await client.call("PING")).toBe("PONG");
  });
});

test("a socket that a killed node left is replaced, a file of another kind is not", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "node.sock");
  const killed = await spawnNode(["--unix-socket", path]);
  killed.process.kill("SIGKILL");
  await killed.process.exited;
  await killed[Symbol.asyncDispose]();
  expect(lstatSync(path).isSocket()).toBe(true);
  await using server = await start(path);
  await using client = await unixClient(path);
  expect(await client.call("PING")).toBe("PONG");
  expect(server.port).toBeGreaterThan(0);

  const plain = join(directory.path, "letter");
  writeFileSync(plain, "dear");
  expect(await refusal(start(plain))).toBe(
    `cannot listen on ${plain}: a file that is no socket has this name`,
  );
  expect(await refusal(start(join(directory.path, "nowhere", "x")))).toStartWith(
    `cannot listen on ${directory.path}/nowhere/x: `,
  );
});

test("a node may have a Unix socket alone, but must listen somewhere", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "node.sock");
  await using server = await start(path, { listenaddr: "none" });
  await using client = await unixClient(path);
  expect([server.port, server.addresses.length]).toEqual([0, 0]);
  expect(await client.call("CONFIG", "GET", "port")).toEqual(["port", "0"]);
  const { status, errors } = await runMscache(["--listenaddr", "none"]);
  expect([status, errors]).toEqual([2, "mscache: --listenaddr: none needs a --unix-socket\n"]);
});

test("a path that no socket can have, and a mode that is none, are refused in a sentence", async () => {
  const long = `/tmp/${"x".repeat(120)}`;
  const { status, errors } = await runMscache(["--unix-socket", long]);
  expect(status).toBe(2);
  expect(errors).toBe(
    `mscache: --unix-socket: "${long}" has 125 bytes; a Unix socket can have 102 in its path\n`,
  );
  for (const mode of ["9", "rwx", "1000"]) {
    const refused = await runMscache(["--unix-socket-perm", mode]);
    expect(refused.errors).toBe(
      `mscache: --unix-socket-perm: "${mode}" is not a mode in octal, as in 700\n`,
    );
  }
});

test.skipIf(redisNote !== "")(`redis-server says the same of its clients${redisNote}`, async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "redis.sock");
  await using _redis = await startRedis(["--unixsocket", path, "--unixsocketperm", "750"]);
  await using client = await unixClient(path);
  expect(await ownLine(client, path)).toBe("PATH:0 PATH:0 U");
  expect(await client.call("CONFIG", "GET", "unixsocketperm")).toEqual(["unixsocketperm", "750"]);
});
