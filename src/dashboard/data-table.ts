// A table that is refilled each time and keeps the elements of its rows: text changes in place, so
// nothing flickers and a selection survives. Cells are text only.

import { el, setText } from "./dom.ts";

export interface TableColumn {
  readonly title: string;
  readonly isNumber?: boolean;
  /** In the monospaced face. */
  readonly isCode?: boolean;
  /** Takes the room that the others leave, and is cut there. */
  readonly isRest?: boolean;
}

export class DataTable {
  readonly root: HTMLElement;
  private readonly columns: readonly TableColumn[];
  private readonly rows: HTMLTableSectionElement;

  constructor(caption: string, columns: readonly TableColumn[]) {
    this.columns = columns;
    this.rows = el("tbody");
    const titles = columns.map((column) =>
      el("th", { scope: "col", class: classOf(column) }, column.title),
    );
    const table = el(
      "table",
      {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, ...titles)),
      this.rows,
    );
    // It scrolls by itself on a narrow screen, and by keyboard.
    this.root = el(
      "div",
      { class: "table", tabindex: 0, role: "group", "aria-label": caption },
      table,
    );
  }

  fill(rows: readonly (readonly string[])[]): void {
    while (this.rows.rows.length > rows.length) this.rows.deleteRow(-1);
    for (const [index, row] of rows.entries()) {
      const shown = this.rows.rows[index] ?? this.addRow();
      for (const [place, text] of row.entries()) {
        const cell = shown.cells[place];
        setText(cell, text);
        cell.title = text.length > 24 ? text : "";
      }
    }
  }

  private addRow(): HTMLTableRowElement {
    const row = this.rows.insertRow();
    for (const column of this.columns) row.append(el("td", { class: classOf(column) }));
    return row;
  }
}

function classOf({ isNumber, isCode, isRest }: TableColumn): string {
  const names = [isNumber && "number", isCode && "code", isRest && "rest"];
  return names.filter((name) => typeof name === "string").join(" ");
}
