// How many clients the system lets a node have: each needs a file descriptor, and so do the node's own
// sockets and files. Decides before the start, and for CONFIG SET; what happens to a client for which no
// descriptor is left after all stands in connection/data-thread.ts.
// From redis 7.0 `server.c`: adjustOpenFilesLimit; but Bun has raised the soft limit already.

import { ConfigError } from "../base/errors.ts";
import { descriptorsPerWorker, descriptorsReserved } from "../base/limits.ts";
import type { Config } from "../config/config.ts";

type Bounded = Pick<Config, "maxClients" | "threads">;

/** What is left of `descriptors` for clients; at most 0 where a node cannot even start. */
export function clientsPossible({ threads }: Pick<Config, "threads">, descriptors: number): number {
  const workers = threads === 1 ? 0 : threads;
  return descriptors - descriptorsReserved - workers * descriptorsPerWorker;
}

/** The configuration with no more clients than there can be, and a sentence where that are fewer. */
export function withinDescriptors<Settings extends Bounded>(
  config: Settings,
  descriptors: number,
): { readonly config: Settings; readonly warning: string } {
  const possible = clientsPossible(config, descriptors);
  if (possible < 1) {
    throw new ConfigError(
      `this process may have ${descriptors} files open (ulimit -n), and a node with ` +
        `--threads ${config.threads} needs at least ${descriptors - possible + 1}`,
    );
  }
  if (config.maxClients <= possible) return { config, warning: "" };
  const warning =
    `max-clients is ${possible} instead of ${config.maxClients}: this process may have ` +
    `${descriptors} files open (ulimit -n)`;
  return { config: { ...config, maxClients: possible }, warning };
}
