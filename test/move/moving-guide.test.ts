/**
 * The shell lines of "Moving data" and "Moving a Redis over" in src/cli/README.md, run in their
 * order in an empty directory. Only the addresses are others: a node and a Redis of this test stand
 * for those of the text.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  caseMsMax,
  noRedis,
  redisInstalled,
  runMscache,
  startNode,
  startRedis,
  temporaryDirectory,
} from "../harness.ts";
import { nodeCommand } from "../support/programs.ts";

setDefaultTimeout(caseMsMax);

const document = readFileSync(join(import.meta.dir, "../../src/cli/README.md"), "utf8");

function blocks(language: string, title = "Moving data"): string[] {
  const [, rest = ""] = document.split(`\n## ${title}\n`);
  const [section = ""] = rest.split("\n## ");
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...section.matchAll(pattern)].map(([, text = ""]) => text);
}

/** A directory with a program `mscache` that means the given node where no address is told. */
async function bed(address: string) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "mscache");
  const command = nodeCommand.map((word) => `'${word}'`).join(" ");
  const script = `case "$*" in *--addr*|*"--to "*) exec ${command} "$@";; esac\nexec ${command} "$@" --addr ${address}`;
  writeFileSync(path, `#!/bin/bash\n${script}\n`);
  chmodSync(path, 0o755);
  return directory;
}

function run(script: string, directory: string) {
  return runMscache(["-c", script], {
    command: ["bash", "-e", "-o", "pipefail"],
    environment: { PATH: `${directory}:${process.env.PATH}` },
    directory,
  });
}

test("the shell lines do what they say", async () => {
  await using node = await startNode();
  await using directory = await bed(node.address);
  const input = Buffer.from(blocks("json").join(""));
  const lines = (await runMscache(["import", "--addr", node.address], { input })).out;
  expect(lines).toContain("2 items written");
  await runMscache(["set", "session:8", "x", "--addr", node.address]);
  const script = blocks("sh").join("");
  expect(script.trim().split("\n").length).toBeGreaterThan(3);
  const { status, out, errors } = await run(script, directory.path);
  expect({ status, errors }).toEqual({ status: 0, errors: "" });
  expect(out).toContain("3 items would be written");
  expect(out).toContain("2 keys existed there and stayed as they were");
});

test.skipIf(!redisInstalled())(`a Redis is moved over (${noRedis} if skipped)`, async () => {
  await using redis = await startRedis();
  await using node = await startNode();
  await using directory = await bed(node.address);
  await runMscache(["set", "greeting", "hello", "--addr", redis.address]);
  const text = blocks("sh", "Moving a Redis over").join("");
  const script = text
    .replaceAll("127.0.0.1:6379", redis.address)
    .replaceAll("127.0.0.1:5000", node.address);
  const { status, out, errors } = await run(script, directory.path);
  expect({ status, errors }).toEqual({ status: 0, errors: "" });
  expect(out).toContain(`now point the clients to ${node.address}`);
  const moved = await runMscache(["get", "greeting", "--addr", node.address]);
  expect(moved.out).toBe("hello");
});

test("the lines of JSON are what an export writes", async () => {
  await using node = await startNode();
  const input = Buffer.from(blocks("json").join(""));
  await runMscache(["import", "--addr", node.address], { input });
  const { out } = await runMscache(["export", "--addr", node.address]);
  expect(out.trim().split("\n").sort()).toEqual(input.toString().trim().split("\n").sort());
});
