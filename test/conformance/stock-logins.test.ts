/**
 * Stock clients that log in as a user with a password: by options, by URL, by the flags of
 * redis-cli. The right password serves, a wrong one is refused in Redis's words, and what the user
 * may not do rejects with them.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RedisClient } from "bun";
import { Redis as Ioredis6 } from "ioredis";
import { Redis as Ioredis5 } from "ioredis-5";
import { createClient } from "redis";
import { caseMsMax, redisInstalled, type TestNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { contestants } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const username = "ann";

/** Sets and gets a key as the user, and then ends the connection. */
type Visit = (port: number, password: string, key: string) => Promise<string | null>;

async function overIoredis(client: Ioredis5 | Ioredis6, key: string): Promise<string | null> {
  client.on("error", () => {
    // The rejection tells the test.
  });
  try {
    await client.connect();
    await client.set(key, "value");
    return await client.get(key);
  } finally {
    client.disconnect();
  }
}

const options = (port: number, password: string) => {
  const once = { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null };
  return { port, username, password, ...once };
};

const visits: Readonly<Record<string, Visit>> = {
  "ioredis 6": (port, password, key) => overIoredis(new Ioredis6(options(port, password)), key),
  "ioredis 5": (port, password, key) => overIoredis(new Ioredis5(options(port, password)), key),
  "node-redis": async (port, password, key) => {
    const socket = { host: "127.0.0.1", port, reconnectStrategy: false } as const;
    const client = createClient({ socket, username, password });
    client.on("error", () => {
      // The rejection tells the test.
    });
    await client.connect();
    try {
      await client.set(key, "value");
      return await client.get(key);
    } finally {
      client.destroy();
    }
  },
  "Bun's RedisClient": async (port, password, key) => {
    const client = new RedisClient(`redis://${username}:${password}@127.0.0.1:${port}`, {
      autoReconnect: false,
    });
    try {
      await client.set(key, "value");
      return await client.get(key);
    } finally {
      client.close();
    }
  },
};

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    let server: TestNode;

    beforeAll(async () => {
      server = await contestant.start([contestant.passwordFlag, "secret"]);
      await using admin = await Peer.connect(server.port);
      await admin.ask("AUTH", "secret");
      const rules = ["+@all", "-@dangerous", "+info", "~own:*", "&*"];
      expect(await admin.ask("ACL", "SETUSER", username, "on", ">right", ...rules)).toBe("+OK");
    });

    afterAll(() => server[Symbol.asyncDispose]());

    for (const [name, visit] of Object.entries(visits)) {
      test(`${name} logs in as a user`, async () => {
        expect(await visit(server.port, "right", "own:key")).toBe("value");
        const outcome = (password: string, key: string) =>
          visit(server.port, password, key).then(
            () => "served",
            () => "refused",
          );
        expect(await outcome("wrong", "own:key")).toBe("refused");
        expect(await outcome("right", "another's")).toBe("refused");
      });
    }

    test.skipIf(!redisInstalled())("redis-cli logs in as a user", async () => {
      const cli = async (password: string, key: string) => {
        const login = ["--no-auth-warning", "--user", username, "--pass", password];
        const words = ["redis-cli", "-p", `${server.port}`, ...login, "GET", key];
        const child = Bun.spawn(words, { stdout: "pipe", stderr: "pipe" });
        const texts = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
        return (await Promise.all(texts)).join("").trim();
      };
      expect(await cli("right", "own:nothing")).toBe("");
      expect(await cli("right", "x")).toStartWith("NOPERM this user has no permissions to access");
      expect(await cli("wrong", "own:key")).toContain("WRONGPASS invalid username-password pair");
    });
  });
}
