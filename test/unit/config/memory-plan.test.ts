// The defaults of sizes: that they fit together into what the process may use, whatever somebody
// sets, and that a node is warned of settings that cannot. What nodes really take is in
// replication/small-memory.

import { describe, expect, test } from "bun:test";
import { loadConfig, memoryWarning } from "../../../src/config/config.ts";
import { memoryNeeded } from "../../../src/config/memory-plan.ts";

const MB = 1024 * 1024;

function configFor(megabytes: number, flags: Record<string, string> = {}) {
  return loadConfig(flags, {}, () => "", megabytes * MB);
}

describe("the defaults of sizes", () => {
  test.each([
    [128, "1", 16, 4, 4],
    [256, "1", 80, 20, 20],
    [512, "1", 208, 52, 52],
    [512, "4", 160, 40, 40],
    [1024, "1", 464, 116, 116],
    [8192, "1", 4048, 128, 256],
  ])(
    "where the process may use %d MB, with %s data threads",
    (memory, threads, items, journal, followers) => {
      const config = configFor(memory, { threads });
      const { maxMemory, journalSize, followerBuffer } = config;
      expect([maxMemory, journalSize, followerBuffer].map((bytes) => bytes / MB)).toEqual([
        items,
        journal,
        followers,
      ]);
      expect(memoryNeeded(config)).toBeLessThanOrEqual(memory * MB);
      expect(memoryWarning(config, memory * MB)).toBeNull();
    },
  );

  test("the journal and what is kept for followers make way for more items", () => {
    const { journalSize, followerBuffer } = configFor(512, { "max-memory": "300mb" });
    expect([journalSize / MB, followerBuffer / MB]).toEqual([29, 29]);
    const full = configFor(8192, { "max-memory": "8gb" });
    expect(full.journalSize).toBe(128 * MB);
  });
});

describe("a node whose settings cannot fit", () => {
  test("is told so in a sentence", () => {
    const config = configFor(256, { "max-memory": "128mb", "journal-size": "128mb" });
    expect(memoryWarning(config, 256 * MB)).toBe(
      "these settings and the program may take 392mb, and the process may use 256mb: " +
        "lower --max-memory, --journal-size, --follower-buffer or --max-client-memory",
    );
  });
});
