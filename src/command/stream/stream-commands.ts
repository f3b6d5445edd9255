// The commands of a Redis leader's stream that are not commands of this node, or mean something
// else there, by name. A client never gets here: connections look names up in registry.ts.

import type { Command } from "../core/command.ts";
import { bitfieldCommands } from "./bitfield.ts";
import { bitCommands } from "./bits.ts";
import { restoreCommands } from "./restore.ts";
import { hyperLogLogCommands } from "./stream-hyperloglog.ts";
import { streamKeyspaceCommands } from "./stream-keys.ts";

const rows: readonly Command[] = [
  ...bitCommands,
  ...bitfieldCommands,
  ...hyperLogLogCommands,
  ...streamKeyspaceCommands,
  ...restoreCommands,
];

export const streamCommands: ReadonlyMap<string, Command> = new Map(
  rows.map((command) => [command.name, command]),
);
