// The defaults of sizes: that they all fit into what the process may use, whatever the user
// sets, and that a node warns of settings that cannot fit. The memory of real nodes is measured in
// replication/small-memory.

import { describe, expect, test } from "bun:test";
import { loadConfig, memoryWarning } from "../../../src/config/config.ts";
import { memoryNeeded } from "../../../src/config/memory-plan.ts";

const mb = 1024 * 1024;

function configFor(megabytes: number, flags: Record<string, string> = {}) {
  return loadConfig(flags, {}, () => "", megabytes * mb);
}

describe("the defaults of sizes", () => {
  test.each([
    [128, "1", [16, 4, 4, 4]],
    [256, "1", [80, 20, 20, 20]],
    [512, "1", [208, 52, 52, 52]],
    [512, "4", [160, 40, 40, 40]],
    [1024, "1", [464, 116, 116, 116]],
    [8192, "1", [4048, 128, 256, 1012]],
    [65_536, "1", [32_720, 128, 256, 1024]],
  ])("where the process may use %d MB, with %s data threads", (memory, threads, parts) => {
    const config = configFor(memory, { threads });
    const { maxMemory, journalSize, followerBuffer, maxClientMemory } = config;
    const all = [maxMemory, journalSize, followerBuffer, maxClientMemory];
    expect(all.map((bytes) => bytes / mb)).toEqual(parts);
    expect(memoryNeeded(config)).toBeLessThanOrEqual(memory * mb);
    expect(memoryWarning(config, memory * mb)).toBeNull();
  });

  test("the journal and the follower buffer shrink for a larger max-memory", () => {
    const { journalSize, followerBuffer } = configFor(512, { "max-memory": "300mb" });
    expect([journalSize / mb, followerBuffer / mb]).toEqual([29, 29]);
    const full = configFor(8192, { "max-memory": "8gb" });
    expect(full.journalSize).toBe(128 * mb);
  });
});

test("the quarter that a transaction may draw beyond the limit counts, up to the reserve", () => {
  const needed = (flags: Record<string, string>) => {
    return memoryNeeded(configFor(8192, { "max-memory": "64mb", ...flags })) / mb;
  };
  const without = needed({ reserve: "64mb" });
  expect(needed({})).toBe(without + 16);
  expect(needed({ reserve: "70mb" })).toBe(without + 6);
});

describe("settings that cannot fit", () => {
  test("give a warning of one sentence", () => {
    const config = configFor(256, { "max-memory": "128mb", "journal-size": "128mb" });
    expect(memoryWarning(config, 256 * mb)).toBe(
      "these settings may need 412mb, but the process may use only 256mb: " +
        "lower --max-memory, --journal-size, --follower-buffer or --max-client-memory",
    );
  });
});
