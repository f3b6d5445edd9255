// Where commands go whose keys are in one shard or in several: the positions of keys, what can be
// split, and what is said of the rest.

import { describe, expect, test } from "bun:test";
import { NO_KEY, SEVERAL, ShardMap } from "../../../../src/client/shards/shard-map.ts";
import type { Command } from "../../../../src/client/wire/command-writer.ts";

const map = new ShardMap(["a", "b", "c"]);
/** A key of each shard. */
const [inA, inB, inC] = [0, 1, 2].map((index) => {
  for (let i = 0; ; i++) if (map.indexOfKey(`key:${i}`) === index) return `key:${i}`;
}) as [string, string, string];

describe("a command goes to the shard of its keys", () => {
  const commands: readonly Command[] = [
    ["GET", inB],
    ["get", inB],
    ["SET", inB, "value", "EX", 10],
    ["APPEND", Buffer.from(inB), "x"],
    ["RENAME", `{${inB}}:1`, `{${inB}}:2`],
    ["MSETNX", inB, "1", `{${inB}}`, "2"],
    ["BITOP", "AND", inB, `{${inB}}`],
    ["OBJECT", "ENCODING", inB],
    ["object", Buffer.from("freq"), inB],
    ["MEMORY", "USAGE", inB],
    ["EVAL", "return 1", 1, inB, inA],
    ["EVALSHA", "sha", "2", inB, `{${inB}}`, inC],
    ["FCALL", "f", 1, inB],
    ["MSETEX", 1, inB, "v", "PX", 10],
    ["PUBLISH", inB, inA],
    ["SPUBLISH", inB, inA],
  ];
  test.each(commands.map((command) => [command.join(" "), command] as const))(
    "%s",
    (_, command) => {
      expect(map.indexOfCommand(command)).toBe(1);
    },
  );
});

describe("keys of several shards", () => {
  test.each([
    [["MGET", inA, inB], "in order"],
    [["del", inA, inB], "sum"],
    [["UNLINK", inA, inC], "sum"],
    [["EXISTS", inA, inC], "sum"],
    [["TOUCH", inA, inC], "sum"],
    [["MSET", inA, "1", inC, "2"], "first"],
  ] as const)("%p is split", (command, join) => {
    expect(map.indexOfCommand(command)).toBe(SEVERAL);
    expect(map.joinOf(command)).toBe(join);
  });

  test.each([
    [["MSETNX", inA, "1", inC, "2"]],
    [["RENAME", inA, inC]],
    [["COPY", inA, inC, "REPLACE"]],
    [["BITOP", "OR", inA, inA, inC]],
    [["EVAL", "return 1", 2, inA, inC]],
    [["PFMERGE", inA, inC]],
    [["MSET", inA, "1", inC]],
  ] as const)("%p is refused", (command) => {
    expect(map.joinOf(command)).toMatchObject({
      code: "CROSS_SHARD",
      keys: [inA, inC],
      shards: ["a", "c"],
    });
  });

  test("of a transaction are refused, with the two that are apart", () => {
    const error = map.indexOfAll([
      ["GET", inB],
      ["MSETNX", inB, "1", inC, "2"],
    ]);
    expect(error).toMatchObject({ code: "CROSS_SHARD", keys: [inB, inC] });
    expect(String(error)).toContain("{tag}");
    const other = map.indexOfAll([
      ["GET", inB],
      ["SET", inA, "1"],
    ]);
    expect(other).toMatchObject({ keys: [inB, inA], shards: ["b", "a"] });
    expect(map.indexOfAll([["GET", inB]])).toBe(1);
  });
});

describe("a command without a key", () => {
  test.each([
    [["PING"], "first"],
    [["DBSIZE"], "sum"],
    [["flushall", "ASYNC"], "first"],
    [["KEYS", "*"], "one list"],
  ] as const)("%p is for all", (command, join) => {
    expect(map.indexOfCommand(command)).toBe(NO_KEY);
    expect(map.joinOf(command)).toBe(join);
  });

  test.each([
    [["INFO"]],
    [["GET"]],
    [["DEL"]],
    [["SCAN", 0]],
    [["EVAL", "return 1", 0, inA]],
    [["EVAL", "return 1", 5, inA]],
    [["EVAL", "return 1", "x", inA]],
    [["OBJECT", "HELP"]],
    [["LPUSH", inA, "unknown here"]],
    [["MIGRATE", "host", 5000, inA, 0, 1000]],
  ] as const)("%p is refused, and the way to a shard named", (command) => {
    expect(map.indexOfCommand(command)).toBe(NO_KEY);
    const error = map.joinOf(command);
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(String(error)).toContain("client.shard(name)");
    expect(map.indexOfAll([command])).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
