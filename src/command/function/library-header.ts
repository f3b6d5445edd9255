// The first line of a library: `#!lua name=...`, as redis 7.0 `functions.c` reads it
// (functionExtractLibMetaData); the texts are Redis's. The code behind it is not looked at.

import { latin1 } from "../../base/bytes.ts";

export interface LibraryHeader {
  readonly name: string;
  /** Where the code begins: the line's end stays, so that errors name the right line. */
  readonly codeStart: number;
}

const HASH = 0x23;
const EXCLAMATION = 0x21;
const LF = 0x0a;

const invalid = "Invalid library metadata";

/** The header, or a sentence that says what is wrong with it. */
export function readHeader(text: Uint8Array): LibraryHeader | string {
  if (text[0] !== HASH || text[1] !== EXCLAMATION) return "Missing library metadata";
  const end = text.indexOf(LF);
  if (end < 0) return invalid;
  const words = splitWords(latin1(text, 0, end));
  if (words === null) return invalid;
  const [shebang = "", ...options] = words;
  let name: string | undefined;
  for (const option of options) {
    if (!/^name=/i.test(option)) return `Invalid metadata value given: ${option}`;
    if (name !== undefined) {
      return "Invalid metadata value, name argument was given multiple times";
    }
    name = option.slice("name=".length);
  }
  if (name === undefined) return "Library name was not given";
  if (!isValidName(name)) return badName;
  const engine = shebang.slice("#!".length);
  if (engine.toLowerCase() !== "lua") return `Engine '${engine}' not found`;
  return { name, codeStart: end };
}

/** Redis says the same of the names of functions. */
export const badName =
  "Library names can only contain letters, numbers, or underscores(_) and must be at least one " +
  "character long";

export function isValidName(name: string): boolean {
  return /^[A-Za-z0-9_]+$/.test(name);
}

/** Words between white space, with quotes and escapes as in Redis's files; null: unbalanced. */
function splitWords(line: string): string[] | null {
  const words: string[] = [];
  const word = /[\s\0]*((?:"(?:\\.|[^"\\])*"(?![^\s])|'(?:\\'|[^'])*'(?![^\s])|[^\s"'])+)/y;
  for (let at = 0; at < line.trimEnd().length; at = word.lastIndex) {
    word.lastIndex = at;
    const found = word.exec(line);
    if (found === null) return null;
    words.push(unquoted(found[1]));
  }
  return words;
}

function unquoted(word: string): string {
  return word.replace(/"((?:\\.|[^"\\])*)"|'((?:\\'|[^'])*)'/g, (_all, double, single) =>
    double === undefined ? single.replaceAll("\\'", "'") : unescaped(double),
  );
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" };

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_all, hex, letter) =>
    hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
