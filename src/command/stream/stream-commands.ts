// The commands of a Redis leader's stream that this node does not have, or that mean something else
// there, by name. A client cannot reach them: connections look names up in registry.ts.

import type { Command } from "../core/command.ts";
import { restoreCommands } from "./restore.ts";
import { streamKeyspaceCommands } from "./stream-keys.ts";

const rows: readonly Command[] = [...streamKeyspaceCommands, ...restoreCommands];

export const streamCommands: ReadonlyMap<string, Command> = new Map(
  rows.map((command) => [command.name, command]),
);
