// Where a command of several shards goes: to the shard of its keys, to several in parts, or to all.
// It knows names and positions; which shard has a key is the caller's matter.
// Invariant: a command that is not known has no keys, so it is refused rather than sent astray.
// Hot path: keyRowOf() and the walk over positions run for every request.

import type { Argument, Command } from "../wire/command-writer.ts";
import { type KeyRow, keyRows } from "./key-table.ts";

/** How the results of the parts of a command become one. */
export type Join = "first" | "sum" | "in order" | "one list";

/** Commands of several keys that mean the same in parts. None is atomic then. */
const splitCommands = new Map<string, Join>([
  ["MGET", "in order"],
  ["MSET", "first"],
  ["DEL", "sum"],
  ["UNLINK", "sum"],
  ["EXISTS", "sum"],
  ["TOUCH", "sum"],
]);

/** Commands without a key that mean the whole of the shards. */
const wholeCommands = new Map<string, Join>([
  ["PING", "first"],
  ["DBSIZE", "sum"],
  ["KEYS", "one list"],
  ["FLUSHDB", "first"],
  ["FLUSHALL", "first"],
]);

/** A channel is in one shard, that of its name, as a key is. */
const publish: KeyRow = ["PUBLISH", 1, 1, 1, 0];

const rows = new Map<string, KeyRow>([publish, ...keyRows].map((row) => [row[0], row]));

/** Where the keys of the command are; undefined: it has none, or is not known. */
export function keyRowOf(command: Command): KeyRow | undefined {
  const name = command[0] as string;
  return rows.get(name) ?? rows.get(name.toUpperCase()) ?? rows.get(wholeName(command));
}

/** The position behind the last key, for positions from `row[1]` on in steps of `row[3]`. */
export function keysEnd([, first, last, step, counter]: KeyRow, command: Command): number {
  if (counter > 0) {
    const count = Number(textOf(command[counter]));
    const end = first + count * step;
    return count >= 1 && end <= command.length ? end : first; // a wrong number counts as none
  }
  return last < 0 ? command.length + last + 1 : Math.min(last + 1, command.length);
}

/** How the command is joined if its keys are in several shards; undefined: it cannot be split. */
export function splitJoin([name, first, , step]: KeyRow, command: Command): Join | undefined {
  const arePairsWhole = (command.length - first) % step === 0;
  return arePairsWhole ? splitCommands.get(name) : undefined;
}

/** How the replies of all shards are joined; undefined: it is no command for all. */
export function wholeJoin(command: Command): Join | undefined {
  return wholeCommands.get(String(command[0]).toUpperCase());
}

// --- internal ---

/** "OBJECT ENCODING" of a command of that container. */
function wholeName([first, second]: Command): string {
  return `${first} ${textOf(second)}`.toUpperCase();
}

function textOf(argument: Argument | undefined): string {
  return argument instanceof Uint8Array ? Buffer.from(argument).toString("latin1") : `${argument}`;
}
