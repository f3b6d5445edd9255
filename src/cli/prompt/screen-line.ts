// Draws a line that is being edited over as many rows of a terminal as it takes, wide characters
// included. Text in, text with cursor movements out; it writes nothing itself.
// Invariant: what is drawn has at most as many rows as the terminal, and the cursor is in it.

import type { TerminalSize } from "../terminal.ts";

export interface DrawnLine {
  readonly prompt: string;
  readonly before: string;
  readonly after: string;
  /** Shown behind the text, as what might follow. */
  readonly hint: string;
}

export interface Drawing {
  readonly output: string;
  /** The row of the cursor, counted from the first row that was drawn. */
  readonly row: number;
}

interface Cell {
  readonly text: string;
  readonly row: number;
}

/** `row` is that of the cursor in the drawing that this one replaces. */
export function drawLine(
  line: DrawnLine,
  { columns, rows }: TerminalSize,
  row: number,
  dim: (text: string) => string,
): Drawing {
  const page = new Page(columns);
  page.add(line.prompt + line.before);
  const cursor = page.place();
  page.add(line.after);
  const hintStart = page.cells.length;
  // A hint ends with the row: it must not push the line out of sight.
  page.add(fitting(line.hint, columns - page.place().column - 1));
  const end = page.place();
  const first = Math.max(0, Math.min(cursor.row, end.row - rows + 1), cursor.row - rows + 1);
  const last = Math.min(end.row, first + rows - 1);
  const seen = (cells: readonly Cell[]) =>
    cells.flatMap((cell) => (cell.row >= first && cell.row <= last ? [cell.text] : [])).join("");
  const hint = seen(page.cells.slice(hintStart));
  // A terminal that has filled its last column waits with the next row until there is text for it.
  const wrapped = end.isWrapped && last === end.row ? "\r\n" : "";
  const output = [
    up(row),
    "\r\x1b[J",
    seen(page.cells.slice(0, hintStart)),
    hint === "" ? "" : dim(hint),
    wrapped,
    up(last - cursor.row),
    "\r",
    cursor.column > 0 ? `\x1b[${cursor.column}C` : "",
  ].join("");
  return { output, row: cursor.row - first };
}

/** Where characters come to stand. */
class Page {
  readonly cells: Cell[] = [];
  private readonly segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  private readonly columns: number;
  private row = 0;
  private column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  add(text: string): void {
    for (const { segment } of this.segmenter.segment(text)) {
      const width = Bun.stringWidth(segment);
      if (this.column + width > this.columns) {
        this.row++;
        this.column = 0;
      }
      this.cells.push({ text: segment, row: this.row });
      this.column += width;
    }
  }

  /** Where the next character will stand. */
  place(): { readonly row: number; readonly column: number; readonly isWrapped: boolean } {
    const isWrapped = this.column >= this.columns;
    if (isWrapped) return { row: this.row + 1, column: 0, isWrapped };
    return { row: this.row, column: this.column, isWrapped };
  }
}

/** As much of the text as has room in so many columns. */
function fitting(text: string, columns: number): string {
  if (columns <= 0) return "";
  return Bun.stringWidth(text) <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}
