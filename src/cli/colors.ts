// The few colours that subcommands use; base/wants-color.ts decides whether output may have any.
// Invariant: without colours the functions of a palette return their text as it is.

import { type Environment, type Stream, wantsColor } from "../base/wants-color.ts";

/** SGR parameters. The first sixteen colours only: the user's terminal says how they look. */
const styles = {
  bold: [1, 22],
  dim: [2, 22],
  underline: [4, 24],
  inverse: [7, 27],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof styles;
export type Palette = Readonly<Record<Style, (text: string) => string>>;

/** The colours of what is written to this stream: `paletteOf(process.stdout).red("lost")`. */
export function paletteOf(stream: Stream, environment: Environment = process.env): Palette {
  const isColored = wantsColor(stream, environment);
  const entries = Object.entries(styles).map(([name, [on, off]]) => [
    name,
    isColored ? (text: string) => `\x1b[${on}m${text}\x1b[${off}m` : (text: string) => text,
  ]);
  return Object.fromEntries(entries) as Palette;
}
