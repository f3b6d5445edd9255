// A client with several addresses: which node it takes, and where it goes when it loses that node.
// What addresses may look like is tested in unit/client/client-options.test.ts.

import { expect, test } from "bun:test";
import { connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import { leaderRole, type Script, ScriptedNode } from "./scripted-node.ts";

/** A leader that answers GET with its name. */
const named =
  (name: string): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command === "ROLE") return leaderRole;
    return command.startsWith("GET") ? `+${name}\r\n` : "+OK\r\n";
  };

async function deadAddress(): Promise<string> {
  await using node = new ScriptedNode(() => "");
  return node.addr;
}

test("the first address that answers is taken, and the others are left alone", async () => {
  await using first = new ScriptedNode(named("first"));
  await using second = new ScriptedNode(named("second"));
  await using client = await connect([await deadAddress(), first.addr, second.addr], quick);
  expect([await client.get("a"), client.address]).toEqual(["first", first.addr]);
  expect(second.peers).toHaveLength(0);
});

test("a node that is lost is replaced by the next one", async () => {
  await using first = new ScriptedNode(named("first"));
  await using second = new ScriptedNode(named("second"));
  await using client = await connect([first.addr, await deadAddress(), second.addr], quick);
  await first[Symbol.asyncDispose]();
  await waitFor(async () => (await client.get("a").catch(() => "lost")) === "second");
  expect([await client.get("a"), client.address]).toEqual(["second", second.addr]);
  expect(await client.set("a", "1")).toBe(true);
  expect(second.commands.at(-1)).toBe("SET a 1");
});

test("a node that refuses the login is passed over", async () => {
  await using strict = new ScriptedNode(() => "-WRONGPASS no\r\n");
  await using second = new ScriptedNode(named("second"));
  await using client = await connect([strict.addr, second.addr], { ...quick, password: "p" });
  expect(client.address).toBe(second.addr);
});

test("a Sentinel that is taken for a node is refused with the option that it needs", async () => {
  const greeting = "%2\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n";
  await using sentinel = new ScriptedNode((command) =>
    command.startsWith("HELLO") ? greeting : "-ERR unknown command\r\n",
  );
  const error = await failureOf(connect(sentinel.addr, quick));
  expect(error).toMatchObject({ code: "CONNECT_FAILED", address: sentinel.addr });
  expect(error.message).toEndWith(
    "it is a Sentinel, which has no keys: the option sentinel names the group to find",
  );
});

test("when none can be used, one ConnectError says why for each", async () => {
  await using strict = new ScriptedNode(() => "-WRONGPASS no\r\n");
  const dead = await deadAddress();
  const error = await failureOf(connect([dead, strict.addr], quick));
  expect(error).toMatchObject({ code: "CONNECT_FAILED", address: `${dead}, ${strict.addr}` });
  expect(error.message).toContain(`cannot connect to ${dead}: `);
  expect(error.message).toEndWith("WRONGPASS no");
});
