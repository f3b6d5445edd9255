// Text of a server as a terminal may show it: names of keys, clients and nodes are somebody else's
// and may hold escape sequences. Anything but a plain character is written as an escape.
// Invariant: the result moves no cursor, changes no colour and keeps one line.

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * What is not shown as it is: control characters of ASCII and Latin-1, the marks that change the
 * direction of text, characters without a width, separators of lines, halves of surrogates, and the
 * backslash, so that an escape is one. Some of these are found by their category alone.
 */
const unsafe = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029]/gu;

/** The same without the backslash, which is part of escapes of JSON and of text shown before. */
const unsafeCharacter = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029]/gu;

/** The text with every unsafe character escaped, as \x1b or \u202e. */
export function shownText(text: string): string {
  return text.replace(unsafe, escaped);
}

/** A sentence that may quote what was shown before: a backslash stays, and it is one line. */
export function shownSentence(text: string): string {
  return text.replaceAll("\n", " ").replace(unsafeCharacter, escaped);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const unsafeInLines = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]/g;

/** Lines with one character a byte: control characters are escaped but for line ends and tabs. */
export function shownLines(text: string): string {
  return text.replace(unsafeInLines, (bytes) => [...bytes].map(escaped).join(""));
}

/** The same for bytes; those that are no UTF-8 are escaped one by one. */
export function shownBytes(bytes: Uint8Array): string {
  try {
    return shownText(utf8.decode(bytes));
  } catch {
    return [...bytes].map(shownByte).join(""); // it is no text
  }
}

/** The same as JSON, which is exact: it escapes what JSON itself would let through. */
export function shownJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafeCharacter, (character) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** At most so many columns of a terminal; what is cut ends in an ellipsis. */
export function fitted(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let fits = "";
  let width = 1; // the ellipsis
  for (const character of text) {
    width += Bun.stringWidth(character);
    if (width > columns) break;
    fits += character;
  }
  return columns < 1 ? "" : `${fits}…`;
}

// --- internal ---

function shownByte(byte: number): string {
  const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
  return isPlain ? String.fromCharCode(byte) : hex(byte);
}

function escaped(character: string): string {
  if (character === "\\") return "\\\\";
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return hex(code);
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
