// The methods of the client beside get() and set(): what each sends, what its reply becomes, and
// what it refuses. At real servers, and at nodes that follow a script.

import { describe, expect, test } from "bun:test";
import { type Client, connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { eachServer } from "../support/client-servers.ts";
import { failureOf } from "../support/failure.ts";
import { connectPatiently } from "../support/patient-client.ts";
import { followerGreeting, followerOf, leaderRole, ScriptedNode } from "./scripted-node.ts";

const minute = 60_000;

eachServer("the client", (node) => {
  const connectHere = () => connectPatiently(node().address);

  test("stores several values at once, from an object, a Map and pairs", async () => {
    await using client = await connectHere();
    expect(await client.mset({ "m:1": "a", "m:2": new Uint8Array([0x62]) })).toBe(true);
    expect(await client.mset(new Map([["m:3", "c"]]))).toBe(true);
    const repeated = [
      ["m:4", "lost"],
      ["m:4", "d"],
    ] as const;
    expect(await client.mset(repeated)).toBe(true);
    expect(await client.mset({})).toBe(true);
    expect(await client.mget(["m:1", "m:2", "m:3", "m:4"])).toEqual(["a", "b", "c", "d"]);
    const once = { onlyIfAbsent: true };
    expect(await client.mset({ "m:4": "e", "m:5": "e" }, once)).toBe(false);
    expect(await client.mset({ "m:5": "e", "m:6": "f" }, once)).toBe(true);
    expect(await client.mget(["m:4", "m:5", "m:6"])).toEqual(["d", "e", "f"]);
  });

  test("appends, reads and deletes at once, and reads with a new lifetime", async () => {
    await using client = await connectHere();
    expect([await client.append("a", "ab"), await client.append("a", "é")]).toEqual([2, 4]);
    expect(await client.getEx("a", { ttl: minute })).toBe("abé");
    const left = (await client.ttl("a")) ?? 0;
    expect(left > 0 && left <= minute).toBe(true);
    const end = new Date(4e12);
    expect(await client.getEx("a", { expiresAt: end })).toBe("abé");
    expect(await client.expiresAt("a")).toBe(4e12);
    expect(await client.getEx("a", { persist: true })).toBe("abé");
    expect(await client.expiresAt("a")).toBe(Number.POSITIVE_INFINITY);
    expect([await client.getDel("a"), await client.getDel("a")]).toEqual(["abé", null]);
    expect(await client.getEx("a", { ttl: minute })).toBeNull();
    expect(await client.expiresAt("a")).toBeNull();
  });

  test("makes keys stay, renames and copies them", async () => {
    await using client = await connectHere();
    await client.set("r", "v", { ttl: minute });
    expect([await client.persist("r"), await client.persist("r")]).toEqual([true, false]);
    expect(await client.rename("r", "s")).toBe(true);
    expect(await client.copy("s", "t")).toBe(true);
    expect(await client.copy("s", "t")).toBe(false);
    expect(await client.copy("none", "t")).toBe(false);
    expect(await client.copy("s", "t", { replace: true })).toBe(true);
    expect(await client.rename("s", "t", { onlyIfAbsent: true })).toBe(false);
    expect(await client.rename("s", "u", { onlyIfAbsent: true })).toBe(true);
    expect(await client.mget(["r", "s", "t", "u"])).toEqual([null, null, "v", "v"]);
    expect(await client.copy("t", "t", { database: 5 })).toBe(true);
    await using other = await connectPatiently(`redis://${node().address}/5`);
    expect(await other.get("t")).toBe("v");
    expect(await failureOf(client.rename("none", "t"))).toMatchObject({ serverCode: "ERR" });
  });

  test("counts the keys of its database, and deletes them or those of all", async () => {
    await using client = await connectPatiently(`redis://${node().address}/6`);
    await using other = await connectPatiently(`redis://${node().address}/7`);
    await Promise.all([client.mset({ a: "1", b: "2" }), other.set("c", "3")]);
    expect([await client.size(), await other.size()]).toEqual([2, 1]);
    expect(await client.flushDatabase()).toBeUndefined();
    expect([await client.size(), await other.size()]).toEqual([0, 1]);
    expect(await client.flushAll()).toBeUndefined();
    expect(await other.size()).toBe(0);
  });

  test("publishes, and tells how many listen", async () => {
    await using client = await connectHere();
    expect(await client.publish("nobody", "hello")).toBe(0);
    await using news = await client.subscribe("news", { bytes: true });
    expect(await client.publish("news", new Uint8Array([0xff]))).toBe(1);
    expect((await news.next()).value?.message).toEqual(new Uint8Array([0xff]));
  });

  test("sets, reads and counts bits", async () => {
    await using client = await connectHere();
    expect(await client.setBit("bits", 0, true)).toBe(false);
    expect(await client.setBit("bits", 70_000, true)).toBe(false);
    expect(await client.setBit("bits", 0, false)).toBe(true);
    expect([await client.getBit("bits", 0), await client.getBit("bits", 70_000)]).toEqual([
      false,
      true,
    ]);
    expect([await client.getBit("none", 2 ** 32 - 1), await client.bitCount("bits")]).toEqual([
      false,
      1,
    ]);
  });

  test("counts distinct elements", async () => {
    await using client = await connectHere();
    expect(await client.pfAdd("p:1", ["a", "b", "a"])).toBe(true);
    expect(await client.pfAdd("p:1", ["b"])).toBe(false);
    expect(await client.pfAdd("p:2", ["b", new Uint8Array([0xff])])).toBe(true);
    expect(await client.pfCount(["p:1", "p:2"])).toBe(3);
    expect(await client.pfMerge("p:3", ["p:1", "p:2"])).toBeUndefined();
    expect([await client.pfCount(["p:3"]), await client.pfCount([])]).toEqual([3, 0]);
    expect(await client.pfAdd("p:4", [])).toBe(true);
    expect(await client.pfMerge("p:5", [])).toBeUndefined();
    expect(await client.pfCount(["p:4", "p:5", "none"])).toBe(0);
  });
});

describe("a method of the client", () => {
  test("that reads stays at the node, and one that writes goes to the leader", async () => {
    await using leader = new ScriptedNode((command) =>
      command === "ROLE" ? leaderRole : command.startsWith("HELLO") ? undefined : ":1\r\n",
    );
    await using follower = new ScriptedNode((command) => {
      if (command.startsWith("HELLO")) return followerGreeting;
      return command === "ROLE" ? followerOf(leader) : ":1\r\n";
    });
    await using client = await connect(follower.addr);
    const reads = [client.expiresAt("k"), client.size(), client.bitCount("k")];
    await Promise.all([...reads, client.getBit("k", 0), client.pfCount(["k"])]);
    await Promise.all([client.persist("k"), client.setBit("k", 0, true), client.append("k", "v")]);
    await waitFor(() => leader.commands.length > 3);
    expect(follower.commands.filter((line) => line !== "ROLE")).toEqual([
      "PEXPIRETIME k",
      "DBSIZE",
      "BITCOUNT k",
      "GETBIT k 0",
      "PFCOUNT k",
    ]);
    expect(leader.commands).toEqual(["ROLE", "PERSIST k", "SETBIT k 0 1", "APPEND k v"]);
  });

  test("names a wrong argument and sends nothing", async () => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await connect(node.addr);
    for (const [method, args, name] of wrongCalls) {
      const call = (client as unknown as Loose)[method].bind(client);
      const error = await failureOf(call(...args));
      expect([method, error.name, error.message]).toEqual([
        method,
        "InvalidArgumentError",
        expect.stringContaining(name),
      ]);
    }
    expect(node.commands).toEqual([]);
  });
});

type Method = keyof Client & string;
type Loose = Record<Method, (...args: unknown[]) => Promise<unknown>>;

const tooMany = Array.from({ length: 1_048_575 }, () => "k");

const wrongCalls: readonly [Method, unknown[], string][] = [
  ["expiresAt", [7], "key"],
  ["persist", [null], "key"],
  ["rename", [7, "b"], "key"],
  ["rename", ["a", 7], "newKey"],
  ["rename", ["a", "b", { onlyIfAbsent: 1 }], "onlyIfAbsent"],
  ["copy", ["a", undefined], "newKey"],
  ["copy", ["a", "b", 7], "options"],
  ["copy", ["a", "b", { replace: 1 }], "replace"],
  ["copy", ["a", "b", { database: -1 }], "database"],
  ["publish", [7, "m"], "channel"],
  ["publish", ["c", 7], "message"],
  ["setBit", ["k", 0, 1], "bit"],
  ["setBit", ["k", -1, true], "offset"],
  ["getBit", ["k", 2 ** 32], "offset"],
  ["getBit", ["k", "0"], "offset"],
  ["bitCount", [7], "key"],
  ["pfAdd", ["k", "element"], "elements"],
  ["pfAdd", ["k", [7]], "elements[0]"],
  ["pfAdd", ["k", tooMany], "1048574"],
  ["pfCount", ["k"], "keys"],
  ["pfMerge", ["k", [7]], "sources[0]"],
  ["mset", [7], "entries"],
  ["mset", [null], "entries"],
  ["mset", [{ k: 7 }], "value of entry 0"],
  ["mset", [[["k"]]], "value of entry 0"],
  ["mset", [["k"]], "entries"],
  ["mset", [tooMany.map(() => ["k", "v"])], "524287"],
  ["mset", [{ k: "v" }, 7], "options"],
  ["append", ["k", 7], "value"],
  ["getDel", [7], "key"],
  ["getEx", ["k", {}], "persist"],
  ["getEx", ["k", { persist: true, ttl: 1 }], "persist"],
  ["getEx", ["k", { persist: 1 }], "persist"],
  ["getEx", ["k", { ttl: 0 }], "ttl must be greater than 0, not 0"],
  ["getEx", ["k", { ttl: Number.POSITIVE_INFINITY }], "ttl must be at most 2^53 - 1"],
  ["getEx", ["k", { ttl: 1e18 }], "ttl must be at most 2^53 - 1"],
  ["getEx", ["k", { expiresAt: 1e18 }], "expiresAt must be at most 2^53 - 1"],
  ["getEx", ["k", { expiresAt: -1 }], "expiresAt must be a time after 1970"],
  ["getEx", ["k"], "options"],
];
