/**
 * Crowds of clients against a node with a bound for what they may hold: it stays within its memory
 * and comes back to what it had, whoever has nothing to do with them is served, and nobody is left.
 * The abuses themselves: abuses.ts. MSCACHE_ABUSE_SEED=n repeats the random bytes.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type SpawnedNode, waitFor } from "../harness.ts";
import { infoNumber } from "../support/info-number.ts";
import { Peer } from "../support/peer.ts";
import { PingWatch } from "../support/ping-watch.ts";
import { forgetPeak, peakBytes, residentBytes, tellsMemory } from "../support/process-memory.ts";
import { variants } from "../support/repetitions.ts";
import { ours } from "../support/servers.ts";
import { abuses, login, password } from "./abuses.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;
const clientBytes = 64 * MiB;
/** What a thread may take for a moment: its garbage, its pool of buffers. */
const threadBytes = 64 * MiB;
/** The buffer of a value that doubles before it is counted. */
const growthBytes = 64 * MiB;
/** The program's own garbage, and how far memory may stay above what it was. */
const slackBytes = 64 * MiB;

describe.skipIf(!tellsMemory).each(variants([2], [1]))("%d data threads", (threads) => {
  let node: SpawnedNode;
  let operator: Peer;
  let restBytes = 0;

  beforeAll(async () => {
    node = await ours.start([
      ...["--threads", `${threads}`, "--password", password, "--max-memory", "256mb"],
      ...["--max-client-memory", `${clientBytes}`, "--max-value-size", "64mb"],
    ]);
    operator = await Peer.connect(node.port);
    expect(await operator.ask("AUTH", password)).toBe("+OK");
    expect(await operator.ask("CLIENT", "NO-EVICT", "ON")).toBe("+OK");
    restBytes = residentBytes(node.process.pid);
  });

  afterAll(async () => {
    await operator[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  });

  test.each(abuses.map(({ name, run }) => [name, run] as const))("%s", async (_, run) => {
    const { pid } = node.process;
    forgetPeak(pid);
    await using watch = await PingWatch.start(node, { threads, greeting: `${login}` });
    await run(node.port, operator);
    await watch.wasPrompt();
    await waitFor(async () => (await infoNumber(operator, "connected_clients")) === 1);
    expect(await infoNumber(operator, "mem_clients_normal")).toBe(0);
    expect(peakBytes(pid) - restBytes).toBeLessThan(
      clientBytes + growthBytes + threads * threadBytes + slackBytes,
    );
    await waitFor(() => residentBytes(pid) - restBytes < slackBytes, {
      message: `memory to come back to ${restBytes} bytes and 64 MiB`,
    });
  });
});
