/**
 * A full memory under `--eviction none`: as in Redis it refuses the commands that COMMAND INFO
 * flags as denyoom, and no other. The reserve is no larger than the limit here, so that nothing but
 * the store's spare is left for an item that has to move.
 */

import { expect, test } from "bun:test";
import { commands } from "../../../../src/command/table.ts";
import { flag } from "../../../../src/command/terms/flags.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { type Argument, Bed, now, ok } from "../bed.ts";

const limit = repetitions(1, 2) * 1024 * 1024;
/** The shorter the values, the more keys there are to try. */
const valueBytesMax = repetitions(4_000, 100);
const refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/**
 * A store of such values under `<prefix>0`, `<prefix>1` ... that takes no more; and how many it
 * took.
 */
function fullBed(prefix: string, valueAt: (number: number) => string): [Bed, number] {
  const bed = new Bed({ memoryLimitBytes: limit, reserveBytes: limit, eviction: "none" });
  let count = 0;
  let reply = ok;
  for (; reply === ok; count++) reply = bed.run("SET", `${prefix}${count}`, valueAt(count));
  expect(reply).toBe(refusal);
  return [bed, count - 1];
}

/** One step for each command that writes and may not be refused, on the key of that number. */
const steps: Readonly<Record<string, (key: string) => Argument[]>> = {
  expire: (key) => ["EXPIRE", key, 1000],
  pexpire: (key) => ["PEXPIRE", key, 1_000_000],
  expireat: (key) => ["EXPIREAT", key, now / 1000 + 1000],
  pexpireat: (key) => ["PEXPIREAT", key, now + 1_000_000],
  getex: (key) => ["GETEX", key, "PX", 1_000_000],
  persist: (key) => ["PERSIST", key],
  rename: (key) => ["RENAME", key, `${key}x`],
  renamenx: (key) => ["RENAMENX", key, `${key}y`],
  getdel: (key) => ["GETDEL", key],
  del: (key) => ["DEL", key],
  unlink: (key) => ["UNLINK", key],
  delex: (key) => ["DELEX", key, "IFNE", "no value"],
  delifeq: (key) => ["DELIFEQ", key, "no value"],
  move: (key) => ["MOVE", key, 1],
  swapdb: () => ["SWAPDB", 2, 3],
  flushdb: () => ["FLUSHDB"],
  flushall: () => ["FLUSHALL"],
};

/** MIGRATE needs another server, and stores nothing here. */
const writers = commands
  .filter(({ flags }) => (flags & flag.WRITE) !== 0 && (flags & flag.DENY_OOM) === 0)
  .map(({ name }) => name)
  .filter((name) => name !== "migrate");

/**
 * An `expect` costs as much as fifty commands: what is asked of each key is asserted for all at
 * once.
 */
function numbersBelow(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

test("every command that writes without denyoom has its step here", () => {
  expect(Object.keys(steps).sort()).toEqual(writers.sort());
});

test.each(Object.entries(steps))("%s is never refused for want of memory", (_, step) => {
  const [bed, count] = fullBed("key:", (number) => "v".repeat(number % valueBytesMax));
  const refused = numbersBelow(count).filter((i) => {
    return bed.run(...step(`key:${i}`)).startsWith("-OOM");
  });
  expect(refused).toEqual([]);
  bed.store.invariants();
});

const shapes: readonly [what: string, valueAt: (number: number) => string][] = [
  ["tiny values", () => ""],
  ["values of all sizes", (number) => "v".repeat((number * 7919) % 5000)],
  ["values in chains of segments", (number) => "v".repeat(20_000 + (number % 7) * 10_000)],
];

test.each(shapes)(
  "each of %s gets an expiry, in any order, and keeps what it held",
  (_, valueAt) => {
    const [bed, count] = fullBed("", valueAt);
    const random = new Random(seedFor("FULL_MEMORY_SEED"));
    const order = numbersBelow(count);
    for (let i = order.length - 1; i > 0; i--) {
      const other = random.below(i + 1);
      [order[i], order[other]] = [order[other] ?? 0, order[i] ?? 0];
    }
    const others = (reply: (i: number) => string, wanted: (i: number) => string) => {
      return order.filter((i) => reply(i) !== wanted(i));
    };
    const one = () => ":1\r\n";
    const seconds = () => ":1000\r\n";
    const length = (i: number) => `:${valueAt(i).length}\r\n`;
    expect(others((i) => bed.run("EXPIRE", i, 1000), one)).toEqual([]);
    expect(others((i) => bed.run("STRLEN", i), length)).toEqual([]);
    expect(others((i) => bed.run("TTL", i), seconds)).toEqual([]);
    expect(bed.run("SET", "one more", "v".repeat(100_000))).toBe(refusal);
    bed.store.invariants();
  },
);
