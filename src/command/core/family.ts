// Builds the rows of a family of commands. Each row states only its own properties; the family
// states the common ones once. It decides nothing about commands; command.ts defines a row.
// Invariant: no field of a row is missing, whether it comes from the row, the family or the
// defaults.

import type { CommandFacts, CommandRow, HandledBy } from "./command.ts";

/** The defaults, which hold for most commands: no keys, and constant time. */
const usual = { keys: [0, 0, 0], complexity: "O(1)" } as const;

/** A row without what is said elsewhere; what it says itself goes before that. */
type OwnRow<Common> = Omit<CommandFacts, keyof Common | keyof typeof usual> &
  Partial<CommandFacts> &
  HandledBy;

export function family<const Common extends Partial<CommandFacts>>(
  common: Common,
  rows: readonly OwnRow<Common>[],
): readonly CommandRow[] {
  // The checker cannot add up a type parameter and what it leaves out; together they are a whole
  // row.
  return rows.map((row) => ({ ...usual, ...common, ...row }) as CommandRow);
}
