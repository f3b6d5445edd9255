// Memory against its limit: what is used, and a bar of what is live, dead, index and free. The
// colours of the parts are in styles/panels.css; each is shown beside the name of its part.

import type { Sample } from "../node/admin/observations.ts";
import { el, setText } from "./dom.ts";
import { bytes, counted, percent } from "./figures.ts";
import { type MemoryShares, memoryShares } from "./live-sample.ts";

const parts: readonly { readonly key: keyof MemoryShares; readonly label: string }[] = [
  { key: "live", label: "live" },
  { key: "dead", label: "dead" },
  { key: "index", label: "index" },
  { key: "free", label: "free" },
];

export class MemoryCard {
  readonly root: HTMLElement;
  private readonly figure = el("p", { class: "figure" }, "–");
  private readonly remark = el("p", { class: "panel-note" });
  private readonly pieces = parts.map(({ key }) => el("span", { class: `piece ${key}` }));
  private readonly figures = parts.map(() => el("dd", { class: "number" }));
  private readonly shares = parts.map(() => el("dd", { class: "number share" }));
  private readonly footing = el("p", { class: "footing" });

  constructor() {
    const bar = el("div", { class: "bar", "aria-hidden": "true" }, ...this.pieces);
    const rows = parts.map(({ key, label }, i) =>
      el(
        "div",
        {},
        el("dt", {}, el("span", { class: `swatch ${key}` }), label),
        this.shares[i],
        this.figures[i],
      ),
    );
    this.root = el(
      "section",
      { class: "panel third card", "data-panel": "memory", "aria-labelledby": "panel-memory" },
      el(
        "header",
        { class: "panel-head" },
        el("h2", { id: "panel-memory" }, "Memory"),
        this.remark,
      ),
      this.figure,
      bar,
      el("dl", { class: "shares" }, ...rows),
      this.footing,
    );
  }

  update(sample: Sample): void {
    const { usedBytes, limitBytes } = sample.memory;
    const shares = memoryShares(sample);
    const all = parts.reduce((sum, { key }) => sum + shares[key], 0);
    this.root.dataset.state = "filled";
    setText(this.figure, bytes(usedBytes));
    setText(this.remark, `of ${bytes(limitBytes)}`);
    for (const [index, { key }] of parts.entries()) {
      const share = all === 0 ? 0 : shares[key] / all;
      this.pieces[index].style.flexGrow = String(share);
      setText(this.figures[index], bytes(shares[key]));
      setText(this.shares[index], percent(share));
    }
    setText(this.footing, counted(sample.items, "item"));
  }
}
