/**
 * Latency events: the worst of each second, the last 160 seconds with one, and the joined events of
 * several threads.
 */
import { expect, test } from "bun:test";
import { joinSeries, LatencyEvents } from "../../../../src/command/timing/latency-events.ts";

test("a second keeps its worst time", () => {
  const events = new LatencyEvents();
  for (const [ms, at] of [
    [10, 1_000],
    [30, 1_999],
    [20, 1_500],
    [5, 2_000],
  ] as const) {
    events.add("command", ms, at);
  }
  expect(events.report()).toEqual([
    {
      event: "command",
      worstMs: 30,
      samples: [
        { atSeconds: 1, ms: 30 },
        { atSeconds: 2, ms: 5 },
      ],
    },
  ]);
});

test("160 samples are kept, and the worst time of those that are gone", () => {
  const events = new LatencyEvents();
  for (let second = 0; second < 200; second++) events.add("command", 500 - second, second * 1_000);
  const [series] = events.report();
  expect(series?.samples).toHaveLength(160);
  expect([series?.worstMs, series?.samples[0]?.atSeconds]).toEqual([500, 40]);
});

test("a clock that steps back adds no second", () => {
  const events = new LatencyEvents();
  events.add("command", 10, 9_000);
  events.add("command", 20, 3_000);
  expect(events.report()[0]?.samples).toEqual([{ atSeconds: 9, ms: 20 }]);
});

test("kinds are forgotten by name, or all", () => {
  const events = new LatencyEvents();
  events.add("command", 1, 0);
  events.add("expire-cycle", 1, 0);
  expect(events.reset(["command", "nosuch"])).toEqual(["command"]);
  expect(events.reset(null)).toEqual(["expire-cycle"]);
  expect(events.report()).toEqual([]);
});

test("the events of threads are joined, second by second", () => {
  const of = (ms: number, ...seconds: number[]) => ({
    event: "command",
    worstMs: ms,
    samples: seconds.map((atSeconds) => ({ atSeconds, ms })),
  });
  expect(joinSeries([of(10, 1, 3), of(20, 2, 3), { ...of(7, 9), event: "a" }])).toEqual([
    { ...of(7, 9), event: "a" },
    {
      event: "command",
      worstMs: 20,
      samples: [
        { atSeconds: 1, ms: 10 },
        { atSeconds: 2, ms: 20 },
        { atSeconds: 3, ms: 20 },
      ],
    },
  ]);
});
