/**
 * Our own client as tests want it: a busy machine takes seconds for what takes milliseconds, and
 * its time-outs of 5 s, right for an application, would fail tests of something else.
 */
import { connect } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/client-options.ts";

export const patient = { connectTimeoutMs: 120_000, requestTimeoutMs: 120_000 } as const;

export function connectPatiently(options: ClientOptions): ReturnType<typeof connect> {
  return connect({ ...patient, ...options });
}
