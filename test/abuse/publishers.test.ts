/**
 * Clients that publish more than their subscribers' threads can deliver, without a pause: whoever
 * has nothing to do with it is served, and no queue grows with the time.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Crowd } from "../support/crowd.ts";
import { PingWatch } from "../support/ping-watch.ts";
import { repetitions } from "../support/repetitions.ts";
import { ours } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const subscriberCount = repetitions(400, 1000);
const publisherCount = 20;
const publishMs = repetitions(1_000, 5_000);
const message = encodeCommand(["PUBLISH", "c", Buffer.alloc(100, "m")]);
const pipeline = Buffer.concat(Array.from({ length: 500 }, () => message));

test.each([1, 4])("a PING is answered beside them, with %d data threads", async (threads) => {
  await using server = await ours.start(["--threads", `${threads}`]);
  await using subscribers = await Crowd.of(server.port, subscriberCount);
  for (const member of subscribers.members) member.send(encodeCommand(["SUBSCRIBE", "c"]));
  await using watch = await PingWatch.start(server, { threads });
  await using publishers = await Crowd.of(server.port, publisherCount);
  const until = performance.now() + publishMs;
  while (performance.now() < until) {
    for (const member of publishers.members) if (member.sentAll) member.send(pipeline);
    await Bun.sleep(1); // real time for the sockets of this process
  }
  await watch.wasPrompt();
  expect(subscribers.open).toBe(subscriberCount);
});
