// A user as the rules that would make it, as ACL LIST and ACL GETUSER show it and ACL SAVE writes
// it (redis 7.0 acl.c, ACLDescribeUser). The commands of a selector are described by the categories
// that fit best, and what differs from them one by one; Redis names these in the order of a hash
// table, we by their names.
// Invariant: the rules make the same set of commands again.

import { assert } from "../../base/errors.ts";
import { categoryNames } from "../core/categories.ts";
import type { Selector, User } from "../core/user-record.ts";
import { keyAccess } from "../terms/key-use.ts";
import { commandNames } from "./command-names.ts";
import {
  applyToSelector,
  changeCategory,
  changeCommand,
  copySelector,
  emptySelector,
} from "./selector.ts";

/** The line of a user in ACL LIST, in a file of users, and in a configuration file. */
export function lineOf(user: User): string {
  return `user ${user.name} ${rulesOf(user)}`;
}

/** All rules of a user, separated by blanks. */
export function rulesOf(user: User): string {
  const [own, ...others] = user.selectors.map(selectorRules);
  const passwords = user.passwords.map((hash) => `#${hash}`);
  return [...flagsOf(user), ...passwords, own, ...others.map((rules) => `(${rules})`)].join(" ");
}

export function flagsOf({ isOn, isOpen, payloads }: User): string[] {
  const flags = [isOn ? "on" : "off", isOpen ? "nopass" : "", payloads];
  return flags.filter((word) => word !== "");
}

function selectorRules(selector: Selector): string {
  const keys = keyRules(selector);
  const channels = selector.allChannels ? "&*" : `resetchannels ${channelRules(selector)}`;
  return [keys, channels.trim(), commandRules(selector)].filter((rules) => rules !== "").join(" ");
}

export function keyRules({ allKeys, keys }: Selector): string {
  return allKeys ? "~*" : [...keys].map(keyRule).join(" ");
}

function keyRule([pattern, access]: readonly [string, number]): string {
  if (access === keyAccess.READ) return `%R~${pattern}`;
  return access === keyAccess.WRITE ? `%W~${pattern}` : `~${pattern}`;
}

export function channelRules({ allChannels, channels }: Selector): string {
  return allChannels ? "&*" : [...channels].map((pattern) => `&${pattern}`).join(" ");
}

// ---- commands -----------------------------------------------------------------------------------

/** The rules for the commands of a selector; the first is always +@all or -@all. */
export function commandRules(selector: Selector): string {
  const isAdditive = !selector.futureCommands;
  const rules = [isAdditive ? "-@all" : "+@all"];
  const made = emptySelector();
  applyToSelector(made, rules[0]);
  for (const name of bestCategories(selector, isAdditive)) {
    changeCategory(made, name, isAdditive);
    rules.push(`${isAdditive ? "+" : "-"}@${name}`);
  }
  rules.push(...singleRules(selector, made));
  assert(Buffer.compare(made.commands, selector.commands) === 0, "rules describe their commands");
  return rules.join(" ");
}

/**
 * The categories of which more commands are as in the selector than not, the best first: the one
 * with the fewest that are not, and among these the largest.
 */
function bestCategories(selector: Selector, isAdditive: boolean): string[] {
  const left = copySelector(selector);
  const wanted = isAdditive ? 1 : 0;
  const found: string[] = [];
  for (;;) {
    let best = "";
    let bestSame = 0;
    let bestOther = Number.POSITIVE_INFINITY;
    for (const [index, name] of categoryNames.entries()) {
      if (found.includes(name)) continue;
      const [same, other] = countOf(left, index, wanted);
      const isBetter = other < bestOther || (other === bestOther && same > bestSame);
      if (same <= other || !isBetter) continue;
      best = name;
      bestSame = same;
      bestOther = other;
    }
    if (best === "") return found;
    found.push(best);
    changeCategory(left, best, !isAdditive);
  }
}

/** How many commands of a category are allowed or not as wanted, and how many are otherwise. */
function countOf({ commands }: Selector, category: number, wanted: number): [number, number] {
  let same = 0;
  let other = 0;
  for (const { number } of commandNames().byCategory[category]) {
    if (commands[number] === wanted) same++;
    else other++;
  }
  return [same, other];
}

/** What makes the commands of `made` those of the selector. */
function singleRules(selector: Selector, made: Selector): string[] {
  const rules: string[] = [];
  for (const command of commandNames().all) {
    const { name, number } = command;
    const isAllowed = selector.commands[number] === 1;
    if (selector.commands[number] !== made.commands[number]) {
      rules.push(`${isAllowed ? "+" : "-"}${name}`);
      changeCommand(made, command, isAllowed);
    }
    if (isAllowed) continue;
    for (const first of selector.firstArguments.get(number) ?? []) rules.push(`+${name}|${first}`);
  }
  return rules;
}
