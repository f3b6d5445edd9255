// Reads what a run of `bun test --parallel` printed: which file printed which line, and its seeds.
// Does not decide what failed: the JUnit report does (scripts/report-tests.ts), which holds
// messages, but nothing that was printed.
//
// Files run at once, so a header, the path with a colon, stands wherever the file changes. What a
// case prints may come a little after the line of its result, so lines are not told by case.

/** What one file printed, without the lines of the cases that passed. */
export interface Printed {
  readonly lines: string[];
  /** `NAME=123`, as support/seed.ts prints it. */
  readonly seeds: Set<string>;
}

const header = /^(\S+\.test\.ts):$/;
const crash = /^✗ (\S+\.test\.ts) \(worker crashed/;
const passed = /^\((pass|skip|todo)\) /;
const seed = /^[A-Z][A-Z0-9_]*=\d+$/;

/** By the file; what belongs to none, as a fault of the build, is of the file "". */
export function readTestLog(text: string): Map<string, Printed> {
  const byFile = new Map<string, Printed>();
  let file = "";
  for (const line of text.split("\n")) {
    const isHeader = header.test(line);
    file = (header.exec(line) ?? crash.exec(line))?.[1] ?? file;
    if (isHeader || line === "" || passed.test(line)) continue;
    const printed = byFile.get(file) ?? { lines: [], seeds: new Set() };
    byFile.set(file, printed);
    printed.lines.push(line);
    if (seed.test(line)) printed.seeds.add(line);
  }
  return byFile;
}
