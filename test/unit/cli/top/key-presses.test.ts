// Bytes of a terminal as names of keys, several in one chunk too; sequences that nobody asked for
// are no letters.

import { expect, test } from "bun:test";
import { keysIn } from "../../../../src/cli/top/key-presses.ts";

test.each([
  ["q", ["q"]],
  ["\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]],
  ["\x1b[1;5A", ["up"]],
  ["\x1b", ["escape"]],
  ["\x1bq", []],
  ["\x1b[5~\x1b[200~", []],
  ["\t \x03\x1a", ["tab", "space", "ctrl-c", "ctrl-z"]],
  ["jjk", ["j", "j", "k"]],
  ["é🙂", ["é", "🙂"]],
])("%j is %p", (bytes, keys) => {
  expect(keysIn(bytes)).toEqual(keys);
});
