/**
 * HTTPS of the admin server: with the node's certificates and its rule for those of clients, beside
 * the data port or without one by TLS, and certificates that are exchanged at run time.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { ConfigError } from "../../src/base/errors.ts";
import { adminIdleSeconds } from "../../src/base/limits.ts";
import { caseMsMax, respClient, waitFor } from "../harness.ts";
import { startAdminNode } from "../support/admin-bed.ts";
import type { Certificate } from "../support/certificates.ts";
import { shownName, type TlsBed, tlsBed, tlsFlags } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

let bed: TlsBed;
beforeAll(async () => {
  bed = await tlsBed();
});
afterAll(() => bed[Symbol.asyncDispose]());

function start(flags: Record<string, string> = {}) {
  const own = { ...tlsFlags(bed), "tls-port": "0", http: "none", https: "127.0.0.1:0" };
  return startAdminNode({ ...own, ...flags });
}

async function statusOf(port: number, client?: Certificate): Promise<number> {
  const own = client && { cert: readFileSync(client.cert), key: readFileSync(client.key) };
  const tls = { ca: readFileSync(bed.authority.cert), ...own };
  const init = { tls, keepalive: false } as RequestInit;
  return (await fetch(`https://127.0.0.1:${port}/healthz`, init)).status;
}

test("a node whose data port has no TLS serves HTTPS", async () => {
  await using node = await start();
  const [{ port }] = node.server.httpsAddresses;
  expect(node.log()).toContain(`admin HTTP on https://127.0.0.1:${port}\n`);
  expect(await statusOf(port)).toBe(200);
  expect(node.server.tlsPort).toBe(0);
});

test("HTTP and HTTPS go together", async () => {
  await using node = await start({ http: "127.0.0.1:0", "tls-port": "any" });
  expect(await statusOf(node.server.httpsAddresses[0].port)).toBe(200);
  expect((await node.ask("/healthz")).status).toBe(200);
});

test("clients must show a certificate where those of the data port must", async () => {
  await using node = await start({ "tls-auth-clients": "yes" });
  const [{ port }] = node.server.httpsAddresses;
  expect(await statusOf(port, bed.client)).toBe(200);
  const wrong = await bed.stranger.issue("client");
  await expect(statusOf(port, wrong)).rejects.toThrow();
  await expect(statusOf(port)).rejects.toThrow();
});

test("new clients see new certificates, and the port stays", async () => {
  await using node = await start();
  const [{ port }] = node.server.httpsAddresses;
  expect(await shownName(port, bed)).toBe("node");
  const second = await bed.authority.issue("second");
  await using client = await respClient(node.port);
  const pair = ["tls-cert-file", second.cert, "tls-key-file", second.key];
  expect(await client.call("CONFIG", "SET", ...pair)).toBe("OK");
  for (let i = 0; i < 5; i++) expect(await shownName(port, bed)).toBe("second");
  expect(await statusOf(port)).toBe(200);
});

test("a stream goes on when certificates are exchanged, and ends with the node", async () => {
  const node = await start();
  const [{ port }] = node.server.httpsAddresses;
  const socket = connect({ port, host: "127.0.0.1", ca: readFileSync(bed.authority.cert) });
  let text = "";
  let endedAtMs = 0;
  socket.on("data", (bytes) => {
    text += bytes;
  });
  socket.on("error", () => undefined); // it is cut off
  socket.on("close", () => {
    endedAtMs = performance.now();
  });
  socket.write("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const samples = () => text.split("event: sample").length - 1;
  await waitFor(() => samples() > 0);
  const second = await bed.authority.issue("second");
  {
    await using client = await respClient(node.port);
    const pair = ["tls-cert-file", second.cert, "tls-key-file", second.key];
    expect(await client.call("CONFIG", "SET", ...pair)).toBe("OK");
  }
  const before = samples();
  await waitFor(() => samples() > before);
  const closedAtMs = performance.now();
  await node[Symbol.asyncDispose]();
  await waitFor(() => endedAtMs > 0, { message: "the stream to end" });
  // It would end as an idle one does, too.
  expect(endedAtMs - closedAtMs).toBeLessThan(500 * adminIdleSeconds);
});

test("an address that cannot be bound at once does not keep another from its certificate", async () => {
  await using node = await start({ https: "127.0.0.1:0,127.0.0.1:0" });
  const [first, second] = node.server.httpsAddresses.map(({ port }) => port);
  const { cert, key } = await bed.authority.issue("second");
  await using client = await respClient(node.port);
  const serve = spyOn(Bun, "serve").mockImplementationOnce(() => {
    throw new Error("the address is in use");
  });
  try {
    const pair = ["tls-cert-file", cert, "tls-key-file", key];
    expect(await client.call("CONFIG", "SET", ...pair)).toBe("OK");
  } finally {
    serve.mockRestore();
  }
  expect(await shownName(second, bed)).toBe("second");
  await waitFor(async () => (await shownName(first, bed).catch(() => "")) === "second", {
    message: "the first address to be bound again",
  });
});

test("options that contradict each other are refused", async () => {
  await expect(startAdminNode({ https: ":0" })).rejects.toThrow(
    new ConfigError("--https: needs --tls-cert-file and --tls-key-file"),
  );
  await expect(start({ "tls-port": "any", "tls-only": "yes", http: ":0" })).rejects.toThrow(
    new ConfigError("--http: a node with --tls-only serves HTTP by --https alone"),
  );
});
