/**
 * Replication by TLS: nodes of ours, a real redis-server on either end, and a real Sentinel that
 * fails nodes over without a word in plain text.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  respClient,
  type SpawnedNode,
  spawnNode,
  startRedis,
  waitFor,
} from "../harness.ts";
import { type Certificate, encryptKey } from "../support/certificates.ts";
import { redisNote } from "../support/servers.ts";
import { type TlsBed, tlsBed, tlsFlags } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

let bed: TlsBed;
beforeAll(async () => {
  bed = await tlsBed();
});
afterAll(() => bed[Symbol.asyncDispose]());

type Flags = Readonly<Record<string, string>>;

function start(flags: Flags): Promise<SpawnedNode> {
  const all = { "max-memory": "32mb", ...flags };
  return spawnNode(Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]));
}

/** A node for TLS that wants certificates of its clients, followers among them. */
function strict(flags: Flags = {}): Promise<SpawnedNode> {
  return start({ ...tlsFlags(bed), "tls-auth-clients": "yes", ...flags });
}

function tlsPortOf(node: SpawnedNode): number {
  return Number(/, 127\.0\.0\.1:(\d+) \(TLS\)/.exec(node.log())?.[1]);
}

function following(port: number, own: Certificate | null, ca = bed.authority.cert): Flags {
  return {
    leaderaddr: `127.0.0.1:${port}`,
    "tls-replication": "yes",
    "tls-ca-cert-file": ca,
    ...(own && { "tls-client-cert-file": own.cert, "tls-client-key-file": own.key }),
  };
}

async function field(port: number, name: string): Promise<string> {
  await using client = await respClient(port);
  const text = String(await client.call("INFO", "replication"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? "";
}

const linked = (port: number) =>
  waitFor(async () => (await field(port, "master_link_status")) === "up", {
    message: "the link to be up",
  });

/** Writes on one, and waits until the other has it. */
async function carries(from: number, to: number, key: string): Promise<void> {
  await using writer = await respClient(from);
  await using reader = await respClient(to);
  const value = key.repeat(50_000);
  expect(await writer.call("SET", key, value)).toBe("OK");
  await waitFor(async () => (await reader.call("GET", key)) === value);
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("a follower gets the snapshot and the stream, and announces its port for TLS", async () => {
    await using leader = await strict({ threads });
    await using writer = await respClient(leader.port);
    await writer.call("SET", "before", "x".repeat(5_000_000));
    const flags = { ...tlsFlags(bed), ...following(tlsPortOf(leader), bed.client) };
    await using follower = await strict({ ...flags, threads });
    await linked(follower.port);
    await carries(leader.port, follower.port, "after");
    await using reader = await respClient(follower.port);
    expect(await reader.call("STRLEN", "before")).toBe(5_000_000);
    expect(await field(leader.port, "slave0")).toStartWith(
      `ip=127.0.0.1,port=${tlsPortOf(follower)},state=online`,
    );
    expect(await writer.call("WAIT", "1", "60000")).toBe(1);
  });
});

test("a follower shows a certificate whose key is encrypted", async () => {
  await using leader = await strict();
  const key = encryptKey(bed.client, "letmein");
  const flags = following(tlsPortOf(leader), { cert: bed.client.cert, key });
  await using follower = await start({ ...flags, "tls-client-key-file-pass": "letmein" });
  await linked(follower.port);
});

test("the certificate of the leader may name another host, as Sentinel goes by addresses", async () => {
  const elsewhere = await bed.authority.issue("elsewhere", { names: "DNS:elsewhere.example" });
  const own = { "tls-cert-file": elsewhere.cert, "tls-key-file": elsewhere.key };
  await using leader = await strict(own);
  await using follower = await start(following(tlsPortOf(leader), bed.client));
  await linked(follower.port);
});

test("a leader or a follower that is not trusted is not followed, and the log says why", async () => {
  const expired = await bed.authority.issue("expired", { days: -1 });
  const strange = await bed.stranger.issue("guest");
  await using good = await strict();
  const goodPort = tlsPortOf(good);
  await using late = await strict({ "tls-cert-file": expired.cert, "tls-key-file": expired.key });
  const cases: readonly [Flags, RegExp][] = [
    [following(goodPort, bed.client, bed.stranger.cert), /TLS: (unable to verify|self signed)/],
    [following(tlsPortOf(late), bed.client), /TLS: certificate has expired/],
    [
      following(good.port, bed.client),
      /closed the connection during the TLS handshake: is this its TLS port/,
    ],
    [following(goodPort, null), /TLS: tlsv1 alert certificate required/],
    // Bun ends such a connection without an alert.
    [following(goodPort, strange), /it closed the connection/],
  ];
  for (const [flags, reason] of cases) {
    await using follower = await start(flags);
    await waitFor(() => reason.test(follower.log()), { message: `${reason}` });
    expect(await field(follower.port, "master_link_status")).toBe("down");
  }
  expect(await field(good.port, "connected_slaves")).toBe("0");
  expect(good.log()).toContain("its TLS handshake failed: ");
});

test("CONFIG SET takes a follower from plain to TLS with its next connection", async () => {
  await using leader = await strict();
  const { "tls-replication": _, ...plain } = following(leader.port, bed.client);
  await using follower = await start(plain);
  await linked(follower.port);
  await using client = await respClient(follower.port);
  expect(await client.call("CONFIG", "SET", "tls-replication", "yes")).toBe("OK");
  expect(await client.call("REPLICAOF", "127.0.0.1", `${tlsPortOf(leader)}`)).toBe("OK");
  await linked(follower.port);
  await carries(leader.port, follower.port, "now-secret");
});

describe.skipIf(!redisInstalled())(`with redis-server${redisNote}`, () => {
  const redisTls = (port: number) => {
    const { node, authority } = bed;
    const files = ["--tls-cert-file", node.cert, "--tls-key-file", node.key];
    return ["--tls-port", `${port}`, ...files, "--tls-ca-cert-file", authority.cert];
  };

  test("Redis follows a node by TLS", async () => {
    await using leader = await strict();
    const port = tlsPortOf(leader);
    const follows = ["--tls-replication", "yes", "--replicaof", "127.0.0.1", `${port}`];
    await using redis = await startRedis([...redisTls(await freePort()), ...follows]);
    await linked(redis.port);
    await carries(leader.port, redis.port, "to-redis");
  });

  test("a node follows Redis by TLS", async () => {
    const port = await freePort();
    await using redis = await startRedis([...redisTls(port), "--repl-diskless-sync-delay", "0"]);
    await using follower = await start(following(port, bed.client));
    await linked(follower.port);
    await carries(redis.port, follower.port, "from-redis");
  });

  test("Sentinel fails nodes over by TLS, and the follower that is left follows by TLS", async () => {
    await using stack = new AsyncDisposableStack();
    const node = async (leaderPort: number | null) => {
      const follows = leaderPort === null ? {} : following(leaderPort, bed.client);
      return stack.use(await strict({ "tls-replication": "yes", ...follows }));
    };
    const leader = await node(null);
    const leaderPort = tlsPortOf(leader);
    const followers = [await node(leaderPort), await node(leaderPort)] as const;
    for (const { port } of followers) await linked(port);
    const { port: sentinelPort, child } = await startSentinel(leaderPort);
    stack.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
    await using sentinel = await respClient(sentinelPort);
    await waitFor(async () => {
      const known = await sentinel.call("SENTINEL", "REPLICAS", "cache");
      return Array.isArray(known) && known.length === 2;
    });
    leader.process.kill("SIGKILL");
    const promoted = await waitFor(
      async () => {
        const address = await sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "cache");
        const port = Array.isArray(address) ? Number(address[1]) : 0;
        return followers.find((one) => tlsPortOf(one) === port) ?? null;
      },
      { message: "Sentinel to name a follower as the leader" },
    );
    const other = promoted === followers[0] ? followers[1] : followers[0];
    await waitFor(async () => (await field(promoted.port, "role")) === "master");
    await waitFor(
      async () => (await field(other.port, "master_port")) === `${tlsPortOf(promoted)}`,
    );
    await linked(other.port);
    await carries(promoted.port, other.port, "after-failover");
  });

  /** It speaks TLS to nodes and has a plain port for the test. */
  async function startSentinel(leaderPort: number) {
    const port = await freePort();
    const file = join(bed.directory, `sentinel-${port}.conf`);
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${bed.directory}`,
      "tls-replication yes",
      `tls-cert-file ${bed.client.cert}`,
      `tls-key-file ${bed.client.key}`,
      `tls-ca-cert-file ${bed.authority.cert}`,
      `sentinel monitor cache 127.0.0.1 ${leaderPort} 1`,
      "sentinel down-after-milliseconds cache 1000",
      "sentinel failover-timeout cache 2000",
    ];
    await writeFile(file, `${lines.join("\n")}\n`);
    const child = Bun.spawn(["redis-server", file, "--sentinel"], { stdout: "ignore" });
    const periods = [
      "INFO-PERIOD",
      500,
      "PUBLISH-PERIOD",
      200,
      "ASK-PERIOD",
      200,
      "PING-PERIOD",
      200,
    ];
    await waitFor(async () => {
      await using client = await respClient(port);
      return (await client.call("SENTINEL", "DEBUG", ...periods)) === "OK";
    });
    return { port, child };
  }
});
