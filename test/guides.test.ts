// Every shell line of README.md and of the guides, run as it is written, and what the document says
// that it prints is compared (support/guide-shell.ts). Lines that cannot be run here are listed
// with the reason.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Store } from "../src/index.ts";
import { caseMsMax, redisInstalled } from "./harness.ts";
import { GuideShell, type ShellLine, shellLines } from "./support/guide-shell.ts";
import { whenLong } from "./support/repetitions.ts";
import { redisNote } from "./support/servers.ts";

setDefaultTimeout(caseMsMax);

const root = join(import.meta.dir, "..");

/** What a document takes for granted before the first line below a heading, "" for the first. */
type Before = Readonly<Record<string, readonly string[]>>;

const shortGuides: Readonly<Record<string, Before>> = {
  "README.md": {},
  "scripts/deploy/README.md": {},
  "scripts/release/README.md": {},
  "src/config/README.md": {},
  "src/config/SIZING.md": {},
  "src/node/admin/README.md": {},
};

/** Those that start many programs, or wait for Sentinels: in long runs. */
const longGuides: typeof shortGuides = {
  "src/cli/MOVING.md": {},
  "src/cli/README.md": {
    "": [
      "mscache --listenaddr 127.0.0.1:5000",
      "mscache --listenaddr 127.0.0.1:5001 --leaderaddr 127.0.0.1:5000",
      "redis-cli -p 5000 SET session:1 alice EX 3600",
      "redis-cli -p 5001 GET session:1 | grep alice",
    ],
    "mscache cli": ["echo PING > commands.txt", "echo P > picture.png"],
    "Moving a Redis over": [
      "redis-server --port 6379 --save '' --repl-diskless-sync-delay 0",
      "redis-cli -p 5000 FLUSHALL",
    ],
  },
  "src/config/SECURITY.md": {},
  "src/replication/FAILOVER.md": {},
};

const guides: typeof shortGuides = { ...shortGuides, ...longGuides };

/** Beginnings of lines that are not run, and why. */
const notRun: Readonly<Record<string, string>> = {
  "npx -y bun@1.4.5 run test": "it would run this test",
  "mscache doctor --addr 10.0.0.1": "it names machines of a reader's network",
  "bun run build:all": "it takes minutes: release/executables.test.ts does it",
  "MSCACHE_RELEASE_URL=": "it needs that: release/install.test.ts runs the installer",
  "docker ": "it needs Docker: deploy/ tests what the files say",
  'MSCACHE_PASSWORD="$(openssl rand -hex 32)" docker': "it needs Docker, too",
  "mscache completions fish": "it is for fish: cli/completions.test.ts looks at its words",
  "kubectl ": "it needs a cluster: deploy/ tests the manifests",
};

/** The formula of SIZING.md, as it says it. */
const formula = /\(bytes of the key \+ bytes of the value \+ (\d+)\) \+ (\d+) MB/;
const [, perItem = Number.NaN, openMegabytes = Number.NaN] = (
  formula.exec(readFileSync(join(root, "src/config/SIZING.md"), "utf8")) ?? []
).map(Number);
const openBytes = openMegabytes * 1024 * 1024;

describe.skipIf(!redisInstalled())(`the shell lines of the guides${redisNote}`, () => {
  const runs = async (path: string) => {
    const written = linesOf(path);
    expect(written.length).toBeGreaterThan(0);
    const lines = withWhatIsThere(written, guides[path] ?? {});
    await using shell = await GuideShell.start(lines);
    for (const line of lines) {
      if (!isNotRun(line)) await shell.run(line);
    }
  };

  test.each(Object.keys(shortGuides))("%s", runs);
  whenLong(() => test.each(Object.keys(longGuides))("%s", runs));
});

test("every line that is said not to be run is in a guide", () => {
  const lines = Object.keys(guides).flatMap((path) => linesOf(path));
  const isThere = (begin: string) => lines.some(({ command }) => command.startsWith(begin));
  expect(Object.keys(notRun).filter((begin) => !isThere(begin))).toEqual([]);
});

test("every document with lines for a shell is among them, and marks these as `sh`", () => {
  const pattern = new Bun.Glob("{README.md,{src,scripts}/**/*.md}");
  const documents = [...pattern.scanSync({ cwd: root })];
  const fence = /^```(\w*)\n(?=\s*(?:mscache|redis-|curl|npx|bun|docker|kubectl|openssl)\b)/gm;
  const strays = documents.flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const kinds = [...text.matchAll(fence)].map(([, kind]) => kind);
    const isListed = path in guides || !text.includes("\n```sh\n");
    return [
      ...(isListed ? [] : [`${path}: name it in test/guides.test.ts`]),
      ...kinds.filter((kind) => kind !== "sh").map((kind) => `${path}: \`${kind}\` should be sh`),
    ];
  });
  expect(strays).toEqual([]);
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

function withWhatIsThere(lines: readonly ShellLine[], before: Before): ShellLine[] {
  const headings = ["", ...Object.keys(before).filter((heading) => heading !== "")];
  const strangers = headings.slice(1).filter((it) => !lines.some(({ heading }) => heading === it));
  expect(strangers).toEqual([]);
  return lines.flatMap((line, index) => {
    const isFirst = line.heading !== lines[index - 1]?.heading;
    const commands = [
      ...(index === 0 ? (before[""] ?? []) : []),
      ...(isFirst ? (before[line.heading] ?? []) : []),
    ];
    return [...commands.map((command) => ({ ...line, command, prints: null })), line];
  });
}

function linesOf(path: string): ShellLine[] {
  return shellLines(path, readFileSync(join(root, path), "utf8"));
}

function isNotRun({ command }: ShellLine): boolean {
  return Object.keys(notRun).some((begin) => command.startsWith(begin));
}
