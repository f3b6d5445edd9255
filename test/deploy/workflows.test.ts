/**
 * The workflows of .github, which nothing here can run: what they pin, what they call, and what
 * they may. That GitHub accepts their syntax is not checked.
 */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };

const root = join(import.meta.dir, "../..");
const folder = join(root, ".github/workflows");

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] } & Step>>;
}

const names = [...new Bun.Glob("*.yml").scanSync(folder)].sort();
const texts = await Promise.all(names.map((name) => Bun.file(join(folder, name)).text()));
const workflows = texts.map((text) => Bun.YAML.parse(text) as Workflow);
const steps = workflows.flatMap(({ jobs }) => Object.values(jobs).flatMap((job) => job.steps));
const scripts = steps.flatMap(({ run }) => run ?? []).join("\n");

test("each action is pinned to a commit, and its version stands beside it", () => {
  const uses = texts.flatMap((text) => text.match(/uses: .*/g) ?? []);
  expect(uses.length).toBeGreaterThan(5);
  for (const line of uses)
    expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  // The same version is the same commit everywhere.
  const pins = new Map(uses.map((line) => [line.split("@")[0], line]));
  expect(pins.size).toBe(new Set(uses).size);
});

test("a workflow may only read, unless a job says what else it needs", () => {
  for (const { permissions } of workflows) expect(permissions).toEqual({ contents: "read" });
});

test("every Bun is the one that the package asks for", async () => {
  const asked = steps.flatMap((step) => step.with?.["bun-version"] ?? []);
  expect(asked.length).toBeGreaterThan(1);
  for (const version of asked) expect(`>=${version}`).toBe(manifest.engines.bun);
});

test("every script and file that a step calls is there", () => {
  const called = [...scripts.matchAll(/\bbun run ([\w:]+)/g)].map(([, name = ""]) => name);
  expect(called).toContain("build:all");
  for (const name of called) expect(Object.keys(manifest.scripts)).toContain(name);
  const files = scripts.match(/(?<![\w/])(?:\.ci|scripts|test)\/[\w./-]+/g) ?? [];
  expect(files).toContain("scripts/deploy/Dockerfile");
  for (const file of files) expect([file, existsSync(join(root, file))]).toEqual([file, true]);
});
