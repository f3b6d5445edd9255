/**
 * Our own client as tests want it: a busy machine takes seconds for what takes milliseconds, and
 * its time-outs of 5 s, right for an application, would fail tests of something else.
 */

import type { ConnectOptions } from "../../src/client/client-options.ts";
import { connect } from "../../src/client/connect.ts";

export const patient = { connectTimeoutMs: 120_000, requestTimeoutMs: 120_000 } as const;

/** For nodes that end and come back: the next attempt is at once. */
export const quick = { ...patient, reconnect: { minDelayMs: 1, maxDelayMs: 5 } } as const;

export function connectPatiently(
  addresses: string | readonly string[],
  options: ConnectOptions = {},
): ReturnType<typeof connect> {
  return connect(addresses, { ...patient, ...options });
}
