// Reads the JUnit report of `bun test` and ends with the line that CI's counter reads:
//   bun scripts/report-tests.ts REPORT EXIT_STATUS      ->  "N passed, N failed"
// The exit status is that of `bun test`: a failure outside any case is in no report. It fails when
// something failed, when nothing ran, and when something was skipped, as CI has all that tests need.

import { existsSync, readFileSync } from "node:fs";

const [path = "", exitStatus = "1"] = process.argv.slice(2);
const report = existsSync(path) ? readFileSync(path, "utf8") : "";

/** Cases with their outcome; a case without content passed. */
const cases = [...report.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
  ([, attributes = "", content = ""]) => ({ name: nameOf(attributes), content }),
);
const skipped = cases.filter(({ content }) => content.includes("<skipped"));
const failures = cases.filter(({ content }) => /<(failure|error)\b/.test(content));
const passed = cases.length - skipped.length - failures.length;
const hasOtherFailure = exitStatus !== "0" && failures.length === 0;
const failed = failures.length + skipped.length + Number(hasOtherFailure || passed === 0);

for (const { name } of failures) console.log(`failed: ${name}`);
for (const { name } of skipped) console.log(`skipped, though it can run here: ${name}`);
if (hasOtherFailure) console.log(`bun test ended with status ${exitStatus} outside any case`);
if (passed === 0) console.log("nothing passed, so nothing was tested");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function nameOf(attributes: string): string {
  const attribute = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
  const parts = [attribute("file"), attribute("classname"), attribute("name")];
  return parts.filter((part) => part !== undefined && part !== "").join(" > ");
}
