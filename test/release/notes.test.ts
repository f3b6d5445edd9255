// The notes of a release come from the changelog, which has a section for the present version.
// What the notes say is for people to judge.

import { expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };

const script = join(import.meta.dir, "../../scripts/release/notes.ts");

function notesOf(version: string) {
  const { stdout, stderr, exitCode } = Bun.spawnSync([process.execPath, script, version]);
  return { notes: stdout.toString(), errors: stderr.toString(), exitCode };
}

test("the present version has notes, without its heading or another version's", () => {
  const { notes, exitCode } = notesOf(manifest.version);
  expect(exitCode).toBe(0);
  expect(notes.trim().length).toBeGreaterThan(100);
  expect(notes).not.toContain("## ");
});

test("a version without notes is refused", () => {
  const missing = { notes: "", errors: 'CHANGELOG.md has no section "## 99.0.0"\n', exitCode: 1 };
  expect(notesOf("99.0.0")).toEqual(missing);
});
