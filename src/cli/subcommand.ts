// What the dispatcher knows of a subcommand: its summary, and how to load the rest of it. A
// subcommand that needs the list of all (completions) gets it from the dispatcher as citty's
// `data`.

import type { CommandDef } from "citty";

/** What the dispatcher needs. The types of the arguments stay private to each command. */
export type LoadedCommand = Pick<CommandDef, "meta" | "args">;

export interface Subcommand {
  readonly summary: string;
  readonly load: () => Promise<{ readonly default: LoadedCommand }>;
}

export type Subcommands = Readonly<Record<string, Subcommand>>;
