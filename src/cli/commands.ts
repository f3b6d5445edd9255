// The subcommands by name. Each is loaded only when it is asked for, so that `mscache get` does not
// read the server and `mscache --help` reads neither. The summaries stand here for the same reason.

import type { CommandDef } from "citty";

/** What the dispatcher needs to know; each command's own arguments are its private matter. */
export type LoadedCommand = Pick<CommandDef, "meta" | "args">;

export interface Subcommand {
  readonly summary: string;
  readonly load: () => Promise<{ readonly default: LoadedCommand }>;
}

export const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  serve: {
    summary: "start a node (what happens without a command)",
    load: () => import("./serve.ts"),
  },
  get: { summary: "print the value of a key", load: () => import("./get.ts") },
  set: { summary: "store a value under a key", load: () => import("./set.ts") },
  del: { summary: "delete a key", load: () => import("./del.ts") },
  ttl: { summary: "print how many seconds a key has left", load: () => import("./ttl.ts") },
  ping: { summary: "ask a node whether it answers", load: () => import("./ping.ts") },
  info: { summary: "print what a node says about itself", load: () => import("./info.ts") },
  bench: { summary: "put a load on a server and measure it", load: () => import("./bench.ts") },
};
