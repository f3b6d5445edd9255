// client.command(): where each command goes, what its replies become, and what it refuses, at nodes
// that follow a script; and the same commands at real servers.

import { describe, expect, test } from "bun:test";
import { type CommandArgument, connect, ServerError } from "../../src/index.ts";
import { eachServer } from "../support/client-servers.ts";
import { failureOf } from "../support/failure.ts";
import { connectPatiently } from "../support/patient-client.ts";
import { followerGreeting, followerOf, leaderRole, ScriptedNode } from "./scripted-node.ts";

describe("the way of a command", () => {
  test("reads stay at the node, writes and what is unknown go to the leader", async () => {
    await using leader = new ScriptedNode((command) =>
      command === "ROLE" ? leaderRole : command.startsWith("HELLO") ? undefined : "+OK\r\n",
    );
    await using follower = new ScriptedNode((command) => {
      if (command.startsWith("HELLO")) return followerGreeting;
      return command === "ROLE" ? followerOf(leader) : "+here\r\n";
    });
    await using client = await connect(follower.addr);
    const reads: [string, ...CommandArgument[]][] = [
      ["GETRANGE", "k", 0, -1],
      ["getrange", "k", 0, -1],
      ["OBJECT ENCODING", "k"],
      ["OBJECT", "encoding", "k"],
      ["DBSIZE"],
      ["INFO"], // as info() and ping()
      ["ping"],
    ];
    for (const call of reads) expect(await client.command(...call)).toBe("here");
    const writes: [string, ...CommandArgument[]][] = [
      ["SET", "k", "v"],
      ["OBJECT", "UNKNOWN", "k"],
      ["NO.SUCH", 1n],
      ["CONFIG GET", "save"],
    ];
    for (const call of writes) expect(await client.command(...call)).toBe("OK");
    expect(follower.commands.filter((line) => line !== "ROLE")).toEqual([
      "GETRANGE k 0 -1",
      "GETRANGE k 0 -1",
      "OBJECT ENCODING k",
      "OBJECT encoding k",
      "DBSIZE",
      "INFO",
      "PING",
    ]);
    expect(leader.commands).toEqual([
      "ROLE",
      "SET k v",
      "OBJECT UNKNOWN k",
      "NO.SUCH 1",
      "CONFIG GET save",
    ]);
  });

  test.each([
    ["MULTI", "transaction"],
    ["watch", "watch"],
    ["SUBSCRIBE", "subscribe"],
    ["SELECT", "option"],
    ["CLIENT REPLY", "reply"],
  ])("%s is refused, with what to do instead", async (name, remedy) => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await connect(node.addr);
    for (const call of [client.command(name, "x"), client.command(...splitName(name), "x")]) {
      const error = await failureOf(call);
      expect([error.name, error.message]).toEqual([
        "InvalidArgumentError",
        expect.stringContaining(remedy),
      ]);
    }
    expect(node.commands).toEqual([]);
  });

  test("a command that would wait without an end is refused, and one with a limit is sent", async () => {
    await using node = new ScriptedNode((command) =>
      command.startsWith("HELLO") ? undefined : ":0\r\n",
    );
    await using client = await connect(node.addr);
    const endless: [string, ...CommandArgument[]][] = [
      ["WAIT", 1, 0],
      ["wait", 1, "0"],
      ["WAITOFFSET", "r", 7, 0n],
      ["WAITAOF", 1, 0, new TextEncoder().encode("0")],
      ["BLPOP", "a", "b", "0.0"],
      ["BLMPOP", 0, 1, "a", "LEFT"],
      ["XREAD", "COUNT", 1, "block", 0, "STREAMS", "s", "$"],
    ];
    for (const call of endless) {
      for (const answer of [client.command(...call), client.pipeline([call])]) {
        const error = await failureOf(answer);
        expect([error.name, error.message]).toEqual([
          "InvalidArgumentError",
          expect.stringContaining("give it a limit"),
        ]);
      }
    }
    expect(node.commands).toEqual([]);
    const limited: [string, ...CommandArgument[]][] = [
      ["WAIT", 0, 10],
      ["BLPOP", "0", 0.1],
      ["BLMPOP", 1, 1, "0", "LEFT", "COUNT", 0],
      ["XREAD", "STREAMS", "block", 0],
      ["XREAD", "BLOCK", 5, "STREAMS", "s", 0],
    ];
    for (const call of limited) expect(await client.command(...call)).toBe(0);
  });

  test.each<[string, ...string[]]>([
    ["REPLICAOF", "NO", "ONE"],
    ["replicaof no one"],
    ["slaveof", "NO", "ONE"],
    ["FAILOVER"],
    ["SHUTDOWN", "NOSAVE"],
    ["DEBUG", "SLEEP", "0"],
  ])("%s, whose node the client would choose, is refused", async (...call) => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await connect(node.addr);
    const error = await failureOf(client.command(...call));
    expect([error.name, error.message]).toEqual([
      "InvalidArgumentError",
      expect.stringContaining("redis-cli"),
    ]);
    expect(node.commands).toEqual([]);
  });

  test("wrong names and arguments reject and send nothing", async () => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await connect(node.addr);
    const loose = client as unknown as { command(...args: unknown[]): Promise<unknown> };
    for (const args of [[], [""], [7], ["GET", undefined], ["GET", ["k"]], ["GET", {}]]) {
      expect(await failureOf(loose.command(...args))).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    expect(node.commands).toEqual([]);
  });
});

function splitName(name: string): [string, ...string[]] {
  const [first = "", ...rest] = name.split(" ");
  return [first, ...rest];
}

test("every kind of reply has a value of JavaScript", async () => {
  const replies: Record<string, [string, unknown]> = {
    status: ["+OK\r\n", "OK"],
    text: ["$2\r\nab\r\n", "ab"],
    null: ["_\r\n", null],
    integer: [":7\r\n", 7],
    large: [":9007199254740993\r\n", 9007199254740993n],
    double: [",1.5\r\n", 1.5],
    truth: ["#t\r\n", true],
    list: ["*2\r\n:1\r\n$1\r\na\r\n", [1, "a"]],
    map: ["%1\r\n+a\r\n:1\r\n", new Map([["a", 1]])],
    set: ["~1\r\n+a\r\n", new Set(["a"])],
    nested: ["*2\r\n:1\r\n-ERR no\r\n", [1, new ServerError("ERR", "ERR no")]],
  };
  await using node = new ScriptedNode((command) => replies[command.split(" ")[1] ?? ""]?.[0]);
  await using client = await connect(node.addr);
  for (const [name, [, value]] of Object.entries(replies)) {
    expect([name, await client.command("ANY", name)]).toEqual([name, value] as never);
  }
  expect(await client.commandBytes("ANY", "text")).toEqual(new Uint8Array([0x61, 0x62]));
  expect(await client.commandBytes("ANY", "status")).toBe("OK");
});

eachServer("command()", (node) => {
  test("sends what it is told and resolves with the reply", async () => {
    await using client = await connectPatiently(node().address);
    expect(await client.command("SET", "k", "hello", "PX", 60_000)).toBe("OK");
    expect(await client.command("GETRANGE", "k", 0, -2)).toBe("hell");
    expect(await client.commandBytes("GET", "k")).toEqual(new TextEncoder().encode("hello"));
    expect(await client.command("INCRBY", "n", 2n ** 62n)).toBe(2n ** 62n);
    expect(await client.command("CONFIG GET", "maxmemory-policy")).toBeInstanceOf(Map);
    expect(await failureOf(client.command("INCR", "k"))).toMatchObject({ serverCode: "ERR" });
    expect(await failureOf(client.command("NO.SUCH"))).toMatchObject({ serverCode: "ERR" });
  });
});
