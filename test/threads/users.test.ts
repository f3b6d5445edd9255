/**
 * Rules that change while clients of all data threads work: what ACL SETUSER has answered counts
 * for every command that is run after it, in whatever thread, and so do CONFIG SET requirepass and
 * ACL DELUSER.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/node/server.ts";
import { caseMsMax, startNode, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

const clientCount = 12;

/** Clients that are spread over the threads. */
async function connect(stack: AsyncDisposableStack, port: number): Promise<Peer[]> {
  return Promise.all(
    Array.from({ length: clientCount }, async () => stack.use(await Peer.connect(port))),
  );
}

test("ACL SETUSER is not answered while a thread still runs commands under the old rules", async () => {
  await using stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(await temporaryDirectory());
  const flags = { listenaddr: "127.0.0.1:0", threads: "4", "max-memory": "64mb" };
  const server = stack.use(
    await startServer(
      loadConfig({ ...flags, "log-level": "error" }, {}, () => ""),
      { workerEntry: new URL("./waiting-worker-fixture.ts", import.meta.url) },
    ),
  );
  const [worker, ...others] = await connect(stack, server.port);
  await worker.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*");
  await worker.ask("AUTH", "u", "x");
  await worker.ask("SET", "k", "before");
  const path = join(directory, "go");
  worker.sendAll([
    ["ECHO", path],
    ["GET", "k"],
  ]);
  await waitFor(() => existsSync(`${path}.begun`));
  // Of a thread that is not busy.
  const free = others.map(async (peer) => {
    await peer.ask("PING");
    return peer;
  });
  const admin = await Promise.any(free);
  let isAnswered = false;
  const change = admin.ask("ACL", "SETUSER", "u", "-get").finally(() => {
    isAnswered = true;
  });
  await Bun.sleep(200); // Real time: without a wait it is answered within a few milliseconds.
  expect(isAnswered).toBe(false);
  writeFileSync(path, "");
  expect(await change).toBe("+OK");
  expect([await worker.shown(), await worker.shown()]).toEqual(["+OK", "$before"]);
  expect(await worker.ask("GET", "k")).toStartWith("-NOPERM");
  await Promise.all(free);
});

test("all threads have the rules that were answered", async () => {
  await using stack = new AsyncDisposableStack();
  const node = stack.use(await startNode({ threads: 4 }));
  const admin = stack.use(await Peer.connect(node.port));
  await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*");
  const peers = await connect(stack, node.port);
  for (const peer of peers) await peer.ask("AUTH", "u", "x");
  for (const [rule, start] of [
    ["-set", "-NOPERM"],
    ["+@all", "+OK"],
  ] as const) {
    await admin.ask("ACL", "SETUSER", "u", rule);
    const shown = await Promise.all(peers.map((peer) => peer.ask("SET", "k", "v")));
    for (const one of shown) expect(one).toStartWith(start);
  }
  expect(await admin.ask("CONFIG", "SET", "requirepass", "secret")).toBe("+OK");
  const strangers = await connect(stack, node.port);
  for (const stranger of strangers) expect(await stranger.ask("PING")).toStartWith("-NOAUTH");
  expect(await admin.ask("ACL", "DELUSER", "u")).toBe(":1");
  for (const peer of peers) expect(await peer.ask("PING").catch(() => "closed")).toBe("closed");
});
