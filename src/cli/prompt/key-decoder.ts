// Turns what a terminal sends into keys: text, control keys and the escape sequences of arrows and
// the like. Sequences that mean nothing here are dropped. It knows no line and no screen.
// Invariant: characters and sequences may be cut anywhere between two chunks.

/** A key that does something, or text to insert. */
export type Key = { readonly name: KeyName } | { readonly name: "text"; readonly text: string };

export type KeyName =
  | (typeof control)[keyof typeof control]
  | (typeof sequences)[keyof typeof sequences]
  | "cancel";

/** By the character that Ctrl makes of a letter. */
const control = {
  "\x01": "home",
  "\x02": "left",
  "\x03": "interrupt",
  "\x04": "end-of-input",
  "\x05": "end",
  "\x06": "right",
  "\x07": "cancel",
  "\x08": "backspace",
  "\x09": "complete",
  "\x0a": "enter",
  "\x0b": "kill-end",
  "\x0c": "clear-screen",
  "\x0d": "enter",
  "\x0e": "down",
  "\x10": "up",
  "\x12": "search",
  "\x14": "transpose",
  "\x15": "kill-start",
  "\x17": "kill-word",
  "\x1a": "suspend",
  "\x7f": "backspace",
} as const;

/** What follows ESC. */
const sequences = {
  "[A": "up",
  "[B": "down",
  "[C": "right",
  "[D": "left",
  "[H": "home",
  "[F": "end",
  "[1~": "home",
  "[4~": "end",
  "[7~": "home",
  "[8~": "end",
  "[3~": "delete",
  "[Z": "complete-back",
  "[1;5C": "word-right",
  "[1;5D": "word-left",
  "[1;3C": "word-right",
  "[1;3D": "word-left",
  OA: "up",
  OB: "down",
  OC: "right",
  OD: "left",
  OH: "home",
  OF: "end",
  b: "word-left",
  f: "word-right",
  d: "kill-word-right",
  "\x7f": "kill-word",
} as const satisfies Record<string, string>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what keys send
const next = /\x1b(\[[0-9;<?]*[@-~]|O[A-Za-z]|[^[O])|[\x00-\x1a\x1c-\x1f\x7f]|[^\x00-\x1f\x7f]+/y;
/** A sequence that is longer than this is none. */
const sequenceCharactersMax = 32;

export class KeyDecoder {
  private readonly decoder = new TextDecoder();
  /** The beginning of a sequence. */
  private rest = "";

  keysOf(chunk: Uint8Array): Key[] {
    const text = this.rest + this.decoder.decode(chunk, { stream: true });
    const keys: Key[] = [];
    let at = 0;
    while (at < text.length) {
      next.lastIndex = at;
      const [all, sequence] = next.exec(text) ?? [];
      if (all === undefined) break;
      at += all.length;
      const key = sequence === undefined ? keyOf(all) : keyOfSequence(sequence);
      if (key !== null) keys.push(key);
    }
    this.rest = text.slice(at, at + sequenceCharactersMax);
    // ESC alone is a key, too, and no sequence that a terminal sends comes in two parts for long.
    if (this.rest === "\x1b") {
      this.rest = "";
      keys.push({ name: "cancel" });
    }
    return keys;
  }
}

function keyOf(text: string): Key | null {
  const name = (control as Readonly<Record<string, KeyName>>)[text];
  if (name !== undefined) return { name };
  return text >= " " ? { name: "text", text } : null;
}

function keyOfSequence(sequence: string): Key | null {
  const name = (sequences as Readonly<Record<string, KeyName>>)[sequence];
  return name === undefined ? null : { name };
}
