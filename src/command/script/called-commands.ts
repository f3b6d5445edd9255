// What a script's text tells: whether it may run for long, and what commands it calls. With several
// data threads, a script may run in any of them if each of its calls names a command that may run
// there; any other script runs in the control thread, where every command may.
// Invariant: a script that runs anywhere does nothing with `redis.call` and `redis.pcall` but call
// them, with the command's name written out. What Lua computes is not followed: whatever is not as
// plain as that goes to the control thread.

import { latin1 } from "../../base/bytes.ts";
import { otherString, stringMark, tokensOf } from "../../lua/tokens.ts";
import type { Command } from "../core/command.ts";
import { byName } from "../core/registry.ts";
import { flag } from "../terms/flags.ts";

/** Ways to the table `redis` that do not name it. */
const hidden: ReadonlySet<string> = new Set(["_G", "load", "loadstring"]);
const calling: ReadonlySet<string> = new Set(["call", "pcall"]);
/** Words that go on with an expression. */
const operators: ReadonlySet<string> = new Set(["and", "or"]);

export function callsOnlyLocalCommands(text: Uint8Array): boolean {
  const tokens = tokensOf(latin1(text));
  const names = aliasesIn(tokens);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (hidden.has(token)) return false;
    if (token === "redis" && !isPlainUse(tokens, i)) return false;
    if (isField(tokens, i) || isAlias(tokens, i - 1)) continue;
    if (names.has(token) && !isLocalCall(tokens, i, i + 1)) return false;
    // Another function of this name might call what it is given with other arguments.
    if (token === "pcall" && (tokens[i - 1] === "function" || tokens[i + 1] !== "(")) return false;
  }
  return true;
}

// ---- names for redis.call -----------------------------------------------------------------------

/** The names that `local call = redis.call`, as libraries begin, gives to redis.call. */
function aliasesIn(tokens: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let i = 0; i < tokens.length; i++) if (isAlias(tokens, i)) names.add(tokens[i + 1]);
  return names;
}

/**
 * Whether an alias begins here. A word or `;` must follow: before a string or a table it would be a
 * call, whose result the name has.
 */
function isAlias(tokens: readonly string[], at: number): boolean {
  if (tokens[at] !== "local" || tokens[at + 2] !== "=") return false;
  const end = endOfFunction(tokens, at + 3);
  return end > 0 && tokens[at + 1] !== "redis" && endsExpression(tokens[end]);
}

function endsExpression(next: string | undefined): boolean {
  if (next === undefined || next === ";") return true;
  return /^[A-Za-z_]/.test(next) && !operators.has(next);
}

/** A field `x.name` or a method `x:name()`, but not what follows the `..` of two texts. */
function isField(tokens: readonly string[], at: number): boolean {
  const before = tokens[at - 1];
  return before === ":" || (before === "." && tokens[at - 2] !== ".");
}

// ---- uses of redis ------------------------------------------------------------------------------

/** `redis.call(...)` of a command of any thread, its alias, or another field than `call`. */
function isPlainUse(tokens: readonly string[], at: number): boolean {
  const end = endOfFunction(tokens, at);
  if (end > 0) return isAlias(tokens, at - 3) || isLocalCall(tokens, at, end);
  return endOfField(tokens, at) > 0;
}

/** The end of `redis.call` or `redis["pcall"]`; 0: it is not there. */
function endOfFunction(tokens: readonly string[], at: number): number {
  const end = endOfField(tokens, at);
  if (end === 0) return 0;
  const name = tokens[at + 2];
  return calling.has(name.startsWith(stringMark) ? name.slice(stringMark.length) : name) ? end : 0;
}

/** The end of `redis.name` or `redis["name"]`. */
function endOfField(tokens: readonly string[], at: number): number {
  if (tokens[at] !== "redis") return 0;
  const name = tokens[at + 2] ?? "";
  if (tokens[at + 1] === ".") return /^[A-Za-z_]/.test(name) ? at + 3 : 0;
  const isNamed = name.startsWith(stringMark) && name !== otherString;
  return isNamed && tokens[at + 1] === "[" && tokens[at + 3] === "]" ? at + 4 : 0;
}

/** Whether the function from `at` to `end` is called, by itself or by pcall(), with such a name. */
function isLocalCall(tokens: readonly string[], at: number, end: number): boolean {
  if (tokens[end] === "(") return isLocalName(tokens, end + 1);
  const isPassed = tokens[at - 1] === "(" && tokens[at - 2] === "pcall" && tokens[end] === ",";
  return isPassed && !isField(tokens, at - 2) && isLocalName(tokens, end + 1);
}

/** Whether the whole argument here is the name of a command that may run in any thread. */
function isLocalName(tokens: readonly string[], at: number): boolean {
  const name = wholeText(tokens, at);
  if (name === null) return false;
  const command = byName(name.toLowerCase());
  if (command === undefined) return !name.includes("|"); // the same error anywhere
  if (command.subcommands.length === 0 || tokens[at + 1] === ")") return isLocal(command);
  if (command.subcommands.every(isLocal)) return true;
  const word = wholeText(tokens, at + 2);
  const subcommand = word === null ? undefined : byName(`${name}|${word}`.toLowerCase());
  return subcommand !== undefined && isLocal(subcommand);
}

/** The text of an argument that is one string; null: it is something else. */
function wholeText(tokens: readonly string[], at: number): string | null {
  const text = tokens[at] ?? "";
  const next = tokens[at + 1];
  if (!text.startsWith(stringMark) || text === otherString) return null;
  return next === "," || next === ")" ? text.slice(stringMark.length) : null;
}

/** A command that no script may call gets the same error in any thread. */
function isLocal({ flags, answersScripts }: Command): boolean {
  if ((flags & flag.NO_SCRIPT) !== 0) return true;
  return (flags & flag.GLOBAL) === 0 && ((flags & flag.CONTROL) === 0 || !answersScripts);
}

// ---- long scripts -------------------------------------------------------------------------------

/** What code needs to run a part of itself again, or code that its text does not show. */
const repetition = /while|for|repeat|function|load|sort|gsub/;

export function mayLoop(text: Uint8Array): boolean {
  return repetition.test(latin1(text));
}
