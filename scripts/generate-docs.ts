// Writes the generated parts of documents (generated-parts.ts): the tables of options, commands,
// metrics and errors. Each is between two marks, and the text outside them never changes.
// It also writes src/client/commands/command-table.ts and src/client/shards/key-table.ts, what the
// client knows of the commands.
// `bun run docs` runs it; test/documents.test.ts fails if something is stale.

import { join } from "node:path";
import { clientTable, keyTable } from "./client-table.ts";
import { generatedParts } from "./generated-parts.ts";
import { withPart } from "./markdown.ts";

const root = join(import.meta.dir, "..");

for (const { document, part, make } of generatedParts) {
  const path = join(root, document);
  const text = withPart(await Bun.file(path).text(), part, make());
  if (text === null) {
    console.error(`${document} has lost its marks of ${part}`);
    process.exit(1);
  }
  await Bun.write(path, text);
}
await Bun.write(join(root, "src/client/commands/command-table.ts"), clientTable());
await Bun.write(join(root, "src/client/shards/key-table.ts"), keyTable());
