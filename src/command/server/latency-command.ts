// LATENCY: what delayed clients, and how long each command takes. Replies and error texts are those
// of redis 7.0 `latency.c`, but for the sentences of DOCTOR. timing/ keeps what is told here.

import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { byName } from "../core/registry.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { flag } from "../terms/flags.ts";
import { type CommandHistogram, cumulated, totalOf } from "../timing/latency-histogram.ts";
import { latencyGraph, latencyReport } from "../timing/latency-report.ts";

const flags = flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE;

const subcommands = family({ group: "server", since: "2.8.13", flags }, [
  {
    name: "latency|latest",
    arity: 2,
    summary: "Returns the latest sample of each kind of event.",
    differs:
      "Knows the events command, fast-command and expire-cycle: nothing forks, and there is no " +
      "append-only file.",
    control: latest,
  },
  {
    name: "latency|history",
    arity: 3,
    syntax: "event",
    summary: "Returns the samples of a kind of event.",
    control: history,
  },
  {
    name: "latency|graph",
    arity: 3,
    syntax: "event",
    summary: "Draws the samples of a kind of event.",
    control: graph,
  },
  {
    name: "latency|doctor",
    arity: 2,
    summary: "Returns sentences about the events.",
    differs: "Sentences of our own: Redis's advice is about forks and its append-only file.",
    control: doctor,
  },
  {
    name: "latency|reset",
    arity: -2,
    syntax: "[event...]",
    summary: "Forgets events, of some kinds or all.",
    control: reset,
  },
  {
    name: "latency|histogram",
    arity: -2,
    syntax: "[command...]",
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands with latency information being retrieved.",
    summary: "Returns how many calls of commands took how long.",
    differs:
      "The bounds are 1, 2, 4, 8 ... 32, 64; Redis's 33, 66 ... come from its histogram. " +
      "Commands of one pipeline share their time equally.",
    control: histogram,
  },
  helpRow("latency", "server", "2.8.13", [
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
  ]),
]);

export const latencyCommands = family({ group: "server", since: "2.8.13" }, [
  {
    name: "latency",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for latency diagnostics commands.",
    handler: () => undefined,
    subcommands,
  },
]);

// ---- events -------------------------------------------------------------------------------------

async function latest(x: ControlContext, _request: Request, reply: Reply): Promise<void> {
  const all = await x.control.timings.latency();
  reply.array(all.length);
  for (const { event, worstMs, samples } of all) {
    const last = samples.at(-1);
    reply.array(4);
    reply.text(event);
    reply.integer(last?.atSeconds ?? 0);
    reply.integer(last?.ms ?? 0);
    reply.integer(worstMs);
  }
}

async function seriesOf(x: ControlContext, request: Request) {
  const all = await x.control.timings.latency();
  return all.find(({ event }) => event === request.text(2));
}

async function history(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const samples = (await seriesOf(x, request))?.samples ?? [];
  reply.array(samples.length);
  for (const { atSeconds, ms } of samples) {
    reply.array(2);
    reply.integer(atSeconds);
    reply.integer(ms);
  }
}

async function graph(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const series = await seriesOf(x, request);
  if (series === undefined) reply.error(noSamples(request.echo(2)));
  else reply.verbatim(latencyGraph(series, x.control.timings.nowSeconds));
}

function noSamples(event: string): ErrorReply {
  return errorReply(`No samples available for event '${event}'`);
}

async function doctor(x: ControlContext, _request: Request, reply: Reply): Promise<void> {
  const { timings } = x.control;
  const { latencyThresholdMs: thresholdMs, slowLogUsec, nowSeconds } = timings;
  reply.verbatim(latencyReport(await timings.latency(), { thresholdMs, slowLogUsec }, nowSeconds));
}

async function reset(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const events = Array.from({ length: request.argc - 2 }, (_, index) => request.text(index + 2));
  reply.integer(await x.control.timings.resetLatency(events.length === 0 ? null : events));
}

// ---- histograms ---------------------------------------------------------------------------------

async function histogram(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const all = await x.control.timings.histograms();
  const found = request.argc === 2 ? all : named(request, all);
  reply.map(found.length);
  for (const { name, counts } of found) {
    reply.text(name);
    reply.map(2);
    reply.text("calls");
    reply.integer(totalOf(counts));
    reply.text("histogram_usec");
    const steps = cumulated(counts);
    reply.map(steps.length);
    for (const [upTo, calls] of steps) {
      reply.integer(upTo);
      reply.integer(calls);
    }
  }
}

/** A container stands for its subcommands; a name that is no command is skipped. */
function named(request: Request, all: readonly CommandHistogram[]): CommandHistogram[] {
  const found: CommandHistogram[] = [];
  for (let i = 2; i < request.argc; i++) {
    const command = byName(request.text(i));
    if (command === undefined) continue;
    const names = [command, ...command.subcommands].map(({ name }) => name);
    found.push(...all.filter(({ name }) => names.includes(name)));
  }
  return found;
}
