// The journal's ring: offsets, wrap-around, readers that fall behind, and pressure. The fuzzer
// compares it with a plain string of all appended bytes. Does not test what is written: see
// effects.test.ts.

import { describe, expect, test } from "bun:test";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import { Random, seedFor } from "../../support/seed.ts";

const text = new TextEncoder();

function journalOf(bytes: number): Journal {
  const journal = new Journal(reserveJournal(bytes));
  journal.start(0);
  return journal;
}

function append(journal: Journal, content: string): void {
  const bytes = text.encode(`<${content}>`);
  journal.append(bytes, 1, bytes.length - 1);
}

function readAll(journal: Journal, from: number): string | null {
  const target = new Uint8Array(journal.capacity + 8);
  const count = journal.read(from, target, 3, journal.capacity);
  return count < 0 ? null : Buffer.from(target.subarray(3, 3 + count)).toString();
}

describe("journal", () => {
  test("a reader gets the bytes from its offset on, up to the end", () => {
    const journal = journalOf(64);
    append(journal, "hello ");
    append(journal, "world");
    expect(journal.offset).toBe(11);
    expect(readAll(journal, 0)).toBe("hello world");
    expect(readAll(journal, 6)).toBe("world");
    expect(readAll(journal, 11)).toBe("");
  });

  test("a history may begin at any offset, including beyond 32 bits", () => {
    const journal = journalOf(16);
    journal.start(2 ** 40 + 5);
    append(journal, "0123456789");
    append(journal, "abcdefghij");
    expect(journal.offset).toBe(2 ** 40 + 25);
    expect(journal.first).toBe(2 ** 40 + 9);
    expect(readAll(journal, 2 ** 40 + 9)).toBe("456789abcdefghij");
  });

  test("neither overwritten nor future bytes can be read", () => {
    const journal = journalOf(16);
    append(journal, "0123456789");
    append(journal, "abcdefghij");
    expect(readAll(journal, 3)).toBeNull();
    expect(readAll(journal, 21)).toBeNull();
    expect(readAll(journal, 4)).toBe("456789abcdefghij");
  });

  test("another object on the same memory sees the same journal", () => {
    const memory = reserveJournal(32);
    const one = new Journal(memory);
    const other = new Journal(memory);
    one.start(100);
    append(one, "shared");
    one.selected = 7;
    expect(other.active).toBe(true);
    expect(other.selected).toBe(7);
    expect(readAll(other, 100)).toBe("shared");
    append(other, "!");
    expect(readAll(one, 100)).toBe("shared!");
  });

  test("stopping drops the content and keeps the offset", () => {
    const journal = journalOf(32);
    append(journal, "gone");
    journal.stop();
    expect(journal.active).toBe(false);
    expect(journal.first).toBe(4);
    expect(readAll(journal, 0)).toBeNull();
  });

  test("pressure is called before needed bytes are overwritten, and they can still be read then", () => {
    const journal = journalOf(16);
    append(journal, "0123456789");
    journal.needed = 2;
    const saved: (string | null)[] = [];
    journal.pressure = () => {
      saved.push(readAll(journal, 2));
      journal.needed = journal.offset;
    };
    append(journal, "abcdefghi"); // in pieces: abcd, ef up to the end of the ring, ghi
    expect(saved).toEqual(["23456789abcdef"]);
    expect(readAll(journal, 3)).toBe("3456789abcdefghi");
  });

  test("with a lock, a quarter of the ring stays free of needed bytes for threads without pressure", () => {
    const memory = reserveJournal(1024);
    const lock = { lock() {}, unlock() {} };
    const control = new Journal(memory, lock);
    const other = new Journal(memory, lock);
    control.start(0);
    control.needed = 0;
    let taken = "";
    control.pressure = () => {
      taken += readAll(control, taken.length) ?? "LOST";
      control.needed = taken.length;
    };
    // The other thread saw an empty ring, and must wait while this one writes more than the ring.
    const large = "x".repeat(2_000);
    append(control, large);
    const late = "y".repeat(256);
    append(other, late);
    expect(control.first).toBeLessThanOrEqual(control.needed);
    control.pressure();
    expect(taken).toBe(large + late);
  });

  test("an effect larger than the ring reaches a reader whole through pressure", () => {
    const journal = journalOf(1024);
    append(journal, "before");
    let taken = "";
    const take = () => {
      taken += readAll(journal, taken.length) ?? "LOST";
      journal.needed = taken.length;
    };
    journal.needed = 0;
    journal.pressure = take;
    const large = "x".repeat(5_000) + "y".repeat(5_000);
    append(journal, large);
    take();
    expect(taken).toBe(`before${large}`);
    expect(readAll(journal, 6)).toBeNull(); // nothing before its end can be resumed
    journal.invariants();
  });

  test("without a hook, the reader falls behind and gets -1", () => {
    const journal = journalOf(16);
    journal.needed = 0;
    append(journal, "x".repeat(40));
    expect(readAll(journal, 0)).toBeNull();
  });

  test("the lock is taken once for a group and released at its end", () => {
    const calls: string[] = [];
    const lock = { lock: () => void calls.push("lock"), unlock: () => void calls.push("unlock") };
    const journal = new Journal(reserveJournal(64), lock);
    journal.start(0);
    calls.length = 0;
    journal.enter();
    append(journal, "a");
    append(journal, "b");
    journal.mark();
    journal.leave();
    expect(calls).toEqual(["lock", "unlock"]);
  });
});

describe("journal fuzz", () => {
  const seed = seedFor("JOURNAL_SEED");

  test("appends and reads of random sizes agree with a plain string", () => {
    const random = new Random(seed);
    for (let round = 0; round < 40; round++) againstModel(random);
  });
});

function againstModel(random: Random): void {
  const capacity = random.between(16, 300);
  const start = random.pick([0, 1, 2 ** 32 - 100, 2 ** 45]);
  const journal = new Journal(reserveJournal(capacity));
  journal.start(start);
  let model = Buffer.alloc(0);
  let drained = 0;
  journal.needed = start;
  const drain = () => {
    const target = new Uint8Array(capacity);
    const count = journal.read(start + drained, target, 0, capacity);
    expect(count).toBeGreaterThanOrEqual(0);
    drainedBytes.push(Buffer.from(target.subarray(0, count)));
    drained += count;
    journal.needed = start + drained;
  };
  const drainedBytes: Buffer[] = [];
  journal.pressure = drain;
  for (let step = 0; step < 300; step++) {
    const bytes = random.bytes(
      random.weighted([
        [8, random.below(40)],
        [1, random.below(900)],
      ]),
    );
    model = Buffer.concat([model, bytes]);
    journal.append(bytes, 0, bytes.length);
    journal.invariants();
    expect(journal.offset).toBe(start + model.length);
    compareRead(journal, random, model, start);
    if (random.chance(0.1)) drain();
  }
  while (start + drained < journal.offset) drain();
  expect(Buffer.concat(drainedBytes).equals(model)).toBe(true);
}

function compareRead(journal: Journal, random: Random, model: Buffer, start: number): void {
  const from = random.between(0, model.length);
  const max = random.between(1, 400);
  const target = new Uint8Array(400);
  const count = journal.read(start + from, target, 0, max);
  if (start + from < journal.first) expect(count).toBe(-1);
  else {
    expect(count).toBe(Math.min(max, model.length - from));
    expect(Buffer.from(target.subarray(0, count)).equals(model.subarray(from, from + count))).toBe(
      true,
    );
  }
}
