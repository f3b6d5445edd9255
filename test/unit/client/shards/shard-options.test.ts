// The options of a client over several shards: what is refused, and whose word counts. Nothing is
// opened here.

import { describe, expect, test } from "bun:test";
import { resolveShards, type ShardedOptions } from "../../../../src/client/shards/shard-options.ts";

const two = [
  { name: "a", addresses: "one:1" },
  { name: "b", addresses: ["two:2", "three:3"] },
];

function faultOf(options: unknown): string {
  try {
    resolveShards(options as ShardedOptions);
  } catch (cause) {
    expect(cause).toMatchObject({ code: "INVALID_ARGUMENT" });
    return String(cause);
  }
  return "none";
}

describe("options of shards", () => {
  test("stand beside the list for all, and in a shard for that one", () => {
    const [a, b] = resolveShards({
      shards: [two[0], { ...two[1], database: 3, sentinel: "cache-b" }] as ShardedOptions["shards"],
      database: 1,
      requestTimeoutMs: 70,
    }).shards;
    expect(a).toMatchObject({ database: 1, requestTimeoutMs: 70, sentinel: null });
    expect(b).toMatchObject({
      database: 3,
      requestTimeoutMs: 70,
      sentinel: { leaderName: "cache-b" },
    });
    expect(b?.places).toHaveLength(2);
  });

  test.each([
    ["no list", {}, "shards must be an array"],
    ["no shard", { shards: [] }, "from 1 to 1024"],
    ["a hole", { shards: [undefined, two[0]] }, "shards[0] must be a plain object"],
    ["no name", { shards: [{ addresses: "one:1" }] }, "shards[0].name must be a string"],
    ["an empty name", { shards: [{ name: "", addresses: "one:1" }] }, "shards[0].name"],
    ["no addresses", { shards: [{ name: "a" }] }, "shards[0].addresses"],
    ["a wrong address", { shards: [{ name: "a", addresses: "one" }] }, "shards[0]: address"],
    ["a wrong option", { shards: two, retries: -1 }, "retries"],
    ["a name twice", { shards: [two[0], { ...two[1], name: "a" }] }, "shards[0] and [1]"],
    ["a node twice", { shards: [two[0], { name: "b", addresses: ["x:1", "one:1"] }] }, "a node"],
    [
      "names of one hash",
      {
        shards: [
          { ...two[0], name: "shard-20781" },
          { ...two[1], name: "shard-113762" },
        ],
      },
      "hash",
    ],
  ])("%s is refused", (_, options, words) => {
    expect(faultOf(options)).toContain(words);
  });

  test("may name one Sentinel for several shards, or one node with several databases", () => {
    const sentinels = ["guard:26379"];
    const shards = ["a", "b"].map((name) => ({ name, addresses: sentinels, sentinel: name }));
    expect(resolveShards({ shards }).shards).toHaveLength(2);
    const databases = [0, 1].map((database) => ({
      name: `db${database}`,
      addresses: ":5000",
      database,
    }));
    expect(resolveShards({ shards: databases }).shards).toHaveLength(2);
    expect(faultOf({ shards: shards.map((one) => ({ ...one, sentinel: "a" })) })).toContain("node");
  });
});
