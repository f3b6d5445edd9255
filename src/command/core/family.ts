// How a family of commands declares its rows: every row is an object that says what is its own, and what
// the family has in common is said once. It decides nothing about commands; command.ts says what a row is.
// Invariant: no field of a row is missing, whether it comes from the row, the family or the usual case.

import type { CommandFacts, CommandRow, HandledBy } from "./command.ts";

/** What most commands have: no keys, and work that does not depend on anything. */
const usual = { keys: [0, 0, 0], complexity: "O(1)" } as const;

/** A row without what is said elsewhere; what it says itself goes before that. */
type OwnRow<Common> = Omit<CommandFacts, keyof Common | keyof typeof usual> &
  Partial<CommandFacts> &
  HandledBy;

export function family<const Common extends Partial<CommandFacts>>(
  common: Common,
  rows: readonly OwnRow<Common>[],
): readonly CommandRow[] {
  // The checker cannot add up a type parameter and what it leaves out; together they are a whole row.
  return rows.map((row) => ({ ...usual, ...common, ...row }) as CommandRow);
}
