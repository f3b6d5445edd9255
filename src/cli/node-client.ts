// What the client subcommands share: the flags that name a node, a connection that is always
// closed, and output that is flushed before the process exits. There is only one attempt to
// connect, because a user or a script would rather see the failure than wait.

import { ConfigError } from "../base/errors.ts";
import { connect } from "../client/client.ts";
import { MSCacheError } from "../client/client-errors.ts";
import { Failure } from "./failure.ts";

type Client = Awaited<ReturnType<typeof connect>>;

export const nodeArguments = {
  addr: {
    type: "string",
    description: "Address of a node of the group",
    valueHint: "host:port",
    default: "127.0.0.1:5000",
  },
  password: {
    type: "string",
    description: "Password; use MSCACHE_PASSWORD to keep it out of the process list",
    valueHint: "text",
  },
} as const;

export interface NodeArguments {
  readonly addr: string;
  readonly password?: string | undefined;
}

/** Connects, does the work and closes. An error of the client becomes a Failure or ConfigError. */
export async function withClient<T>(
  { addr, password }: NodeArguments,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  try {
    const client = await connect({
      addr,
      password: password ?? process.env.MSCACHE_PASSWORD,
      reconnect: { maxAttempts: 0 },
    });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  } catch (error) {
    if (!(error instanceof MSCacheError)) throw error;
    if (error.code === "INVALID_ARGUMENT") throw new ConfigError(error.message);
    throw new Failure(explain(error.message, addr), { cause: error });
  }
}

/** Redis's text for a missing password addresses the author of a client, not its user. */
function explain(message: string, addr: string): string {
  if (!message.includes("NOAUTH")) return message;
  return `${addr} requires a password; set --password or MSCACHE_PASSWORD`;
}

/** Writes to standard output and resolves when everything is written. */
export async function print(output: string | Uint8Array): Promise<void> {
  await Bun.write(Bun.stdout, output);
}

export function missingKey(key: string): Failure {
  return new Failure(`there is no key "${key}"`);
}
