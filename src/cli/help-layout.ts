// Lays out the rows of --help for a width: names on the left, what they mean on the right, wrapped
// between words. It knows no option and no terminal.
// Invariant: no line is longer than the width, unless a single name or word is.

const indent = "  ";
const gap = "  ";
/** A longer name has a line of its own, so that it does not narrow what all others say. */
const nameCharactersMax = 30;
/** The least that is left for the right; in narrower terminals it stands below the names. */
const textCharactersMin = 36;
const belowIndent = " ".repeat(6);

/** A name, and what it means. */
export type HelpRow = readonly [string, string];

export function helpRows(rows: readonly HelpRow[], width: number): string[] {
  const shortNames = rows.map(([name]) => name.length).filter((n) => n <= nameCharactersMax);
  const nameCharacters = Math.max(0, ...shortNames);
  const textAt = indent.length + nameCharacters + gap.length;
  const isBeside = width - textAt >= textCharactersMin;
  const margin = isBeside ? " ".repeat(textAt) : belowIndent;
  return rows.flatMap(([name, text]) => {
    const lines = wrapped(text, width - margin.length).map((line) => margin + line);
    const [first, ...others] = lines;
    if (!isBeside || name.length > nameCharacters || first === undefined) {
      return [indent + name, ...lines];
    }
    return [(indent + name).padEnd(textAt) + first.slice(textAt), ...others];
  });
}

/** The lines of a text, broken between words. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return line === "" ? lines : [...lines, line];
}
