// Messages on their way to another thread: what is packed comes out again after a structured clone,
// in order; and what is in it only once.

import { expect, test } from "bun:test";
import { type Message, messageKind } from "../../../../src/command/messages/channels.ts";
import { Parcel, unpack, workForAll } from "../../../../src/node/threads/parcel.ts";
import type { DeliverOrder } from "../../../../src/node/threads/thread-messages.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

function messageOf(channel: string, payload: string, pattern: string | null = null): Message {
  return {
    pattern: pattern === null ? null : bytes(pattern),
    channel: bytes(channel),
    payload: bytes(payload),
    kind: messageKind.PUBLISHED,
  };
}

function unpacked(order: DeliverOrder): string[] {
  const found: string[] = [];
  unpack(structuredClone(order, { transfer: [order.bytes.buffer] }), (receivers, message) => {
    const without = message.kind === messageKind.SHARDED ? "shard" : "-";
    const pattern = message.pattern === null ? without : text(message.pattern);
    found.push(`${receivers} ${pattern} ${text(message.channel)} ${text(message.payload)}`);
  });
  return found;
}

test("messages arrive with their receivers, in order, and the parcel is empty afterwards", () => {
  const parcel = new Parcel();
  expect(parcel.isEmpty).toBe(true);
  parcel.add([1, 2], messageOf("news", "hello"));
  parcel.add([3], messageOf("", "", ""));
  parcel.add([], messageOf("c", "x".repeat(10)));
  parcel.add([4], { ...messageOf("s", "y"), kind: messageKind.SHARDED });
  expect(parcel.isEmpty).toBe(false);
  expect(unpacked(parcel.take())).toEqual([
    "1,2 - news hello",
    "3   ",
    " - c xxxxxxxxxx",
    "4 shard s y",
  ]);
  expect([parcel.isEmpty, parcel.bytes]).toEqual([true, 0]);
  expect(unpacked(parcel.take())).toEqual([]);
});

test("a message for the subscribers of several patterns is packed once", () => {
  const parcel = new Parcel();
  const payload = "p".repeat(10_000);
  const message = messageOf("news", payload);
  parcel.add([1], message);
  for (const pattern of ["n*", "*s"]) parcel.add([2], { ...message, pattern: bytes(pattern) });
  expect(parcel.bytes).toBe(payload.length + 8);
  parcel.add([1], messageOf("news", payload));
  expect(unpacked(parcel.take())).toEqual([
    `1 - news ${payload}`,
    `2 n* news ${payload}`,
    `2 *s news ${payload}`,
    `1 - news ${payload}`,
  ]);
});

test("a message may have more receivers than a call has arguments", () => {
  const parcel = new Parcel();
  const ids = Array.from({ length: 200_000 }, (_, index) => index);
  parcel.add(ids, messageOf("c", "m"));
  let found = 0;
  unpack(parcel.take(), (receivers) => {
    found += receivers.length;
  });
  expect(found).toBe(ids.length);
});

test("a long message counts once, and little for each receiver, as they share it", () => {
  const longKiB = 100 * 1024;
  expect(workForAll(longKiB * 1024, 100)).toBe(longKiB - 4 + workForAll(4096, 100));
  expect(workForAll(10, 1)).toBe(1);
});
