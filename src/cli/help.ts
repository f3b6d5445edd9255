// The texts of --help, for the width of the terminal. The text for a node is built from the table
// of options, group by group, so it cannot miss one; that of a subcommand from its definition.

import type { ArgDef, ArgsDef, CommandMeta } from "citty";
import { mscacheVersion } from "../base/version.ts";
import { type OptionGroup, type OptionValues, options } from "../config/config.ts";
import { anyNumber } from "./argument-check.ts";
import { subcommands } from "./commands.ts";
import { type HelpRow, helpRows, wrapped } from "./help-layout.ts";
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
/** Longer lines are hard to read. */
const widthMax = 100;

export function nodeHelp(columns: number): string {
  const width = Math.min(columns, widthMax);
  return [
    `mscache ${mscacheVersion}: a distributed key-value cache`,
    "",
    ...helpRows(
      [
        ["mscache [options]", "start a node; with --leaderaddr, as a follower"],
        ["mscache <command> [options]", "run a command; see mscache <command> --help"],
      ],
      width,
    ),
    "",
    "Commands",
    ...helpRows(
      Object.entries(subcommands).map(([name, { summary }]) => [name, summary]),
      width,
    ),
    ...groups.flatMap((group) => ["", group, ...helpRows(optionRows(group), width)]),
    "",
    ...wrapped(
      "Every option can also be set by an environment variable (MSCACHE_MAX_MEMORY for --max-memory) " +
        "or by a line of the configuration file (max-memory 2gb). Flags override the environment, " +
        "which overrides the file. The variables for --listenaddr and --leaderaddr are " +
        "MSCACHE_LISTENADDRESS and MSCACHE_LEADERADDRESS.",
      width,
    ),
  ].join("\n");
}

export function subcommandHelp(name: string, command: LoadedCommand, columns: number): string {
  const width = Math.min(columns, widthMax);
  const { description = "" } = (command.meta ?? {}) as CommandMeta;
  const definitions = Object.entries((command.args ?? {}) as ArgsDef);
  const words = definitions.filter(([, { type }]) => type === "positional");
  const flags = definitions.filter(([, { type }]) => type !== "positional");
  const usage = [
    "mscache",
    name,
    ...(flags.length > 0 ? ["[options]"] : []),
    ...words.map(usageOf),
  ];
  return [
    ...wrapped(description, width),
    "",
    `Usage: ${usage.join(" ")}`,
    ...section("Arguments", words.map(wordRow), width),
    ...section("Options", flags.map(flagRow), width),
  ].join("\n");
}

// --- internal ---

type Definition = readonly [string, ArgDef];

function optionRows(group: OptionGroup): HelpRow[] {
  const keys = Object.keys(options) as (keyof OptionValues)[];
  return keys
    .map((key) => options[key])
    .filter((option) => option.group === group)
    .map(({ name, hint, doc, default: standard }) => [
      `--${name} ${hint}`,
      `${doc.replaceAll("`", "")}${standard === "" ? "" : ` [${standard}]`}`,
    ]);
}

function section(title: string, rows: readonly HelpRow[], width: number): string[] {
  return rows.length === 0 ? [] : ["", title, ...helpRows(rows, width)];
}

/** A word as the line of usage has it. */
function usageOf([name, definition]: Definition): string {
  const word = wordOf([name, definition]);
  return definition.required === false || definition.default !== undefined ? `[${word}]` : word;
}

function wordOf([name, { valueHint }]: Definition): string {
  return `${name.toUpperCase()}${valueHint === anyNumber ? anyNumber : ""}`;
}

function wordRow(definition: Definition): HelpRow {
  return [wordOf(definition), meaningOf(definition[1])];
}

function flagRow([name, definition]: Definition): HelpRow {
  const { type, valueHint = "value", alias = [] } = definition as ArgDef & { alias?: string };
  const names = [...[alias].flat().map((letter) => `-${letter}`), `--${name}`].join(", ");
  // A choice is written as it is given; any other hint as in the options of a node.
  const hint = valueHint.includes("|") ? valueHint : valueHint.toUpperCase();
  return [type === "boolean" ? names : `${names} ${hint}`, meaningOf(definition)];
}

function meaningOf({ description = "", default: standard }: ArgDef): string {
  const isSaid = standard !== undefined && standard !== false;
  return isSaid ? `${description} [${standard}]` : description;
}
