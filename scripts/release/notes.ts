// Prints the notes of one version: its section of CHANGELOG.md. Without such a section it fails, so
// that no release goes out that says nothing of what has changed.
//   bun scripts/release/notes.ts 0.1.0

import { join } from "node:path";

const [version = ""] = process.argv.slice(2);
const text = await Bun.file(join(import.meta.dir, "CHANGELOG.md")).text();
const sections = text.split(/^## /m).slice(1);
const section = sections.find((one) => one.split("\n", 1)[0]?.trim() === version);
if (section === undefined) {
  console.error(`CHANGELOG.md has no section "## ${version}"`);
  process.exit(1);
}
console.log(section.slice(section.indexOf("\n")).trim());
