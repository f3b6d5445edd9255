/**
 * The examples of docstrings and documents, run: the lines become the body of a function that has
 * the package's exports. What a line of the form `expression; // result` gives must look like the
 * result.
 * It judges nothing else, and starts nothing by itself.
 */

import { expect } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "../harness.ts";

const repositoryRoot = join(import.meta.dir, "../..");

/** The code of the first example of a file below src/ that has several lines. */
export async function exampleIn(path: string): Promise<string> {
  const text = await Bun.file(join(repositoryRoot, path)).text();
  const [, lines] = /^ *\* @example *\n((?: *\* .*\n)+?) *\*\/$/m.exec(text) ?? [];
  if (lines === undefined) throw new Error(`${path} has no example`);
  return lines.replace(/^ *\* /gm, "");
}

/** The code of every example of a file below src/, in their order. */
export async function examplesIn(path: string): Promise<string[]> {
  const text = await Bun.file(join(repositoryRoot, path)).text();
  const comments = [...text.matchAll(/\/\*\*\n((?: *\*.*\n)+?) *\*\/\n/g)];
  return comments.flatMap(([, lines = ""]) => {
    const [, ...examples] = lines.replace(/^ *\* ?/gm, "").split("@example");
    return examples.map((code) => code.trim());
  });
}

/** The blocks of TypeScript in a document, each with the names that it imports of the package. */
export async function blocksIn(path: string): Promise<{ code: string; names: string }[]> {
  const text = await Bun.file(join(repositoryRoot, path)).text();
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block]) => {
    const [line = "", names = ""] = /^import \{ (.+) \} from "mscache";\n/m.exec(block) ?? [];
    return { code: block.replace(line, ""), names };
  });
}

/** Runs it to its end; `names` are what it uses of the package, `before` are lines of the test. */
export async function runExample(code: string, names: string, before = ""): Promise<void> {
  await using directory = await temporaryDirectory();
  const judged = code.replace(
    /^(?!const|await using|using)(.+?); \/\/ (.+)$/gm,
    (_, expression: string, result: string) =>
      `seen.push([${JSON.stringify(result)}, Bun.inspect(await (${expression}))]);`,
  );
  const program = [
    `import { ${names} } from ${JSON.stringify(join(repositoryRoot, "src/index.ts"))};`,
    "export const seen: [string, string][] = [];",
    `export async function run() {\n${before}\n${judged}\n}`,
  ].join("\n");
  const file = join(directory.path, "example.ts");
  await Bun.write(file, program);
  const { run, seen } = await import(file);
  await run();
  for (const [said, was] of seen) expect(was).toBe(said);
}
