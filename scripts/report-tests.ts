// Tells how runs of `bun test` ended, from their JUnit reports and what they printed; its last line
// is the one that CI's counter reads:
//   bun scripts/report-tests.ts REPORT LOG EXIT_STATUS [REPORT LOG EXIT_STATUS ...]
//     ->  each file that failed: what it printed, the messages of its cases, its seeds;
//         a list of all failures; "N passed, N failed"
// EXIT_STATUS is that of the run: a failure outside any case is in no report. This script fails if
// anything failed, if a run tested nothing, and if anything was skipped, since CI has all that
// tests need. Who reads CI sees its end alone, so all that is told is bounded: see the numbers.

import { existsSync, readFileSync } from "node:fs";
import { attributeOf, type Case, casesOf, hasFailed, unescaped, wasSkipped } from "./junit.ts";
import { type Printed, readTestLog } from "./test-log.ts";

/** Files of a run, and failures of a file, that are told in full; the list names all. */
const toldMax = 5;
const linesMax = 200;
/** Of those: the rest are the last ones. */
const firstLines = 50;
const lineLengthMax = 400;
const seedsMax = 20;

const args = process.argv.slice(2);
const sums = { passed: 0, failed: 0 };
/** What went wrong, a line each: told last, so that it is seen. */
const faults: string[] = [];
for (let i = 0; i < Math.max(args.length, 1); i += 3) {
  count(textOf(args[i]), textOf(args[i + 1]), args[i + 2] ?? "1");
}
print(faults);
console.log(`${sums.passed} passed, ${sums.failed} failed`);
process.exit(sums.failed === 0 ? 0 : 1);

function textOf(path: string | undefined): string {
  return path !== undefined && existsSync(path) ? readFileSync(path, "utf8") : "";
}

function count(report: string, log: string, exitStatus: string): void {
  const cases = casesOf(report);
  const skipped = cases.filter(wasSkipped);
  const failures = cases.filter(hasFailed);
  const passed = cases.length - skipped.length - failures.length;
  const hasOtherFailure = exitStatus !== "0" && failures.length === 0;

  const printed = readTestLog(log);
  const byFile = Map.groupBy(failures, ({ file }) => file);
  for (const [file, ofFile] of [...byFile].slice(0, toldMax)) tell(file, ofFile, printed.get(file));
  if (hasOtherFailure) print(shortened([...printed.values()].flatMap(({ lines }) => lines)));

  for (const { path } of failures) faults.push(`failed: ${path}`);
  for (const { path } of skipped) faults.push(`skipped, although it can run here: ${path}`);
  if (hasOtherFailure) faults.push(`bun test ended with status ${exitStatus} outside any case`);
  if (passed === 0) faults.push("nothing passed, so nothing was tested");
  sums.passed += passed;
  sums.failed += failures.length + skipped.length + Number(hasOtherFailure || passed === 0);
}

function tell(file: string, failures: readonly Case[], printed: Printed | undefined): void {
  print([`---- printed by ${file}:`, ...shortened(printed?.lines ?? [])]);
  for (const { path, content } of failures.slice(0, toldMax)) {
    print([`---- ${path}`, ...shortened(messageOf(content))]);
  }
  const seeds = [...(printed?.seeds ?? [])].slice(-seedsMax);
  if (seeds.length > 0) print([`---- seeds of ${file}: ${seeds.join(" ")}`]);
}

/** The message of a failure and where it was thrown. */
function messageOf(content: string): string[] {
  const [, attributes = "", text = ""] =
    /<(?:failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/)/.exec(content) ?? [];
  return unescaped(text || attributeOf(attributes, "message")).split("\n");
}

function shortened(lines: readonly string[]): string[] {
  const short = lines
    .filter((line) => line !== "")
    .map((line) => (line.length > lineLengthMax ? `${line.slice(0, lineLengthMax)} ...` : line));
  if (short.length <= linesMax) return short;
  const last = short.slice(firstLines + 1 - linesMax);
  const leftOut = short.length - firstLines - last.length;
  return [...short.slice(0, firstLines), `... ${leftOut} lines are left out ...`, ...last];
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}
