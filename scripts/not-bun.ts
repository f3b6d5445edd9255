// Makes dist/not-bun.js, what a program in Node.js gets of the package: one sentence. Node alone
// has the condition "node-addons" of package.json besides Bun, which takes "bun" before it;
// bundlers have neither, as they may build for Bun, and get the sources. Runs as `prepack`; its
// output is never committed.
// Invariant: it has the names of all entries, as who imports one that is missing would be told of
// that and not of Bun.

import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

const root = join(import.meta.dir, "..");
const sentence =
  "mscache needs Bun: run this by `bun`, and Next.js by `bun --bun next start` (https://bun.sh)";

const names = new Set<string>();
for (const entry of Object.values(manifest.exports)) {
  if (typeof entry === "string") continue;
  for (const name of Object.keys(await import(join(root, entry.bun)))) names.add(name);
}
const list = [...names].map((name) => `nothing as ${name}`).join(", ");
const code = `const nothing = undefined;\nexport { ${list} };\nthrow new Error("${sentence}");\n`;
await Bun.write(join(root, "dist/not-bun.js"), code);
