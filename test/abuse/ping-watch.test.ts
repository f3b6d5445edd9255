/**
 * The clock that judges the abuses: a node that stands still is found, however little it works. The
 * time is long beside a second, as a busy machine may have stalls meanwhile, which it subtracts.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { PingWatch } from "../support/ping-watch.ts";
import { tellsMemory } from "../support/process-memory.ts";
import { ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

test.skipIf(!tellsMemory)("a node that is stopped for 2.5 s does not answer promptly", async () => {
  await using node = await ours.start();
  await using watch = await PingWatch.start(node, { threads: 1 });
  node.process.kill("SIGSTOP");
  await Bun.sleep(2_500); // real time, which is what the watch measures
  node.process.kill("SIGCONT");
  const error = await failureOf(watch.wasPrompt());
  expect(error.message).toContain("Expected: < 1000");
});
