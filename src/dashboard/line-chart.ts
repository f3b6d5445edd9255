// A chart of the last minutes by uPlot, in the colours of the theme. While the pointer is over it,
// it tells which row is under it; a chart is read by eye, and its numbers are beside it as text.
// Invariant: its width is its container's.

import uPlot from "uplot";
import { el } from "./dom.ts";
import type { Rows } from "./live-sample.ts";

export interface Line {
  readonly label: string;
  /** A custom property of styles/colours.css, for example "--blue". */
  readonly color: string;
  readonly isFilled?: boolean;
}

export interface ChartOptions {
  readonly label: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** The top of the scale; without it, what the data need, and at least `leastTop`. */
  readonly top?: number;
  readonly leastTop?: number;
  readonly isLogarithmic?: boolean;
  /** The row under the pointer; null: none. */
  readonly pointed?: (row: number | null) => void;
}

const heightPx = 132;
/** What a chart may span: the shortest that holds what there is. */
const spansSeconds = [60, 120, 300, 600] as const;
const font = "11px Inter, system-ui, sans-serif";

export class LineChart {
  readonly root: HTMLElement;
  private readonly options: ChartOptions;
  private readonly rows: Rows;
  private plot: uPlot | null = null;

  constructor(options: ChartOptions, rows: Rows) {
    this.options = options;
    this.rows = rows;
    this.root = el("div", { class: "chart", role: "img", "aria-label": options.label });
    new ResizeObserver(() => this.resize()).observe(this.root);
  }

  draw(): void {
    if (this.root.clientWidth === 0) return; // not on the screen
    if (this.plot === null) this.build();
    else this.plot.setData(this.data());
  }

  /** Takes the colours of the theme anew. */
  recolor(): void {
    this.plot?.destroy();
    this.plot = null;
    this.draw();
  }

  private resize(): void {
    const width = this.root.clientWidth;
    if (width === 0) return;
    if (this.plot === null) this.draw();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: heightPx });
  }

  private data(): uPlot.AlignedData {
    return [this.rows.seconds, ...this.rows.columns.slice(0, this.options.lines.length)];
  }

  private build(): void {
    const { lines, pointed } = this.options;
    this.plot = new uPlot(
      {
        width: this.root.clientWidth,
        height: heightPx,
        padding: [8, 4, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        scales: { x: { time: true, range: () => this.span() }, y: this.scale() },
        axes: [this.timeAxis(), this.valueAxis()],
        series: [{}, ...lines.map((line) => seriesOf(line))],
        hooks: { setCursor: [({ cursor }) => pointed?.(cursor.idx ?? null)] },
      },
      this.data(),
      this.root,
    );
  }

  private span(): [number, number] {
    const last = this.rows.seconds.at(-1) ?? 0;
    const there = last - (this.rows.seconds[0] ?? 0);
    const span = spansSeconds.find((each) => each >= there) ?? spansSeconds[3];
    return [last - span, last];
  }

  private scale(): uPlot.Scale {
    const { top, leastTop = 1, isLogarithmic = false } = this.options;
    if (isLogarithmic) return { distr: 3, log: 10 };
    return { range: (_plot, _min, max) => [0, top ?? niceTop(Math.max(max ?? 0, leastTop))] };
  }

  private timeAxis(): uPlot.Axis {
    return {
      stroke: color("--muted"),
      font,
      size: 24,
      gap: 4,
      space: 90,
      grid: { show: false },
      ticks: { show: false },
      values: (_plot, seconds) =>
        seconds.map((at) => new Date(at * 1000).toTimeString().slice(0, 5)),
      incrs: [60, 120, 300],
    };
  }

  private valueAxis(): uPlot.Axis {
    const { format, isLogarithmic = false } = this.options;
    const filter = isLogarithmic ? { filter: powersOfTen } : {};
    return {
      stroke: color("--muted"),
      font,
      size: 52,
      gap: 6,
      space: 36,
      grid: { stroke: color("--line"), width: 1, ...filter },
      ticks: { show: false },
      ...filter,
      values: (_plot, values) =>
        values.map((value) => (value === null ? "" : shortened(format(value)))),
    };
  }
}

function seriesOf({ label, color: name, isFilled = false }: Line): uPlot.Series {
  const stroke = color(name);
  const fill = isFilled ? { fill: `color-mix(in srgb, ${stroke} 12%, transparent)` } : {};
  return { label, stroke, width: 1.5, points: { show: false }, ...fill };
}

/** "40.0 k" -> "40 k": a mark of an axis is a round number. */
function shortened(text: string): string {
  return text.replace(/\.0+(?!\d)/, "");
}

/** Lines between powers of ten would hide the data. */
function powersOfTen(_plot: uPlot, values: number[]): (number | null)[] {
  return values.map((value) => (Number.isInteger(Math.log10(value)) ? value : null));
}

/** What a custom property is now. */
function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** 1, 2 or 5 times a power of ten, so that the scale changes rarely. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10;
  return step * power;
}
