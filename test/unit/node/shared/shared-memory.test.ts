// What the threads of a node share, seen before any of them starts: that a node's secrets are its
// own. What they do with it is in the tests of the store, the journal and the threads.

import { expect, test } from "bun:test";
import { loadConfig } from "../../../../src/config/config.ts";
import { reserveMemory } from "../../../../src/node/shared/shared-memory.ts";

test("each node draws a hash key of 128 bits of its own", () => {
  const config = loadConfig({ "max-memory": "4mb" }, {}, () => "");
  const words = [1, 2].flatMap(() => reserveMemory(config).store.hashKey);
  expect(words).toHaveLength(8);
  expect(new Set(words).size).toBe(8);
});
