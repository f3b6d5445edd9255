/**
 * The graph of LATENCY GRAPH, drawn by the rules of redis 7.0's `sparkline.c`, and the sentences of
 * LATENCY DOCTOR.
 */
import { expect, test } from "bun:test";
import { latencyGraph, latencyReport } from "../../../../src/command/timing/latency-report.ts";

const now = 100_000;

function seriesOf(...samples: (readonly [ageSeconds: number, ms: number])[]) {
  return {
    event: "command",
    worstMs: 999,
    samples: samples.map(([age, ms]) => ({ atSeconds: now - age, ms })),
  };
}

test("a graph has a column for each sample, with its age below", () => {
  const series = seriesOf([7_200, 10], [120, 50], [59, 100], [0, 40]);
  expect(latencyGraph(series, now)).toBe(
    [
      "command - high 100 ms, low 10 ms (all time high 999 ms)",
      "-".repeat(80),
      "  # ",
      "  | ",
      " #|o",
      "_|||",
      "    ",
      "2250",
      "hm9s",
      "  s ",
      "",
    ].join("\n"),
  );
});

test("more than 80 samples continue below", () => {
  const series = seriesOf(...Array.from({ length: 81 }, (_, i) => [81 - i, 1] as const));
  expect(
    latencyGraph(series, now)
      .split("\n")
      .filter((line) => /^_+$/.test(line)),
  ).toEqual(["_".repeat(80), "_"]);
});

const settings = { thresholdMs: 100, slowLogUsec: 10_000 };

test.each([
  ["that it is off", [], { ...settings, thresholdMs: 0 }, "Latency is not monitored."],
  ["that nothing happened", [], settings, "Nothing has taken 100 ms"],
  [
    "what happened",
    [seriesOf([20, 100], [10, 200])],
    settings,
    "1. command: 2 latency spikes (average 150ms, mean deviation 50ms, period 10.00 sec). Worst all time event 999ms.",
  ],
  [
    "that the slow log is blind",
    [seriesOf([1, 100])],
    { ...settings, slowLogUsec: -1 },
    "CONFIG SET slowlog-log-slower-than 100000",
  ],
])("the doctor tells %s", (_, all, known, sentence) => {
  expect(latencyReport(all, known, now)).toContain(sentence);
});
