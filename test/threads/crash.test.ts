/**
 * A data thread that breaks takes the process with it: nothing is served with a lock that nobody will
 * release, or by what is left of a node. Each way to break is a command of crash-worker-fixture.ts that
 * runs while its shard is locked, with other threads at work on the same key.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { spawnNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";

/** Above the patience of every wait: a wait that fails says for what, a timeout does not. */
setDefaultTimeout(30_000);

const command = [process.execPath, join(import.meta.dir, "crash-node-fixture.ts")];
const END_MS_MAX = 5_000;

test.each([
  ["an exception", "THROW", /^mscache: fatal error in a data thread: Error: thrown on purpose$/m],
  ["an exit", "EXIT", /^mscache: fatal error in (a data thread|data thread \d): .*(ended|died)/m],
  ["a rejected promise", "REJECT", /^mscache: fatal error in data thread \d: .*/m],
])("%s in a data thread ends the process with a line that says why", async (_, word, line) => {
  await using node = await spawnNode([], { command });
  await using others = new AsyncDisposableStack();
  for (let i = 0; i < 16; i++) {
    const peer = others.use(await Peer.connect(node.port));
    expect(await peer.ask("SET", "contended", "v")).toBe("+OK");
    // Waits for a lock that is never released, or is cut off: either way it ends with the process.
    for (let n = 0; n < 200; n++) peer.send("INCR", "other");
    for (let n = 0; n < 200; n++) peer.send("GET", "contended");
  }
  const breaker = others.use(await Peer.connect(node.port));
  breaker.send(word, "contended");
  const before = performance.now();
  await waitFor(() => node.process.exitCode !== null || node.process.signalCode !== null, {
    message: "the process to end",
  });
  expect(performance.now() - before).toBeLessThan(END_MS_MAX);
  expect(node.process.signalCode).toBe("SIGABRT");
  await waitFor(() => line.test(node.log()), { message: `its last words, not: ${node.log()}` });
});
