// connect(): opens a client of one group of nodes, or of several shards. What the client does then
// is in client.ts and in shards/.
// Invariant: nothing stays open when it rejects.

import { wrongKind } from "./arguments.ts";
import { Client } from "./client.ts";
import type { ConnectError, MSCacheError } from "./client-errors.ts";
import { type ConnectOptions, resolveOptions, type Settings } from "./client-options.ts";
import { Ledger } from "./link/ledger.ts";
import { isRefusedLogin } from "./link/refused-login.ts";
import { Router } from "./routing/router.ts";
import { resolveShards, type ShardedOptions } from "./shards/shard-options.ts";
import { ShardedClient } from "./shards/sharded-client.ts";
import { ShardedRouter } from "./shards/sharded-router.ts";

/**
 * Connects to several shards: groups of nodes with a leader each, over which keys are spread by
 * hash. Every shard connects as a group of its own. A client with another list of shards finds the
 * same keys in those that both have, but what a new shard takes over is not moved: it is missing
 * until it is written again.
 *
 * A shard that cannot be reached now fails its own requests and is tried again, as after a lost
 * connection. Rejects with {@link ConnectError} if no shard can be reached or one refuses the
 * login, and with {@link InvalidArgumentError} if an option is invalid.
 *
 * @example
 * const client = await connect({
 *   shards: [
 *     { name: "a", addresses: ["cache-1:5000", "cache-2:5000"] },
 *     { name: "b", addresses: ["sentinel-1:26379"], sentinel: "cache-b" },
 *   ],
 *   password: "secret",
 * });
 */
export async function connect(options: ShardedOptions): Promise<ShardedClient>;
/**
 * Connects to one of the nodes of a group and logs in. Reads go to this node; the client finds the
 * leader and sends it the writes. An open client keeps the process running until
 * {@link Client.close}.
 *
 * An address is "host:port", ":port" (this machine), "[::1]:port" or a URL: mscache://, mscaches://
 * (TLS), redis:// or rediss:// with user:password@host:port/database, or unix:///path. Default
 * "127.0.0.1:5000". Of several, which must be nodes of the same group, the client takes the first
 * that answers; when it loses that node, it goes on with the next. What their URLs say of login,
 * database and TLS holds for all and must not differ; options win over it. If the node is a
 * follower, it reports the address of its leader, which must be reachable from here too.
 *
 * Rejects with {@link ConnectError} if no address answers within `connectTimeoutMs` (default 5,000,
 * for each) or all refuse the login: there is no second round, so that a wrong address fails at
 * once. A connection that is lost later is restored. Rejects with {@link InvalidArgumentError} if
 * an address or an option is invalid.
 *
 * @example
 * await using client = await connect("127.0.0.1:5000");
 * await client.set("greeting", "hello", { ttl: 60_000 });
 * console.log(await client.get("greeting")); // hello
 *
 * @example
 * const client = await connect(["cache-1:5000", "cache-2:5000"], { password: "secret" });
 */
export async function connect(
  addresses?: string | readonly string[],
  options?: ConnectOptions,
): Promise<Client>;
export async function connect(
  addresses?: string | readonly string[] | ShardedOptions,
  options?: ConnectOptions,
): Promise<Client> {
  if (isSharded(addresses)) return await connectShards(addresses, options);
  const { router, ledger } = routerOf(resolveOptions(addresses, options));
  try {
    await router.connect();
  } catch (cause) {
    await ledger.close();
    throw cause;
  }
  return new Client(router, ledger);
}

// --- internal ---

interface Group {
  readonly router: Router;
  readonly ledger: Ledger;
}

function routerOf(settings: Settings): Group {
  const ledger = new Ledger(settings);
  return { ledger, router: new Router(ledger) };
}

function isSharded(addresses: unknown): addresses is ShardedOptions {
  return typeof addresses === "object" && addresses !== null && "shards" in addresses;
}

async function connectShards(options: ShardedOptions, more: unknown): Promise<ShardedClient> {
  if (more !== undefined) throw wrongKind("the second argument", "absent beside shards", more);
  const { map, shards } = resolveShards(options);
  const groups = shards.map(routerOf);
  const attempts = await Promise.allSettled(groups.map(({ router }) => router.connect()));
  const failures = attempts.map((one) => (one.status === "rejected" ? one.reason : null));
  const refusal = failures.find(isRefusedLogin);
  if (refusal !== undefined || !failures.includes(null)) {
    await Promise.all(groups.map(({ ledger }) => ledger.close()));
    throw refusal ?? failures[0];
  }
  for (const [i, cause] of failures.entries()) {
    if (cause !== null) groups[i]?.router.connectLater(cause as MSCacheError);
  }
  const clients = groups.map(({ router, ledger }) => new Client(router, ledger));
  const router = new ShardedRouter(
    map,
    groups.map((group) => group.router),
  );
  return new ShardedClient(router, { map, clients, ledger: new Ledger(shards[0] as Settings) });
}
