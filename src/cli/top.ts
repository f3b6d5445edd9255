// `mscache top`: a live view of one or several nodes in the terminal, and of one of them in detail.
// If standard output is not a terminal, or with --once or --json, it prints one look and exits. It
// asks for nothing but INFO and its like, so it works with Redis as well, and it changes nothing.
// Invariant: the terminal is as it was, however it ends.

import { type ArgsDef, defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { anyNumber } from "./argument-check.ts";
import { Failure } from "./failure.ts";
import { nodeArguments, print } from "./node-client.ts";
import { settingsOf } from "./node-session.ts";
import { untilInterrupted } from "./terminal.ts";
import { LiveView } from "./top/live-view.ts";
import { reportJson, reportText } from "./top/node-report.ts";
import { rowOf } from "./top/node-row.ts";
import { WatchGroup } from "./top/watch-group.ts";

const args = {
  addresses: {
    type: "positional",
    description: "Nodes to watch; without any, that of --addr",
    valueHint: anyNumber,
    required: false,
  },
  group: {
    type: "boolean",
    description: "Watch the leader and all followers of these nodes as well",
    default: false,
  },
  interval: {
    type: "string",
    description: "Seconds between two looks, from 0.1 to 60",
    valueHint: "seconds",
    default: "1",
  },
  once: { type: "boolean", description: "Print one look and exit", default: false },
  json: { type: "boolean", description: "Print one look as JSON and exit", default: false },
  ...nodeArguments,
} satisfies ArgsDef;

/** How long a node may take to answer before it counts as down. */
const patienceMs = 2_000;

export default defineCommand({
  meta: { name: "top", description: "Watch nodes live" },
  args,
  async run({ args }) {
    const addresses = args._.length > 0 ? args._ : [args.addr];
    const targets = addresses.map((addr) => settingsOf({ ...args, addr }, patienceMs));
    const intervalMs = readInterval(args.interval);
    await using group = new WatchGroup(targets, args.group === true);
    const isLive = process.stdout.isTTY === true && process.stdin.isTTY === true;
    if (!isLive || args.once || args.json) {
      // Not before it has ended may the group be closed.
      return await printOnce(group, intervalMs, args.json === true);
    }
    await untilInterrupted((end) => new LiveView(group, intervalMs).run(end));
  },
});

function readInterval(text: string): number {
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (seconds >= 0.1 && seconds <= 60) return seconds * 1_000;
  throw new ConfigError(`--interval: "${text}" is not a number of seconds from 0.1 to 60`);
}

/** Two looks, as rates are what happened between them. Fails if a node is down. */
async function printOnce(group: WatchGroup, intervalMs: number, asJson: boolean): Promise<void> {
  await group.look(null);
  await Bun.sleep(intervalMs);
  await group.look(null);
  const rows = group.nodes.map((node) => rowOf(node, group));
  await print(asJson ? reportJson(group) : reportText(rows));
  const down = rows.filter(({ state }) => state !== "up").length;
  if (down > 0) throw new Failure(`${down} of ${rows.length} nodes cannot be reached`);
}
