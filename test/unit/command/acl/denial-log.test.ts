// The log of what was refused: repetitions are counted, old entries go, and the logs of several
// threads become one.

import { expect, test } from "bun:test";
import { denialGroupMsMax, denialLogBytesMax } from "../../../../src/base/limits.ts";
import { DenialLog, joinLogs } from "../../../../src/command/acl/denial-log.ts";

function bed() {
  let id = 0;
  const bounds = { denialsMax: 5, nextDenialId: () => ++id };
  const add = (log: DenialLog, object: string, atMs = 0, client = "c") =>
    log.add({ reason: "key", context: "toplevel", object, user: "u", atMs, client });
  const shown = (entries: ReturnType<DenialLog["report"]>) =>
    entries.map(({ object, count, client }) => `${object} ${count} ${client}`);
  return { bounds, add, shown, log: new DenialLog(bounds) };
}

test("the same within a minute is one entry, which comes first again", () => {
  const { add, shown, log } = bed();
  add(log, "a");
  add(log, "b");
  add(log, "a", denialGroupMsMax, "d");
  expect(shown(log.report())).toEqual(["a 2 d", "b 1 c"]);
  add(log, "a", 3 * denialGroupMsMax);
  expect(shown(log.report())).toEqual(["a 1 c", "a 2 d", "b 1 c"]);
  log.reset();
  expect(log.report()).toEqual([]);
});

test("the oldest entries go beyond their number, and beyond their bytes", () => {
  const { add, log, bounds } = bed();
  for (const object of "abcdefg") add(log, object);
  expect(
    log
      .report()
      .map(({ object }) => object)
      .join(""),
  ).toBe("gfedc");
  bounds.denialsMax = 2;
  expect(
    log
      .report()
      .map(({ object }) => object)
      .join(""),
  ).toBe("gf");
  bounds.denialsMax = 1_000_000;
  for (let i = 0; i < 20; i++) add(log, `${i}`, 0, "x".repeat(denialLogBytesMax / 10));
  expect(log.report().length).toBeLessThan(10);
});

test("the logs of two threads are one, in order and with the counts of both", () => {
  const { add, shown, log, bounds } = bed();
  const other = new DenialLog(bounds);
  add(log, "a");
  add(other, "b");
  add(other, "a", 5, "later");
  add(log, "c");
  expect(shown(joinLogs([log.report(), other.report()]))).toEqual([
    ...["c 1 c", "a 2 later", "b 1 c"],
  ]);
  expect(shown(log.report())).toEqual(["c 1 c", "a 1 c"]);
});
