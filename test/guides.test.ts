// Every shell line of README.md and of the guides, run as it is written, and what the document says
// that it prints is compared (support/guide-shell.ts). Lines that cannot be run here are listed
// with the reason.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Store } from "../src/index.ts";
import { caseMsMax, redisInstalled } from "./harness.ts";
import { GuideShell, shellLines } from "./support/guide-shell.ts";
import { redisNote } from "./support/servers.ts";

setDefaultTimeout(caseMsMax);

const root = join(import.meta.dir, "..");

/** The documents, each with what is there before its first line. */
const guides: Readonly<Record<string, readonly string[]>> = {
  "src/config/README.md": [],
  "src/config/SECURITY.md": [],
  "src/config/SIZING.md": [],
  "src/cli/MOVING.md": [],
  "README.md": [],
  "src/replication/FAILOVER.md": [],
};

/** Beginnings of lines that are not run, and why. */
const notRun: Readonly<Record<string, string>> = {
  "npx -y bun@1.4.5 run test": "it would run this test",
};

/** The formula of SIZING.md, as it says it. */
const formula = /\(bytes of the key \+ bytes of the value \+ (\d+)\) \+ (\d+) MB/;
const [, perItem = Number.NaN, openMegabytes = Number.NaN] = (
  formula.exec(readFileSync(join(root, "src/config/SIZING.md"), "utf8")) ?? []
).map(Number);
const openBytes = openMegabytes * 1024 * 1024;

const skipped = new Set<string>();

describe.skipIf(!redisInstalled())(`the shell lines of the guides${redisNote}`, () => {
  test.each(Object.keys(guides))("%s", async (path) => {
    const lines = shellLines(path, readFileSync(join(root, path), "utf8"));
    const before = (guides[path] ?? []).map((command) => ({ where: path, command, prints: null }));
    await using shell = await GuideShell.start([...before, ...lines]);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of [...before, ...lines]) {
      const reason = Object.keys(notRun).find((begin) => line.command.startsWith(begin));
      if (reason === undefined) await shell.run(line);
      else skipped.add(reason);
    }
  });

  test("every line that is said not to be run is in a guide", () => {
    expect(Object.keys(notRun).filter((begin) => !skipped.has(begin))).toEqual([]);
  });
});

test.each([
  [10, 60_000, 60_000],
  [32, 60_000, 60_000],
  [100, 60_000, 0],
  [1_000, 30_000, 60_000],
])("items of %d bytes need no more than SIZING.md says, nor much less", (bytes, items, ttl) => {
  using store = new Store({ maxMemory: 128 * 1024 * 1024 });
  const value = "v".repeat(bytes);
  const key = (i: number) => `key:${`${i}`.padStart(16, "0")}`;
  for (let i = 0; i < items; i++) store.set(key(i), value, ttl === 0 ? {} : { ttl });
  const planned = items * (key(0).length + bytes + perItem);
  expect(store.stats().bytes).toBeLessThanOrEqual(planned + openBytes);
  expect(store.stats().bytes).toBeGreaterThan(planned * 0.8);
});
