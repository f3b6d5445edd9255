// Runs the tests on several processors, with the nodes that they start built beforehand:
//   bun scripts/run-tests.ts [bun test arguments]          `bun run test`: every file
//   bun scripts/run-tests.ts --long [bun test arguments]   `bun run test:long`: the files with
//     repetitions once more, with many of them; a pattern selects among these files only
// It selects and starts, and leaves the outcome to `bun test`, whose exit status is its own. Every
// file is two runs of it, whose reports and counts are joined.
// Invariant: all nodes of one run are of one moment, whatever is edited meanwhile.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { casesOf, hasFailed, joinedReport, wasSkipped } from "./junit.ts";

const root = join(import.meta.dir, "..");
const buildScript = join(import.meta.dir, "build.ts");
const buildDirectory = join(root, "node_modules/.cache/mscache-test");
/** Code of data threads and of a node with threads that break, which tests start from scripts. */
const programs = [
  "src/worker.ts",
  "test/threads/crash-worker-fixture.ts",
  "test/threads/crash-node-fixture.ts",
];
/**
 * How long the longest files take, in milliseconds. They start in this order after all others, so
 * that none of the longest runs alone at the end.
 */
const timings = {
  short: join(import.meta.dir, "test-timings.json"),
  long: join(import.meta.dir, "test-timings-long.json"),
};
/**
 * How many files run at once. A file with nodes keeps a processor busy for a third of its time (the
 * ten longest: 108 s of 343 s), so six occupy two. Long runs work more: four took a tenth less time
 * than two, and crowded each other. Those of `unit/` wait for nothing.
 */
const processes = { unit: 3, short: 6, long: 3 };
/**
 * When JavaScriptCore optimizes a function: not after 1,000 counts, as its default is, but after
 * 20,000. Most processes of the tests, nodes above all, live for a second, a third of which went
 * into optimized code that hardly ran. While a program starts, JavaScriptCore waits ten times as
 * long before it compiles anything, which spares each node another fifth of its start. Long runs,
 * whose nodes work longer, keep the defaults.
 */
const lateOptimization = {
  BUN_JSC_startupJITDeferralScale: "10",
  BUN_JSC_thresholdForOptimizeAfterWarmUp: "20000",
  BUN_JSC_thresholdForOptimizeAfterLongWarmUp: "20000",
};
const reportFlag = "--reporter-outfile=";
const helper = /from "(\.\.?\/)+(support\/)?repetitions\.ts"/;

const [isLong, args] = argumentsOf(process.argv.slice(2));
const length = isLong ? "long" : "short";
const selection = isLong ? longSelection(args) : args;
const built = buildPrograms();
const environment = {
  ...(isLong ? { MSCACHE_TEST_LONG: "1" } : lateOptimization),
  ...process.env,
  MSCACHE_TEST_NODE: buildNode(),
  MSCACHE_TEST_PROGRAMS: built,
};
const isWhole = !isLong && args.every((arg) => arg.startsWith("-"));
const status = isWhole ? await runWhole() : await runTests(length, selection);
rmSync(built, { recursive: true, force: true });
process.exit(status);

/**
 * Every file, in two runs of `bun test`: those of `unit/`, which leave nothing behind, share one
 * world in each process, and start for a third less; then the others. Whoever asked for a report
 * gets one for both, and the last line that is printed counts the cases of both.
 */
async function runWhole(): Promise<number> {
  const wanted = args.find((arg) => arg.startsWith(reportFlag))?.slice(reportFlag.length);
  const options = args.filter((arg) => !arg.startsWith(reportFlag) && !/^--reporter=/.test(arg));
  const reports: string[] = [];
  let worst = 0;
  for (const [name, selection] of [
    ["unit", ["--no-isolate", "test/unit/"]],
    ["short", ["--path-ignore-patterns=test/unit/**"]],
  ] as const) {
    const path = join(built, `${name}.xml`);
    const report = ["--reporter=junit", `${reportFlag}${path}`];
    const status = await runTests(name, [...report, ...options, ...selection]);
    worst ||= status;
    // A run that broke down has written none; its status says so.
    if (existsSync(path)) reports.push(readFileSync(path, "utf8"));
  }
  if (wanted !== undefined) writeFileSync(resolve(root, wanted), joinedReport(reports));
  tell(reports);
  return worst;
}

/** The counts of all runs last, and before them what failed, which may stand far above. */
function tell(reports: readonly string[]): void {
  const cases = reports.flatMap(casesOf);
  const failed = cases.filter(hasFailed);
  const skipped = cases.filter(wasSkipped).length;
  const passed = cases.length - failed.length - skipped;
  for (const { path } of failed) console.log(`failed: ${path}`);
  console.log(`\nall files: ${passed} passed, ${failed.length} failed, ${skipped} skipped`);
}

/** `bun test`, whose exit status it resolves to. */
async function runTests(kind: keyof typeof processes, options: readonly string[]): Promise<number> {
  const order = [`--parallel=${processes[kind]}`, `--timings=${timings[length]}`];
  const timeout = ["--timeout", isLong ? "1800000" : "300000"];
  const child = Bun.spawn([process.execPath, "test", ...order, ...timeout, ...options], {
    cwd: root,
    env: environment,
    stdio: ["inherit", "inherit", "inherit"],
  });
  return await child.exited;
}

function argumentsOf([first, ...others]: string[]): [isLong: boolean, args: string[]] {
  return first === "--long"
    ? [true, others]
    : [false, first === undefined ? [] : [first, ...others]];
}

/**
 * The executable of the present sources. It starts in half of the time and the processor's work of
 * `bun src/main.ts`, and the suites start a node a thousand times.
 */
function buildNode(): string {
  const path = join(buildDirectory, "mscache");
  const draft = `${path}.${process.pid}`;
  mkdirSync(buildDirectory, { recursive: true });
  run([buildScript, "--outfile", draft]);
  // Another run may be using its own one at this moment, and keeps it.
  renameSync(draft, path);
  return path;
}

/**
 * The directory of the built programs, which is this run's own. Each data thread of a node within a
 * test's process would compile all of its sources again: 150 ms, and 60 with bytecode.
 */
function buildPrograms(): string {
  const directory = join(buildDirectory, `programs.${process.pid}`);
  const flags = ["--target", "bun", "--format", "cjs", "--bytecode", "--minify", "--keep-names"];
  // The path of Lua's module, which would be looked for in the working directory.
  const assets = ["--public-path", `${directory}/`];
  const names = ["--entry-naming", "[name].[ext]", "--outdir", directory];
  run(["build", ...flags, ...assets, ...names, ...programs]);
  return directory;
}

/** Runs Bun, or ends with it. */
function run(command: readonly string[]): void {
  const { exitCode } = Bun.spawnSync([process.execPath, ...command], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (exitCode !== 0) process.exit(exitCode);
}

/** The files that repeat something, and the options. */
function longSelection(given: readonly string[]): string[] {
  const options = given.filter((arg) => arg.startsWith("-"));
  const patterns = given.filter((arg) => !arg.startsWith("-"));
  const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((path) => `test/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".test.ts"))
    .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
    .filter((path) => helper.test(readFileSync(join(root, path), "utf8")))
    .sort();
  if (files.length > 0) return [...options, ...files];
  console.error("no test file of that name repeats anything");
  return process.exit(1);
}
