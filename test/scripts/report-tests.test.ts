// The last line of CI: whatever the report holds, the counts are true and nothing that went wrong
// ends in success.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "../harness.ts";

const script = join(import.meta.dir, "../../scripts/report-tests.ts");
const pass = '<testcase name="a" classname="" file="x.test.ts" />';
const fail = '<testcase name="b" file="x.test.ts"><failure type="AssertionError" /></testcase>';
const skip = '<testcase name="c" file="x.test.ts"><skipped /></testcase>';

type Run = readonly [cases: readonly string[], exitStatus: number];

async function report(...runs: readonly Run[]) {
  await using directory = await temporaryDirectory();
  const args: string[] = [];
  for (const [cases, exitStatus] of runs) {
    const path = join(directory.path, `${args.length}.xml`);
    await Bun.write(path, `<testsuites><testsuite>${cases.join("\n")}</testsuite></testsuites>`);
    args.push(path, String(exitStatus));
  }
  const { stdout, exitCode } = Bun.spawnSync([process.execPath, script, ...args]);
  const lines = stdout.toString().trimEnd().split("\n");
  return { last: lines.at(-1), status: exitCode, story: lines.slice(0, -1) };
}

test.each<[string, string[], number, string, number, string[]]>([
  ["all passed", [pass, pass], 0, "2 passed, 0 failed", 0, []],
  ["one failed", [pass, fail, pass], 1, "2 passed, 1 failed", 1, ["failed: x.test.ts > b"]],
  [
    "one was skipped",
    [pass, skip],
    0,
    "1 passed, 1 failed",
    1,
    ["skipped, although it can run here: x.test.ts > c"],
  ],
  [
    "something failed outside every case",
    [pass],
    1,
    "1 passed, 1 failed",
    1,
    ["bun test ended with status 1 outside any case"],
  ],
  ["nothing ran", [], 0, "0 passed, 1 failed", 1, ["nothing passed, so nothing was tested"]],
])("when %s", async (_, cases, exitStatus, last, status, story) => {
  expect(await report([cases, exitStatus])).toEqual({ last, status, story });
});

test("several runs are added up, and one that tested nothing is a failure", async () => {
  const both = await report([[pass, pass], 0], [[pass, fail], 1]);
  expect(both).toEqual({ last: "3 passed, 1 failed", status: 1, story: ["failed: x.test.ts > b"] });
  expect(await report([[pass], 0], [[pass], 0])).toMatchObject({ last: "2 passed, 0 failed" });
  expect(await report([[pass], 0], [[], 124])).toMatchObject({ status: 1 });
});
