// The shards of a client by name and by key, and where a command goes as a whole. It sends nothing.
// Invariant: a command goes to a shard only if all its keys are there.

import { CrossShardError, InvalidArgumentError, type MSCacheError } from "../client-errors.ts";
import type { Argument, Command } from "../wire/command-writer.ts";
import { type Join, keyRowOf, keysEnd, splitJoin, wholeJoin } from "./command-keys.ts";
import type { KeyRow } from "./key-table.ts";
import { Rendezvous } from "./rendezvous.ts";

/** It has no keys, or its keys are in several shards. */
export const NO_KEY = -1;
export const SEVERAL = -2;

export class ShardMap {
  readonly names: readonly string[];
  private readonly rendezvous: Rendezvous;

  constructor(names: readonly string[]) {
    this.names = names;
    this.rendezvous = new Rendezvous(names);
  }

  /** The index of the shard of this name. Throws an InvalidArgumentError. */
  indexOfName(name: string): number {
    const index = this.names.indexOf(name);
    if (index >= 0) return index;
    const known = this.names.map((one) => JSON.stringify(one)).join(", ");
    throw new InvalidArgumentError(`there is no shard of that name; there are ${known}`);
  }

  /** The index of the shard that has the key. */
  indexOfKey(key: Argument | undefined): number {
    return this.rendezvous.indexOf(key);
  }

  /**
   * Whether a key that was found in the shard of this index belongs there. What a key was that was
   * no UTF-8 cannot be told from its text, so such a text belongs everywhere.
   */
  isAt(index: number, key: Argument): boolean {
    return this.indexOfKey(key) === index || (typeof key === "string" && key.includes("\uFFFD"));
  }

  /** The index of the shard of the command, NO_KEY or SEVERAL. */
  indexOfCommand(command: Command): number {
    const row = keyRowOf(command);
    if (row === undefined) return NO_KEY;
    const first = row[1];
    if (row[2] === first && first < command.length) return this.indexOfKey(command[first]);
    return this.indexOfAllKeys(row, command);
  }

  /** The index of the shard of all the commands, or what is wrong with them. */
  indexOfAll(commands: readonly Command[]): number | MSCacheError {
    let first: Command | null = null;
    let index = NO_KEY;
    for (const command of commands) {
      const at = this.indexOfCommand(command);
      if (at === NO_KEY) return noKey(command);
      if (at === SEVERAL) return this.several(command);
      if (first !== null && at !== index) return this.apart("the commands", keyOf(first), command);
      first ??= command;
      index = at;
    }
    return index;
  }

  /** How a command that has no shard of its own goes to several, or why it cannot. */
  joinOf(command: Command): Join | MSCacheError {
    const index = this.indexOfCommand(command);
    const row = keyRowOf(command);
    const join = row === undefined ? wholeJoin(command) : splitJoin(row, command);
    if (index === NO_KEY) return row === undefined && join !== undefined ? join : noKey(command);
    return join ?? this.several(command);
  }

  // --- internal ---

  private indexOfAllKeys(row: KeyRow, command: Command): number {
    const end = keysEnd(row, command);
    const [, first, , step] = row;
    if (end <= first) return NO_KEY;
    const index = this.indexOfKey(command[first]);
    for (let at = first + step; at < end; at += step) {
      if (this.indexOfKey(command[at]) !== index) return SEVERAL;
    }
    return index;
  }

  private several(command: Command): CrossShardError {
    return this.apart(nameOf(command), keyOf(command), command);
  }

  /** Names `key` and the first key of the command that is elsewhere. */
  private apart(what: string, key: Argument, command: Command): CrossShardError {
    const row = keyRowOf(command) as KeyRow;
    const index = this.indexOfKey(key);
    let at = row[1];
    while (this.indexOfKey(command[at] as Argument) === index) at += row[3];
    const other = command[at] as Argument;
    const { names } = this;
    const shards = [names[index] as string, names[this.indexOfKey(other)] as string] as const;
    return new CrossShardError(what, [textOf(key), textOf(other)], shards);
  }
}

// --- internal ---

function noKey(command: Command): InvalidArgumentError {
  return new InvalidArgumentError(
    `${nameOf(command)} has no key that is known to this client: send it by client.shard(name)`,
  );
}

function keyOf(command: Command): Argument {
  return command[(keyRowOf(command) as KeyRow)[1]] as Argument;
}

function nameOf(command: Command): string {
  return keyRowOf(command)?.[0] ?? String(command[0]).toUpperCase();
}

function textOf(key: Argument): string {
  return key instanceof Uint8Array ? Buffer.from(key).toString("utf8") : `${key}`;
}
