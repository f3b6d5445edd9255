// The bytes of a terminal in raw mode as names of keys: "up", "tab", "ctrl-c", "q". Sequences that
// it does not know are dropped whole, so that their letters are not taken for keys.
// Invariant: a chunk is read to its end; nothing is kept for the next one. A terminal sends a
// sequence in one write.

const named: Readonly<Record<string, string>> = {
  "\t": "tab",
  "\r": "enter",
  " ": "space",
  "\x03": "ctrl-c",
  "\x1a": "ctrl-z",
  "\x0c": "ctrl-l",
};

/** By the letter that ends a sequence of cursor keys. */
const cursor: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
};

// CSI (ESC [ parameters letter), SS3 (ESC O letter), ESC with a letter, or one character.
const esc = "\u001b";
const press = new RegExp(`${esc}\\[[0-9;?]*([@-~])|${esc}O(.)|${esc}[^[O]|${esc}|.`, "gsu");

export function keysIn(text: string): string[] {
  return [...text.matchAll(press)].flatMap(([all, letter, single]) => {
    const end = letter ?? single;
    if (end !== undefined) return Object.hasOwn(cursor, end) ? (cursor[end] ?? []) : [];
    if (all === esc) return "escape";
    if (all.startsWith(esc)) return [];
    return Object.hasOwn(named, all) ? (named[all] ?? []) : all;
  });
}
