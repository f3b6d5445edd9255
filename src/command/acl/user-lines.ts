// Lines that define users: those of a file for --acl-file, and those of a configuration file. All
// of them are checked before any counts. Error texts are those of redis 7.0 acl.c
// (ACLLoadFromFile). It reads no files.

import { usersBytesMax, usersMax } from "../../base/limits.ts";
import { splitText } from "../../base/redis-arguments.ts";
import { quoted } from "../../base/redis-quotes.ts";
import type { User } from "../core/user-record.ts";
import { lineOf, rulesOf } from "./describe-user.ts";
import { ruleError } from "./selector.ts";
import {
  applyToUser,
  bytesOfUser,
  excessOf,
  isUserName,
  mergeSelectors,
  newUser,
  type UserDefaults,
} from "./user.ts";

/** The text of a file of users. */
export function textOf(users: readonly User[]): string {
  return users.map((user) => `${lineOf(user)}\n`).join("");
}

/** The users of such a file, or a sentence that says what is wrong with it. */
export function readUsers(text: string, path: string, defaults: UserDefaults): User[] | string {
  const users = new Map<string, User>();
  const errors = text.split("\n").flatMap((line, index) => {
    const words = trim(line).split(" ");
    return words[0] === "" ? [] : addUser(users, words, { path, number: index + 1, defaults });
  });
  const excess = excessOfAll([...users.values()]);
  if (errors.length === 0 && excess === null) return [...users.values()];
  if (excess !== null) errors.push(`${path}: ${excess}. `);
  return (
    `${errors.join("")}WARNING: ACL errors detected, no change to the previously active ACL rules ` +
    "was performed"
  );
}

function trim(line: string): string {
  return line.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
}

interface Place {
  readonly path: string;
  readonly number: number;
  readonly defaults: UserDefaults;
}

/** Adds the user of a line; returns the errors in it. */
function addUser(users: Map<string, User>, words: readonly string[], place: Place): string[] {
  const { path, number, defaults } = place;
  const [keyword, name] = words;
  if (keyword !== "user" || name === undefined) {
    return [`${path}:${number} should start with user keyword followed by the username. `];
  }
  if (!isUserName(name)) {
    return [`'${path}:${number}: username '${name}' contains invalid characters. `];
  }
  if (users.has(name)) return [`WARNING: Duplicate user '${name}' found on line ${number}. `];
  const user = newUser(name, defaults);
  users.set(name, user);
  const rules = mergeSelectors(words.slice(2));
  if ("unmatched" in rules) {
    return [`${path}:${number}: Unmatched parenthesis in selector definition.`];
  }
  return applyRules(user, rules.map(trim), place);
}

/** Unknown commands are all named; of the other errors the first, as later rules build on it. */
function applyRules(user: User, rules: readonly string[], place: Place): string[] {
  const at = `${place.path}:${place.number}`;
  const errors: string[] = [];
  let isBroken = false;
  for (const rule of rules) {
    const problem = applyToUser(user, rule, place.defaults);
    if (problem === null) continue;
    if (problem === ruleError.UNKNOWN) {
      errors.push(`${at}: Error in applying operation '${rule}': ${problem}. `);
    } else if (!isBroken) {
      errors.push(`${at}: ${problem}. `);
      isBroken = true;
    }
  }
  const excess = excessOf(user);
  return excess === null ? errors : [...errors, `${at}: ${excess}. `];
}

/** Why a node cannot have all these users; null if it can. */
export function excessOfAll(users: readonly User[]): string | null {
  if (users.length > usersMax) return `There can be at most ${usersMax} users`;
  const bytes = users.reduce((sum, user) => sum + bytesOfUser(user), 0);
  return bytes > usersBytesMax ? `All users together take at most ${usersBytesMax} bytes` : null;
}

// ---- lines of a configuration file --------------------------------------------------------------

/** What readUserLines() reads, one character per byte. */
export function userLine(user: User): string {
  return `${user.name} ${rulesOf(user)}`.split(" ").map(word).join(" ");
}

/** In quotes, unless a file of text, which a user may edit, can have it as it is. */
function word(bytes: string): string {
  const text = Buffer.from(bytes, "latin1").toString("utf8");
  return /^$|[\s\p{C}"'\ufffd]/u.test(text) ? quoted(bytes) : bytes;
}

/** The users of `user` lines, each without that word; an error names the line. */
export function readUserLines(lines: readonly string[], defaults: UserDefaults): User[] | string {
  const users = new Map<string, User>();
  for (const line of lines) {
    const words = splitText(line);
    const [name = ""] = words ?? [];
    if (words === null || !isUserName(name)) return `user ${name}: Syntax error`;
    if (users.has(name)) {
      return `user ${name}: Duplicate user found. A user can only be defined once in config files`;
    }
    const user = newUser(name, defaults);
    users.set(name, user);
    const rules = mergeSelectors(words.slice(1));
    if ("unmatched" in rules) return `user ${name}: Unmatched parenthesis in selector definition`;
    for (const rule of rules) {
      const problem = applyToUser(user, rule, defaults);
      if (problem !== null) return `user ${name}: Error in applying operation: ${problem}`;
    }
    const excess = excessOf(user);
    if (excess !== null) return `user ${name}: ${excess}`;
  }
  return excessOfAll([...users.values()]) ?? [...users.values()];
}
