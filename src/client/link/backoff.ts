// How long a client waits between attempts: to connect, to reach a node that is busy, to read at a
// follower that lags. It neither sleeps nor draws the random number.

import type { Settings } from "../client-options.ts";

/**
 * The delay before an attempt; attempts count from 1. It doubles from minDelayMs up to maxDelayMs.
 * `random`, in [0, 1), takes away up to half of it, so that the clients of a restarted node do not
 * all reconnect at once.
 */
export function backoffMs(
  attempt: number,
  { minDelayMs, maxDelayMs }: Pick<Settings["reconnect"], "minDelayMs" | "maxDelayMs">,
  random: number,
): number {
  const full = Math.min(maxDelayMs, minDelayMs * 2 ** (attempt - 1));
  return full - (full / 2) * random;
}
