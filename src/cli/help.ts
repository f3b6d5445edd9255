// The texts of --help. The text for a node is built from the table of options, group by group, so
// it cannot miss one. citty renders the text of a subcommand from its definition.

import { type CommandDef, renderUsage } from "citty";
import { mscacheVersion } from "../base/version.ts";
import { wantsColor } from "../base/wants-color.ts";
import { type OptionGroup, type OptionValues, options } from "../config/config.ts";
import { subcommands } from "./commands.ts";
import type { LoadedCommand } from "./subcommand.ts";

const groups: readonly OptionGroup[] = [
  "Network",
  "TLS",
  "Replication",
  "Memory",
  "Snapshots",
  "Security",
  "Admin",
  "Operation",
];

/** The width of the longest flag with its value. */
const columnCharacters = Math.max(
  ...Object.values(options).map(({ name, hint }) => `--${name} ${hint}`.length),
);

export function nodeHelp(): string {
  return [
    `mscache ${mscacheVersion}: a distributed key-value cache`,
    "",
    "  mscache [options]             start a node; with --leaderaddr, as a follower",
    "  mscache <command> [options]   run a command; see mscache <command> --help",
    "",
    "Commands",
    ...columns(Object.entries(subcommands).map(([name, { summary }]) => [name, summary])),
    ...groups.flatMap((group) => ["", group, ...columns(optionRows(group))]),
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
  return wantsColor(process.stdout) ? usage.trimEnd() : Bun.stripANSI(usage).trimEnd();
}

function optionRows(group: OptionGroup): [string, string][] {
  const keys = Object.keys(options) as (keyof OptionValues)[];
  return keys
    .map((key) => options[key])
    .filter((option) => option.group === group)
    .map(({ name, hint, doc, default: standard }) => [
      `--${name} ${hint}`,
      `${doc.replaceAll("`", "")}${standard === "" ? "" : ` [${standard}]`}`,
    ]);
}

function columns(rows: readonly [string, string][]): string[] {
  return rows.map(([left, right]) => `  ${left.padEnd(columnCharacters)}  ${right}`);
}
