// How many clients the system allows a node: each needs a file descriptor, and so do the node's own
// sockets and files. Applies at start and to CONFIG SET. connection/connections.ts refuses a client
// that would take one of the last descriptors all the same. From redis 7.0 `server.c`,
// adjustOpenFilesLimit; but Bun has already raised the soft limit.

import { ConfigError } from "../../base/errors.ts";
import { descriptorsPerWorker, descriptorsReserved } from "../../base/limits.ts";
import type { Config } from "../../config/config.ts";

type Bounded = Pick<Config, "maxClients" | "threads">;

/** How many of `descriptors` are left for clients; at most 0 if the node cannot even start. */
export function clientsPossible({ threads }: Pick<Config, "threads">, descriptors: number): number {
  const workers = threads === 1 ? 0 : threads;
  return descriptors - descriptorsReserved - workers * descriptorsPerWorker;
}

/**
 * The configuration with max-clients lowered to what is possible, and a warning if it was lowered.
 */
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
