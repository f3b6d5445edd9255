// What the control thread asks a data thread about the times of its commands, and how a thread
// answers from what it remembers (command/timing/). timings.ts joins the answers of all threads.

import { commands } from "../../command/table.ts";
import type { CommandTimes } from "../../command/timing/command-times.ts";
import type { LatencySeries } from "../../command/timing/latency-events.ts";
import type { CommandHistogram } from "../../command/timing/latency-histogram.ts";
import type { SlowLogReport } from "../../command/timing/slow-log.ts";

/** The commands that a client can name. */
const named = commands.flatMap((command) => [command, ...command.subcommands]);

/** The questions about times, with the types of the detail and the answer. */
export interface TimeQuestions {
  /** The newest entries of the slow log, at most so many. */
  slowLog: { detail: number; answer: SlowLogReport };
  resetSlowLog: { detail: null; answer: null };
  latency: { detail: null; answer: LatencySeries[] };
  /** The kinds of events to forget, null for all; the answer is those that there were. */
  resetLatency: { detail: readonly string[] | null; answer: string[] };
  histograms: { detail: null; answer: CommandHistogram[] };
}

type Answers = {
  [Name in keyof TimeQuestions]: (
    times: CommandTimes,
    detail: TimeQuestions[Name]["detail"],
  ) => TimeQuestions[Name]["answer"];
};

const answers: Answers = {
  slowLog: (times, max) => times.slowLog.report(times.bounds, max),
  resetSlowLog: (times) => {
    times.slowLog.reset();
    return null;
  },
  latency: (times) => times.latency.report(),
  resetLatency: (times, events) => times.latency.reset(events),
  histograms: (times) => times.histogramsOf(named),
};

/** A thread's own answer. */
export function answerTimes<Name extends keyof TimeQuestions>(
  times: CommandTimes,
  name: Name,
  detail: TimeQuestions[Name]["detail"],
): TimeQuestions[Name]["answer"] {
  return answers[name](times, detail);
}
