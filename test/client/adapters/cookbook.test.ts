// Runs the examples of src/client/adapters/README.md and of the adapters' docstrings, over a node
// of ours and over redis-server: each is a program of its own, and what it logs is what the
// comments behind console.log() say. The frameworks in them are the stock ones.
// It judges nothing of the text around them.

import { expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../../../package.json" with { type: "json" };
import { freePort, temporaryDirectory } from "../../harness.ts";
import { stockPath } from "../../integrations/stock.ts";
import { eachServer } from "../../support/client-servers.ts";

const root = join(import.meta.dir, "../../..");
const guide = await Bun.file(join(root, "src/client/adapters/README.md")).text();
const blocks = [...guide.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);

const connected = `import { connect } from "mscache";\nawait using client = await connect("127.0.0.1:5000");\n`;

/** What the examples of a file's docstrings take for granted. */
const docstrings: Readonly<Record<string, string>> = {
  "keyv-store.ts": `import { Keyv } from "keyv";\nimport { KeyvStore } from "mscache/keyv";\n`,
  "next-handlers.ts": `import { createIsrHandler, createUseCacheHandler } from "mscache/next";\n`,
  "rate-limit.ts": `import { RateLimiter } from "mscache/rate-limit";\n`,
  "session-store.ts": `import express from "express";\nimport session from "express-session";
import { createSessionStore } from "mscache/session";\nconst [app, secret] = [express(), "a"];\n`,
  "unstorage-driver.ts": `import { mscacheDriver } from "mscache/unstorage";
import { createStorage } from "unstorage";\n`,
};

/** Where a program of a test finds what it imports. */
function placeOf(specifier: string): string {
  if (!/^mscache(\/|$)/.test(specifier)) return stockPath(specifier);
  const entries: Readonly<Record<string, unknown>> = manifest.exports;
  const entry = entries[specifier.replace("mscache", ".")] as { default: string };
  return join(root, entry.default);
}

/** Imports first, and what is logged kept for the test. */
function program(code: string): string {
  const pattern = /^import .* from "(.*)";$/gm;
  const imports = [...code.matchAll(pattern)].map(([line, specifier = ""]) =>
    line.replace(`"${specifier}"`, JSON.stringify(placeOf(specifier))),
  );
  const logged = "export const logged: string[] = [];";
  const console = "const console = { log: (...words: unknown[]) => logged.push(words.join(' ')) };";
  return [...imports, logged, console, code.replace(pattern, "")].join("\n");
}

/** Those of several lines. */
async function examplesIn(file: string): Promise<string[]> {
  const text = await Bun.file(join(root, "src/client/adapters", file)).text();
  const found = [...text.matchAll(/^ *\* @example *\n((?: *\* .*\n)+?) *\*\/$/gm)];
  return found.map(([, lines = ""]) => lines.replace(/^ *\* /gm, ""));
}

/** What the comments behind console.log() say. */
const expected = (code: string) =>
  [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);

async function expectTruth(code: string, address: string): Promise<void> {
  await using directory = await temporaryDirectory();
  const placed = program(code)
    .replaceAll("127.0.0.1:5000", address)
    .replaceAll(/\b3000\b/g, `${await freePort()}`);
  const path = join(directory.path, "example.ts");
  await Bun.write(path, placed);
  const { logged } = (await import(path)) as { logged: string[] };
  expect(logged).toEqual(expected(code) as string[]);
}

eachServer("the cookbook", (node) => {
  test.each(blocks.map((code, index) => [`example ${index + 1}`, code]))(
    "%s logs what it says",
    (_name, code) => expectTruth(code, node().address),
  );

  test.each(Object.entries(docstrings))("the examples of %s run", async (file, before) => {
    const examples = await examplesIn(file);
    expect(examples.length).toBeGreaterThan(0);
    for (const code of examples) {
      await expectTruth(`${connected}${before}${code}`, node().address);
    }
  });
});

test("every adapter is an entry of the package, and its example is run", () => {
  const entries = Object.values(manifest.exports)
    .flatMap((entry) => (typeof entry === "object" ? entry.default : []))
    .filter((path) => path.includes("/adapters/"));
  expect(entries.map((path) => path.slice(path.lastIndexOf("/") + 1)).sort()).toEqual(
    Object.keys(docstrings).sort(),
  );
});
