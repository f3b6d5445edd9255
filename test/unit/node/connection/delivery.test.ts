/**
 * When messages leave: together, when no more come, unless there are so many that somebody must
 * look at what their receivers hold. That none waits for long is the business of real servers.
 */
import { expect, test } from "bun:test";
import { deliveredBytesMax, messagesWaitMsMax } from "../../../../src/base/limits.ts";
import { Output } from "../../../../src/base/output.ts";
import { messageKind } from "../../../../src/command/messages/channels.ts";
import { Session } from "../../../../src/command/terms/session.ts";
import { Delivery } from "../../../../src/node/connection/delivery.ts";
import type { EncodedMessage } from "../../../../src/node/connection/encoded-message.ts";

function bed(count: number) {
  const sent: number[] = [];
  const connections = new Map(
    Array.from({ length: count }, (_, id) => {
      const session = new Session(id, "", "", 0, true);
      const subscriber = { session, deliver: () => undefined, sendMessages: () => sent.push(id) };
      return [id, subscriber];
    }),
  );
  const out = { flushAt: 100 };
  const clock = { nowMs: 0 };
  const delivery = new Delivery(connections, out, () => clock.nowMs);
  const publish = (payload: Uint8Array) =>
    delivery.deliver(connections.keys(), {
      kind: messageKind.PUBLISHED,
      pattern: null,
      channel: new Uint8Array(1),
      payload,
    });
  return { sent, publish, out, clock };
}

/** A connection that keeps the payloads that it gets. */
function keeping(id: number, got: string[], delivered: () => void) {
  return {
    session: new Session(id, "", "", 0, true),
    deliver: (message: EncodedMessage) => {
      const out = new Output();
      message.appendTo(out);
      const text = Buffer.from(out.bytes.subarray(0, out.length)).toString();
      got.push(`${id} ${text.split("\r\n").at(-2)}`);
      delivered();
    },
    sendMessages: () => undefined,
  };
}

const nextRound = () => new Promise((resolve) => setImmediate(resolve));

test("messages leave once for each receiver, when a round has brought no more", async () => {
  const { sent, publish, out } = bed(3);
  publish(new Uint8Array(10));
  publish(new Uint8Array(10));
  expect(sent).toEqual([]);
  expect(out.flushAt).toBe(100);
  await nextRound();
  publish(new Uint8Array(10));
  await nextRound();
  await nextRound();
  await nextRound();
  expect(sent).toEqual([0, 1, 2]);
});

test("messages leave though more come, when the oldest has waited for long", async () => {
  const { sent, publish, clock } = bed(1);
  for (let round = 0; round < 5; round++) {
    publish(new Uint8Array(10));
    await nextRound();
    expect(sent).toEqual([]);
  }
  clock.nowMs = messagesWaitMsMax + 1;
  publish(new Uint8Array(10));
  await nextRound();
  expect(sent).toEqual([0]);
});

test("many bytes leave at once, count for their receivers, and may end the publisher's turn", () => {
  const { sent, publish, out } = bed(64);
  const payload = new Uint8Array(1000);
  for (let bytes = 0; bytes < deliveredBytesMax; bytes += 64 * payload.length) publish(payload);
  expect(sent.length).toBeGreaterThan(0);
  expect(out.flushAt).toBe(0);
});

test("a message that is delivered while another one is comes as itself", () => {
  const got: string[] = [];
  const connections = new Map<number, ReturnType<typeof keeping>>();
  const delivery = new Delivery(connections, { flushAt: 100 });
  const publish = (receiver: number, payload: string) => {
    const message = { kind: messageKind.PUBLISHED, pattern: null, channel: new Uint8Array(1) };
    delivery.deliver([receiver], { ...message, payload: Buffer.from(payload) });
  };
  // The first ends when it is delivered to, and whoever notices tells the second.
  connections.set(
    1,
    keeping(1, got, () => publish(2, "inner")),
  );
  connections.set(
    2,
    keeping(2, got, () => undefined),
  );
  publish(1, "outer");
  publish(2, "later");
  expect(got).toEqual(["1 outer", "2 inner", "2 later"]);
});
