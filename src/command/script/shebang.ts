// The first line of a script, if it is `#!lua flags=...`: what the script promises, and what it
// wants to be allowed. As redis 7.0 `eval.c` (evalExtractShebangFlags); the texts are Redis's.

import { latin1 } from "../../base/bytes.ts";
import type { ScriptFlags } from "../core/script-record.ts";

const plain: ScriptFlags = {
  isPlain: true,
  noWrites: false,
  allowOom: false,
  allowStale: false,
  codeStart: 0,
};

const HASH = 0x23;
const EXCLAMATION = 0x21;
const LF = 0x0a;
/** In Redis's order. */
export const knownFlags: readonly string[] = [
  ...["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"],
];

/** The flags of a script, or a sentence that says what is wrong with them. */
export function readShebang(text: Uint8Array): ScriptFlags | string {
  if (text[0] !== HASH || text[1] !== EXCLAMATION) return plain;
  const end = text.indexOf(LF);
  if (end < 0) return "Invalid script shebang";
  const [engine, ...words] = latin1(text, 0, end).split(" ");
  if (engine !== "#!lua") return `Unexpected engine in script shebang: ${engine}`;
  const flags = new Set<string>();
  for (const word of words) {
    if (word === "") continue;
    if (!word.startsWith("flags=")) return `Unknown lua shebang option: ${word}`;
    for (const name of word.slice("flags=".length).split(",")) {
      if (name === "") continue;
      if (!knownFlags.includes(name)) return `Unexpected flag in script shebang: ${name}`;
      flags.add(name);
    }
  }
  return flagsOf(flags, end);
}

/** The flags of a script, or of a function, that has stated these. */
export function flagsOf(stated: ReadonlySet<string>, codeStart: number): ScriptFlags {
  return {
    isPlain: false,
    noWrites: stated.has("no-writes"),
    allowOom: stated.has("allow-oom"),
    allowStale: stated.has("allow-stale"),
    codeStart,
  };
}
