// The bounds of what waits for a slow subscriber, in bytes and in time.
// The values are those of limits.ts; only that they are kept is tested.

import { expect, test } from "bun:test";
import { mailHardBytesMax, mailSoftBytesMax, mailSoftMs } from "../../../../src/base/limits.ts";
import { Mail } from "../../../../src/node/connection/mail.ts";

test("a subscriber is overdue above the hard bound at once", () => {
  const mail = new Mail();
  mail.messages.append(new Uint8Array(1), 0, 1);
  expect(mail.isOverdue(mailHardBytesMax - 1, 1)).toBe(false);
  expect(mail.isOverdue(mailHardBytesMax, 1)).toBe(true);
});

test("a subscriber is overdue when it stays above the soft bound for its time", () => {
  const mail = new Mail();
  expect(mail.isOverdue(mailSoftBytesMax + 1, 1)).toBe(false);
  expect(mail.isOverdue(mailSoftBytesMax + 1, 1 + mailSoftMs)).toBe(false);
  expect(mail.isOverdue(mailSoftBytesMax + 1, 2 + mailSoftMs)).toBe(true);
});

test("a subscriber that falls below the soft bound has its whole time again", () => {
  const mail = new Mail();
  expect(mail.isOverdue(mailSoftBytesMax + 1, 1)).toBe(false);
  expect(mail.isOverdue(mailSoftBytesMax, mailSoftMs)).toBe(false);
  expect(mail.isOverdue(mailSoftBytesMax + 1, 2 * mailSoftMs)).toBe(false);
  expect(mail.isOverdue(mailSoftBytesMax + 1, 3 * mailSoftMs)).toBe(false);
});
