// Runs the examples of src/client/README.md and ERRORS.md, and what the README shows of the client:
// every block of code is a program of its own, and what it logs is what the comments behind
// console.log() say.
// The addresses in them stand for nodes that this test starts.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, startNode, temporaryDirectory, waitFor } from "../harness.ts";
import { replicationField } from "../support/line-ups.ts";
import { ScriptedNode } from "./scripted-node.ts";

setDefaultTimeout(caseMsMax);

const root = join(import.meta.dir, "../..");
const guide = await blocksOf("src/client/README.md");
const errors = await blocksOf("src/client/ERRORS.md");
const readme = await blocksOf("README.md");
/** The examples of servers in one's own process are those of test/embed/guide.test.ts. */
const blocks = [...readme.filter((code) => !code.includes("serve")), ...guide, ...errors];

async function blocksOf(path: string): Promise<string[]> {
  const text = await Bun.file(join(root, path)).text();
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);
}

/** What the comments behind console.log() say. */
const expected = (code: string) =>
  [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);

/** A Sentinel that names the node of this port. */
const sentinelOf = (port: number) =>
  new ScriptedNode((command) =>
    command.startsWith("HELLO")
      ? undefined
      : `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`,
  );

test("the examples of the guide log what they say", async () => {
  await using leader = await startNode();
  await using follower = await startNode({ leaderAddr: { host: "127.0.0.1", port: leader.port } });
  await using second = await startNode();
  await using guard = sentinelOf(leader.port);
  await using directory = await temporaryDirectory();
  await waitFor(async () => (await replicationField(follower.port, "master_link_status")) === "up");
  const places: Readonly<Record<string, string>> = {
    '"mscache"': JSON.stringify(join(root, "src/index.ts")),
    '"mscache/': `"${join(root, "src/client/adapters/")}`,
    "127.0.0.1:5000": leader.address,
    "127.0.0.1:5001": follower.address,
    "127.0.0.1:5002": second.address,
    "127.0.0.1:26379": guard.addr,
  };
  expect([readme.length > 1, guide.length > 2]).toEqual([true, true]);
  for (const [index, code] of blocks.entries()) {
    const path = join(directory.path, `example-${index}.ts`);
    const placed = Object.entries(places).reduce((all, [a, b]) => all.replaceAll(a, b), code);
    const quiet = "const logged: string[] = [];\nconst console = { log: (...words: unknown[]) => ";
    const prelude = `export ${quiet}void logged.push(words.map(String).join(" ")) };\n`;
    await Bun.write(
      path,
      placed.replace(/(^import .*$\n)+/m, (imports) => imports + prelude),
    );
    const { logged } = (await import(path)) as { logged: string[] };
    expect([index, logged]).toEqual([index, expected(code)]);
  }
});
