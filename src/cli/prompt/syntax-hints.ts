// What may follow what was typed: the rest of a command's arguments as a hint, and the words that
// Tab completes. It judges by the documents of the commands alone, and asks no server.

import { type CommandDoc, type CommandDocs, type DocArgument, syntaxText } from "./command-docs.ts";
import { splitLine } from "./redis-line.ts";

const localNames = ["help", "quit", "exit", "clear", "connect"];

/** What to show behind the line; empty if nothing is known or nothing is missing. */
export function hintOf(line: string, docs: CommandDocs): string {
  const words = splitLine(line);
  if (words === null || words.length === 0) return "";
  const found = commandOf(words, docs);
  if (found === null) return "";
  const left = restOf(found.doc.args, words.slice(found.words));
  const text = left === null ? "" : syntaxText(left);
  return text === "" || /\s$/.test(line) ? text : ` ${text}`;
}

/** The lines that Tab offers in turn, in alphabetical order. */
export function completionsOf(line: string, docs: CommandDocs): string[] {
  const [, before = "", partial = ""] = /^(.*?)([^\s"']*)$/s.exec(line) ?? [];
  const words = splitLine(before);
  if (words === null) return [];
  const isLower = /[a-z]/.test(partial || (words[0] ?? ""));
  const wanted = partial.toUpperCase();
  const matching = candidates(words, docs).filter((name) => name.startsWith(wanted));
  return [...new Set(matching)]
    .sort()
    .map((name) => before + (isLower ? name.toLowerCase() : name));
}

// --- internal ---

/** In upper case, for the word behind these. */
function candidates(words: readonly string[], docs: CommandDocs): string[] {
  const names = [...docs.keys()];
  const [first] = words.map((word) => word.toUpperCase());
  const rest = /^\d+$/.test(first ?? "") ? words.slice(1) : words;
  if (rest.length === 0)
    return [...oneWord(names), ...localNames.map((name) => name.toUpperCase())];
  if (first === "HELP") return helpTopics(rest.slice(1), docs);
  const found = commandOf(rest, docs);
  const path = `${rest.join(" ").toUpperCase()} `;
  const subcommands = names.filter((name) => name.startsWith(path));
  if (subcommands.length > 0) return subcommands.map((name) => name.slice(path.length));
  if (found === null) return [];
  const left = restOf(found.doc.args, rest.slice(found.words));
  return left === null ? [] : nextTokens(left);
}

function oneWord(names: readonly string[]): string[] {
  return names.filter((name) => !name.includes(" "));
}

function helpTopics(words: readonly string[], docs: CommandDocs): string[] {
  const path = words.length === 0 ? "" : `${words.join(" ").toUpperCase()} `;
  const names = [...docs.keys()].filter((name) => name.startsWith(path));
  const topics = oneWord(names.map((name) => name.slice(path.length)));
  const groups = new Set([...docs.values()].map(({ group }) => `@${group.toUpperCase()}`));
  return path === "" ? [...topics, ...groups] : topics;
}

/** The command that the words begin with, and how many of them name it. */
function commandOf(
  words: readonly string[],
  docs: CommandDocs,
): { readonly doc: CommandDoc; readonly words: number } | null {
  const [first = "", second = ""] = words.map((word) => word.toUpperCase());
  const sub = docs.get(`${first} ${second}`);
  if (sub !== undefined) return { doc: sub, words: 2 };
  const doc = docs.get(first);
  return doc === undefined ? null : { doc, words: 1 };
}

/** The arguments that may still come behind these words; null if the words do not fit. */
function restOf(args: readonly DocArgument[], words: readonly string[]): DocArgument[] | null {
  let left: DocArgument[] | null = [...args];
  for (const word of words) left = left && afterWord(left, word);
  return left;
}

/** Options may come in any order, so what was passed over stays. */
function afterWord(args: readonly DocArgument[], word: string): DocArgument[] | null {
  for (const byToken of [true, false]) {
    for (const [i, arg] of args.entries()) {
      const left = afterPart(arg, word, byToken);
      if (left !== null) return [...left, ...args.slice(0, i), ...args.slice(i + 1)];
      if (!arg.isOptional) break;
    }
  }
  return null;
}

/** What is left of the argument if the word begins it; null if it does not. */
function afterPart(arg: DocArgument, word: string, byToken: boolean): DocArgument[] | null {
  const again = arg.isMultiple ? [{ ...arg, isOptional: true, isAgain: true }] : [];
  if (arg.token !== undefined) {
    if (!byToken || word.toUpperCase() !== arg.token.toUpperCase()) return null;
    if (arg.type === "pure-token") return again;
    const value = { ...arg, token: undefined, isOptional: false };
    return arg.repeatsToken ? [{ ...value, isMultiple: false }, ...again] : [value];
  }
  if (arg.type === "block") {
    const left = intoBlock(arg.parts, word, byToken);
    return left && [...left, ...again];
  }
  if (arg.type === "oneof") {
    for (const part of arg.parts) {
      const left = afterPart(part, word, byToken);
      if (left !== null) return [...left, ...again];
    }
    return null;
  }
  return byToken ? null : again;
}

/** A block begins with its first part, or with a later one if those before are optional. */
function intoBlock(
  parts: readonly DocArgument[],
  word: string,
  byToken: boolean,
): DocArgument[] | null {
  for (const [i, part] of parts.entries()) {
    const left = afterPart(part, word, byToken);
    if (left !== null) return [...left, ...parts.slice(i + 1)];
    if (!part.isOptional) return null;
  }
  return null;
}

/** The keywords that may come next. */
function nextTokens(args: readonly DocArgument[]): string[] {
  const found: string[] = [];
  for (const arg of args) {
    found.push(...tokensOf(arg));
    if (!arg.isOptional) break;
  }
  return found;
}

function tokensOf(arg: DocArgument): string[] {
  if (arg.token !== undefined) return arg.token === "" ? [] : [arg.token.toUpperCase()];
  if (arg.type === "oneof") return arg.parts.flatMap(tokensOf);
  return arg.type === "block" ? nextTokens(arg.parts) : [];
}
