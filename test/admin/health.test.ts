/**
 * Health as load balancers and orchestrators ask for it: of leaders and followers, while a node
 * loads, and while its leader is away.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, respClient, waitFor } from "../harness.ts";
import { type AdminNode, outcome, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

const paths = ["/healthz", "/readyz", "/leader", "/follower"];

async function health(node: AdminNode): Promise<string[]> {
  const answers = await Promise.all(paths.map(async (path) => outcome(await node.ask(path))));
  return answers.map(([status, text]) => `${status} ${text.trim()}`);
}

test("a leader is ready as soon as it listens", async () => {
  await using node = await startAdminNode();
  expect(await health(node)).toEqual(["200 ok", "200 ready", "200 leader", "503 leader"]);
});

test("health needs no password, and tells it by HEAD as well", async () => {
  await using node = await startAdminNode({ password: "secret" });
  const response = await node.ask("/readyz", { method: "HEAD" });
  expect([response.status, await response.text()]).toEqual([200, ""]);
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect((await node.ask("/readyz", { method: "POST" })).headers.get("allow")).toBe("GET, HEAD");
});

test.each(["1", "2"])(
  "a follower with %s data threads is ready when it is in sync, and no longer than that",
  async (threads) => {
    const leader = await startAdminNode();
    await using ending = { [Symbol.asyncDispose]: () => leader.server.close() };
    const leaderaddr = `127.0.0.1:${leader.port}`;
    await using follower = await startAdminNode({ leaderaddr, threads });
    await waitFor(async () => (await follower.ask("/readyz")).status === 200);
    expect(await health(follower)).toEqual(["200 ok", "200 ready", "503 follower", "200 follower"]);
    await ending[Symbol.asyncDispose]();
    await waitFor(async () => (await follower.ask("/readyz")).status === 503);
    const lost = "503 not in sync";
    expect(await health(follower)).toEqual(["200 ok", lost, lost, lost]);
    await using client = await respClient(follower.port);
    await client.call("REPLICAOF", "NO", "ONE");
    expect(await health(follower)).toEqual(["200 ok", "200 ready", "200 leader", "503 leader"]);
  },
);

test("a follower that never found its leader is alive and not ready", async () => {
  await using node = await startAdminNode({ leaderaddr: "127.0.0.1:1" });
  const lost = "503 not in sync";
  expect(await health(node)).toEqual(["200 ok", lost, lost, lost]);
});
