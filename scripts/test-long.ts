// `bun run test:long [bun test arguments]`: runs the files with randomized repetitions again, with
// many repetitions; test/support/repetitions.ts passes the number to them. Files without
// repetitions are not run: `bun run test` has covered them. A pattern among the arguments selects
// among these files only.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const helper = /from "(\.\.?\/)+(support\/)?repetitions\.ts"/;

const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith("-"));
const patterns = args.filter((arg) => !arg.startsWith("-"));
const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
  .map((path) => `test/${path.replaceAll("\\", "/")}`)
  .filter((path) => path.endsWith(".test.ts"))
  .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
  .filter((path) => helper.test(readFileSync(join(root, path), "utf8")))
  .sort();

if (files.length === 0) {
  console.error("no test file of that name repeats anything");
  process.exit(1);
}
const child = Bun.spawn(
  [process.execPath, "test", "--parallel=2", "--timeout", "1800000", ...options, ...files],
  {
    cwd: root,
    env: { ...process.env, MSCACHE_TEST_LONG: "1" },
    stdio: ["inherit", "inherit", "inherit"],
  },
);
process.exit(await child.exited);
