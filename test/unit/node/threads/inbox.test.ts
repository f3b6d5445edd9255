/**
 * The messages that arrive in a data thread: in order, and no more work in one round of the event
 * loop than the bound and one message.
 */
import { expect, test } from "bun:test";
import { Inbox } from "../../../../src/node/threads/inbox.ts";

/** Rounds that the test itself begins. */
class Rounds {
  readonly taken: string[] = [];
  readonly inbox: Inbox<[name: string, work: number]>;
  private scheduled: (() => void)[] = [];

  constructor(workMax: number) {
    const handle = ([name, work]: [string, number]) => {
      this.taken.push(name);
      return work;
    };
    this.inbox = new Inbox(handle, workMax, (run) => this.scheduled.push(run));
  }

  receive(...messages: [string, number][]): void {
    for (const message of messages) this.inbox.receive(message);
  }

  /** What the next round takes; null if none is wanted. */
  next(): string[] | null {
    const { scheduled } = this;
    if (scheduled.length === 0) return null;
    this.scheduled = [];
    this.taken.length = 0;
    for (const run of scheduled) run();
    return this.taken;
  }
}

test("messages without work are taken at once", () => {
  const rounds = new Rounds(10);
  rounds.receive(["a", 0], ["b", 0], ["c", 9]);
  expect(rounds.taken).toEqual(["a", "b", "c"]);
  expect(rounds.next()).toBeNull();
});

test("what is beyond the work of a round waits for the next ones, in order", () => {
  const rounds = new Rounds(10);
  rounds.receive(["a", 4], ["b", 6], ["c", 10], ["d", 0], ["e", 3], ["f", 8], ["g", 1]);
  expect(rounds.taken).toEqual(["a", "b"]);
  expect(rounds.next()).toEqual(["c"]);
  expect(rounds.next()).toEqual(["d", "e", "f"]);
  rounds.receive(["h", 0]);
  expect(rounds.next()).toEqual(["g", "h"]);
  expect(rounds.next()).toBeNull();
});
