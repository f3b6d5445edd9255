// The bytes that effects leave in the journal, for every command and for every position in the
// ring: in one run, across its end, in pieces, larger than the ring. Does not test reading or
// offsets: see journal.test.ts.

import { beforeEach, describe, expect, test } from "bun:test";
import { Effects } from "../../../src/journal/effects.ts";
import { Journal, type Lock, noDatabase, reserveJournal } from "../../../src/journal/journal.ts";
import { Random, seedFor } from "../../support/seed.ts";
import { encodeCommand } from "../../support/wire.ts";

const select = encodeCommand(["SELECT", "0"]).toString("latin1");

let journal: Journal;
let effects: Effects;

beforeEach(() => open(64 * 1024));

function open(capacity: number, lock?: Lock): void {
  journal = new Journal(reserveJournal(capacity), lock);
  journal.start(0);
  effects = new Effects(journal);
}

function written(from = 0): string {
  const target = new Uint8Array(journal.capacity);
  const count = journal.read(from, target, 0, target.length);
  return Buffer.from(target.subarray(0, count)).toString("latin1");
}

function commands(...list: (string | number | Uint8Array)[][]): string {
  return list.map((args) => encodeCommand(args).toString("latin1")).join("");
}

/** A range in the middle of a larger buffer, as handlers pass it. */
function range(content: string | Uint8Array): [Uint8Array, number, number] {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  return [Buffer.concat([Buffer.from("##"), bytes, Buffer.from("##")]), 2, 2 + bytes.length];
}

describe("effects", () => {
  test("SET carries its value, and its expiry as PXAT", () => {
    effects.set(...range("k"), ...range("value"), 0);
    effects.set(...range("k"), ...range(""), 1_700_000_000_123);
    expect(written()).toBe(
      commands(["SET", "k", "value"], ["SET", "k", "", "PXAT", 1_700_000_000_123]),
    );
  });

  test("the other effects are absolute too", () => {
    effects.delete(...range("gone"));
    effects.expireAt(...range("k"), 99);
    effects.expireAt(...range("k"), 0);
    effects.setRange(...range("k"), 1_000_000, ...range("bytes"));
    effects.publish(...range("channel"), ...range("message"));
    effects.flushAll();
    expect(written()).toBe(
      commands(
        ["DEL", "gone"],
        ["PEXPIREAT", "k", 99],
        ["PERSIST", "k"],
        ["SETRANGE", "k", 1_000_000, "bytes"],
        ["PUBLISH", "channel", "message"],
        ["FLUSHALL"],
      ),
    );
    expect(effects.recorded).toBe(6);
  });

  test("a pending SELECT goes before the next effect, once", () => {
    journal.selected = noDatabase;
    effects.delete(...range("a"));
    effects.delete(...range("b"));
    expect(written()).toBe(select + commands(["DEL", "a"], ["DEL", "b"]));
  });

  test("an effect in another database follows a SELECT, also within a group", () => {
    journal.selected = 0;
    effects.delete(...range("a"));
    effects.database = 15;
    effects.open();
    effects.delete(...range("b"));
    effects.database = 3;
    effects.flushDatabase();
    effects.delete(...range("c"));
    effects.close();
    effects.swapDatabases(3, 15);
    journal.invariants();
    expect(written()).toBe(
      commands(
        ["DEL", "a"],
        ["SELECT", "15"],
        ["MULTI"],
        ["DEL", "b"],
        ["SELECT", "3"],
        ["FLUSHDB"],
        ["DEL", "c"],
        ["EXEC"],
        ["SWAPDB", "3", "15"],
      ),
    );
  });

  test("a group is wrapped in MULTI and EXEC, behind a pending SELECT; groups nest", () => {
    journal.selected = noDatabase;
    effects.open();
    effects.delete(...range("a"));
    effects.open();
    effects.delete(...range("b"));
    effects.close();
    effects.close();
    expect(written()).toBe(select + commands(["MULTI"], ["DEL", "a"], ["DEL", "b"], ["EXEC"]));
    journal.invariants();
  });

  test("a group of one effect is that effect", () => {
    journal.selected = noDatabase;
    effects.open();
    effects.open();
    effects.set(...range("a"), ...range("1"), 0);
    effects.close();
    effects.close();
    effects.open();
    effects.delete(...range("a"));
    effects.close();
    expect(written()).toBe(select + commands(["SET", "a", "1"], ["DEL", "a"]));
    journal.invariants();
  });

  test("a group whose first effect is over a quarter of the ring is wrapped in any case", () => {
    const value = "v".repeat(16 * 1024);
    effects.open();
    effects.set(...range("k"), ...range(value), 0);
    effects.close();
    expect(written()).toBe(commands(["MULTI"], ["SET", "k", value], ["EXEC"]));
    journal.invariants();
  });

  test("a group without an effect leaves no trace", () => {
    effects.open();
    effects.close();
    expect(written()).toBe("");
    journal.invariants();
  });

  test("nothing is written while muted or while the journal is off", () => {
    effects.muted = true;
    effects.set(...range("k"), ...range("v"), 0);
    effects.muted = false;
    journal.stop();
    effects.open();
    effects.delete(...range("k"));
    effects.flushAll();
    effects.close();
    expect(journal.offset).toBe(0);
    expect(effects.recorded).toBe(0);
  });

  test("numbers of every length are written in full", () => {
    let expected = "";
    for (let digits = 1; digits <= 16; digits++) {
      for (const expiresAt of [10 ** (digits - 1), 10 ** digits - 1]) {
        if (!Number.isSafeInteger(expiresAt)) continue;
        effects.expireAt(...range("k"), expiresAt);
        expected += commands(["PEXPIREAT", "k", expiresAt]);
      }
    }
    effects.expireAt(...range("k"), 2147483648);
    expected += commands(["PEXPIREAT", "k", 2147483648]);
    expect(written()).toBe(expected);
  });

  test("an effect larger than the ring passes through it whole", () => {
    open(4096);
    let taken = "";
    const take = () => {
      taken += written(taken.length);
      journal.needed = taken.length;
    };
    journal.needed = 0;
    journal.pressure = take;
    const value = new Random(7).bytes(50_000);
    effects.delete(...range("before"));
    effects.set(...range("k"), ...range(value), 5);
    effects.delete(...range("after"));
    take();
    expect(taken).toBe(
      commands(["DEL", "before"], ["SET", "k", value, "PXAT", 5], ["DEL", "after"]),
    );
  });
});

describe("effects fuzz", () => {
  const seed = seedFor("EFFECTS_SEED");

  test("effects and groups of every size are byte for byte those of a plain encoder", () => {
    const random = new Random(seed);
    for (let round = 0; round < 30; round++) {
      open(random.between(64, 20_000), random.pick([undefined, { lock() {}, unlock() {} }]));
      againstEncoder(random);
    }
  });
});

function againstEncoder(random: Random): void {
  let taken = "";
  const take = () => {
    taken += written(taken.length);
    journal.needed = taken.length;
  };
  journal.needed = 0;
  journal.pressure = take;
  let expected = "";
  let selected = 0;
  journal.selected = 0;
  for (let step = 0; step < 30; step++) {
    const size = random.pick([0, 1, 1, 2, 3]);
    const group: Args[] = [];
    if (size > 0) effects.open();
    for (let i = 0; i < Math.max(1, size); i++) {
      effects.database = random.pick([0, 0, 0, 7, 12]);
      const args = anyEffect(random);
      if (effects.database !== selected) group.push(["SELECT", effects.database]);
      selected = effects.database;
      group.push(args);
    }
    if (size > 0) effects.close();
    expected += commands(...(size > 0 ? wrapped(group, journal.capacity) : group));
    journal.invariants();
  }
  take();
  expect(taken === expected).toBe(true);
}

type Args = (string | number | Uint8Array)[];

/** What a stream has of the effects of a group, and of their SELECTs. */
function wrapped(group: Args[], capacity: number): Args[] {
  const first = group[0][0] === "SELECT" ? 1 : 0;
  const fits = commands(["MULTI"], group[first]).length <= capacity >> 2;
  if (fits && group.length === first + 1) return group;
  return [...group.slice(0, first), ["MULTI"], ...group.slice(first), ["EXEC"]];
}

/** Makes one, and returns it as a command. */
function anyEffect(random: Random): Args {
  const key = random.bytes(random.chance(0.1) ? random.below(9000) : random.below(30));
  const value = random.bytes(random.chance(0.1) ? random.below(9000) : random.below(200));
  const at = random.between(1, 2 ** 43);
  const [effect, args] = random.pick([
    [() => effects.set(...range(key), ...range(value), 0), ["SET", key, value]],
    [() => effects.set(...range(key), ...range(value), at), ["SET", key, value, "PXAT", at]],
    [() => effects.delete(...range(key)), ["DEL", key]],
    [() => effects.expireAt(...range(key), at), ["PEXPIREAT", key, at]],
    [() => effects.setRange(...range(key), at, ...range(value)), ["SETRANGE", key, at, value]],
  ] as const);
  effect();
  return [...args];
}
