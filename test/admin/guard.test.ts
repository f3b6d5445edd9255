/**
 * Who may talk to the admin HTTP server at all: not a page in somebody's browser, whether it names
 * itself or has made its own name point here, and nobody from outside in protected mode. And what
 * keeps its connections within bounds.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { adminRequestsMax } from "../../src/base/limits.ts";
import { caseMsMax, respClient, spawnNode, waitFor } from "../harness.ts";
import { outcome, startAdminNode } from "../support/admin-bed.ts";
import { type RawConnection, rawConnection } from "../support/raw-connection.ts";

setDefaultTimeout(caseMsMax);

/** An address by which this machine reaches itself as another machine would. */
const outer = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

const withHeaders = (headers: Record<string, string>) => ({ headers });

test("the log says where it listens, and without --http nothing does", async () => {
  await using node = await startAdminNode();
  expect(node.log()).toContain(`admin HTTP on http://127.0.0.1:${node.httpPort}\n`);
  await using without = await startAdminNode({ http: "none" });
  expect(without.server.httpAddresses).toEqual([]);
  expect(without.log()).not.toContain("admin HTTP");
});

test("a taken port ends the start with a sentence", async () => {
  await using node = await startAdminNode();
  const second = startAdminNode({ http: `127.0.0.1:${node.httpPort}` });
  await expect(second).rejects.toThrow(
    `cannot listen on 127.0.0.1:${node.httpPort}: the port is taken`,
  );
});

test("several addresses are served alike", async () => {
  await using node = await startAdminNode({ http: "127.0.0.1:0,127.0.0.2:0" });
  const [, second] = node.server.httpAddresses;
  const response = await fetch(`http://127.0.0.2:${second.port}/healthz`);
  expect(await outcome(response)).toEqual([200, "ok\n"]);
});

test.each(["127.0.0.1", "localhost", "LOCALHOST:80", "192.0.2.7:9", "[::1]:5", "cache.example"])(
  "the node answers to the name %s",
  async (host) => {
    await using node = await startAdminNode({ "http-hosts": "other, Cache.Example" });
    const response = await node.ask("/healthz", withHeaders({ Host: host }));
    expect(response.status).toBe(200);
  },
);

test.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "1.2.3"])(
  "a name that somebody made point here is refused: %s",
  async (host) => {
    await using node = await startAdminNode({ "http-hosts": "cache.example" });
    const [status, text] = await outcome(await node.ask("/healthz", withHeaders({ Host: host })));
    expect([status, text]).toEqual([
      421,
      `this node is not called "${host}"; use an IP address, localhost, or a name that --http-hosts lists`,
    ]);
  },
);

test("two names are none", async () => {
  await using node = await startAdminNode();
  await using raw = await rawConnection(node.httpPort);
  raw.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n");
  expect((await raw.readUntil("\r\n")).toString()).toMatch(/ 4\d\d /);
});

test("a load balancer's check in HTTP/1.0 names no host, and is answered", async () => {
  await using node = await startAdminNode();
  await using raw = await rawConnection(node.httpPort);
  raw.write("GET /leader HTTP/1.0\r\n\r\n");
  expect((await raw.readUntil("\r\n")).toString()).toBe("HTTP/1.1 200 OK\r\n");
});

test.each(["[", "a b", "a:b:c", "%", "\\", "a/b", "@", "x:99999"])(
  "a host that is none is refused: %s",
  async (host) => {
    await using node = await startAdminNode();
    await using raw = await rawConnection(node.httpPort);
    raw.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect((await raw.readUntil("\r\n")).toString()).toMatch(/ 4\d\d /);
  },
);

test("a name is accepted as soon as CONFIG SET lists it", async () => {
  await using node = await startAdminNode();
  const named = withHeaders({ Host: "cache.example" });
  expect((await node.ask("/healthz", named)).status).toBe(421);
  await using raw = await rawConnection(node.port);
  raw.write("CONFIG SET http-hosts cache.example\r\n");
  expect((await raw.readUntil("\r\n")).toString()).toBe("+OK\r\n");
  expect((await node.ask("/healthz", named)).status).toBe(200);
});

test("a page of another origin is refused, and the node's own is not", async () => {
  await using node = await startAdminNode();
  const from = (Origin: string) => node.ask("/healthz", withHeaders({ Origin }));
  expect(await outcome(await from("http://evil.example"))).toEqual([
    403,
    "pages of http://evil.example may not use this node",
  ]);
  expect((await from("null")).status).toBe(403);
  expect((await from("http://127.0.0.1:1")).status).toBe(403);
  expect((await from(node.url)).status).toBe(200);
});

test("browsers that say where a request comes from are believed", async () => {
  await using node = await startAdminNode();
  const site = (path: string, value: string, mode = "no-cors") =>
    node.ask(path, withHeaders({ "Sec-Fetch-Site": value, "Sec-Fetch-Mode": mode }));
  const refusal = [403, "pages of other sites may not use this node"];
  expect(await outcome(await site("/metrics", "cross-site"))).toEqual(refusal as never);
  expect(await outcome(await site("/metrics", "same-site"))).toEqual(refusal as never);
  expect(await outcome(await site("/metrics", "cross-site", "navigate"))).toEqual(refusal as never);
  expect((await site("/healthz", "cross-site")).status).toBe(200);
  for (const own of ["same-origin", "none"]) expect((await site("/", own)).status).not.toBe(403);
  expect((await site("/", "cross-site", "navigate")).status).not.toBe(403); // a link
});

test("no answer may be cached, framed or read by others", async () => {
  await using node = await startAdminNode();
  for (const path of ["/healthz", "/nothing"]) {
    const { headers } = await node.ask(path);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  }
});

test.skipIf(outer === undefined)(
  "without a password other machines are refused in protected mode, with its sentence",
  async () => {
    await using node = await startAdminNode({ http: "0.0.0.0:0" });
    const from = `http://${outer}:${node.httpPort}/healthz`;
    const [status, text] = await outcome(await fetch(from));
    expect(status).toBe(403);
    expect(text).toStartWith("MSCache is running in protected mode because protected mode is ");
    await using open = await startAdminNode({ http: "0.0.0.0:0", "protected-mode": "no" });
    expect((await fetch(`http://${outer}:${open.httpPort}/healthz`)).status).toBe(200);
    await using closed = await startAdminNode({ http: "0.0.0.0:0", password: "secret" });
    expect((await fetch(`http://${outer}:${closed.httpPort}/healthz`)).status).toBe(200);
  },
);

test("clients that send nothing, half a head, or no HTTP lose their connections", async () => {
  await using node = await startAdminNode();
  const parts = [
    "",
    "GET /healthz HTTP/1.1\r\nHost: ",
    "PING\r\n\r\n",
    "\x16\x03\x01garbage\r\n\r\n",
  ];
  const raws = await Promise.all(parts.map(() => rawConnection(node.httpPort)));
  raws.forEach((raw, i) => {
    raw.write(parts[i]);
  });
  await waitFor(() => raws.every((raw) => raw.isClosed), { message: "all of them to be closed" });
  expect((await node.ask("/healthz")).status).toBe(200);
});

const waiting = '["WAIT","1","0"]';
const json = "Host: 127.0.0.1\r\nContent-Type: application/json";
const toWait = `POST /v1/commands HTTP/1.1\r\n${json}\r\nContent-Length: ${waiting.length}\r\n\r\n${waiting}`;
const slowBody = `PUT /v1/keys/k HTTP/1.1\r\n${json}\r\nContent-Length: 60000000\r\n\r\nx`;

test("requests that wait take the places of others, and none from health and scrapes", async () => {
  await using node = await startAdminNode();
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < adminRequestsMax + 10; i++) {
    const raw = stack.use(await rawConnection(node.httpPort));
    raw.write(toWait);
  }
  await waitFor(async () => (await node.ask("/v1/info")).status === 503);
  const paths = ["/healthz", "/readyz", "/leader", "/metrics"];
  const all = paths.map(async (path) => (await node.ask(path)).status);
  expect(await Promise.all(all)).toEqual([200, 200, 200, 200]);
});

test("clients that leave in the middle of a body give back their places and log nothing", async () => {
  await using node = await startAdminNode();
  const raws: RawConnection[] = [];
  for (let i = 0; i < adminRequestsMax + 10; i++) {
    const raw = await rawConnection(node.httpPort);
    raw.write(`PUT /v1/keys/k HTTP/1.1\r\n${json}\r\nContent-Length: 60\r\n\r\nhalf`);
    raws.push(raw);
  }
  await waitFor(async () => (await node.ask("/v1/info")).status === 503);
  for (const raw of raws) await raw[Symbol.asyncDispose]();
  await waitFor(async () => (await node.ask("/v1/info")).status === 200);
  expect((await node.ask("/v1/keys/k")).status).toBe(404);
  expect(node.log()).not.toContain("error");
});

test.skipIf(process.platform !== "linux")(
  "requests that wait or send slowly take no places from those of another address",
  async () => {
    await using node = await startAdminNode();
    await using stack = new AsyncDisposableStack();
    for (let i = 0; i < adminRequestsMax + 10; i++) {
      const raw = stack.use(await rawConnection(node.httpPort, "127.0.0.1", "127.0.0.2"));
      raw.write(i < 3 ? slowBody : toWait);
    }
    const ofThatAddress = async () => {
      await using raw = await rawConnection(node.httpPort, "127.0.0.1", "127.0.0.2");
      raw.write(`GET /v1/info HTTP/1.1\r\n${json}\r\n\r\n`);
      return (await raw.readUntil("\r\n")).toString();
    };
    await waitFor(async () => (await ofThatAddress()).includes(" 503 "));
    expect((await node.ask("/v1/info")).status).toBe(200);
    const value = new Uint8Array(1_000_000);
    expect((await node.ask("/v1/keys/own", { method: "PUT", body: value })).status).toBe(201);
  },
);

test("too long a head is refused", async () => {
  await using node = await startAdminNode();
  const response = await node.ask("/healthz", withHeaders({ "X-Long": "x".repeat(60_000) }));
  expect(response.status).toBe(431);
});

test.skipIf(process.platform !== "linux")(
  "connections that take the last descriptors are closed, and the node serves on",
  async () => {
    const main = new URL("../../src/main.ts", import.meta.url).pathname;
    const command = ["bash", "-c", 'ulimit -n 120; exec "$@"', "bash", process.execPath, main];
    await using node = await spawnNode(["--http", "127.0.0.1:0"], { command });
    const [, port] = /admin HTTP on http:\S*:(\d+)/.exec(node.log()) ?? [];
    const idle = await Promise.all(
      Array.from({ length: 150 }, () => rawConnection(Number(port)).catch(() => null)),
    );
    await waitFor(() => node.log().includes("no descriptors are left"), {
      message: `the node to notice that descriptors are short`,
    });
    await using client = await respClient(node.port);
    expect(await client.call("PING")).toBe("PONG");
    const healthy = () => fetch(`http://127.0.0.1:${port}/healthz`).then(({ status }) => status);
    await waitFor(async () => (await healthy()) === 200, { message: "HTTP to be back" });
    const accepted = idle.filter((raw) => raw !== null);
    const left = accepted.filter((raw) => !raw.isClosed);
    expect(left.length).toBeLessThan(accepted.length);
    // Of those that the system had not handed over, some learn of their end when they send.
    for (const raw of left) raw.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await waitFor(() => left.every((raw) => raw.isClosed || raw.unread.includes("200 OK")), {
      message: "each of the others to be closed or served",
    });
  },
);
