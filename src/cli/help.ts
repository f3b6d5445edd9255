// The texts of --help. The node's is made from the table of options, group by group, so that it
// cannot miss one; a subcommand's is rendered by citty from its definition.

import { type CommandDef, renderUsage } from "citty";
import { MSCACHE_VERSION } from "../base/version.ts";
import { type Config, OPTIONS, type OptionGroup } from "../config/config.ts";
import { type LoadedCommand, SUBCOMMANDS } from "./commands.ts";

const GROUPS: readonly OptionGroup[] = [
  "Network",
  "Replication",
  "Memory",
  "Snapshots",
  "Security",
  "Operation",
];

/** As wide as the longest flag with its value. */
const COLUMN_CHARACTERS = Math.max(
  ...Object.values(OPTIONS).map(({ name, hint }) => `--${name} ${hint}`.length),
);

export function nodeHelp(): string {
  return [
    `mscache ${MSCACHE_VERSION}: a distributed key-value cache`,
    "",
    "  mscache [options]             start a node; with --leaderaddr it is a follower",
    "  mscache <command> [options]   talk to a node; see mscache <command> --help",
    "",
    "Commands",
    ...columns(Object.entries(SUBCOMMANDS).map(([name, { summary }]) => [name, summary])),
    ...GROUPS.flatMap((group) => ["", group, ...columns(optionRows(group))]),
    "",
    "Each option is also an environment variable (--max-memory is MSCACHE_MAX_MEMORY) and a line of",
    "the configuration file (max-memory 2gb). A flag beats the environment, which beats the file.",
    "The variables of --listenaddr and --leaderaddr are MSCACHE_LISTENADDRESS and",
    "MSCACHE_LEADERADDRESS.",
  ].join("\n");
}

export async function subcommandHelp(command: LoadedCommand): Promise<string> {
  const usage = await renderUsage(command as CommandDef, { meta: { name: "mscache" } });
  // citty colours its text wherever it goes.
  return process.stdout.isTTY ? usage.trimEnd() : Bun.stripANSI(usage).trimEnd();
}

function optionRows(group: OptionGroup): [string, string][] {
  const keys = Object.keys(OPTIONS) as (keyof Config)[];
  return keys
    .map((key) => OPTIONS[key])
    .filter((option) => option.group === group)
    .map(({ name, hint, doc, default: standard }) => [
      `--${name} ${hint}`,
      `${doc.replaceAll("`", "")}${standard === "" ? "" : ` [${standard}]`}`,
    ]);
}

function columns(rows: readonly [string, string][]): string[] {
  return rows.map(([left, right]) => `  ${left.padEnd(COLUMN_CHARACTERS)}  ${right}`);
}
