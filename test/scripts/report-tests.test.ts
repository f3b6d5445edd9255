// The end of CI: whatever reports and logs hold, the counts are true, nothing that went wrong ends
// in success, and each failure is told with its message, what its file printed and its seeds.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "../harness.ts";

const script = join(import.meta.dir, "../../scripts/report-tests.ts");
const pass = '<testcase name="a" classname="" file="x.test.ts" />';
const fail = failing("x.test.ts", "b", "expected 1");
const skip = '<testcase name="c" file="x.test.ts"><skipped /></testcase>';

interface Run {
  readonly cases: readonly string[];
  readonly log?: readonly string[];
  readonly exitStatus: number;
}

function failing(file: string, name: string, message: string, groups = ""): string {
  const failure = `<failure type="Error" message="m">Error: ${message}&#10;at ${file}:1</failure>`;
  return `<testcase name="${name}" classname="${groups}" file="${file}">${failure}</testcase>`;
}

async function report(...runs: readonly Run[]) {
  await using directory = await temporaryDirectory();
  const args: string[] = [];
  for (const { cases, log = [], exitStatus } of runs) {
    const path = join(directory.path, `${args.length}`);
    const suite = `<testsuites><testsuite>${cases.join("\n")}</testsuite></testsuites>`;
    await Bun.write(`${path}.xml`, suite);
    await Bun.write(`${path}.log`, log.join("\n"));
    args.push(`${path}.xml`, `${path}.log`, String(exitStatus));
  }
  const { stdout, exitCode } = Bun.spawnSync([process.execPath, script, ...args]);
  const lines = stdout.toString().trimEnd().split("\n");
  return { last: lines.at(-1), status: exitCode, story: lines.slice(0, -1) };
}

test.each<[string, string[], number, string, string | undefined]>([
  ["all passed", [pass, pass], 0, "2 passed, 0 failed", undefined],
  ["one failed", [pass, fail, pass], 1, "2 passed, 1 failed", "failed: x.test.ts > b"],
  [
    "one was skipped",
    [pass, skip],
    0,
    "1 passed, 1 failed",
    "skipped, although it can run here: x.test.ts > c",
  ],
  [
    "something failed outside every case",
    [pass],
    1,
    "1 passed, 1 failed",
    "bun test ended with status 1 outside any case",
  ],
  ["nothing ran", [], 0, "0 passed, 1 failed", "nothing passed, so nothing was tested"],
])("when %s, the last line counts and the one before it says why", async (...row) => {
  const [, cases, exitStatus, last, why] = row;
  const said = await report({ cases, exitStatus });
  expect(said).toMatchObject({ last, status: why === undefined ? 0 : 1 });
  expect(said.story.at(-1)).toBe(why);
});

test("several runs are added up, and one that tested nothing is a failure", async () => {
  const good = { cases: [pass, pass], exitStatus: 0 };
  const bad = await report(good, { cases: [pass, fail], exitStatus: 1 });
  expect(bad).toMatchObject({ last: "3 passed, 1 failed", status: 1 });
  expect(await report(good, good)).toEqual({ last: "4 passed, 0 failed", status: 0, story: [] });
  expect(await report(good, { cases: [], exitStatus: 124 })).toMatchObject({ status: 1 });
});

test("a failure is told with what its file printed, its message and its seeds, and nothing else", async () => {
  const said = await report({
    cases: [pass, failing("test/y.test.ts", "&quot;q&quot;", "1 &lt; 2", "inner &gt; outer")],
    log: [
      "bun test v1.4.5 6x PARALLEL",
      "",
      "test/y.test.ts:",
      "Y_SEED=17",
      "(pass) early [1.00ms]",
      "",
      "test/x.test.ts:",
      "X_SEED=18",
      "(pass) a [1.00ms]",
      "",
      "test/y.test.ts:",
      "the node said no",
      '(fail) outer > inner > "q" [2.00ms]',
    ],
    exitStatus: 1,
  });
  expect(said.story).toEqual([
    "---- printed by test/y.test.ts:",
    "Y_SEED=17",
    "the node said no",
    '(fail) outer > inner > "q" [2.00ms]',
    '---- test/y.test.ts > outer > inner > "q"',
    "Error: 1 < 2",
    "at test/y.test.ts:1",
    "---- seeds of test/y.test.ts: Y_SEED=17",
    'failed: test/y.test.ts > outer > inner > "q"',
  ]);
});

test("what a crashed worker printed is told as that of its file", async () => {
  const crash = "✗ test/y.test.ts (worker crashed: SIGKILL)";
  const { story } = await report({
    cases: [pass, failing("test/y.test.ts", "(worker crashed)", "crashed")],
    log: ["test/x.test.ts:", "(pass) a [1.00ms]", crash],
    exitStatus: 1,
  });
  expect(story.slice(0, 2)).toEqual(["---- printed by test/y.test.ts:", crash]);
});

test("a fault outside any case is told with what the run printed", async () => {
  const log = ["error: Could not resolve: nothing.ts"];
  const { story } = await report({ cases: [], log, exitStatus: 1 });
  expect(story[0]).toBe("error: Could not resolve: nothing.ts");
});

test("what is told is bounded: lines, their length, failures and files", async () => {
  const files = Array.from({ length: 8 }, (_, at) => `test/y${at}.test.ts`);
  const cases = files.flatMap((file) => {
    const names = Array.from({ length: 10 }, (_, at) => `case ${at}`);
    return names.map((name) => failing(file, name, "&#10;line".repeat(1000)));
  });
  const log = files.flatMap((file) => [
    "",
    `${file}:`,
    ...Array.from({ length: 1000 }, (_, at) => `${at} ${"x".repeat(1000)}`),
    ...Array.from({ length: 100 }, (_, at) => `Y_SEED=${at}`),
  ]);
  const { story, last } = await report({ cases: [pass, ...cases], log, exitStatus: 1 });

  expect(last).toBe("1 passed, 80 failed");
  expect(story.filter((line) => line.startsWith("failed: "))).toHaveLength(80);
  expect(story.length - 80).toBeLessThanOrEqual(5 * 6 * 202);
  expect(story.join("\n").length).toBeLessThan(1_000_000);
  expect(story).toContain("... 901 lines are left out ...");
  expect(story).toContain("Y_SEED=99");
  expect(story.filter((line) => line.startsWith("---- seeds of "))[0]).toEndWith("Y_SEED=99");
});
