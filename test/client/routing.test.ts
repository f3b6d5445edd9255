// Routing among several nodes: reads go to the named node, writes to the leader that the replies to
// ROLE lead to. Scripted nodes produce every order of events; a real failover between
// real servers is test/conformance/client.test.ts.

import { describe, expect, test } from "bun:test";
import { connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import {
  followerGreeting,
  followerOf,
  leaderRole,
  readOnly,
  type Script,
  ScriptedNode,
} from "./scripted-node.ts";

const leader: Script = (command) => {
  if (command.startsWith("HELLO")) return undefined;
  return command === "ROLE" ? leaderRole : "+OK\r\n";
};

/** A follower of the node that `leaderNow` gives at the time it is asked. */
function follower(leaderNow: () => { port: number }): Script {
  return (command) => {
    if (command.startsWith("HELLO")) return followerGreeting;
    if (command === "ROLE") return followerOf(leaderNow());
    return command.startsWith("SET") ? readOnly : "$1\r\nv\r\n";
  };
}

describe("connected to the leader", () => {
  test("everything goes there and no ROLE is sent", async () => {
    await using node = new ScriptedNode(leader);
    await using client = await connect(node.addr);
    expect(await client.set("a", "1")).toBe(true);
    expect(node.commands).toEqual(["SET a 1"]);
  });

  test("a node that refuses ROLE gets the writes", async () => {
    await using node = new ScriptedNode((command) => {
      if (command.startsWith("HELLO")) return followerGreeting;
      return command === "ROLE" ? "-NOPERM no permission\r\n" : "+OK\r\n";
    });
    await using client = await connect(node.addr);
    expect(await client.set("a", "1")).toBe(true);
    expect(node.commands).toEqual(["ROLE", "SET a 1"]);
  });
});

describe("connected to a follower", () => {
  test("reads stay there and writes go to the leader over one more connection", async () => {
    await using top = new ScriptedNode(leader);
    await using node = new ScriptedNode(follower(() => top));
    await using client = await connect(node.addr);
    expect(await client.get("a")).toBe("v");
    expect(top.peers).toHaveLength(0);
    await Promise.all([client.set("a", "1"), client.set("b", "2")]);
    await client.set("c", "3");
    expect(node.commands).toEqual(["GET a", "ROLE"]);
    expect(top.commands).toEqual(["ROLE", "SET a 1", "SET b 2", "SET c 3"]);
    expect(top.peers).toHaveLength(1);
  });

  test("a chain of followers leads to the leader and leaves no connection open on the way", async () => {
    await using top = new ScriptedNode(leader);
    await using middle = new ScriptedNode(follower(() => top));
    await using node = new ScriptedNode(follower(() => middle));
    await using client = await connect(node.addr);
    expect(await client.set("a", "1")).toBe(true);
    expect(middle.commands).toEqual(["ROLE"]);
    expect(top.commands).toEqual(["ROLE", "SET a 1"]);
  });

  test("followers that follow each other have no leader, and the write says so", async () => {
    await using one: ScriptedNode = new ScriptedNode(follower(() => two));
    await using two: ScriptedNode = new ScriptedNode(follower(() => one));
    await using client = await connect(one.addr, { ...quick, requestTimeoutMs: 100 });
    const error = await failureOf(client.set("a", "1"));
    expect(error).toMatchObject({
      code: "TIMEOUT",
      sent: false,
      cause: { code: "CONNECT_FAILED" },
    });
    expect(error.message).toContain("follower number 8 in a row");
    expect(await client.get("a")).toBe("v");
  });

  test("while the leader cannot be reached, ROLE is repeated until it names another one", async () => {
    await using gone = new ScriptedNode(leader);
    await using top = new ScriptedNode(leader);
    let named = gone;
    await using node = new ScriptedNode(follower(() => named));
    await gone[Symbol.asyncDispose]();
    await using client = await connect(node.addr, quick);
    const stored = client.set("a", "1");
    await waitFor(() => node.commands.length >= 2, { message: "a second ROLE" });
    named = top;
    expect(await stored).toBe(true);
    expect(top.commands).toEqual(["ROLE", "SET a 1"]);
  });
});

describe("when the leader changes", () => {
  test("a write that a follower refused is sent to the new leader, once", async () => {
    await using next = new ScriptedNode(leader);
    await using old = new ScriptedNode(leader);
    let named = old;
    await using node = new ScriptedNode(follower(() => named));
    await using client = await connect(node.addr, quick);
    await client.set("a", "1");
    old.script = follower(() => next);
    named = next;
    expect(await Promise.all([client.set("b", "2"), client.set("c", "3")])).toEqual([true, true]);
    expect(old.commands).toEqual(["ROLE", "SET a 1", "SET b 2", "SET c 3"]);
    expect(next.commands).toEqual(["ROLE", "SET b 2", "SET c 3"]);
  });

  test("a write that is refused twice rejects with ReadOnlyError", async () => {
    await using node = new ScriptedNode((command) => {
      if (command.startsWith("HELLO")) return undefined;
      return command === "ROLE" ? leaderRole : readOnly;
    });
    await using client = await connect(node.addr);
    const error = await failureOf(client.set("a", "1"));
    expect(error).toMatchObject({ code: "READ_ONLY", address: node.addr });
    expect(node.commands).toEqual(["SET a 1", "ROLE", "SET a 1"]);
  });

  test("a lost leader is searched for again, and a write in flight is not repeated", async () => {
    await using next = new ScriptedNode(leader);
    await using old = new ScriptedNode((command, peer) =>
      command.startsWith("SET slow") ? undefined : leader(command, peer),
    );
    let named = old;
    await using node = new ScriptedNode(follower(() => named));
    await using client = await connect(node.addr, quick);
    await client.set("a", "1");
    const failure = failureOf(client.set("slow", "2"));
    await waitFor(() => old.commands.includes("SET slow 2"));
    named = next;
    await old[Symbol.asyncDispose]();
    expect(await failure).toMatchObject({ code: "CONNECTION_LOST", address: old.addr });
    expect(await client.set("b", "3")).toBe(true);
    expect(next.commands).toEqual(["ROLE", "SET b 3"]);
    expect(await client.get("a")).toBe("v");
  });

  test("the named node itself may become the leader", async () => {
    await using old = new ScriptedNode(leader);
    await using node = new ScriptedNode(follower(() => old));
    await using client = await connect(node.addr, quick);
    await client.set("a", "1");
    node.script = leader;
    await old[Symbol.asyncDispose]();
    await waitFor(async () => await client.set("b", "2").catch(() => false));
    expect(node.commands.slice(-2)).toEqual(["ROLE", "SET b 2"]);
  });

  test("writes move on from a leader that restarts as a follower", async () => {
    await using next = new ScriptedNode(leader);
    await using node = new ScriptedNode(leader);
    await using client = await connect(node.addr, quick);
    await client.set("a", "1");
    node.script = follower(() => next);
    node.cut();
    await waitFor(() => node.peers.length === 2, { message: "the reconnection" });
    expect(await client.set("b", "2")).toBe(true);
    expect(next.commands).toEqual(["ROLE", "SET b 2"]);
  });
});
