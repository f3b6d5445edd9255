// A client that finds its nodes by Sentinels. Scripted Sentinels say what real ones say in bad
// moments; that a real failover works is test/sentinel/own-client.test.ts.

import { describe, expect, test } from "bun:test";
import { type ConnectOptions, connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient } from "../support/patient-client.ts";
import {
  followerGreeting,
  followerOf,
  leaderRole,
  readOnly,
  type Script,
  ScriptedNode,
} from "./scripted-node.ts";

const quick: ConnectOptions = {
  ...patient,
  reconnect: { minDelayMs: 1, maxDelayMs: 5 },
  sentinel: "mymaster",
};

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

/** A Sentinel that names these nodes. */
const sentinel =
  (leader: ScriptedNode | null, ...followers: readonly ScriptedNode[]): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command === "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster") {
      return leader === null ? "_\r\n" : `*2\r\n${bulk("127.0.0.1")}${bulk(String(leader.port))}`;
    }
    if (command !== "SENTINEL REPLICAS mymaster") return "-ERR unknown\r\n";
    const maps = followers.map(({ port }) => {
      const fields = ["ip", "127.0.0.1", "port", String(port), "flags", "slave"];
      return `%4\r\n${[...fields, "master-link-status", "ok"].map(bulk).join("")}`;
    });
    return `*${maps.length}\r\n${maps.join("")}`;
  };

const leader =
  (name: string): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command === "ROLE") return leaderRole;
    return command.startsWith("GET") ? `+${name}\r\n` : "+OK\r\n";
  };

const follower =
  (name: string, of: { readonly port: number }): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return followerGreeting;
    if (command === "ROLE") return followerOf(of);
    return command.startsWith("GET") ? `+${name}\r\n` : readOnly;
  };

async function deadAddress(): Promise<string> {
  await using node = new ScriptedNode(() => "");
  return node.addr;
}

describe("connect", () => {
  test("asks one Sentinel after the other and goes to the leader that one names", async () => {
    await using top = new ScriptedNode(leader("top"));
    await using lost = new ScriptedNode(sentinel(null));
    await using good = new ScriptedNode(sentinel(top));
    const addresses = [await deadAddress(), lost.addr, good.addr];
    await using client = await connect(addresses, quick);
    expect([client.address, await client.get("a")]).toEqual([top.addr, "top"]);
    expect(await client.set("a", "1")).toBe(true);
    await waitFor(() => [...lost.peers, ...good.peers].every((peer) => peer.isClosed));
  });

  test("believes no Sentinel whose leader says that it follows", async () => {
    await using top = new ScriptedNode(leader("top"));
    await using old = new ScriptedNode(follower("old", top));
    await using stale = new ScriptedNode(sentinel(old));
    await using good = new ScriptedNode(sentinel(top));
    await using client = await connect([stale.addr, good.addr], quick);
    expect(client.address).toBe(top.addr);
  });

  test("rejects with what each Sentinel said", async () => {
    await using lost = new ScriptedNode(sentinel(null));
    const dead = await deadAddress();
    const error = await failureOf(connect([dead, lost.addr], quick));
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
    expect(error.message).toContain(`cannot connect to ${dead}: `);
    expect(error.message).toContain(`${lost.addr}: as a Sentinel: it knows no "mymaster"`);
  });

  test("logs in at Sentinels and nodes with what is for each", async () => {
    await using top = new ScriptedNode(leader("top"));
    await using guard = new ScriptedNode(sentinel(top));
    const logins = { password: "p", sentinelUsername: "s", sentinelPassword: "q" };
    await using _client = await connect(guard.addr, { ...quick, ...logins, database: 2 });
    expect(guard.peers[0].arrivals[0]).toEqual(["HELLO 3 AUTH s q"]);
    expect(top.peers[0].arrivals[0]).toEqual(["HELLO 3 AUTH default p", "SELECT 2"]);
  });

  test.each([
    [{ sentinel: undefined, sentinelPassword: "p" }, "sentinelPassword requires sentinel"],
    [{ sentinelUsername: "u" }, "sentinelUsername requires a password"],
    [{ sentinel: 7 }, "sentinel must be a string"],
  ])("refuses %j", async (options, text) => {
    const error = await failureOf(connect(":1", { ...quick, ...(options as object) }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(error.message).toContain(text);
  });
});

describe("when the leader is lost", () => {
  test("Sentinels are asked again until they name the next one", async () => {
    await using next = new ScriptedNode(leader("next"));
    await using top = new ScriptedNode(leader("top"));
    await using guard = new ScriptedNode(sentinel(top));
    await using client = await connect(guard.addr, quick);
    expect(await client.get("a")).toBe("top");
    await top[Symbol.asyncDispose]();
    const both = Promise.all([client.get("a"), client.set("b", "2").catch(() => true)]);
    const before = guard.commands.length;
    await waitFor(() => guard.commands.length > before + 1);
    guard.script = sentinel(next);
    expect(await both).toEqual(["next", true]);
    expect([await client.set("c", "3"), client.address]).toEqual([true, next.addr]);
  });

  test("a leader that was demoted without closing is left after its first refusal", async () => {
    await using next = new ScriptedNode(leader("next"));
    await using top = new ScriptedNode(leader("top"));
    await using guard = new ScriptedNode(sentinel(top));
    await using client = await connect(guard.addr, quick);
    top.script = follower("top", next);
    guard.script = sentinel(next);
    expect(await Promise.all([client.set("a", "1"), client.set("b", "2")])).toEqual([true, true]);
    expect(await client.get("a")).toBe("next");
    expect(client.address).toBe(next.addr);
    await waitFor(() => top.peers.every((peer) => peer.isClosed));
  });
});

test("reads go to a follower that Sentinels name, and to the leader without one", async () => {
  await using top = new ScriptedNode(leader("top"));
  await using node = new ScriptedNode(follower("follower", top));
  await using guard = new ScriptedNode(sentinel(top));
  await using client = await connect(guard.addr, { ...quick, reads: "followers" });
  expect(await client.get("a")).toBe("top");
  guard.script = sentinel(top, node);
  await waitFor(async () => (await client.get("a")) === "follower");
  expect(await client.set("a", "1")).toBe(true);
});
