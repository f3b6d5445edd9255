// A metric at a glance: its name, the present figure, a remark, and a chart of the last minutes.
// While the pointer is over the chart, figure and remark are those of that moment.

import type { Rates, Sample } from "../node/admin/observations.ts";
import { el, setText } from "./dom.ts";
import { clockTime } from "./figures.ts";
import { type ChartOptions, LineChart } from "./line-chart.ts";
import { Rows } from "./live-sample.ts";

export interface Reading {
  readonly figure: string;
  readonly remark: string;
}

export interface CardOptions extends Omit<ChartOptions, "pointed" | "label"> {
  readonly title: string;
  readonly name: string;
  /** The row of numbers that a sample adds: first those of the lines, then others. */
  readonly values: (sample: Sample, rates: Rates) => readonly (number | null)[];
  /** What a row of numbers says. */
  readonly read: (values: readonly (number | null)[]) => Reading;
}

/** Most numbers of a row. */
const rowWidth = 3;

export class MetricCard {
  readonly root: HTMLElement;
  private readonly options: CardOptions;
  private readonly rows = new Rows(rowWidth);
  private readonly chart: LineChart;
  private readonly figure = el("p", { class: "figure" }, "–");
  private readonly remark = el("p", { class: "panel-note" });
  private pointedAt: number | null = null;

  constructor(options: CardOptions) {
    this.options = options;
    const { title, name } = options;
    const pointed = (row: number | null) => {
      this.pointedAt = row;
      this.tell();
    };
    this.chart = new LineChart(
      { ...options, label: `${title}, last ten minutes`, pointed },
      this.rows,
    );
    const id = `panel-${name}`;
    this.root = el(
      "section",
      { class: "panel third card", "data-panel": name, "aria-labelledby": id },
      el("header", { class: "panel-head" }, el("h2", { id }, title), this.remark),
      this.figure,
      this.legend(),
      this.chart.root,
    );
  }

  add(seconds: number, sample: Sample, rates: Rates): void {
    this.rows.add(seconds, this.options.values(sample, rates));
    this.root.dataset.state = "filled";
    this.chart.draw();
    this.tell();
  }

  recolor(): void {
    this.chart.recolor();
  }

  /** What a chart of one line shows is its title. */
  private legend(): HTMLElement | null {
    const { lines } = this.options;
    if (lines.length < 2) return null;
    const entries = lines.map(({ label, color }) =>
      el("li", {}, el("span", { class: `swatch ${color.slice(2)}` }), label),
    );
    return el("ul", { class: "legend" }, ...entries);
  }

  private tell(): void {
    const {
      rows,
      options: { read },
    } = this;
    const row = this.pointedAt ?? rows.seconds.length - 1;
    const at = rows.seconds[row];
    if (at === undefined) return;
    const { figure, remark } = read(rows.columns.map((column) => column[row] ?? null));
    setText(this.figure, figure);
    setText(this.remark, this.pointedAt === null ? remark : `at ${clockTime(at)}`);
  }
}
