// A line of the console into the words of a command, as redis-cli reads it: spaces separate, quotes
// keep words together, and "\xff" is a byte. Pure.

const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, a: 7, b: 8 };

/** Words as bytes; null: a quote is left open, or something follows a closing one. */
export function commandWords(line: string): Uint8Array<ArrayBuffer>[] | null {
  const words: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(line[at])) at++;
    if (at >= line.length) return words;
    const found = wordAt(line, at);
    if (found === null) return null;
    words.push(found.word);
    at = found.end;
  }
}

interface Word {
  readonly word: Uint8Array<ArrayBuffer>;
  readonly end: number;
}

function wordAt(line: string, start: number): Word | null {
  const first = line[start];
  if (first === '"' || first === "'") return quotedAt(line, start + 1, first);
  let end = start;
  while (end < line.length && !isSpace(line[end])) end++;
  return { word: new TextEncoder().encode(line.slice(start, end)), end };
}

function quotedAt(line: string, start: number, quote: string): Word | null {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  let at = start;
  while (at < line.length && line[at] !== quote) {
    const escaped = line[at] === "\\" ? escapeAt(line, at, quote) : null;
    if (escaped !== null) {
      bytes.push(...escaped.bytes);
      at = escaped.end;
      continue;
    }
    const letter = String.fromCodePoint(line.codePointAt(at) ?? 0);
    bytes.push(...encoder.encode(letter));
    at += letter.length;
  }
  const isClosed = line[at] === quote && (at + 1 === line.length || isSpace(line[at + 1]));
  return isClosed ? { word: Uint8Array.from(bytes), end: at + 1 } : null;
}

/** In single quotes only the quote itself can be escaped. */
function escapeAt(
  line: string,
  at: number,
  quote: string,
): { readonly bytes: Iterable<number>; readonly end: number } | null {
  const letter = line[at + 1];
  if (letter === undefined) return null;
  if (quote === "'") return letter === "'" ? { bytes: [39], end: at + 2 } : null;
  const [, hex] = /^x([\da-f]{2})/i.exec(line.slice(at + 1, at + 4)) ?? [];
  if (hex !== undefined) return { bytes: [Number.parseInt(hex, 16)], end: at + 4 };
  return { bytes: [escapes[letter] ?? letter.charCodeAt(0)], end: at + 2 };
}

function isSpace(letter: string | undefined): boolean {
  return letter === " " || letter === "\t" || letter === "\n" || letter === "\r";
}
