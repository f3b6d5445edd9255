/**
 * The messages of a round of the event loop: they leave together at its end, unless there are so
 * many that somebody must look at what their receivers hold.
 */
import { expect, test } from "bun:test";
import { deliveredBytesMax } from "../../../../src/base/limits.ts";
import { Session } from "../../../../src/command/core/session.ts";
import { messageKind } from "../../../../src/command/pubsub/channels.ts";
import { Delivery } from "../../../../src/node/connection/delivery.ts";

function bed(count: number) {
  const sent: number[] = [];
  const connections = new Map(
    Array.from({ length: count }, (_, id) => {
      const session = new Session(id, "", "", 0, true);
      const subscriber = { session, deliver: () => undefined, sendMessages: () => sent.push(id) };
      return [id, subscriber];
    }),
  );
  const delivery = new Delivery(connections);
  const publish = (payload: Uint8Array) =>
    delivery.deliver(connections.keys(), {
      kind: messageKind.PUBLISHED,
      pattern: null,
      channel: new Uint8Array(1),
      payload,
    });
  return { sent, publish };
}

test("the messages of a round leave at its end, once for each receiver", async () => {
  const { sent, publish } = bed(3);
  publish(new Uint8Array(10));
  publish(new Uint8Array(10));
  expect(sent).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toEqual([0, 1, 2]);
});

test("many bytes leave at once, so that they count for their receivers", () => {
  const { sent, publish } = bed(64);
  const payload = new Uint8Array(1000);
  for (let bytes = 0; bytes < deliveredBytesMax; bytes += 64 * payload.length) publish(payload);
  expect(sent.length).toBeGreaterThan(0);
});
