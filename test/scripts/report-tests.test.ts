// The last line of CI: whatever the report holds, the counts are true and nothing that went wrong
// ends in success.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "../harness.ts";

const SCRIPT = join(import.meta.dir, "../../scripts/report-tests.ts");
const PASS = '<testcase name="a" classname="" file="x.test.ts" />';
const FAIL = '<testcase name="b" file="x.test.ts"><failure type="AssertionError" /></testcase>';
const SKIP = '<testcase name="c" file="x.test.ts"><skipped /></testcase>';

async function report(cases: readonly string[], exitStatus: number) {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "report.xml");
  await Bun.write(path, `<testsuites><testsuite>${cases.join("\n")}</testsuite></testsuites>`);
  const command = [process.execPath, SCRIPT, path, String(exitStatus)];
  const { stdout, exitCode } = Bun.spawnSync(command);
  const lines = stdout.toString().trimEnd().split("\n");
  return { last: lines.at(-1), status: exitCode, story: lines.slice(0, -1) };
}

test.each<[string, string[], number, string, number, string[]]>([
  ["all passed", [PASS, PASS], 0, "2 passed, 0 failed", 0, []],
  ["one failed", [PASS, FAIL, PASS], 1, "2 passed, 1 failed", 1, ["failed: x.test.ts > b"]],
  [
    "one was skipped",
    [PASS, SKIP],
    0,
    "1 passed, 1 failed",
    1,
    ["skipped, though it can run here: x.test.ts > c"],
  ],
  [
    "something failed outside every case",
    [PASS],
    1,
    "1 passed, 1 failed",
    1,
    ["bun test ended with status 1 outside any case"],
  ],
  ["nothing ran", [], 0, "0 passed, 1 failed", 1, ["nothing passed, so nothing was tested"]],
])("when %s", async (_, cases, exitStatus, last, status, story) => {
  expect(await report(cases, exitStatus)).toEqual({ last, status, story });
});
