// What the person at the keyboard has chosen, and what each key does to it. Pure: no terminal, no
// node. How keys arrive is in key-presses.ts, and how the choice looks is in frame.ts.
// Invariant: the chosen node is one of the rows, or null while there are none.

import { nodeColumns } from "./node-columns.ts";
import type { NodeRow } from "./node-row.ts";

/** The parts of the panel; "all" where the terminal is high enough. */
export const panels = ["all", "commands", "slow", "clients"] as const;
export type Panel = (typeof panels)[number];

export interface ViewState {
  /** The name of the chosen node. */
  readonly chosen: string | null;
  /** The title of the column by which nodes are sorted; null: as they were named. */
  readonly sort: string | null;
  readonly isReversed: boolean;
  readonly isPaused: boolean;
  readonly showsHelp: boolean;
  readonly panel: Panel;
  readonly isDone: boolean;
}

export const firstState: ViewState = {
  chosen: null,
  sort: null,
  isReversed: false,
  isPaused: false,
  showsHelp: false,
  panel: "all",
  isDone: false,
};

/** What the keys do, for the help. */
export const keyHelp: readonly (readonly [keys: string, effect: string])[] = [
  ["up down, k j", "choose a node; the panel is about it"],
  ["left right, < >", "sort by another column"],
  ["r", "reverse the order"],
  ["tab, 1 2 3 4", "panel: all, commands, slow commands, clients"],
  ["p, space", "pause and go on"],
  ["?, h", "this help"],
  ["q, ctrl-c", "quit"],
];

type Effect = (state: ViewState, rows: readonly NodeRow[]) => Partial<ViewState>;

const effects: Readonly<Record<string, Effect>> = {
  up: move(-1),
  k: move(-1),
  down: move(1),
  j: move(1),
  home: move(Number.NEGATIVE_INFINITY),
  g: move(Number.NEGATIVE_INFINITY),
  end: move(Number.POSITIVE_INFINITY),
  G: move(Number.POSITIVE_INFINITY),
  left: sortBy(-1),
  "<": sortBy(-1),
  right: sortBy(1),
  ">": sortBy(1),
  r: ({ isReversed }) => ({ isReversed: !isReversed }),
  tab: ({ panel }) => ({ panel: panels[(panels.indexOf(panel) + 1) % panels.length] ?? "all" }),
  ...Object.fromEntries(panels.map((panel, i) => [`${i + 1}`, () => ({ panel })])),
  p: ({ isPaused }) => ({ isPaused: !isPaused }),
  space: ({ isPaused }) => ({ isPaused: !isPaused }),
  "?": ({ showsHelp }) => ({ showsHelp: !showsHelp }),
  h: ({ showsHelp }) => ({ showsHelp: !showsHelp }),
  escape: () => ({ showsHelp: false }),
  q: () => ({ isDone: true }),
  "ctrl-c": () => ({ isDone: true }),
};

/** The state after a key; a key without a meaning changes nothing. `rows`: as they are shown. */
export function pressed(state: ViewState, key: string, rows: readonly NodeRow[]): ViewState {
  const effect = Object.hasOwn(effects, key) ? effects[key] : undefined;
  return effect === undefined ? state : { ...state, ...effect(state, rows) };
}

// --- internal ---

function move(by: number): Effect {
  return ({ chosen }, rows) => {
    const at = rows.findIndex(({ name }) => name === chosen);
    const next = Math.min(Math.max(at + by, 0), rows.length - 1);
    return { chosen: rows[next]?.name ?? null };
  };
}

function sortBy(by: number): Effect {
  return ({ sort }) => {
    const titles = [null, ...nodeColumns.map(({ title }) => title)];
    const at = titles.indexOf(sort) + by + titles.length;
    return { sort: titles[at % titles.length] ?? null };
  };
}
