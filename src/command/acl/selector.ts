// The rules that change a selector, as redis 7.0 has them (acl.c, ACLSetSelector). What a selector
// is says user-record.ts; account.ts makes of it what judges commands.

import { latin1Bytes } from "../../base/bytes.ts";
import { compileGlob } from "../../base/glob.ts";
import type { Selector } from "../core/user-record.ts";
import { keyAccess } from "../terms/key-use.ts";
import { commandNameCount, commandNames, type NamedCommand } from "./command-names.ts";

/** Why a rule was refused, in Redis's words. */
export const ruleError = {
  UNKNOWN: "Unknown command or category name in ACL",
  SYNTAX: "Syntax error",
  AFTER_ALL_KEYS:
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have " +
    "any effect. Try 'resetkeys' to start with an empty list of patterns",
  AFTER_ALL_CHANNELS:
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not " +
    "have any effect. Try 'resetchannels' to start with an empty list of channels",
  NO_SUCH_PASSWORD: "The password you are trying to remove from the user does not exist",
  BAD_HASH:
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal " +
    "characters",
  OF_SUBCOMMAND: "Allowing first-arg of a subcommand is not supported",
  TOO_COMPLEX: "Pattern is too long or too complex",
} as const;

export type RuleError = (typeof ruleError)[keyof typeof ruleError];

export function emptySelector(allChannels = false): Selector {
  return {
    allKeys: false,
    allChannels,
    allCommands: false,
    futureCommands: false,
    commands: new Uint8Array(commandNameCount()),
    firstArguments: new Map(),
    keys: new Map(),
    channels: new Set(),
  };
}

export function copySelector(selector: Selector): Selector {
  const { commands, firstArguments, keys, channels } = selector;
  return {
    ...selector,
    commands: commands.slice(),
    firstArguments: new Map([...firstArguments].map(([number, words]) => [number, [...words]])),
    keys: new Map(keys),
    channels: new Set(channels),
  };
}

type Change = (selector: Selector) => void;

/** The rules that are one word, in lower case. */
const words: Readonly<Record<string, Change>> = {
  allkeys: (selector) => resetKeys(selector, true),
  "~*": (selector) => resetKeys(selector, true),
  resetkeys: (selector) => resetKeys(selector, false),
  allchannels: (selector) => resetChannels(selector, true),
  "&*": (selector) => resetChannels(selector, true),
  resetchannels: (selector) => resetChannels(selector, false),
  allcommands: (selector) => resetCommands(selector, true),
  "+@all": (selector) => resetCommands(selector, true),
  nocommands: (selector) => resetCommands(selector, false),
  "-@all": (selector) => resetCommands(selector, false),
};

/** Applies one rule, or says why that is impossible. */
export function applyToSelector(selector: Selector, rule: string): RuleError | null {
  const lower = rule.toLowerCase();
  if (Object.hasOwn(words, lower)) {
    words[lower](selector);
    return null;
  }
  const [sign = "", second] = rule;
  if (sign === "~" || sign === "%") return addKeys(selector, rule);
  if (sign === "&") return addChannels(selector, rule.slice(1));
  if (sign !== "+" && sign !== "-") return ruleError.SYNTAX;
  const isAllowed = sign === "+";
  if (second === "@") return changeCategory(selector, rule.slice(2), isAllowed);
  if (isAllowed && rule.includes("|")) return allowPart(selector, rule.slice(1));
  const command = commandNames().find(rule.slice(1));
  if (command === undefined) return ruleError.UNKNOWN;
  changeCommand(selector, command, isAllowed);
  return null;
}

// ---- keys and channels --------------------------------------------------------------------------

function resetKeys(selector: Selector, isAll: boolean): void {
  selector.allKeys = isAll;
  selector.keys.clear();
}

function resetChannels(selector: Selector, isAll: boolean): void {
  selector.allChannels = isAll;
  selector.channels.clear();
}

const either = keyAccess.READ | keyAccess.WRITE;

/** `~pattern`, or `%`, the letters R and W, `~` and the pattern. */
function addKeys(selector: Selector, rule: string): RuleError | null {
  if (selector.allKeys) return ruleError.AFTER_ALL_KEYS;
  const [, letters, rest] = /^(?:%([rw]*))?(?:~|$)(.*)$/is.exec(rule) ?? [];
  if (rest === undefined) return ruleError.SYNTAX;
  const access = letters === undefined ? either : accessOfLetters(letters.toLowerCase());
  if (access === 0) return ruleError.SYNTAX;
  const problem = problemOf(rest);
  if (problem !== null) return problem;
  selector.keys.set(rest, access | (selector.keys.get(rest) ?? 0));
  return null;
}

/** 0 if a letter is there twice. */
function accessOfLetters(letters: string): number {
  if (letters === "r") return keyAccess.READ;
  if (letters === "w") return keyAccess.WRITE;
  return letters === "rw" || letters === "wr" ? either : 0;
}

function addChannels(selector: Selector, pattern: string): RuleError | null {
  if (selector.allChannels) return ruleError.AFTER_ALL_CHANNELS;
  const problem = problemOf(pattern);
  if (problem !== null) return problem;
  selector.channels.add(pattern);
  return null;
}

function problemOf(pattern: string): RuleError | null {
  if (hasSpace(pattern)) return ruleError.SYNTAX;
  return compileGlob(latin1Bytes(pattern), 0, pattern.length) === null
    ? ruleError.TOO_COMPLEX
    : null;
}

/** Spaces and zero bytes would make the lines ambiguous in which users are shown and saved. */
export function hasSpace(text: string): boolean {
  return /[ \t\n\v\f\r\0]/.test(text);
}

// ---- commands -----------------------------------------------------------------------------------

function resetCommands(selector: Selector, isAll: boolean): void {
  selector.commands.fill(isAll ? 1 : 0);
  selector.allCommands = isAll;
  selector.futureCommands = isAll;
  selector.firstArguments.clear();
}

/** Allows or forbids a command, and with a container its subcommands. */
export function changeCommand(selector: Selector, command: NamedCommand, isAllowed: boolean): void {
  selector.firstArguments.delete(command.number);
  const value = isAllowed ? 1 : 0;
  selector.commands[command.number] = value;
  for (const { number } of command.subcommands) selector.commands[number] = value;
  if (!isAllowed) selector.allCommands = false;
}

export function changeCategory(
  selector: Selector,
  name: string,
  isAllowed: boolean,
): RuleError | null {
  const commands = commandNames().category(name);
  if (commands === undefined) return ruleError.UNKNOWN;
  for (const command of commands) changeCommand(selector, command, isAllowed);
  return null;
}

/**
 * `container|subcommand`, or a command and the first argument with which alone it is allowed. Redis
 * has deprecated the latter.
 */
function allowPart(selector: Selector, text: string): RuleError | null {
  const bar = text.lastIndexOf("|");
  const command = commandNames().find(text.slice(0, bar));
  if (command === undefined) return ruleError.UNKNOWN;
  if (command.isSubcommand) return ruleError.OF_SUBCOMMAND;
  const part = text.slice(bar + 1);
  if (part === "") return ruleError.SYNTAX;
  if (command.subcommands.length > 0) {
    const subcommand = commandNames().find(text);
    if (subcommand === undefined) return ruleError.UNKNOWN;
    changeCommand(selector, subcommand, true);
    return null;
  }
  const parts = selector.firstArguments.get(command.number) ?? [];
  const isKnown = parts.some((one) => one.toLowerCase() === part.toLowerCase());
  if (!isKnown) selector.firstArguments.set(command.number, [...parts, part]);
  return null;
}
