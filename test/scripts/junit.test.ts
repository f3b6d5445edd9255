// One report of two runs of `bun test`, each made by a real run: it has the cases of both, and its
// sums are theirs. A run that was killed counts with the cases that it has told.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { attributeOf, casesOf, hasFailed, joinedReport, wasSkipped } from "../../scripts/junit.ts";
import { temporaryDirectory } from "../harness.ts";

async function reportOf(name: string, cases: string): Promise<string> {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, `${name}.test.ts`);
  const path = join(directory.path, "report.xml");
  await Bun.write(file, `import { describe, expect, test } from "bun:test";\n${cases}`);
  const report = ["--reporter=junit", `--reporter-outfile=${path}`];
  Bun.spawnSync([process.execPath, "test", ...report, file], { cwd: directory.path });
  return await Bun.file(path).text();
}

test("the joined report has the cases and the sums of both", async () => {
  const reports = await Promise.all([
    reportOf("one", 'test("a < b", () => expect(1).toBe(1)); test.skip("c", () => {});'),
    reportOf("two", 'describe("group", () => { test("d", () => expect(1).toBe(2)); });'),
  ]);
  const whole = joinedReport(reports);
  const cases = casesOf(whole);
  expect(cases.map(({ path }) => path)).toEqual([
    "one.test.ts > a < b",
    "one.test.ts > c",
    "two.test.ts > group > d",
  ]);
  expect(cases.map(hasFailed)).toEqual([false, false, true]);
  expect(cases.map(wasSkipped)).toEqual([false, true, false]);
  const [root = ""] = /<testsuites [^>]*>/.exec(whole) ?? [];
  const sums = ["tests", "assertions", "failures", "skipped"].map((name) =>
    attributeOf(root, name),
  );
  expect(sums).toEqual(["3", "2", "1", "1"]);
  expect(whole.match(/<testsuites/g)).toHaveLength(1);
  expect(whole.match(/<\/testsuites>/g)).toHaveLength(1);
});

test("of a report without its end, the cases that are whole are kept", async () => {
  const whole = await reportOf("one", 'test("a", () => {}); test("b", () => {});');
  const cut = whole.slice(0, whole.indexOf("</testsuite>"));
  expect(casesOf(joinedReport([cut])).map(({ path }) => path)).toEqual([
    "one.test.ts > a",
    "one.test.ts > b",
  ]);
});
