/**
 * Five hundred strangers who begin a TLS handshake and say no more, half of them in the middle of a
 * message and half when the node has answered: they take no client's place and little memory, and
 * other clients are served as before.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { connect } from "node:tls";
import { handshakesMax } from "../../src/base/limits.ts";
import { caseMsMax, respClient, spawnNode, waitFor } from "../harness.ts";
import { PingWatch } from "../support/ping-watch.ts";
import { residentBytes } from "../support/process-memory.ts";
import { type RawConnection, rawConnection } from "../support/raw-connection.ts";
import { Random, seedFor } from "../support/seed.ts";
import { startTls, tlsBed, tlsClient, tlsFlags } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

const strangers = 500;
const mb = 1024 * 1024;

/** The first message of a client, as Bun sends it. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => socket.once("data", resolve));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const client = connect({ port, host: "127.0.0.1" });
  client.on("error", () => undefined);
  const hello = await promise;
  client.destroy();
  server.close();
  return hello;
}

test.each([1, 2])(
  "%d data threads: half-finished handshakes leave a node and its clients as they were",
  async (threads) => {
    await using bed = await tlsBed();
    const args = Object.entries(tlsFlags(bed)).flatMap(([name, value]) => [`--${name}`, value]);
    await using node = await spawnNode(["--threads", `${threads}`, ...args]);
    const tlsPort = Number(/, 127\.0\.0\.1:(\d+) \(TLS\)/.exec(node.log())?.[1]);
    await using old = await tlsClient(tlsPort, bed);
    await using plain = await respClient(node.port);
    const before = residentBytes(node.process.pid);
    const hello = await clientHello();
    const tls = { port: tlsPort, ca: readFileSync(bed.authority.cert, "utf8") };
    await using watch = await PingWatch.start(node, { threads, tls });
    await using held = new AsyncDisposableStack();
    const all: RawConnection[] = [];
    for (let i = 0; i < strangers; i++) {
      const stranger = held.use(await rawConnection(tlsPort));
      stranger.write(i % 2 === 0 ? hello : hello.subarray(0, 100));
      all.push(stranger);
      if (i % 20 !== 0) continue;
      expect(await old.call("PING")).toBe("PONG");
      expect(await plain.call("PING")).toBe("PONG");
      await using young = await tlsClient(tlsPort, bed);
      expect(await young.call("PING")).toBe("PONG");
    }
    const refused = strangers - threads * handshakesMax;
    await waitFor(() => all.filter(({ isClosed }) => isClosed).length >= refused);
    await watch.wasPrompt();
    await waitFor(async () => {
      const text = String(await plain.call("INFO", "clients"));
      return /connected_clients:[23]\r/.test(text);
    });
    expect(residentBytes(node.process.pid) - before).toBeLessThan(64 * mb);
  },
);

test("handshakes of random bytes, and some that break off anywhere, do no harm", async () => {
  await using bed = await tlsBed();
  const args = Object.entries(tlsFlags(bed)).flatMap(([name, value]) => [`--${name}`, value]);
  await using node = await spawnNode(args);
  const tlsPort = Number(/, 127\.0\.0\.1:(\d+) \(TLS\)/.exec(node.log())?.[1]);
  const hello = await clientHello();
  const random = new Random(seedFor("TLS_BYTES_SEED"));
  await using client = await tlsClient(tlsPort, bed);
  const below = (end: number) => random.below(end);
  for (let i = 0; i < 300; i++) {
    const socket = createConnection({ port: tlsPort, host: "127.0.0.1" });
    socket.on("error", () => undefined);
    await new Promise<void>((connected) => socket.once("connect", connected));
    const bytes = Buffer.from(hello.subarray(0, below(hello.length + 1)));
    const changed = Buffer.concat([bytes, Buffer.from(hello.subarray(0, below(50)))]);
    if (i % 3 > 0 && changed.length > 0) changed[below(changed.length)] = below(256);
    socket.write(changed);
    if (i % 2 === 0) socket.resetAndDestroy();
    else socket.end();
    if (i % 50 === 0) expect(await client.call("PING")).toBe("PONG");
  }
  await using young = await tlsClient(tlsPort, bed);
  expect(await young.call("PING")).toBe("PONG");
  await waitFor(async () => {
    const text = String(await young.call("INFO", "clients"));
    return /connected_clients:2\r/.test(text);
  });
});

test("garbage after the handshake costs its client the connection, and nobody else", async () => {
  await using bed = await tlsBed();
  await using server = await startTls(bed);
  await using other = await tlsClient(server.tlsPort, bed);
  const socket = createConnection({ port: server.tlsPort, host: "127.0.0.1" });
  await using client = await tlsClient(server.tlsPort, bed, { socket });
  expect(await client.call("SET", "key", "value")).toBe("OK");
  socket.write("*1\r\n$4\r\nPING\r\n"); // past the TLS layer
  await client.raw.closed();
  expect(await other.call("GET", "key")).toBe("value");
  await waitFor(async () =>
    /connected_clients:1\r/.test(String(await other.call("INFO", "clients"))),
  );
});
