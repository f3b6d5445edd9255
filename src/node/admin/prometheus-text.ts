// The text format of Prometheus, version 0.0.4: families with their help, type and samples. A leaf:
// it formats, and knows nothing of what the numbers mean.

export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

export interface Sample {
  readonly value: number;
  /** `name="value",...` as labelOf() makes it. */
  readonly labels?: string;
  /** Of a histogram: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

export function prometheusText(families: readonly Family[]): string {
  return families.map(familyText).join("");
}

/** A family without samples is told as well, so that each has its help and type at any time. */
function familyText({ name, help, type, samples }: Family): string {
  const lines = samples.map((sample) => {
    const labels = sample.labels === undefined ? "" : `{${sample.labels}}`;
    return `${name}${sample.suffix ?? ""}${labels} ${valueText(sample.value)}\n`;
  });
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
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
