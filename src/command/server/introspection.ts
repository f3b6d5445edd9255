// COMMAND and its subcommands: describes the command table to tools and clients, from its rows. The
// replies have the shape of redis 7.0 `server.c` (addReplyCommandInfo, addReplyCommandDocs).

import { errorReply, patternTooComplex, syntaxError } from "../../base/errors.ts";
import { compileGlob } from "../../base/glob.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { categoriesOf } from "../core/categories.ts";
import type { Command, WordedKeys } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { hidesOfOther } from "../core/hidden-arguments.ts";
import { byName, commands, findFrom } from "../core/registry.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { type Argument, parseSyntax } from "../core/syntax.ts";
import { argumentIs } from "../core/words.ts";
import { flag, flagNames } from "../terms/flags.ts";
import { type KeyRange, nextIn } from "../terms/key-use.ts";

const common = {
  group: "server",
  since: "2.8.13",
  flags: flag.LOADING | flag.STALE,
  complexity: "O(N) where N is the number of commands",
  categories: ["@slow", "@connection"],
} as const;

const subcommands = family(common, [
  {
    name: "command|count",
    arity: 2,
    summary: "Returns the number of commands.",
    handler: (_x, _request, reply) => reply.integer(commands.length),
  },
  {
    name: "command|info",
    arity: -2,
    syntax: "[command-name...]",
    summary: "Returns details about the given commands.",
    handler: info,
  },
  {
    name: "command|docs",
    arity: -2,
    syntax: "[command-name...]",
    since: "7.0.0",
    summary: "Returns documentation about the given commands.",
    differs: "Summaries and complexities are our own.",
    handler: docs,
  },
  {
    name: "command|list",
    arity: -2,
    syntax: "[FILTERBY filterby=(MODULE module-name | ACLCAT category | PATTERN pattern)]",
    since: "7.0.0",
    summary: "Returns the names of all commands.",
    handler: list,
  },
  {
    name: "command|getkeys",
    arity: -4,
    summary: "Extracts the keys from a command with its arguments.",
    asksAbout: 2,
    hides: hidesOfOther,
    handler: getKeys,
  },
  {
    name: "command|getkeysandflags",
    arity: -4,
    since: "7.0.0",
    summary: "Extracts the keys from a command with its arguments, and how it uses them.",
    asksAbout: 2,
    hides: hidesOfOther,
    handler: getKeysAndFlags,
  },
  helpRow("command", "server", "5.0.0", [
    "(no subcommand)",
    "    Return details about all commands.",
    "COUNT",
    "    Return the total number of commands in this server.",
    "LIST",
    "    Return a list of all commands in this server.",
    "LIST FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)",
    "    Return a list of commands that fit the filter.",
    "INFO [<command-name> ...]",
    "    Return details about multiple commands.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple commands.",
    "GETKEYS <full-command>",
    "    Return the keys from a full command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full command.",
  ]),
]);

export const introspectionCommands = family(common, [
  {
    name: "command",
    arity: -1,
    summary: "Returns details about all commands.",
    handler: (_x, _request, reply) => infoOf(commands, reply),
    subcommands,
  },
]);

// ---- COMMAND, COMMAND INFO ----------------------------------------------------------------------

function info(_x: Context, request: Request, reply: Reply): void {
  infoOf(request.argc === 2 ? commands : named(request), reply);
}

function named(request: Request): (Command | undefined)[] {
  return Array.from({ length: request.argc - 2 }, (_, index) => byName(request.text(index + 2)));
}

function infoOf(list: readonly (Command | undefined)[], reply: Reply): void {
  reply.array(list.length);
  for (const command of list) {
    if (command === undefined) reply.nil();
    else infoEntry(command, reply);
  }
}

function infoEntry(command: Command, reply: Reply): void {
  reply.array(10);
  reply.text(command.name);
  reply.integer(command.arity);
  simpleSet(flagsOf(command), reply);
  // As in Redis, the triple is only for keys at fixed places.
  const isCounted = command.row.keyCount !== undefined;
  for (const number of command.row.keys) reply.integer(isCounted ? 0 : number);
  simpleSet(categoriesOf(command), reply);
  reply.array(0); // tips
  keySpecifications(command, reply);
  infoOf(command.subcommands, reply);
}

function simpleSet(words: readonly string[], reply: Reply): void {
  reply.set(words.length);
  for (const word of words) reply.simple(word);
}

function flagsOf({ flags, row: { keyCount, wordedKeys } }: Command): string[] {
  const names = flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const areFixed = keyCount === undefined && wordedKeys === undefined;
  return areFixed ? names : [...names, "movablekeys"];
}

/** A specification for each use: keys from the first position to the last, step by step. */
function keySpecifications(command: Command, reply: Reply): void {
  const { uses, row } = command;
  reply.array(specificationsOf(command));
  for (const { words, range } of uses) keySpecification(words, range, row.keyCount, reply);
  if (row.wordedKeys !== undefined) wordSpecification(uses[0].words, row.wordedKeys, reply);
}

function specificationsOf({ uses, row }: Command): number {
  return uses.length + (row.wordedKeys === undefined ? 0 : 1);
}

/** Searched for from a place where it is not always: so it is incomplete. */
function wordSpecification(use: string, { word, searchFrom }: WordedKeys, reply: Reply): void {
  reply.map(3);
  reply.text("flags");
  simpleSet([...use.split(" "), "incomplete"], reply);
  reply.text("begin_search");
  entry(reply, "keyword", [
    ["keyword", word],
    ["startfrom", searchFrom],
  ]);
  reply.text("find_keys");
  entry(reply, "range", [
    ["lastkey", -1],
    ["keystep", 1],
    ["limit", 0],
  ]);
}

function keySpecification(
  words: string,
  [first, last, step]: KeyRange,
  keyCount: number | undefined,
  reply: Reply,
): void {
  reply.map(3);
  reply.text("flags");
  simpleSet(words.split(" "), reply);
  reply.text("begin_search");
  entry(reply, "index", [["index", keyCount ?? first]]);
  reply.text("find_keys");
  if (keyCount !== undefined) {
    return entry(reply, "keynum", [
      ["keynumidx", 0],
      ["firstkey", first - keyCount],
      ["keystep", step],
    ]);
  }
  entry(reply, "range", [
    ["lastkey", last < 0 ? last : last - first],
    ["keystep", step],
    ["limit", 0],
  ]);
}

function entry(
  reply: Reply,
  type: string,
  spec: readonly (readonly [string, number | string])[],
): void {
  reply.map(2);
  reply.text("type");
  reply.text(type);
  reply.text("spec");
  reply.map(spec.length);
  for (const [name, value] of spec) {
    reply.text(name);
    if (typeof value === "string") reply.text(value);
    else reply.integer(value);
  }
}

// ---- COMMAND DOCS, LIST, GETKEYS ----------------------------------------------------------------

function docs(_x: Context, request: Request, reply: Reply): void {
  const list = request.argc === 2 ? commands : named(request).filter((one) => one !== undefined);
  docsOf(list, reply);
}

function docsOf(list: readonly Command[], reply: Reply): void {
  reply.map(list.length);
  for (const command of list) {
    const { name, subcommands, row } = command;
    const parts = parseSyntax(row.syntax ?? "", specificationsOf(command));
    reply.text(name);
    reply.map(4 + (parts.length > 0 ? 1 : 0) + (subcommands.length > 0 ? 1 : 0));
    for (const field of ["summary", "since", "group", "complexity"] as const) {
      reply.text(field);
      reply.text(row[field]);
    }
    if (parts.length > 0) {
      reply.text("arguments");
      argumentsOf(parts, reply);
    }
    if (subcommands.length > 0) {
      reply.text("subcommands");
      docsOf(subcommands, reply);
    }
  }
}

function argumentsOf(parts: readonly Argument[], reply: Reply): void {
  reply.array(parts.length);
  for (const part of parts) {
    const { name, type, token, since, deprecatedSince, keyIndex } = part;
    const texts = Object.entries({ token, since, deprecated_since: deprecatedSince });
    const told = texts.flatMap(([field, text]) => (text === undefined ? [] : [[field, text]]));
    const flags = [
      part.isOptional ? "optional" : "",
      part.isMultiple ? "multiple" : "",
      part.repeatsToken === true ? "multiple_token" : "",
    ];
    const set = flags.filter((word) => word !== "");
    const more = [keyIndex !== undefined, set.length > 0, part.parts.length > 0];
    reply.map(2 + told.length + more.filter(Boolean).length);
    for (const [field, text] of [["name", name], ["type", type], ...told]) {
      reply.text(field);
      reply.text(text);
    }
    if (keyIndex !== undefined) {
      reply.text("key_spec_index");
      reply.integer(keyIndex);
    }
    if (set.length > 0) {
      reply.text("flags");
      simpleSet(set, reply);
    }
    if (part.parts.length > 0) {
      reply.text("arguments");
      argumentsOf(part.parts, reply);
    }
  }
}

function list(_x: Context, request: Request, reply: Reply): void {
  const all = commands.flatMap((command) => [command, ...command.subcommands]);
  if (request.argc === 2) return names(all, reply);
  if (request.argc !== 5 || !argumentIs(request, 2, "FILTERBY")) return reply.error(syntaxError);
  if (argumentIs(request, 3, "PATTERN")) {
    const bytes = new TextEncoder().encode(request.text(4).toLowerCase());
    const glob = compileGlob(bytes, 0, bytes.length);
    if (glob === null) return reply.error(patternTooComplex);
    return names(
      all.filter(({ name }) => glob.matches(Buffer.from(name), 0, name.length)),
      reply,
    );
  }
  if (argumentIs(request, 3, "ACLCAT")) {
    const category = `@${request.text(4).toLowerCase()}`;
    return names(
      all.filter((command) => categoriesOf(command).includes(category)),
      reply,
    );
  }
  if (!argumentIs(request, 3, "MODULE")) return reply.error(syntaxError);
  names([], reply); // there are no modules
}

function names(list: readonly Command[], reply: Reply): void {
  reply.array(list.length);
  for (const { name } of list) reply.text(name);
}

const invalidCommand = errorReply("Invalid command specified");
const invalidNumber = errorReply("Invalid number of arguments specified for command");
const invalidArguments = errorReply("Invalid arguments specified for command");
const noKeyArguments = errorReply("The command has no key arguments");

/** The command in the arguments from index 2 on, if it has keys; else replies why not. */
function commandWithKeys(request: Request, reply: Reply): Command | null {
  const command = findFrom(request, 2);
  if (command === undefined) reply.error(invalidCommand);
  else if (command.firstKey === 0) reply.error(noKeyArguments);
  else if (!command.accepts(request.argc - 2)) reply.error(invalidNumber);
  else return command;
  return null;
}

/** Only a script may name none. */
function withoutKeys({ flags }: Command, reply: Reply): void {
  if ((flags & flag.SCRIPT) !== 0) reply.array(0);
  else reply.error(invalidArguments);
}

function getKeys(_x: Context, request: Request, reply: Reply): void {
  const command = commandWithKeys(request, reply);
  if (command === null) return;
  const fixed = [command.firstKey, command.lastKey, command.keyStep] as const;
  const range = command.keyRange(fixed, request, 2);
  const positions = keyPositions(range, command.keyArguments(request, 2));
  if (positions.length === 0) return withoutKeys(command, reply);
  reply.array(positions.length);
  for (const at of positions) reply.bulk(request.buf, request.start[at], request.end[at]);
}

function getKeysAndFlags(_x: Context, request: Request, reply: Reply): void {
  const command = commandWithKeys(request, reply);
  if (command === null) return;
  const variable = command.row.keyUseOf?.(request, 2);
  const argc = command.keyArguments(request, 2);
  const keys = command.uses.flatMap(({ words, range }) =>
    keyPositions(command.keyRange(range, request, 2), argc).map((at) => ({
      at,
      words: variable ?? words,
    })),
  );
  if (keys.length === 0) return withoutKeys(command, reply);
  reply.array(keys.length);
  for (const { at, words } of keys) {
    reply.array(2);
    reply.bulk(request.buf, request.start[at], request.end[at]);
    simpleSet(
      words.split(" ").filter((word) => word !== "variable_flags"),
      reply,
    );
  }
}

/** Positions of the keys in a request whose third argument names the command. */
function keyPositions(range: KeyRange, argc: number): number[] {
  const positions: number[] = [];
  for (let at = nextIn(range, 0, argc); at !== 0; at = nextIn(range, at, argc)) {
    positions.push(at + 2);
  }
  return positions;
}
