/**
 * The client of this package, the subcommands and the load generator by TLS, by URL and by Unix
 * socket: whom they trust, and what they say of a node that they do not.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectOptions } from "../../src/client/client-options.ts";
import type { TlsOptions } from "../../src/client/link/client-tls.ts";
import type { Server } from "../../src/node/server.ts";
import { caseMsMax, respClient, runMscache, startRedis, waitFor } from "../harness.ts";
import type { Certificate } from "../support/certificates.ts";
import { connectPatiently } from "../support/patient-client.ts";
import { redisNote } from "../support/servers.ts";
import { startTls, type TlsBed, tlsBed } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

let bed: TlsBed;
let server: Server;
let ca: string;
beforeAll(async () => {
  bed = await tlsBed();
  ca = readFileSync(bed.authority.cert, "utf8");
  const path = join(bed.directory, "node.sock");
  server = await startTls(bed, { password: "secret", "unix-socket": path });
});
afterAll(async () => {
  await server.close();
  await bed[Symbol.asyncDispose]();
});

/** The value that was stored, or why there is none. */
async function outcome(addr: string, options: ConnectOptions = {}): Promise<string | null> {
  try {
    await using client = await connectPatiently(addr, {
      ...options,
      reconnect: { maxAttempts: 0 },
    });
    await client.set("own", "client");
    return await client.get("own");
  } catch (error) {
    return (error as Error).message;
  }
}

const texts = ({ cert, key }: Certificate) => ({
  cert: readFileSync(cert, "utf8"),
  key: readFileSync(key),
});

describe("the client", () => {
  const url = (host = "127.0.0.1") => `rediss://:secret@${host}:${server.tlsPort}`;

  test("trusts a node whose certificate its authority has signed, by name and by address", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      expect(await outcome(url(host), { tls: { ca } })).toBe("client");
    }
    const addr = `127.0.0.1:${server.tlsPort}`;
    const options = { username: "default", password: "secret" };
    expect(await outcome(addr, { ...options, tls: { ca: [ca] } })).toBe("client");
  });

  test("refuses others, and says why", async () => {
    const other = readFileSync(bed.stranger.cert, "utf8");
    expect(await outcome(url(), { tls: { ca: other } })).toMatch(/TLS: (unable|self signed)/);
    expect(await outcome(url())).toMatch(/TLS: (unable|self signed)/);
    const expired = await bed.authority.issue("expired", { days: -1 });
    const elsewhere = await bed.authority.issue("elsewhere", { names: "DNS:elsewhere.example" });
    const withOwn = ({ cert, key }: Certificate) =>
      startTls(bed, { "tls-cert-file": cert, "tls-key-file": key });
    await using late = await withOwn(expired);
    await using strange = await withOwn(elsewhere);
    const to = (port: number, tls: TlsOptions) => outcome(`127.0.0.1:${port}`, { tls });
    expect(await to(late.tlsPort, { ca })).toContain("TLS: certificate has expired");
    expect(await to(strange.tlsPort, { ca })).toContain("TLS: Hostname/IP does not match");
    expect(await to(strange.tlsPort, { ca, serverName: "elsewhere.example" })).toBe("client");
    expect(await to(late.tlsPort, { rejectUnauthorized: false })).toBe("client");
    expect(await to(late.port, { ca })).toContain("is this its port for TLS");
  });

  test("shows its certificate to a node that asks for one", async () => {
    await using strict = await startTls(bed, { "tls-auth-clients": "yes" });
    const addr = `mscaches://127.0.0.1:${strict.tlsPort}`;
    expect(await outcome(addr, { tls: { ca, ...texts(bed.client) } })).toBe("client");
    expect(await outcome(addr, { tls: { ca } })).toContain("certificate required");
  });

  test("finds the leader by TLS when it is connected to a follower", async () => {
    await using leader = await startTls(bed);
    await using follower = await startTls(bed, {
      leaderaddr: `127.0.0.1:${leader.tlsPort}`,
      "tls-replication": "yes",
    });
    await using plain = await respClient(follower.port);
    await waitFor(async () => /link_status:up/.test(String(await plain.call("INFO"))));
    await using client = await connectPatiently(`127.0.0.1:${follower.tlsPort}`, { tls: { ca } });
    await client.set("written", "by TLS");
    await waitFor(async () => (await client.get("written")) === "by TLS");
  });

  test.skipIf(redisNote !== "")(`works in the database that it is told${redisNote}`, async () => {
    await using redis = await startRedis();
    const addr = `redis://127.0.0.1:${redis.port}`;
    await using first = await connectPatiently(addr);
    await using third = await connectPatiently(`${addr}/3`);
    await using same = await connectPatiently(addr, { database: 3 });
    await third.set("key", "in 3");
    expect([await first.get("key"), await same.get("key")]).toEqual([null, "in 3"]);
  });

  test("goes by a Unix socket, and says if a node has no such database", async () => {
    const addr = `unix://${bed.directory}/node.sock`;
    expect(await outcome(addr, { password: "secret" })).toBe("client");
    await using client = await connectPatiently(`redis://:secret@127.0.0.1:${server.port}/0`);
    expect(client.address).toBe(`127.0.0.1:${server.port}`);
    const absent = await outcome(`redis://:secret@127.0.0.1:${server.port}/999`);
    expect(absent).toContain("DB index is out of range");
  });
});

describe("the subcommands", () => {
  const run = async (...args: string[]) => {
    const { status, out, errors } = await runMscache(args, {
      environment: { MSCACHE_PASSWORD: "secret" },
    });
    return status === 0 ? out.trim() : errors.trim();
  };

  test("take --tls with its files, and rediss:// URLs", async () => {
    const addr = `127.0.0.1:${server.tlsPort}`;
    const files = ["--tls-ca", bed.authority.cert];
    expect(await run("set", "cli", "value", "--addr", addr, "--tls", ...files)).toBe("OK");
    expect(await run("get", "cli", "--addr", `rediss://${addr}`, ...files)).toBe("value");
    const login = ["--user", "default", "--password", "secret"];
    expect(await run("ping", "--addr", addr, "--tls", "--tls-insecure", ...login)).toBe("PONG");
    const strange = ["--tls", "--tls-ca", bed.stranger.cert];
    expect(await run("ping", "--addr", addr, ...strange)).toMatch(
      /^mscache: cannot connect to 127\.0\.0\.1:\d+: TLS: (unable|self signed)/,
    );
    expect(await run("ping", "--addr", addr, ...files)).toBe(
      "mscache: --tls-ca needs --tls or a rediss:// address",
    );
    expect(await run("ping", "--addr", addr, "--tls", "--tls-ca", "/nowhere")).toBe(
      'mscache: --tls-ca: "/nowhere" cannot be read: no such file or directory (ENOENT)',
    );
  });

  test("log in as the user that they are told", async () => {
    await using operator = await respClient(server.port);
    await operator.call("AUTH", "secret");
    await operator.call("ACL", "SETUSER", "joe", "on", ">s3cret", "~*", "+@all");
    const login = ["--user", "joe", "--password", "s3cret"];
    const addr = `127.0.0.1:${server.port}`;
    expect(await run("set", "joe", "was here", "--addr", addr, ...login)).toBe("OK");
    expect(await run("get", "joe", "--addr", `redis://joe:s3cret@${addr}`)).toBe("was here");
    const small = ["--requests", "50", "--keys", "5", "--connections", "2", "--quiet", "--json"];
    const { errors } = JSON.parse(await run("bench", ...small, "--addr", addr, ...login)).result;
    expect(errors).toBe(0);
    expect(await run("ping", "--addr", addr, "--user", "joe", "--password", "x")).toContain(
      "WRONGPASS",
    );
  });

  test("say nothing of a password in a URL", async () => {
    const addr = `redis://nobody:s3cret@127.0.0.1:${server.port}`;
    const said = await run("ping", "--addr", addr);
    expect(said).toContain("WRONGPASS");
    expect(said).not.toContain("s3cret");
  });

  test("bench loads by TLS and by Unix socket", async () => {
    const small = ["--requests", "200", "--keys", "20", "--connections", "3", "--quiet", "--json"];
    const addresses = [
      ["--addr", `rediss://127.0.0.1:${server.tlsPort}`, "--tls-ca", bed.authority.cert],
      ["--addr", `unix://${bed.directory}/node.sock`],
    ];
    for (const address of addresses) {
      const { operations, errors } =
        JSON.parse(await run("bench", ...small, ...address)).result ?? {};
      expect([operations, errors]).toEqual([200, 0]);
    }
    const strange = ["--tls", "--tls-ca", bed.stranger.cert];
    const addr = `127.0.0.1:${server.tlsPort}`;
    expect(await run("bench", ...small, "--addr", addr, ...strange)).toMatch(
      /: TLS: (unable|self)/,
    );
  });
});
