// The commands as rules name them: those of the table and the absent ones of Redis, each with its
// number in the set of a selector, its categories and its subcommands. What a rule does to a set is
// in selector.ts.
// Invariant: the numbers follow from the names alone, so they are the same in all threads.

import { assert } from "../../base/errors.ts";
import { categoriesOf, categoryNames } from "../core/categories.ts";
import { commands, internal } from "../core/registry.ts";
import { absentCommands } from "./absent-commands.ts";

export interface NamedCommand {
  readonly name: string;
  /** Its place in the sets of selectors. */
  readonly number: number;
  /** A bit for each category, in the order of categoryNames. */
  readonly categories: number;
  readonly isSubcommand: boolean;
  readonly subcommands: readonly NamedCommand[];
  /** The ids of the commands that run under this name; none if it is absent here. */
  readonly ids: readonly number[];
}

interface Draft {
  readonly name: string;
  readonly categories: readonly string[];
  readonly ids: number[];
}

export class CommandNames {
  /** All of them by their numbers: a container before its subcommands. */
  readonly all: readonly NamedCommand[];
  /** Those of each category, in the order of categoryNames. */
  readonly byCategory: readonly (readonly NamedCommand[])[];
  private readonly byName: ReadonlyMap<string, NamedCommand>;

  constructor() {
    const drafts = draftsOf();
    const names = [...drafts.keys()].sort();
    const numbers = new Map(names.map((name, number) => [name, number]));
    // Each thread that has users makes them at its start: no name is compared with all others.
    const parts = Map.groupBy(names, containerOf);
    const named = (draft: Draft): NamedCommand => ({
      name: draft.name,
      number: numbers.get(draft.name) ?? 0,
      categories: bitsOf(draft.categories),
      isSubcommand: draft.name.includes("|"),
      subcommands: (parts.get(draft.name) ?? [])
        .flatMap((name) => drafts.get(name) ?? [])
        .map(named),
      ids: draft.ids,
    });
    this.all = names.flatMap((name) => drafts.get(name) ?? []).map(named);
    this.byCategory = categoryNames.map((_name, index) =>
      this.all.filter(({ categories }) => (categories & (1 << index)) !== 0),
    );
    this.byName = new Map(this.all.map((command) => [command.name, command]));
  }

  /** The commands of the category of this name in any case; undefined if there is none. */
  category(name: string): readonly NamedCommand[] | undefined {
    return this.byCategory[(categoryNames as readonly string[]).indexOf(name.toLowerCase())];
  }

  /** The command of this name in any case, `container|subcommand` included. */
  find(name: string): NamedCommand | undefined {
    return this.byName.get(name.toLowerCase());
  }
}

/** "client" of "client|list"; nothing for a command that is in no other. */
function containerOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("|")));
}

function draftsOf(): Map<string, Draft> {
  const drafts = new Map<string, Draft>();
  for (const command of commands.flatMap((one) => [one, ...one.subcommands])) {
    const categories = categoriesOf(command).map((category) => category.slice(1));
    drafts.set(command.name, { name: command.name, categories, ids: [command.id] });
  }
  for (const { name, categories } of absentCommands) {
    if (!drafts.has(name)) drafts.set(name, { name, categories, ids: [] });
  }
  // What the binary protocol does is allowed by the name that Redis has for it.
  for (const { id, row } of internal.values()) drafts.get(row.judgedAs ?? "")?.ids.push(id);
  return drafts;
}

const bitByCategory: ReadonlyMap<string, number> = new Map(
  categoryNames.map((name, index) => [name, 1 << index]),
);

function bitsOf(categories: readonly string[]): number {
  return categories.reduce((bits, name) => bits | (bitByCategory.get(name) ?? 0), 0);
}

let cached: CommandNames | null = null;

/** Made at the first call, when the table of commands is complete. */
export function commandNames(): CommandNames {
  assert(commands.length > 0, "the table of commands is loaded before users are made");
  cached ??= new CommandNames();
  return cached;
}

/**
 * How many there are. A node without users needs no more of them, and making them would be a
 * twentieth of its start.
 */
export function commandNameCount(): number {
  if (cached !== null) return cached.all.length;
  const present = commands.flatMap((one) => [one, ...one.subcommands]);
  return new Set([...present, ...absentCommands].map(({ name }) => name)).size;
}
