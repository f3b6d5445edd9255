// Reads the JUnit reports of runs of `bun test`; its last line is the one that CI's counter reads:
//   bun scripts/report-tests.ts REPORT EXIT_STATUS [REPORT EXIT_STATUS ...]
//     ->  "N passed, N failed"
// EXIT_STATUS is that of the run: a failure outside any case is in no report. This script fails if
// anything failed, if a run tested nothing, and if anything was skipped, since CI has all that
// tests need.

import { existsSync, readFileSync } from "node:fs";

const args = process.argv.slice(2);
const sums = { passed: 0, failed: 0 };
for (let i = 0; i < Math.max(args.length, 1); i += 2) count(args[i] ?? "", args[i + 1] ?? "1");
console.log(`${sums.passed} passed, ${sums.failed} failed`);
process.exit(sums.failed === 0 ? 0 : 1);

function count(path: string, exitStatus: string): void {
  const report = existsSync(path) ? readFileSync(path, "utf8") : "";
  const cases = casesOf(report);
  const skipped = cases.filter(({ content }) => content.includes("<skipped"));
  const failures = cases.filter(({ content }) => /<(failure|error)\b/.test(content));
  const passed = cases.length - skipped.length - failures.length;
  const hasOtherFailure = exitStatus !== "0" && failures.length === 0;

  for (const { name } of failures) console.log(`failed: ${name}`);
  for (const { name } of skipped) console.log(`skipped, although it can run here: ${name}`);
  if (hasOtherFailure) console.log(`bun test ended with status ${exitStatus} outside any case`);
  if (passed === 0) console.log("nothing passed, so nothing was tested");
  sums.passed += passed;
  sums.failed += failures.length + skipped.length + Number(hasOtherFailure || passed === 0);
}

/** Cases with their outcome; a case without content passed. */
function casesOf(report: string): { name: string; content: string }[] {
  const found = report.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g);
  return [...found].map(([, attributes = "", content = ""]) => ({
    name: nameOf(attributes),
    content,
  }));
}

function nameOf(attributes: string): string {
  const attribute = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
  const parts = [attribute("file"), attribute("classname"), attribute("name")];
  return parts.filter((part) => part !== undefined && part !== "").join(" > ");
}
