// The subcommands by name. Each is imported only when it runs, so that `mscache get` does not load
// the server and `mscache --help` loads no subcommand. For the same reason the summaries are here.

import type { Subcommands } from "./subcommand.ts";

export const subcommands: Subcommands = {
  serve: {
    summary: "start a node (the default)",
    load: () => import("./serve.ts"),
  },
  get: { summary: "print the value of a key", load: () => import("./get.ts") },
  set: { summary: "store a value under a key", load: () => import("./set.ts") },
  del: { summary: "delete a key", load: () => import("./del.ts") },
  ttl: { summary: "print the remaining TTL of a key", load: () => import("./ttl.ts") },
  ping: { summary: "check that a node responds", load: () => import("./ping.ts") },
  info: { summary: "print the state and statistics of a node", load: () => import("./info.ts") },
  keys: {
    summary: "list keys, or the biggest and the hottest",
    load: () => import("./list-keys.ts"),
  },
  export: {
    summary: "write what a server holds into a file",
    load: () => import("./export.ts"),
  },
  import: {
    summary: "write the items of a file into a server",
    load: () => import("./import.ts"),
  },
  "replicate-from": {
    summary: "move a running Redis to a node",
    load: () => import("./replicate-from.ts"),
  },
  top: { summary: "watch nodes live", load: () => import("./top.ts") },
  cli: { summary: "send commands, or open a prompt", load: () => import("./cli.ts") },
  doctor: { summary: "say what is wrong with a node", load: () => import("./doctor.ts") },
  monitor: { summary: "show the commands that nodes run", load: () => import("./monitor.ts") },
  completions: {
    summary: "print the completions for a shell",
    load: () => import("./completions.ts"),
  },
  bench: { summary: "measure a server under load", load: () => import("./bench.ts") },
};
