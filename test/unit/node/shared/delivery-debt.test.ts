/**
 * The messages that a thread has still to deliver: publishers wait while there are too many, and go
 * on one after another.
 */
import { expect, test } from "bun:test";
import { deliveryDebtBytesMax } from "../../../../src/base/limits.ts";
import {
  DeliveryDebt,
  debtUnitBytes,
  reserveDeliveryDebt,
} from "../../../../src/node/shared/delivery-debt.ts";

/** More than one thread may owe. */
const tooMuch = deliveryDebtBytesMax / debtUnitBytes + 1;
const threads = 2;

function bed() {
  const shared = reserveDeliveryDebt(threads);
  const published: string[] = [];
  const debt = new DeliveryDebt(shared);
  const publish = (name: string, work = 0) =>
    debt.whenLow(async () => {
      published.push(name);
      debt.add(threads, work);
    });
  return { debt, published, publish, other: new DeliveryDebt(shared) };
}

test("a publisher goes on at once while no thread owes much", async () => {
  const { published, publish } = bed();
  const done = publish("a");
  expect(published).toEqual(["a"]);
  await done;
});

test("publishers wait for the slowest thread, and then go on one after another", async () => {
  const { published, publish, other } = bed();
  await publish("a", tooMuch);
  const waiting = [publish("b", tooMuch), publish("c")];
  expect(published).toEqual(["a"]);
  other.pay(threads, tooMuch);
  await waiting[0];
  expect(published).toEqual(["a", "b"]);
  other.pay(threads, tooMuch);
  await Promise.all(waiting);
  expect(published).toEqual(["a", "b", "c"]);
});
