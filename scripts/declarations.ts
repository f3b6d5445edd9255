// Makes dist/types, the declarations that the package ships: those of src/index.ts and what it
// refers to, and nothing else. Runs as `prepack`; its output is never committed. The package still
// ships the sources, which Bun runs directly.
// Invariant: a declaration names no type of bun or node, so it compiles without them.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const TYPES = join(ROOT, "dist/types");
const ENTRY = join(TYPES, "index.d.ts");
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
/** A relative import, as the sources write it: with the ending .ts. */
const RELATIVE_IMPORT = /(?<= from ")(\.[^"]+)\.ts(?=")/g;

rmSync(TYPES, { recursive: true, force: true });
compile();
const reached = new Set<string>();
reach(ENTRY);
for (const path of declarations()) {
  if (reached.has(path)) finish(path);
  else rmSync(path);
}

function compile(): void {
  const project = join(import.meta.dir, "tsconfig.package.json");
  const { exitCode } = Bun.spawnSync([process.execPath, COMPILER, "--project", project], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if (exitCode !== 0) process.exit(1);
}

/** Follows the imports; the compiler has dropped those that only private parts need. */
function reach(path: string): void {
  if (reached.has(path)) return;
  reached.add(path);
  for (const [specifier] of readFileSync(path, "utf8").matchAll(RELATIVE_IMPORT)) {
    reach(join(path, "..", specifier.replace(/\.ts$/, ".d.ts")));
  }
}

/**
 * Every compiler since 4.7 knows that "./a.js" is declared by ./a.d.ts; "./a.ts" is newer. The lib
 * is named because Client is an AsyncDisposable, which a project of ES2022 would not have
 * otherwise.
 */
function finish(path: string): void {
  const text = readFileSync(path, "utf8").replace(RELATIVE_IMPORT, "$1.js");
  const lib = /\bAsyncDisposable\b/.test(text) ? '/// <reference lib="esnext.disposable" />\n' : "";
  writeFileSync(path, lib + text);
}

function declarations(): string[] {
  return readdirSync(TYPES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
