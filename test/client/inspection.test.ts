/**
 * What console.log() and util.inspect() show of the package's objects, as in a log or the report of
 * a failed test: a line that names the object, and no password, however deep one looks.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { inspect } from "node:util";
import { RateLimiter } from "../../src/client/adapters/rate-limit.ts";
import { connect, createCache, follow, Store, serve } from "../../src/index.ts";
import { caseMsMax } from "../harness.ts";

setDefaultTimeout(caseMsMax);

const password = "secret-of-the-node";
const maxMemory = 1024 * 1024;

test("objects of the package are a line without their passwords", async () => {
  await using server = await serve({ password });
  const { address } = server;
  await using client = await connect(address, { password });
  await using sharded = await connect({ shards: [{ name: "a", addresses: [address] }], password });
  await using near = await client.near();
  await using sharedNear = await sharded.near();
  await using copy = await follow(address, { maxMemory, password });
  using store = new Store({ maxMemory });
  const cache = createCache({ client });
  const node = `Client { address: "${address}" }`;
  const lines = new Map<unknown, string>([
    [client, node],
    [client.with({ timeout: 1_000 }), node],
    [sharded.shard("a"), node],
    [sharded, `ShardedClient { address: "${address}" }`],
    [near, "NearCache { maxBytes: 67108864 }"],
    [sharedNear, 'NearCache { shards: ["a"] }'],
    [client.script("return 1"), 'Script { sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db" }'],
    [cache.namespace("users"), 'Cache { root: "users:" }'],
    [copy, `LocalCopy { leader: "${address}" }`],
    [server, `EmbeddedServer { address: "${address}" }`],
    [store, "Store { maxMemory: 1048576 }"],
  ]);
  for (const [object, line] of lines) {
    expect([Bun.inspect(object), inspect(object)]).toEqual([line, line]);
  }
  const held = {
    client,
    caches: [cache],
    limiter: new RateLimiter({ client, limit: 1, window: 1_000 }),
  };
  for (const text of [Bun.inspect(held, { depth: 20 }), inspect(held, { depth: 20 })]) {
    expect(text).toContain(node);
    expect(text).not.toContain(password);
  }
});
