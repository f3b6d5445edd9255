// Bytes between double quotes as Redis writes them in MONITOR and redis-cli in a terminal
// (sdscatrepr() of its sds.c), and what such a text stands for (sdssplitargs()). All texts have one
// character a byte. It neither finds the quotes in a line nor splits it.

const letters: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
};
const meanings: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\x07",
};

/** With its quotes. */
export function quoted(text: string): string {
  return `"${text.replace(/[^ !#-[\]-~]/g, escaped)}"`;
}

function escaped(character: string): string {
  return letters[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** What stands between the quotes, without its escapes: \n \r \t \b \a \xHH and \<any>. */
export function unescaped(text: string): string {
  return text.replace(/\\(?:x([\da-f]{2})|(.))/gis, (_all, hex?: string, one = "") =>
    hex === undefined ? (meanings[one] ?? one) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
