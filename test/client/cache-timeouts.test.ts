// Writes of a cache whose server does not reply, or is gone: whether their errors say truly that
// they were sent, and that nothing leaves once its promise has settled.

import { expect, test } from "bun:test";
import { connect, createCache } from "../../src/index.ts";
import { caseMsMax, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import { leaderRole, type Script, ScriptedNode } from "./scripted-node.ts";

test("the error says of a write that timed out whether it was sent, and sends it no more if not", async () => {
  const node = new ScriptedNode((command) => (command.startsWith("HELLO") ? undefined : ""));
  const { port } = node;
  await using client = await connect(node.addr, quick);
  const cache = createCache({ client, serverTimeout: 20 });
  const writes = () => [cache.set("k", 1), cache.delete("k"), cache.expireTag("t")];
  const codes = async (sent: boolean) => {
    for (const failure of await Promise.all(writes().map(failureOf))) {
      if ((failure as { code?: string }).code !== "TIMEOUT") return false;
      expect(failure).toMatchObject({ sent });
    }
    return true;
  };
  expect(await codes(true)).toBe(true);
  await node[Symbol.asyncDispose]();
  await waitFor(() => codes(false), { message: "writes that wait for a connection" });
  const leader: Script = (command) => (command === "ROLE" ? leaderRole : "+OK\r\n");
  await using again = new ScriptedNode(
    (command, peer) => (command.startsWith("HELLO") ? undefined : leader(command, peer)),
    port,
  );
  expect(await client.set("last", "1")).toBe(true);
  expect(again.commands.filter((command) => command !== "ROLE")).toEqual(["SET last 1"]);
});

test("what is not asked for while the server rests was not sent either", async () => {
  await using node = new ScriptedNode((command) => (command.startsWith("HELLO") ? undefined : ""));
  await using client = await connect(node.addr, quick);
  const options = { serverTimeout: 20, retryDelay: caseMsMax, failOpen: false };
  const cache = createCache({ client, ...options });
  expect(await failureOf(cache.get("k"))).toMatchObject({ code: "TIMEOUT", sent: true });
  const asked = node.commands.length;
  for (const call of [cache.get("k"), cache.set("k", 1, { tags: ["t"] })]) {
    expect(await failureOf(call)).toMatchObject({ code: "TIMEOUT", sent: false });
  }
  expect(node.commands).toHaveLength(asked);
});
