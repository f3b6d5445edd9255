// A list of keys with a figure each and a faint bar behind, from which a key can be opened. It does
// not know what the figures mean.

import type { Json } from "../node/admin/observations.ts";
import { el } from "./dom.ts";
import { bytesOf, lineOf } from "./key-bytes.ts";

/** Shows the key in the key browser. */
export type KeyOpener = (key: Uint8Array<ArrayBuffer>) => void;

export interface KeyRow {
  readonly key: Json;
  /** Of the longest bar: 0 to 1. */
  readonly share: number;
  readonly figures: string;
}

export function keyList(label: string, rows: readonly KeyRow[], open: KeyOpener): HTMLElement {
  return el(
    "ol",
    { class: "key-rows", "aria-label": label },
    ...rows.map((row) => keyRow(row, open)),
  );
}

function keyRow({ key, share, figures }: KeyRow, open: KeyOpener): HTMLElement {
  const bytes = bytesOf(key);
  const name = lineOf(bytes);
  const bar = el("span", { class: "behind", "aria-hidden": "true" });
  bar.style.width = `${(share * 100).toFixed(1)}%`;
  return el(
    "li",
    {},
    bar,
    el(
      "button",
      { type: "button", class: "key", title: name, on: { click: () => open(bytes) } },
      name,
    ),
    el("span", { class: "number" }, figures),
  );
}
