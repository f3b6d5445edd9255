// The table of commands in src/command/COMMANDS.md, from the rows of the command table: what each
// accepts, since when, with which properties, and where it is not Redis 7.0's. generate-docs.ts
// writes it, test/documents.test.ts compares. It knows nothing of commands that no row says.

import type { Command, CommandGroup, CommandRow } from "../src/command/core/command.ts";
import { type Argument, parseSyntax } from "../src/command/core/syntax.ts";
import { namesByType } from "../src/command/run/foreign-commands.ts";
import { commands } from "../src/command/table.ts";
import { flag } from "../src/command/terms/flags.ts";
import { table } from "./markdown.ts";

const titles: Readonly<Record<CommandGroup, string>> = {
  string: "Strings",
  bitmap: "Bitmaps",
  hyperloglog: "HyperLogLogs",
  generic: "Keys and expiry",
  transactions: "Transactions",
  pubsub: "Pub/sub",
  connection: "Connections",
  scripting: "Scripts",
  server: "The server",
  cluster: "Cluster",
};

/** What a client notices of a command's properties, in words. COMMANDS.md explains them. */
const words: readonly (readonly [number, string])[] = [
  [flag.WRITE, "write"],
  [flag.READONLY, "read"],
  [flag.DENY_OOM, "needs memory"],
  [flag.ADMIN, "admin"],
  [flag.FAST, "fast"],
  [flag.CONTROL, "whole node"],
  [flag.LONG, "long"],
  [flag.NO_AUTH, "before login"],
  [flag.LOADING, "while loading"],
  [flag.STALE, "without leader"],
  [flag.SUBSCRIBER, "while subscribed"],
  [flag.NO_MULTI, "not in MULTI"],
  [flag.NO_SCRIPT, "not in scripts"],
  [flag.SKIP_SLOWLOG, "not in slow log"],
];

/** Commands of Redis 7.0 that are about no type of data. Those that the table has are left out. */
const otherNames =
  "acl bgrewriteaof debug eval eval_ro evalsha evalsha_ro fcall fcall_ro function lolwut migrate " +
  "monitor move restore-asking swapdb";

const head = ["Command", "Arity", "Since", "Properties", "What it does", "Not as in Redis 7.0"];

export function commandTable(): string {
  const sections = Object.entries(titles).flatMap(([group, title]) => {
    const rows = commands.filter(({ row }) => row.group === group).flatMap(withSubcommands);
    return rows.length === 0 ? [] : [`## ${title}`, table([head, ...rows.map(cellsOf)])];
  });
  const absent = table([["For", "Commands"], ...absentRows()]);
  return [...sections, "## Commands of Redis that are not here", absent].join("\n\n");
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.subcommands];
}

function cellsOf({ name, arity, flags, row }: Command): string[] {
  const call = `${name.replace("|", " ").toUpperCase()} ${formatSyntax(row.syntax ?? "")}`;
  const properties = words.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
  const facts = [String(arity), row.since, properties.join(", "), row.summary];
  return [`\`${call.trim()}\``, ...facts, differencesOf(row)];
}

function differencesOf({ since, syntax = "", differs = "" }: CommandRow): string {
  const newer = isNewer(since) ? [] : newerOptions(parseSyntax(syntax));
  return [...newer.map((option) => `${option}.`), differs].join(" ").trim();
}

/** Redis 7.0 does not take these. */
function newerOptions(parts: readonly Argument[]): string[] {
  return parts.flatMap(({ token = "", since = "", parts: inner }) => [
    ...(isNewer(since) ? [`\`${token}\` is of Redis ${since.replace(/\.0$/, "")}`] : []),
    ...newerOptions(inner),
  ]);
}

function isNewer(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 7 || (major === 7 && minor > 0);
}

function absentRows(): string[][] {
  const known = new Set(commands.map(({ name }) => name));
  const kinds = Object.entries({ ...namesByType, "everything else": otherNames });
  return kinds.flatMap(([kind, names]) => {
    const absent = names.split(" ").filter((name) => !known.has(name));
    const shown = absent.map((name) => `\`${name.toUpperCase()}\``).join(", ");
    return absent.length === 0 ? [] : [[kind, shown]];
  });
}

// ---- formatting ---------------------------------------------------------------------------------

/** A row's syntax as manuals write it: `key [EX seconds | KEEPTTL] [field ...]`. */
export function formatSyntax(syntax: string): string {
  return formatAll(parseSyntax(syntax), " ");
}

function formatAll(parts: readonly Argument[], between: string): string {
  return parts.map(formatOne).join(between);
}

function formatOne(part: Argument): string {
  const bare = formatBare(part);
  const word = part.token === undefined || part.type === "pure-token" ? "" : `${part.token} `;
  const repeated = part.repeatsToken === true ? ` [${word}${bare} ...]` : ` [${bare} ...]`;
  const whole = `${word}${bare}${part.isMultiple ? repeated : ""}`;
  return part.isOptional ? `[${whole}]` : whole;
}

function formatBare({ name, type, token, parts, isOptional }: Argument): string {
  if (type === "oneof") {
    const choice = formatAll(parts, " | ");
    return isOptional && token === undefined ? choice : `<${choice}>`;
  }
  return type === "block" ? formatAll(parts, " ") : type === "pure-token" ? `${token}` : name;
}
