// How a command uses its keys, in the words of Redis's key specifications (`RW access update`).
// COMMAND INFO reports them, and the applier of a leader's stream relies on them. Positions and
// words only; nothing is looked up here.
// Invariant: the uses of a command name all keys that it may write to.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import type { Request } from "../../protocol/request.ts";
import { flag } from "./flags.ts";

/**
 * Positions of the first and last key (negative: from the end) and the step between keys; 0: no
 * keys.
 */
export type KeyRange = readonly [first: number, last: number, step: number];

export interface KeyUse {
  readonly words: string;
  readonly range: KeyRange;
  /** What the words ask of the rules of a user: bits of `keyAccess`. */
  readonly access: number;
}

export const keyAccess = { READ: 1 << 0, WRITE: 1 << 1 } as const;

/** Of a key whose existence alone matters, a user needs only to know the name. */
export function accessOf(words: string): number {
  const reads = words.includes("access") ? keyAccess.READ : 0;
  return /insert|delete|update/.test(words) ? reads | keyAccess.WRITE : reads;
}

/** Channels in the arguments from the first to the last one, or in the first alone. */
export interface ChannelUse {
  readonly last: 1 | -1;
  /** They are patterns, as PSUBSCRIBE takes them. */
  readonly arePatterns?: true;
}

/** One use for all keys of the row, or one for each range. */
export type KeyUses = string | readonly (readonly [words: string, range: KeyRange])[];

export function keyUsesOf(flags: number, keys: KeyRange, stated?: KeyUses): readonly KeyUse[] {
  if (keys[0] === 0) return [];
  const uses = stated ?? (flags & flag.WRITE ? "RW access update" : "RO access");
  if (typeof uses === "string") return [{ words: uses, range: keys, access: accessOf(uses) }];
  return uses.map(([words, range]) => ({ words, range, access: accessOf(words) }));
}

/** The words for a channel in the place of a key, by which a cluster would find the node. */
export const notAKey = "not_key";

export function writesTo({ words }: KeyUse): boolean {
  return !words.startsWith("RO") && words !== notAKey;
}

/** Whether the key goes, whatever else the command does. */
export function removes({ words }: KeyUse): boolean {
  return words.startsWith("RM");
}

/**
 * Position of the next key after `position` among `argc` arguments; 0 for none. 0 gives the first.
 */
export function nextIn(range: KeyRange, position: number, argc: number): number {
  const last = range[1];
  const next = position === 0 ? range[0] : position + range[2];
  return next <= (last < 0 ? argc + last : last) ? next : 0;
}

/**
 * The number of arguments up to the end of the keys, where argument `at` of a command says how many
 * follow: a range that ends with the last argument ends there. A wrong number counts as none. The
 * name of the command is argument `name` of the request.
 */
export function argumentsUntil(
  { argc, buf, start, end }: Request,
  [first, , step]: KeyRange,
  at: number,
  name: number,
): number {
  const index = name + at;
  const count = index < argc ? readInteger(buf, start[index], end[index]) : NOT_AN_INTEGER;
  const all = first + count * step;
  return count >= 1 && all <= argc - name ? all : first;
}
