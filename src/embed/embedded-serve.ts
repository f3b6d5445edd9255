// serve(): a whole server as a value of somebody's program, for tests and for applications of one
// process. The server itself is loaded by the first call: a program that only connects must not pay
// for it, 110 ms and 20 MB (measured). What a server is to its owner is in embedded-server.ts.

import type { EmbeddedServer } from "./embedded-server.ts";
import type { ServeOptions } from "./serve-options.ts";

/**
 * Starts a server in this process, a leader or a follower. Resolves when it accepts connections and
 * has loaded its snapshot. Several can live in one process, and know nothing of each other.
 *
 * A mistake in the server's own code closes that server and reaches its owner, by `onError`,
 * `closed` and close(); it never ends the process. Data that were not saved are lost with it.
 *
 * Rejects with InvalidArgumentError if an option is wrong, and with ServeError if an address is
 * taken, or a file cannot be read.
 *
 * @example
 * await using server = await serve({ maxMemory: 64 * 1024 * 1024 });
 * await using follower = await serve({ leaderaddr: server.address });
 * await using client = await connect(server.address);
 * await client.set("greeting", "hello");
 */
export async function serve(options: ServeOptions = {}): Promise<EmbeddedServer> {
  const { startEmbedded } = await import("./start-embedded.ts");
  return await startEmbedded(options);
}
