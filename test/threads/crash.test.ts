/**
 * A data thread that breaks ends the process: nothing is served while a lock can never be released,
 * or by the rest of a node. Each way to break is a command of crash-worker-fixture.ts that runs
 * while its shard is locked and other threads work on the same key.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { caseMsMax, spawnNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { builtProgram } from "../support/programs.ts";

setDefaultTimeout(caseMsMax);

const fixture = builtProgram(new URL("./crash-node-fixture.ts", import.meta.url));
const command = [process.execPath, fileURLToPath(fixture)];
const endMsMax = 5_000;

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
  expect(performance.now() - before).toBeLessThan(endMsMax);
  expect(node.process.signalCode).toBe("SIGABRT");
  await waitFor(() => line.test(node.log()), { message: `its last words, not: ${node.log()}` });
});

test("a data thread that hangs does not keep the node from ending on request", async () => {
  await using node = await spawnNode([], { command });
  await using peer = await Peer.connect(node.port);
  peer.send("HANG", "nothing");
  // The thread has it when it stops answering others: asked again and again until one waits.
  await waitFor(async () => {
    await using other = await Peer.connect(node.port);
    return await isSilent(other);
  });
  node.process.kill("SIGTERM");
  expect(await node.process.exited).toBe(0);
  expect(node.log()).toMatch(/data thread \d does not answer \(stopListening\)/);
});

/** Whether INFO, which asks all threads, gets no answer for a while. */
async function isSilent(peer: Peer): Promise<boolean> {
  const answer = peer.ask("INFO", "server").then(
    () => false,
    () => false,
  );
  // Real time: an answer of a whole node takes a few milliseconds.
  return await Promise.race([answer, Bun.sleep(500).then(() => true)]);
}
