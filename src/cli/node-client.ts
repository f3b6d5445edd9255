// What the client subcommands share: the flags that name a node, a connection that is always
// closed, and output that is flushed before the process exits. There is only one attempt to
// connect, because a user or a script would rather see the failure than wait.

import { ConfigError } from "../base/errors.ts";
import { isServerUrl, parseServerUrl } from "../base/place.ts";
import { codeOf } from "../base/reason.ts";
import { ConnectError, MSCacheError } from "../client/client-errors.ts";
import { connect } from "../client/connect.ts";
import { Failure, outputFailure } from "./failure.ts";
import { type TlsArguments, tlsArguments, tlsOf } from "./tls-arguments.ts";

type Client = Awaited<ReturnType<typeof connect>>;

export const nodeArguments = {
  addr: {
    type: "string",
    description: "Node of the group: host:port, a redis:// or rediss:// URL, or unix:///path",
    valueHint: "address",
    default: "127.0.0.1:5000",
  },
  user: {
    type: "string",
    description: "User to log in as; without it, default",
    valueHint: "name",
  },
  password: {
    type: "string",
    description: "Password; use MSCACHE_PASSWORD to keep it out of the process list",
    valueHint: "text",
  },
  ...tlsArguments,
} as const;

export interface NodeArguments extends TlsArguments {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** Connects, does the work and closes. An error of the client becomes a Failure or ConfigError. */
export async function withClient<T>(
  args: NodeArguments,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { addr, user, password } = args;
  const tls = tlsOf(args);
  try {
    const client = await connect(addr, {
      tls,
      username: user,
      password: password ?? passwordBeside(addr),
      reconnect: { maxAttempts: 0 },
    });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  } catch (error) {
    throw userErrorOf(error);
  }
}

/** An error of the client as the user is told of it; any other as it is. */
export function userErrorOf(error: unknown): unknown {
  if (!(error instanceof MSCacheError)) return error;
  if (error.code === "INVALID_ARGUMENT") return new ConfigError(error.message);
  return new Failure(explain(error), { cause: error });
}

/** The environment's password, unless the address has its own. */
export function passwordBeside(addr: string): string | undefined {
  const hasOwn = isServerUrl(addr) && parseServerUrl(addr).password !== undefined;
  return hasOwn ? undefined : process.env.MSCACHE_PASSWORD || undefined;
}

/** Redis's text for a missing password addresses the author of a client, not its user. */
function explain(error: MSCacheError): string {
  if (!error.message.includes("NOAUTH")) return error.message;
  const where = error instanceof ConnectError ? error.address : "the node";
  return `${where} requires a password; set --password or MSCACHE_PASSWORD`;
}

/**
 * Writes to standard output and resolves when everything is written, or when nobody reads on.
 * Throws a Failure.
 */
export async function print(output: string | Uint8Array): Promise<void> {
  try {
    await Bun.write(Bun.stdout, output);
  } catch (error) {
    if (codeOf(error) !== "EPIPE") throw outputFailure(error);
  }
}

export function missingKey(key: string): Failure {
  return new Failure(`there is no key "${key}"`);
}
