// All commands: the rows of every family, registered by name when this file is loaded. A new family is
// added to the list below, and to nothing else; lookup by name is registry.ts's business.

import { clientCommands } from "./client.ts";
import { Command, type CommandRow } from "./command.ts";
import { configCommands } from "./config.ts";
import { connectionCommands } from "./connection.ts";
import { counterCommands } from "./counter.ts";
import { expiryCommands } from "./expiry.ts";
import { failoverCommands } from "./failover.ts";
import { introspectionCommands } from "./introspection.ts";
import { keyspaceCommands } from "./keyspace.ts";
import { mscacheCommands } from "./mscache.ts";
import { persistenceCommands } from "./persistence.ts";
import { pubSubCommands } from "./pub-sub.ts";
import { register } from "./registry.ts";
import { replicationCommands } from "./replication.ts";
import { scriptCommands } from "./script.ts";
import { serverCommands } from "./server.ts";
import { shutdownCommands } from "./shutdown.ts";
import { stringCommands } from "./string.ts";
import { transactionCommands } from "./transaction.ts";
import { waitCommands } from "./wait.ts";

export { commands, find } from "./registry.ts";

const rows: readonly CommandRow[] = [
  ...stringCommands,
  ...counterCommands,
  ...keyspaceCommands,
  ...expiryCommands,
  ...connectionCommands,
  ...clientCommands,
  ...configCommands,
  ...introspectionCommands,
  ...serverCommands,
  ...persistenceCommands,
  ...replicationCommands,
  ...transactionCommands,
  ...pubSubCommands,
  ...scriptCommands,
  ...shutdownCommands,
  ...waitCommands,
  ...failoverCommands,
];

for (const row of rows) register(new Command(row));

/** The rows behind the opcodes 1 to 4 of the binary protocol. */
export const opcodeCommands: readonly Command[] = mscacheCommands.map((row) => new Command(row));
