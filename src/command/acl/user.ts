// The rules that change a user, as redis 7.0 has them (acl.c, ACLSetUser). Who holds the users and
// who may change them is said elsewhere (node/security/node-users.ts).
// Invariant: a password is kept as its SHA-256 hash only.

import { latin1Bytes } from "../../base/bytes.ts";
import {
  userBytesMax,
  userNameBytesMax,
  userPasswordsMax,
  userSelectorsMax,
} from "../../base/limits.ts";
import { splitText } from "../../base/redis-arguments.ts";
import type { User } from "../core/user-record.ts";
import {
  applyToSelector,
  copySelector,
  emptySelector,
  hasSpace,
  type RuleError,
  ruleError,
} from "./selector.ts";

export const defaultName = "default";

/** What a new user gets that depends on a setting. */
export interface UserDefaults {
  /** acl-pubsub-default. */
  readonly allChannels: boolean;
}

export function newUser(name: string, { allChannels }: UserDefaults): User {
  return {
    name,
    isOn: false,
    isOpen: false,
    payloads: "",
    passwords: [],
    selectors: [emptySelector(allChannels)],
  };
}

/** The user that new connections have: it may do everything, and needs no password. */
export function newDefaultUser(): User {
  const user = newUser(defaultName, { allChannels: true });
  for (const rule of ["+@all", "~*", "on", "nopass"]) {
    applyToUser(user, rule, { allChannels: true });
  }
  return user;
}

export function copyUser(user: User): User {
  const { passwords, selectors } = user;
  return { ...user, passwords: [...passwords], selectors: selectors.map(copySelector) };
}

export function isUserName(name: string): boolean {
  return !hasSpace(name) && name.length <= userNameBytesMax;
}

// ---- rules --------------------------------------------------------------------------------------

type Change = (user: User) => void;

const words: Readonly<Record<string, Change>> = {
  on: (user) => {
    user.isOn = true;
  },
  off: (user) => {
    user.isOn = false;
  },
  "skip-sanitize-payload": (user) => {
    user.payloads = "skip-sanitize-payload";
  },
  "sanitize-payload": (user) => {
    user.payloads = "sanitize-payload";
  },
  nopass: (user) => {
    user.isOpen = true;
    user.passwords = [];
  },
  resetpass: (user) => {
    user.isOpen = false;
    user.passwords = [];
  },
  clearselectors: (user) => {
    user.selectors = user.selectors.slice(0, 1);
  },
};

/** Applies one rule, or says why that is impossible. */
export function applyToUser(user: User, rule: string, defaults: UserDefaults): RuleError | null {
  if (rule === "") return null;
  const lower = rule.toLowerCase();
  if (Object.hasOwn(words, lower)) {
    words[lower](user);
    return null;
  }
  if (lower === "reset") return reset(user, defaults);
  const [sign] = rule;
  if (sign === ">" || sign === "#") return addPassword(user, rule);
  if (sign === "<" || sign === "!") return removePassword(user, rule);
  if (sign === "(" && rule.endsWith(")")) return addSelector(user, rule.slice(1, -1), defaults);
  return applyToSelector(user.selectors[0], rule);
}

function reset(user: User, { allChannels }: UserDefaults): null {
  const selectors = [emptySelector(allChannels)];
  Object.assign(user, { isOn: false, isOpen: false, passwords: [], selectors });
  user.payloads = "sanitize-payload";
  return null;
}

/** In hexadecimal digits. */
export function hashOf(password: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(password).digest("hex");
}

/** The hash that a rule names or whose password it names; null if it is none. */
function hashIn(rule: string): string | null {
  const rest = rule.slice(1);
  if (rule[0] === ">" || rule[0] === "<") return hashOf(latin1Bytes(rest));
  return /^[\da-f]{64}$/.test(rest) ? rest : null;
}

function addPassword(user: User, rule: string): RuleError | null {
  const hash = hashIn(rule);
  if (hash === null) return ruleError.BAD_HASH;
  if (!user.passwords.includes(hash)) user.passwords.push(hash);
  user.isOpen = false;
  return null;
}

function removePassword(user: User, rule: string): RuleError | null {
  const hash = hashIn(rule);
  if (hash === null) return ruleError.BAD_HASH;
  if (!user.passwords.includes(hash)) return ruleError.NO_SUCH_PASSWORD;
  user.passwords = user.passwords.filter((one) => one !== hash);
  return null;
}

function addSelector(user: User, rules: string, { allChannels }: UserDefaults): RuleError | null {
  const selector = emptySelector(allChannels);
  for (const rule of splitText(rules) ?? []) {
    const problem = applyToSelector(selector, rule);
    if (problem !== null) return problem;
  }
  user.selectors.push(selector);
  return null;
}

/** Whether the rules for channels no longer have all that they had, word by word, as in Redis. */
export function losesChannels(before: User, after: User): boolean {
  if (after.selectors.some(({ allChannels }) => allChannels)) return false;
  const left = new Set(after.selectors.flatMap(({ channels }) => [...channels]));
  return before.selectors.some(
    ({ allChannels, channels }) => allChannels || !channels.isSubsetOf(left),
  );
}

// ---- several rules ------------------------------------------------------------------------------

/**
 * Joins a selector that stands in several arguments. A text says which parenthesis is not closed.
 */
export function mergeSelectors(
  rules: readonly string[],
): string[] | { readonly unmatched: string } {
  const merged: string[] = [];
  let open: string[] | null = null;
  for (const rule of rules) {
    if (rule.startsWith("(") && !rule.endsWith(")")) open = [rule];
    else if (open === null) merged.push(rule);
    else {
      open.push(rule);
      if (!rule.endsWith(")")) continue;
      merged.push(open.join(" "));
      open = null;
    }
  }
  return open === null ? merged : { unmatched: open[0] };
}

/** The user after these rules, or a sentence that says why it cannot be changed so. */
export function changedUser(
  user: User,
  rules: readonly string[],
  defaults: UserDefaults,
): User | string {
  const merged = mergeSelectors(rules);
  if ("unmatched" in merged) {
    return `Unmatched parenthesis in acl selector starting at '${merged.unmatched}'.`;
  }
  const changed = copyUser(user);
  for (const rule of merged) {
    const problem = applyToUser(changed, rule, defaults);
    if (problem !== null) return `Error in ACL SETUSER modifier '${rule}': ${problem}`;
  }
  return excessOf(changed) ?? changed;
}

const selectorBytes = 1024;
const patternBytes = 256;

/** The memory of a user, roughly: what its rules may take is bounded. */
export function bytesOfUser({ name, passwords, selectors }: User): number {
  const texts = selectors.flatMap(({ keys, channels, firstArguments }) => [
    ...keys.keys(),
    ...channels,
    ...[...firstArguments.values()].flat(),
  ]);
  const bytes = texts.reduce((sum, text) => sum + text.length + patternBytes, 0);
  return name.length + passwords.length * patternBytes + selectors.length * selectorBytes + bytes;
}

/** Why a user cannot have all of this; null if it can. */
export function excessOf(user: User): string | null {
  if (user.passwords.length > userPasswordsMax) {
    return `A user has at most ${userPasswordsMax} passwords`;
  }
  if (user.selectors.length > userSelectorsMax) {
    return `A user has at most ${userSelectorsMax} selectors`;
  }
  return bytesOfUser(user) > userBytesMax
    ? `The patterns and arguments of a user take at most ${userBytesMax} bytes`
    : null;
}
