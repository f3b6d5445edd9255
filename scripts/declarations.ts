// Makes dist/types, the declarations that the package ships: those of its entries and what they
// refer to, and nothing else. Runs as `prepack`; its output is never committed. The package still
// ships the sources, which Bun runs directly.
// Invariant: a declaration names no type of bun or node, so it compiles without them.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

const root = join(import.meta.dir, "..");
const types = join(root, "dist/types");
const compiler = join(root, "node_modules/typescript/bin/tsc");
/** A relative import, as the sources write it: with the ending .ts. */
const relativeImport = /(?<= from ")(\.[^"]+)\.ts(?=")/g;

rmSync(types, { recursive: true, force: true });
compile();
const reached = new Set<string>();
for (const entry of Object.values(manifest.exports)) {
  if (typeof entry === "object") reach(join(root, entry.types));
}
for (const path of declarations()) {
  if (reached.has(path)) finish(path);
  else rmSync(path);
}

function compile(): void {
  const project = join(import.meta.dir, "tsconfig.package.json");
  const { exitCode } = Bun.spawnSync([process.execPath, compiler, "--project", project], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if (exitCode !== 0) process.exit(1);
}

/** Follows the imports; the compiler has dropped those that only private parts need. */
function reach(path: string): void {
  if (reached.has(path)) return;
  reached.add(path);
  for (const [specifier] of readFileSync(path, "utf8").matchAll(relativeImport)) {
    reach(join(path, "..", specifier.replace(/\.ts$/, ".d.ts")));
  }
}

/**
 * Every compiler since 4.7 knows that "./a.js" is declared by ./a.d.ts; "./a.ts" is newer. The lib
 * is named because Client is an AsyncDisposable and Store a Disposable, which a project of ES2022
 * would not have otherwise.
 */
function finish(path: string): void {
  const text = readFileSync(path, "utf8").replace(relativeImport, "$1.js");
  const lib = /\b(Async)?Disposable\b/.test(text)
    ? '/// <reference lib="esnext.disposable" />\n'
    : "";
  writeFileSync(path, lib + text);
}

function declarations(): string[] {
  return readdirSync(types, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
