// The bounds of what waits for a slow subscriber, in bytes and in time.
// The values are those of limits.ts; only that they are kept is tested.

import { expect, test } from "bun:test";
import {
  messagesHardBytesMax,
  messagesSoftBytesMax,
  messagesSoftMs,
} from "../../../../src/base/limits.ts";
import { WaitingMessages } from "../../../../src/node/connection/waiting-messages.ts";

test("a subscriber is overdue above the hard bound at once", () => {
  const waiting = new WaitingMessages();
  waiting.messages.append(new Uint8Array(1), 0, 1);
  expect(waiting.isOverdue(messagesHardBytesMax - 1, 1)).toBe(false);
  expect(waiting.isOverdue(messagesHardBytesMax, 1)).toBe(true);
});

test("a subscriber is overdue when it stays above the soft bound for its time", () => {
  const waiting = new WaitingMessages();
  expect(waiting.isOverdue(messagesSoftBytesMax + 1, 1)).toBe(false);
  expect(waiting.isOverdue(messagesSoftBytesMax + 1, 1 + messagesSoftMs)).toBe(false);
  expect(waiting.isOverdue(messagesSoftBytesMax + 1, 2 + messagesSoftMs)).toBe(true);
});

test("a subscriber that falls below the soft bound has its whole time again", () => {
  const waiting = new WaitingMessages();
  expect(waiting.isOverdue(messagesSoftBytesMax + 1, 1)).toBe(false);
  expect(waiting.isOverdue(messagesSoftBytesMax, messagesSoftMs)).toBe(false);
  expect(waiting.isOverdue(messagesSoftBytesMax + 1, 2 * messagesSoftMs)).toBe(false);
  expect(waiting.isOverdue(messagesSoftBytesMax + 1, 3 * messagesSoftMs)).toBe(false);
});
