// The miss curve: the hit ratio that the node would have with half, once, twice and four times its
// memory, as it estimates, each with how far that may be off. A node estimates nothing by default:
// then the panel says how to turn it on.

import type { CurvePoint, CurveReport, MissCurveReport } from "../node/admin/observations.ts";
import { el } from "./dom.ts";
import { bytes, compact, duration, percent } from "./figures.ts";
import { Panel } from "./panel.ts";

export class CurvePanel {
  readonly panel = new Panel({ title: "Miss curve", name: "curve", width: "wide" });

  update(told: CurveReport): void {
    if (!told.isOn) {
      this.panel.say(
        "What would the hit ratio be with half, twice or four times the memory? A node with " +
          "--miss-curve yes estimates it from a sample of its keys.",
      );
      return;
    }
    if (told.points === null) {
      this.panel.say("No lookups yet. The estimate begins with the first GET.");
      return;
    }
    this.tell(told, told.points);
  }

  private tell(curve: MissCurveReport, points: readonly CurvePoint[]): void {
    const { lookups, windowSeconds, hitRatio, limitBytes, rate } = curve;
    this.panel.remark(`${compact(lookups)} lookups in ${duration(Math.round(windowSeconds))}`);
    const rows = points.map((point) => pointRow(point, limitBytes));
    const measured = hitRatio === null ? "" : `Measured now: ${percent(hitRatio)}. `;
    const sample = `Estimated from one key in ${Math.round(1 / rate)}.`;
    this.panel.show(
      el("ol", { class: "curve", "aria-label": "Hit ratio by memory" }, ...rows),
      el("p", { class: "footing" }, measured + sample),
    );
  }
}

function pointRow({ memory, hitRatio, error, isFilled }: CurvePoint, limit: number): HTMLElement {
  const fill = el("div", { class: "fill" });
  const doubt = el("div", { class: "doubt" });
  const low = Math.max(0, hitRatio - error);
  fill.style.width = percentage(hitRatio);
  doubt.style.left = percentage(low);
  doubt.style.width = percentage(Math.min(1, hitRatio + error) - low);
  const room = isFilled ? "" : ", never full";
  return el(
    "li",
    memory === 1 ? { class: "present" } : {},
    el("span", {}, `${multiple(memory)} = ${bytes(memory * limit)}${room}`),
    el("div", { class: "track", "aria-hidden": "true" }, fill, doubt),
    el("span", { class: "number" }, `${percent(hitRatio)} ± ${(error * 100).toFixed(1)}`),
  );
}

function multiple(memory: number): string {
  return memory === 0.5 ? "½ ×" : `${memory} ×`;
}

function percentage(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
