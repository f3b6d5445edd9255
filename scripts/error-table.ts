// The tables of src/client/ERRORS.md, one for each room that has errors for callers, from the
// docstrings of the classes: what an error means and, after "What to do:", its remedy.
// generate-docs.ts writes them, test/documents.test.ts compares. It reads sources and runs nothing.
// Invariant: a class without either sentence is a mistake, and ends the program with its name.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "./markdown.ts";

const sources: readonly (readonly [string, string])[] = [
  ["The client", "client/client-errors.ts"],
  ["A cache of `createCache()`", "client/cache/cache-errors.ts"],
  ["`serve()` and `Store`", "embed/embed-errors.ts"],
  ["A copy of `follow()`", "embed/follow-errors.ts"],
];

const head = ["`code`", "Class", "Meaning", "What to do"];

export function errorTables(): string {
  const sections = sources.map(([title, path]) => {
    const text = readFileSync(join(import.meta.dir, "../src", path), "utf8");
    return `## ${title}\n\n${table([head, ...rowsOf(text)])}`;
  });
  return sections.join("\n\n");
}

/** A docstring, and the class that follows it with its code. */
const classPattern =
  /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport class (\w+) extends MSCacheError [\s\S]*?readonly code = "(\w+)"/g;

function rowsOf(source: string): string[][] {
  return [...source.matchAll(classPattern)].map(([, lines = "", name = "", code = ""]) => {
    const [prose = ""] = lines.replace(/^ \* ?/gm, "").split("@example");
    const [, meaning, remedy] = /^(.+?) What to do: (.+)$/.exec(unwrapped(prose)) ?? [];
    if (meaning === undefined || remedy === undefined) {
      throw new Error(`${name}: its docstring lacks what to do`);
    }
    return [`\`${code}\``, `\`${name}\``, meaning, capitalized(remedy)];
  });
}

function unwrapped(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
