// The texts of --help. The text for a node is built from the table of options, group by group, so
// it cannot miss one. citty renders the text of a subcommand from its definition.

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

/** The width of the longest flag with its value. */
const COLUMN_CHARACTERS = Math.max(
  ...Object.values(OPTIONS).map(({ name, hint }) => `--${name} ${hint}`.length),
);

export function nodeHelp(): string {
  return [
    `mscache ${MSCACHE_VERSION}: a distributed key-value cache`,
    "",
    "  mscache [options]             start a node; with --leaderaddr, as a follower",
    "  mscache <command> [options]   run a command; see mscache <command> --help",
    "",
    "Commands",
    ...columns(Object.entries(SUBCOMMANDS).map(([name, { summary }]) => [name, summary])),
    ...GROUPS.flatMap((group) => ["", group, ...columns(optionRows(group))]),
    "",
    "Every option can also be set by an environment variable (MSCACHE_MAX_MEMORY for --max-memory)",
    "or by a line of the configuration file (max-memory 2gb). Flags override the environment, which",
    "overrides the file. The variables for --listenaddr and --leaderaddr are MSCACHE_LISTENADDRESS",
    "and MSCACHE_LEADERADDRESS.",
  ].join("\n");
}

export async function subcommandHelp(command: LoadedCommand): Promise<string> {
  const usage = await renderUsage(command as CommandDef, { meta: { name: "mscache" } });
  // citty colors its text even if the output is not a terminal.
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
