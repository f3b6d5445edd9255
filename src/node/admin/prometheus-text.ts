// The text format of Prometheus, version 0.0.4: families with their help, type and samples. A leaf:
// it formats, and knows nothing of what the numbers mean.

export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

export interface Sample {
  readonly value: number;
  /** `name="value",...` as labelOf() makes it. */
  readonly labels?: string;
}

/** A histogram, whose samples differ in one label: most of a scrape are such. */
export interface Histogram {
  /** Without the bound. */
  readonly labels: string;
  /** How many were not above each bound of the family. */
  readonly counts: readonly number[];
  readonly total: number;
  readonly sum: number;
}

interface Described {
  readonly name: string;
  readonly help: string;
}

export interface PlainFamily extends Described {
  readonly type: "counter" | "gauge";
  readonly samples: readonly Sample[];
}

export interface HistogramFamily extends Described {
  readonly type: "histogram";
  /** Ascending, without infinity, as text. */
  readonly bounds: readonly string[];
  readonly histograms: readonly Histogram[];
}

export type Family = PlainFamily | HistogramFamily;

export function prometheusText(families: readonly Family[]): string {
  return families.map(familyText).join("");
}

/** A family without samples is told as well, so that each has its help and type at any time. */
function familyText(family: Family): string {
  const { name, help, type } = family;
  const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  return head + (family.type === "histogram" ? histogramLines(family) : plainLines(family));
}

function plainLines({ name, samples }: PlainFamily): string {
  const lines = samples.map(({ labels, value }) => {
    return `${name}${labels === undefined ? "" : `{${labels}}`} ${valueText(value)}\n`;
  });
  return lines.join("");
}

/** By additions: an object for each line, as other families have, doubles the cost of a scrape. */
function histogramLines({ name, bounds, histograms }: HistogramFamily): string {
  let text = "";
  for (const { labels, counts, total, sum } of histograms) {
    const head = `${name}_bucket{${labels},le="`;
    for (let i = 0; i < bounds.length; i++) text += `${head}${bounds[i]}"} ${counts[i]}\n`;
    text += `${head}+Inf"} ${total}\n`;
    text += `${name}_sum{${labels}} ${valueText(sum)}\n${name}_count{${labels}} ${total}\n`;
  }
  return text;
}

/** Text, not an object: a scrape has thousands of samples, and this is half of its cost. */
export function labelOf(name: string, value: string): string {
  return `${name}="${/[\\\n"]/.test(value) ? escapeLabel(value) : value}"`;
}

function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
