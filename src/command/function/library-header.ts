// The first line of a library: `#!lua name=...`, as redis 7.0 `functions.c` reads it
// (functionExtractLibMetaData); the texts are Redis's. The code behind it is not looked at.

import { latin1 } from "../../base/bytes.ts";
import { splitText } from "../../base/redis-arguments.ts";

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
  if (end < 0 || text.subarray(0, end).includes(0)) return invalid; // a string of C ends there
  const words = splitText(latin1(text, 0, end));
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
