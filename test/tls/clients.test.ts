/**
 * Clients by TLS: what they may do, who is refused and why, and what a node says about files that
 * it cannot use. redis-cli and openssl judge, as does Bun's own client end.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RedisClient } from "bun";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { caseMsMax, respClient, runMscache, startRedis } from "../harness.ts";
import { encryptKey } from "../support/certificates.ts";
import { rawConnection } from "../support/raw-connection.ts";
import { redisNote } from "../support/servers.ts";
import { startTls, type TlsBed, tlsBed, tlsClient, tlsFlags } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

let bed: TlsBed;
beforeAll(async () => {
  bed = await tlsBed();
});
afterAll(() => bed[Symbol.asyncDispose]());

/** The answer to PING, or why there is none. */
async function ping(port: number, options: Parameters<typeof tlsClient>[2] = {}): Promise<unknown> {
  try {
    await using client = await tlsClient(port, bed, options);
    return await client.call("PING");
  } catch {
    return "refused";
  }
}

/** Runs a program to its end, while the node of this process serves it; what it printed. */
async function run(...command: string[]): Promise<string> {
  await using child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return texts.join("").trim();
}

function cli(port: number, ...args: string[]): Promise<string> {
  return run("redis-cli", "-p", `${port}`, "--tls", ...args);
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("values of all sizes pass by TLS and beside it, to several clients at once", async () => {
    await using server = await startTls(bed, { threads });
    await using plain = await respClient(server.port);
    const sizes = [0, 1, 16_383, 16_384, 16_385, 300_000, 8_000_000];
    await Promise.all(
      sizes.map(async (size) => {
        await using client = await tlsClient(server.tlsPort, bed);
        const value = "0123456789".repeat(size / 10 + 1).slice(0, size);
        expect(await client.call("SET", `k${size}`, value)).toBe("OK");
        expect(await client.call("GET", `k${size}`)).toBe(value);
        expect(await plain.call("STRLEN", `k${size}`)).toBe(size);
      }),
    );
  });

  test("replies wait for a client that reads late, and none is lost", async () => {
    await using server = await startTls(bed, { threads });
    await using client = await tlsClient(server.tlsPort, bed);
    await client.call("SET", "big", "x".repeat(1_000_000));
    client.socket.pause();
    client.sendAll(Array.from({ length: 32 }, () => ["GET", "big"]));
    client.sendAll(Array.from({ length: 5_000 }, () => ["INCR", "n"]));
    await using other = await tlsClient(server.tlsPort, bed);
    expect(await other.call("PING")).toBe("PONG");
    client.socket.resume();
    for (let i = 0; i < 32; i++) expect((await client.reply()).value).toHaveLength(1_000_000);
    for (let i = 1; i <= 5_000; i++) expect((await client.reply()).value).toBe(`${i}`);
  });

  test("a client that closes its half gets its replies first", async () => {
    await using server = await startTls(bed, { threads });
    await using client = await tlsClient(server.tlsPort, bed);
    client.sendAll([["SET", "key", "v".repeat(3_000_000)], ["STRLEN", "key"], ["ROLE"]]);
    client.socket.end();
    expect((await client.raw.closed()).toString()).toMatch(/^\+OK\r\n:3000000\r\n\*3\r\n/);
    await using late = await tlsClient(server.tlsPort, bed);
    late.socket.pause();
    late.sendAll(Array.from({ length: 10 }, () => ["GET", "key"]));
    late.socket.end();
    late.socket.resume();
    const reply = "$3000000\r\n".length + 3_000_000 + 2;
    expect((await late.raw.closed()).length).toBe(10 * reply);
  });
});

test("a client of another authority, expired, or without a certificate is refused where it must be", async () => {
  const certificates = {
    none: undefined,
    right: bed.client,
    strange: await bed.stranger.issue("client"),
    expired: await bed.authority.issue("expired", { days: -1 }),
  };
  const found: Record<string, unknown[]> = {};
  for (const clients of ["no", "optional", "yes"]) {
    await using server = await startTls(bed, { "tls-auth-clients": clients });
    found[clients] = [];
    for (const certificate of Object.values(certificates)) {
      found[clients].push(await ping(server.tlsPort, certificate && { certificate }));
    }
    await using plain = await respClient(server.port);
    expect(await plain.call("PING")).toBe("PONG");
  }
  expect(found).toEqual({
    no: ["PONG", "PONG", "PONG", "PONG"],
    optional: ["PONG", "PONG", "refused", "refused"],
    yes: ["refused", "PONG", "refused", "refused"],
  });
});

test.each([
  ["", "PONG", "PONG"],
  ["TLSv1.2", "PONG", "refused"],
  ["tlsv1.3", "refused", "PONG"],
  ["TLSv1.2 TLSv1.3", "PONG", "PONG"],
])("with tls-protocols %p, TLS 1.2 is %s and TLS 1.3 is %s", async (list, first, second) => {
  await using server = await startTls(bed, { "tls-protocols": list });
  const { tlsPort } = server;
  expect(await ping(tlsPort, { maxVersion: "TLSv1.2" })).toBe(first);
  expect(await ping(tlsPort, { minVersion: "TLSv1.3" })).toBe(second);
});

test("TLS 1.1 is refused, whatever the client allows", async () => {
  await using server = await startTls(bed);
  const place = ["-connect", `127.0.0.1:${server.tlsPort}`, "-CAfile", bed.authority.cert];
  const old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
  expect(await run("openssl", "s_client", ...place, ...old)).toContain("alert protocol version");
});

test("a cipher that the node does not offer is refused", async () => {
  const ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  await using server = await startTls(bed, { "tls-ciphers": ciphers });
  const maxVersion = "TLSv1.2";
  expect(await ping(server.tlsPort, { maxVersion, ciphers })).toBe("PONG");
  const other = "ECDHE-ECDSA-AES256-GCM-SHA384";
  expect(await ping(server.tlsPort, { maxVersion, ciphers: other })).toBe("refused");
});

test("a client that speaks no TLS to the port for TLS is closed, and the node goes on", async () => {
  await using server = await startTls(bed);
  await using raw = await rawConnection(server.tlsPort);
  raw.write("PING\r\n");
  await raw.closed();
  expect(await ping(server.tlsPort)).toBe("PONG");
});

test("a password holds by TLS as it does without, and CLIENT LIST has the port", async () => {
  await using server = await startTls(bed, { password: "secret" });
  await using client = await tlsClient(server.tlsPort, bed);
  expect(await client.call("GET", "key")).toEqual({ error: "NOAUTH Authentication required." });
  expect(await client.call("AUTH", "secret")).toBe("OK");
  const list = String(await client.call("CLIENT", "LIST"));
  expect(list).toMatch(new RegExp(` laddr=127.0.0.1:${server.tlsPort} `));
});

test("a client above max-clients is told so by TLS", async () => {
  await using server = await startTls(bed, { "max-clients": "1" });
  await using _first = await respClient(server.port);
  await using second = await tlsClient(server.tlsPort, bed);
  expect((await second.raw.closed()).toString()).toBe("-ERR max number of clients reached\r\n");
});

test.each(["1", "2"])(
  "a port that is taken is refused in a sentence, with %s threads",
  async (threads) => {
    await using first = await startTls(bed, { threads });
    const again = startTls(bed, { threads, "tls-port": `${first.tlsPort}` });
    const refusal = await again.then(
      () => "it listens",
      (error: Error) => error.message,
    );
    expect(refusal).toBe(`cannot listen on 127.0.0.1:${first.tlsPort}: the port is taken`);
    expect(await ping(first.tlsPort)).toBe("PONG");
  },
);

test("a name with two addresses is served by TLS on both", async () => {
  await using server = await startTls(bed, { listenaddr: "127.0.0.1:0,[::1]:0" });
  expect(server.tlsAddresses).toHaveLength(2);
  for (const { host, port } of server.tlsAddresses) {
    expect(await ping(port, { host })).toBe("PONG");
  }
});

test("a node may listen for TLS only, and says so in Redis's words", async () => {
  await using server = await startTls(bed, { "tls-only": "yes" });
  expect([server.port, server.addresses.length]).toEqual([server.tlsPort, 0]);
  await using client = await tlsClient(server.tlsPort, bed);
  expect(await client.call("CONFIG", "GET", "port")).toEqual(["port", "0"]);
  expect(await client.call("INFO", "server")).toContain(`tcp_port:${server.tlsPort}\r`);
});

test("a directory of authorities is as good as a file", async () => {
  const path = join(bed.directory, "authorities");
  mkdirSync(path);
  copyFileSync(bed.authority.cert, join(path, "a.crt"));
  copyFileSync(bed.stranger.cert, join(path, "b.pem"));
  writeFileSync(join(path, "README"), "what is here");
  const flags = { "tls-ca-cert-file": "", "tls-ca-cert-dir": path, "tls-auth-clients": "yes" };
  await using server = await startTls(bed, flags);
  const strange = await bed.stranger.issue("guest");
  expect(await ping(server.tlsPort, { certificate: bed.client })).toBe("PONG");
  expect(await ping(server.tlsPort, { certificate: strange })).toBe("PONG");
  expect(await ping(server.tlsPort)).toBe("refused");
});

test("an encrypted key is read with its password", async () => {
  const key = encryptKey(bed.node, "letmein");
  const flags = { "tls-key-file": key, "tls-key-file-pass": "letmein" };
  await using server = await startTls(bed, flags);
  expect(await ping(server.tlsPort)).toBe("PONG");
});

describe("a start with a wrong file is refused in one sentence, that has nothing of a key", () => {
  const files = () => {
    const broken = join(bed.directory, "broken.crt");
    const mark = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    writeFileSync(broken, mark);
    const encrypted = encryptKey(bed.node, "letmein");
    return { broken, encrypted, node: bed.node, other: bed.client, ca: bed.authority.cert };
  };
  type Files = ReturnType<typeof files>;
  const cases: readonly [string, (f: Files) => Record<string, string>, (f: Files) => string][] = [
    [
      "no certificate",
      () => ({ "tls-cert-file": "" }),
      () => "--tls-port: needs --tls-cert-file and --tls-key-file",
    ],
    [
      "a certificate that is not there",
      () => ({ "tls-cert-file": "/nowhere" }),
      () => 'tls-cert-file: "/nowhere" cannot be read: no such file or directory (ENOENT)',
    ],
    [
      "a key for a certificate",
      ({ node }) => ({ "tls-cert-file": node.key }),
      ({ node }) => `tls-cert-file: "${node.key}" has no certificate in PEM form`,
    ],
    [
      "a broken certificate",
      ({ broken }) => ({ "tls-cert-file": broken }),
      ({ broken }) => `tls-cert-file: "${broken}" has a broken certificate`,
    ],
    [
      "the key of another certificate",
      ({ other }) => ({ "tls-key-file": other.key }),
      ({ node, other }) =>
        `tls-key-file: "${other.key}" is not the key of the certificate "${node.cert}"`,
    ],
    [
      "an encrypted key without its password",
      ({ encrypted }) => ({ "tls-key-file": encrypted }),
      ({ encrypted }) => `tls-key-file: "${encrypted}" is encrypted; tls-key-file-pass is not set`,
    ],
    [
      "an encrypted key with a wrong password",
      ({ encrypted }) => ({ "tls-key-file": encrypted, "tls-key-file-pass": "x" }),
      ({ encrypted }) => `tls-key-file: "${encrypted}" cannot be decrypted with tls-key-file-pass`,
    ],
    [
      "a broken authority",
      ({ broken }) => ({ "tls-ca-cert-file": broken }),
      ({ broken }) => `tls-ca-cert-file: "${broken}" has a broken certificate`,
    ],
    [
      "no authority for clients that must show a certificate",
      () => ({ "tls-ca-cert-file": "", "tls-auth-clients": "yes" }),
      () =>
        "--tls-auth-clients: yes needs --tls-ca-cert-file or --tls-ca-cert-dir; with no, " +
        "clients need not show a certificate",
    ],
    [
      "no port",
      () => ({ "tls-port": "0", "tls-only": "yes" }),
      () => "--tls-only: needs --tls-port",
    ],
    [
      "TLS 1.1",
      () => ({ "tls-protocols": "TLSv1.1 TLSv1.2" }),
      () => '--tls-protocols: "TLSv1.1" is not one of TLSv1.2, TLSv1.3',
    ],
    [
      "unknown ciphers",
      () => ({ "tls-ciphers": "rot13" }),
      () => 'tls-ciphers: "rot13" names no cipher',
    ],
  ];

  test.each(cases)("%s", async (_, flags, sentence) => {
    const made = files();
    const all = { listenaddr: "127.0.0.1:0", ...tlsFlags(bed), ...flags(made) };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
    const { status, errors } = await runMscache(args);
    expect([status, errors]).toEqual([2, `mscache: ${sentence(made)}\n`]);
  });
});

describe("stock clients", () => {
  const check = async (call: (...args: [string, ...string[]]) => Promise<unknown>) => {
    await call("SET", "stock", "client");
    expect(await call("GET", "stock")).toBe("client");
  };
  const ca = () => Bun.file(bed.authority.cert).text();

  test.skipIf(redisNote !== "")(
    `redis-cli, which also refuses a strange node${redisNote}`,
    async () => {
      await using server = await startTls(bed, { "tls-auth-clients": "yes" });
      const { tlsPort } = server;
      const own = ["--cert", bed.client.cert, "--key", bed.client.key];
      const trusting = ["--cacert", bed.authority.cert];
      expect(await cli(tlsPort, ...trusting, ...own, "SET", "a", "b")).toBe("OK");
      expect(await cli(tlsPort, ...trusting, ...own, "GET", "a")).toBe("b");
      expect(await cli(tlsPort, ...trusting, "GET", "a")).toMatch(/^Error: /);
      expect(await cli(tlsPort, "--cacert", bed.stranger.cert, ...own, "GET", "a")).toContain(
        "verify",
      );
    },
  );

  const python = "/usr/bin/python3";
  const program = `
import sys, redis
port, ca, cert, key = sys.argv[1:]
client = redis.Redis(port=int(port), ssl=True, ssl_ca_certs=ca, ssl_certfile=cert, ssl_keyfile=key)
assert client.set("stock", "client") and client.get("stock") == b"client"
with client.pipeline() as pipe:
    for i in range(1000): pipe.incr("n")
    assert pipe.execute()[-1] == 1000
try:
    redis.Redis(port=int(port), ssl=True, ssl_ca_certs=ca).ping()
except redis.ConnectionError:
    print("done")
`;
  const lacksPython = Bun.spawnSync([python, "-c", "import redis"]).exitCode !== 0;

  // CI installs it (.ci/run), and then nothing is skipped.
  test.skipIf(lacksPython && process.env.CI !== "true")(
    "redis-py, with a certificate and without",
    async () => {
      await using server = await startTls(bed, { "tls-auth-clients": "yes" });
      const files = [bed.authority.cert, bed.client.cert, bed.client.key];
      expect(await run(python, "-c", program, `${server.tlsPort}`, ...files)).toBe("done");
    },
  );

  test("ioredis", async () => {
    await using server = await startTls(bed);
    const client = new Redis({ port: server.tlsPort, tls: { ca: await ca() }, lazyConnect: true });
    await client.connect();
    await check((name, ...rest) => client.call(name, ...rest));
    client.disconnect();
  });

  test("node-redis", async () => {
    await using server = await startTls(bed);
    const socket = { host: "127.0.0.1", port: server.tlsPort, tls: true, ca: await ca() } as const;
    const client = createClient({ socket });
    await client.connect();
    await check((...args) => client.sendCommand(args));
    client.destroy();
  });

  test("Bun's RedisClient", async () => {
    await using server = await startTls(bed);
    const tls = { ca: await ca() };
    const client = new RedisClient(`rediss://127.0.0.1:${server.tlsPort}`, { tls });
    await client.connect();
    await check((name, ...rest) => client.send(name, rest));
    client.close();
  });
});

test.skipIf(redisNote !== "")(`CONFIG has redis-server's names${redisNote}`, async () => {
  await using server = await startTls(bed);
  await using ours = await respClient(server.port);
  await using redis = await startRedis();
  await using theirs = await respClient(redis.port);
  const names = async (client: typeof ours) => {
    const pairs = (await client.call("CONFIG", "GET", "tls-*")) as string[];
    return new Set(pairs.filter((_, index) => index % 2 === 0));
  };
  const known = await names(theirs);
  const own = await names(ours);
  expect([...own].filter((name) => !known.has(name))).toEqual(["tls-only"]);
  // Sessions are resumed by tickets, of which the node keeps nothing.
  expect([...known].filter((name) => !own.has(name)).sort()).toEqual([
    "tls-session-cache-size",
    "tls-session-cache-timeout",
    "tls-session-caching",
  ]);
});
