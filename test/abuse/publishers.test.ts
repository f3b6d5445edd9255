/**
 * Clients that publish more than their subscribers' threads can deliver, without a pause, or cause
 * as many keyspace notifications: whoever has nothing to do with it is served, and no queue grows
 * with the time.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Crowd } from "../support/crowd.ts";
import { Peer } from "../support/peer.ts";
import { PingWatch } from "../support/ping-watch.ts";
import { processorMs, tellsMemory } from "../support/process-memory.ts";
import { repetitions } from "../support/repetitions.ts";
import { ours } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const subscriberCount = repetitions(200, 1000);
const senderCount = 20;
const sendMs = repetitions(200, 5_000);
/** The node's own work until it answers INFO, for which it asks all threads; it takes no second. */
const infoMsMax = 2_000;

const floods = [
  ["published", ["SUBSCRIBE", "c"], ["PUBLISH", "c", Buffer.alloc(100, "m")]],
  ["notified of keys", ["PSUBSCRIBE", "__key*"], ["SET", "key", "value"]],
] as const;

describe.each([1, repetitions(2, 4)])("with %d data threads", (threads) => {
  test.each(floods)("others are served while much is %s", async (_, subscription, command) => {
    const options = ["--threads", `${threads}`, "--notify-keyspace-events", "AKE"];
    await using node = await ours.start(options);
    await using operator = await Peer.connect(node.port);
    await using subscribers = await Crowd.of(node.port, subscriberCount);
    for (const member of subscribers.members) member.send(encodeCommand([...subscription]));
    await using watch = await PingWatch.start(node, { threads });
    await using senders = await Crowd.of(node.port, senderCount);
    const one = encodeCommand([...command]);
    const pipeline = Buffer.concat(Array.from({ length: 500 }, () => one));
    const until = performance.now() + sendMs;
    while (performance.now() < until) {
      for (const member of senders.members) if (member.sentAll) member.send(pipeline);
      await Bun.sleep(1); // real time for the sockets of this process
    }
    const { pid } = node.process;
    const before = tellsMemory ? processorMs(pid) : 0;
    await operator.ask("INFO", "stats");
    if (tellsMemory) expect(processorMs(pid) - before).toBeLessThan(infoMsMax);
    await watch.wasPrompt();
    expect(subscribers.open).toBe(subscriberCount);
  });
});
