/**
 * Runs the examples of src/client/cache/README.md over a node of ours and over redis-server: every
 * block of code is a program of its own, and what it logs is what the comments behind console.log()
 * say.
 * Says nothing of the text around them.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "../harness.ts";
import { contestants, forAllCases } from "../support/servers.ts";

const root = join(import.meta.dir, "../..");
const text = await Bun.file(join(root, "src/client/cache/README.md")).text();
const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);

for (const { name, isMissing, start } of contestants) {
  describe.skipIf(isMissing)(`the examples of caches over ${name}`, () => {
    const server = forAllCases(() => start());

    test("log what they say", async () => {
      await using directory = await temporaryDirectory();
      expect(blocks.length).toBeGreaterThan(2);
      for (const [index, code] of blocks.entries()) {
        const path = join(directory.path, `example-${index}.ts`);
        const placed = code
          .replace('"mscache"', JSON.stringify(join(root, "src/index.ts")))
          .replace("127.0.0.1:5000", server().address);
        const log = "export const logged: unknown[] = [];\n";
        const told = placed.replaceAll("console.log(", "logged.push(");
        await Bun.write(
          path,
          told.replace(/(^import .*$\n)+/m, (imports) => imports + log),
        );
        const { logged } = (await import(path)) as { logged: unknown[] };
        const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, c]) => c);
        expect(logged.map(String)).toEqual(expected as string[]);
      }
    });
  });
}
