/**
 * JUnit reports of `bun test`: the cases of one, and one report made of those of several runs. It
 * keeps the suites as `bun test` wrote them, in the order of the runs, and judges nothing:
 * scripts/report-tests.ts and exit statuses do. A report without its end, as of a run that was
 * killed, has the cases that are whole.
 */

export interface Case {
  readonly file: string;
  /** The file, the groups around the case and its name. */
  readonly path: string;
  /** The elements within it; a case without content passed. */
  readonly content: string;
}

export function casesOf(report: string): Case[] {
  const found = report.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g);
  return [...found].map(([, attributes = "", content = ""]) => {
    const file = attributeOf(attributes, "file");
    // The report names the innermost group first.
    const groups = attributeOf(attributes, "classname").split(" > ").reverse();
    const path = [file, ...groups, attributeOf(attributes, "name")].filter((part) => part !== "");
    return { file, path: path.join(" > "), content };
  });
}

export function hasFailed({ content }: Case): boolean {
  return /<(failure|error)\b/.test(content);
}

export function wasSkipped({ content }: Case): boolean {
  return content.includes("<skipped");
}

/** Unescaped; "" where there is none. */
export function attributeOf(attributes: string, name: string): string {
  return unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

export function unescaped(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replaceAll(/&(?:#(\d+)|(\w+));/g, (whole, code?: string, name = "") =>
    code === undefined ? (named[name] ?? whole) : String.fromCodePoint(Number(code)),
  );
}

const root = /<testsuites\b([^>]*)>([\s\S]*?)(?:<\/testsuites>|$)/;

/** One report of all, whose root has the sums of theirs. */
export function joinedReport(reports: readonly string[]): string {
  const roots = reports.map((text) => root.exec(text)).filter((found) => found !== null);
  const sum = (name: string) =>
    roots.reduce((all, [, attributes = ""]) => all + Number(attributeOf(attributes, name)), 0);
  const names = ["tests", "assertions", "failures", "skipped", "time"];
  const sums = names.map((name) => ` ${name}="${sum(name)}"`).join("");
  const suites = roots.map(([, , content = ""]) => content.replace(/\s+$/, "")).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="bun test"${sums}>${suites}\n</testsuites>\n`;
}
