/**
 * How the time of a batch is charged: what measures itself is charged its own time, the rest is
 * divided; and which of it reaches the slow log, the latency events and the histograms.
 */
import { describe, expect, test } from "bun:test";
import { find } from "../../../../src/command/table.ts";
import { commandCount } from "../../../../src/command/terms/command-ids.ts";
import { Session } from "../../../../src/command/terms/session.ts";
import { CommandTimes, timesItself } from "../../../../src/command/timing/command-times.ts";
import { noTimeBounds, type TimeBounds } from "../../../../src/command/timing/time-bounds.ts";
import { type Argument, request } from "../bed.ts";

const run = { session: new Session(1, "", "", 0, true), now: 5_000 };

function timesWith(bounds: Partial<TimeBounds>): CommandTimes {
  return new CommandTimes({ ...noTimeBounds, slowLogMax: 10, ...bounds }, commandCount());
}

function sent(...args: Argument[]) {
  const of = request(...args);
  const command = find(of);
  if (command === undefined) throw new Error(`no command ${args[0]}`);
  return { command, request: of };
}

const many = Array.from({ length: 20 }, (_, i) => `k${i}`);

test.each<[boolean, string[]]>([
  [false, ["GET", "k"]],
  [false, ["SET", "k", "v"]],
  [false, ["DEL", "k"]],
  [false, ["MGET", "a", "b", "c"]],
  [false, ["CONFIG", "GET", "*"]],
  [true, ["DEL", ...many]],
  [true, ["KEYS", "*"]],
  [true, ["FLUSHALL"]],
  [true, ["EXEC"]],
  [true, ["EVAL", "return 1", "0"]],
])("%p: it measures itself, %p", (expected, args) => {
  const { command, request: of } = sent(...args);
  expect(timesItself(command, of)).toBe(expected);
});

describe("a batch", () => {
  test("is divided among the commands that did not measure themselves", () => {
    const times = timesWith({});
    times.measuredMs = 6;
    times.measuredCount = 1;
    expect(times.shareOf(3, 10)).toBe(2_000);
    expect(times.shareOf(4, 10)).toBe(2_500); // what was measured is charged once
    expect(times.shareOf(0, 10)).toBe(0);
  });

  test("that took long falls to the command with the most bytes", () => {
    const times = timesWith({ slowUsec: 10_000, attentionUsec: 10_000 });
    const large = sent("SET", "large", "v".repeat(10_000_000));
    const parts = [sent("GET", "a"), large, sent("KEYS", "*"), sent("GET", "b")];
    const commands = parts.map(({ command }) => command);
    times.tellBatch(
      run,
      commands,
      parts.map((part) => part.request),
      4,
      30_000,
    );
    const { entries } = times.slowLog.report(times.bounds, 10);
    expect(entries.map(({ args }) => args[1])).toEqual(["large"]);
    expect(entries[0]?.usec).toBeWithin(29_000, 30_001);
  });

  test("of like commands is told as equal shares", () => {
    const times = timesWith({ slowUsec: 0, attentionUsec: 0 });
    const parts = [sent("GET", "a"), sent("GET", "b")];
    times.tellBatch(
      run,
      parts.map(({ command }) => command),
      parts.map((part) => part.request),
      2,
      10,
    );
    const { entries } = times.slowLog.report(times.bounds, 10);
    expect(entries.map(({ usec }) => usec)).toEqual([5, 5]);
  });
});

describe("a command that took long", () => {
  test("is an event of its kind, in whole milliseconds", () => {
    const times = timesWith({ latencyMs: 5, attentionUsec: 5_000 });
    for (const [name, ms] of [
      ["GET", 5.9],
      ["KEYS", 7],
      ["KEYS", 4.9],
    ] as const) {
      const { command, request: of } = sent(name, "k");
      times.note(run, command, of, ms);
    }
    expect(times.latency.report()).toEqual([
      { event: "fast-command", worstMs: 5, samples: [{ atSeconds: 5, ms: 5 }] },
      { event: "command", worstMs: 7, samples: [{ atSeconds: 5, ms: 7 }] },
    ]);
    expect(times.slowLog.report(times.bounds, 10).count).toBe(0);
  });

  test("is not logged if it was refused before it ran, nor is EXEC", () => {
    const times = timesWith({ slowUsec: 0, attentionUsec: 0 });
    const stranger = { ...run, session: new Session(2, "", "", 0, false) };
    const cases = [
      [run, ["GET"]],
      [run, ["EXEC"]],
      [stranger, ["GET", "k"]],
    ] as const;
    for (const [who, args] of cases) {
      const { command, request: of } = sent(...args);
      times.note(who, command, of, 1);
    }
    expect(times.slowLog.report(times.bounds, 10).count).toBe(0);
  });
});

test("histograms count calls only while times are tracked, and are cleared with the times", () => {
  const { command, request: of } = sent("GET", "k");
  const untracked = timesWith({});
  untracked.note(run, command, of, 1);
  expect(untracked.histogramsOf([command])).toEqual([]);
  const times = timesWith({ isTracking: true });
  for (let i = 0; i < 3; i++) times.note(run, command, of, 1);
  const [histogram] = times.histogramsOf([command]);
  expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(3);
  expect(times.usecOf(command.id)).toBe(3_000);
  times.reset();
  expect([times.usecOf(command.id), times.histogramsOf([command])]).toEqual([0, []]);
});

test("calls that are counted later are there when somebody asks, whatever their time and number", () => {
  const times = timesWith({ isTracking: true });
  const { command } = sent("GET", "k");
  const usec = [0, 0.25, 3, 2 ** 20 + 0.5, 2 ** 31];
  for (let i = 0; i < 100; i++) times.countLater(command.id, usec[i % usec.length] as number);
  expect(times.usecOf(command.id)).toBe(20 * usec.reduce((sum, one) => sum + one, 0));
  const [histogram] = times.histogramsOf([command]);
  expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(100);
  times.countLater(command.id, 7);
  times.reset();
  expect([times.usecOf(command.id), times.histogramsOf([command])]).toEqual([0, []]);
});

test("a call that is counted later is in a histogram if times were tracked when it ran", () => {
  const bounds = { ...noTimeBounds, isTracking: false };
  const times = new CommandTimes(bounds, commandCount());
  const { command } = sent("GET", "k");
  times.countLater(command.id, 5);
  bounds.isTracking = true;
  times.countLater(command.id, 5);
  const [histogram] = times.histogramsOf([command]);
  expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(times.usecOf(command.id)).toBe(10);
});
