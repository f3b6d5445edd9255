/**
 * The examples in src/embed/README.md, and what the README shows of them, run as they are written.
 * What a line of them says that an expression gives is what it gives.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { blocksIn, runExample } from "../support/docstring-example.ts";

setDefaultTimeout(120_000);

test("the examples of the documents run", async () => {
  const readme = (await blocksIn("README.md")).filter(({ names }) => names.includes("serve"));
  const blocks = [...readme, ...(await blocksIn("src/embed/README.md"))];
  expect(blocks.length).toBeGreaterThan(2);
  for (const { code, names } of blocks) await runExample(code, names);
});
