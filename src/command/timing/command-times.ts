// What one data thread knows of how long commands took. The time of a batch is measured once and
// divided among its commands, which is all that a fast command pays for. A command whose work
// depends on its arguments or the data measures itself (flag TIMED), so a KEYS among fifteen GETs
// is charged its own time and not theirs.
// Invariant: each moment of a batch is charged to one command, and only once.
// Hot path: shareOf(), bucketOf(), count(), countLater().

import type { Request } from "../../protocol/request.ts";
import { flag } from "../terms/flags.ts";
import type { Session } from "../terms/session.ts";
import { LatencyEvents } from "./latency-events.ts";
import {
  bucketOf,
  type CommandHistogram,
  emptyHistogram,
  type Histogram,
} from "./latency-histogram.ts";
import { SlowLog } from "./slow-log.ts";
import type { TimeBounds, TimedCommand } from "./time-bounds.ts";

/** A command of many keys measures itself above this many arguments: few are as fast as one. */
const fewArgumentsMax = 16;
/** What a command costs beside its arguments, in bytes of arguments: a rough weight. */
const commandWeightBytes = 1024;
const notTracked = -1;

/** Calls that countLater() keeps: four cache lines. */
const recentMax = 32;
/** A recent call is one number: its command's id plus one, times this, plus its microseconds. */
const usecPerId = 2 ** 30;

/** Who ran a command, and when. */
export interface Run {
  readonly session: Session;
  /** Wall-clock milliseconds. */
  readonly now: number;
}

/** Whether this call is measured by itself. A script is, however few its keys are. */
export function timesItself({ flags, lastKey }: TimedCommand, { argc }: Request): boolean {
  if ((flags & flag.TIMED) === 0) return false;
  return lastKey >= 0 || argc > fewArgumentsMax || (flags & flag.SCRIPT) !== 0;
}

export class CommandTimes {
  readonly slowLog = new SlowLog();
  readonly latency = new LatencyEvents();
  readonly bounds: TimeBounds;
  /** Total microseconds of each command, by its id. */
  private readonly usec: Float64Array;
  private readonly histograms: (Histogram | null)[];
  /** Negative: not for a histogram. */
  private readonly recent = new Float64Array(recentMax);
  private recentCount = 0;
  /** What commands of the present batch have measured themselves, and how many. */
  measuredMs = 0;
  measuredCount = 0;
  /** The next command is all of its batch: its time is that of the batch. */
  isAlone = false;

  constructor(bounds: TimeBounds, commandCount: number) {
    this.bounds = bounds;
    this.usec = new Float64Array(commandCount);
    this.histograms = new Array(commandCount).fill(null);
  }

  // ---- hot path: batches ------------------------------------------------------------------------

  /** Called when a turn begins: what was measured outside of batches is charged already. */
  begin(): void {
    this.measuredMs = 0;
    this.measuredCount = 0;
    this.isAlone = false;
  }

  /** Microseconds of each command of a batch that did not measure itself. */
  shareOf(count: number, ms: number): number {
    const others = count - this.measuredCount;
    const left = ms - this.measuredMs;
    this.begin();
    return others > 0 && left > 0 ? (left * 1000) / others : 0;
  }

  /** The bucket of a time for count(). */
  bucketOf(usec: number): number {
    return this.bounds.isTracking ? bucketOf(usec) : notTracked;
  }

  /** Counts calls of one command that took `usec` microseconds each. */
  count(id: number, calls: number, usec: number, bucket: number): void {
    if (calls === 0) return;
    this.usec[id] += usec * calls;
    if (bucket === notTracked) return;
    const histogram = this.histograms[id] ?? this.firstOf(id);
    histogram[bucket] += calls;
  }

  /**
   * As count() for the only command of a batch. Between two such batches the kernel sends and
   * receives, and each line of memory that a batch needs must come into the processor's cache
   * again. Counters and histogram are six; this is one, and pays for those once for many calls.
   */
  countLater(id: number, usec: number): void {
    if (usec >= usecPerId) return this.count(id, 1, usec, this.bucketOf(usec));
    const call = (id + 1) * usecPerId + usec;
    this.recent[this.recentCount++] = this.bounds.isTracking ? call : -call;
    if (this.recentCount === recentMax) this.settle();
  }

  /** Counts the recent calls. */
  private settle(): void {
    for (let i = 0; i < this.recentCount; i++) {
      const call = Math.abs(this.recent[i]);
      const idPlusOne = Math.floor(call / usecPerId);
      const usec = call - idPlusOne * usecPerId; // `%` is a division in steps, dearer than a clock
      this.count(idPlusOne - 1, 1, usec, this.recent[i] > 0 ? bucketOf(usec) : notTracked);
    }
    this.recentCount = 0;
  }

  private firstOf(id: number): Histogram {
    const histogram = emptyHistogram();
    this.histograms[id] = histogram;
    return histogram;
  }

  // ---- cold path --------------------------------------------------------------------------------

  /** A command that was measured by itself. */
  note(run: Run, command: TimedCommand, request: Request, ms: number): void {
    const usec = ms * 1000;
    this.count(command.id, 1, usec, this.bucketOf(usec));
    this.tellIfLong(run, command, request, usec);
  }

  tellIfLong(run: Run, command: TimedCommand, request: Request, usec: number): void {
    if (usec >= this.bounds.attentionUsec) this.tell(run, command, request, usec);
  }

  /**
   * A batch that took long, without the commands that measured themselves: its time is divided by
   * the bytes of the arguments, so that it falls to a large value rather than to its neighbours.
   */
  tellBatch(
    run: Run,
    commands: readonly (TimedCommand | undefined)[],
    requests: readonly Request[],
    count: number,
    usec: number,
  ): void {
    const parts = requests.slice(0, count).flatMap((request, i) => {
      const command = commands[i];
      if (command === undefined || timesItself(command, request)) return [];
      return [{ command, request, weight: weightOf(request) }];
    });
    const sum = parts.reduce((total, { weight }) => total + weight, 0);
    for (const { command, request, weight } of parts) {
      this.tell(run, command, request, (usec * weight) / sum);
    }
  }

  /** Remembers a command in the slow log and as a latency event, if it took long enough. */
  private tell(run: Run, command: TimedCommand, request: Request, usec: number): void {
    const { session, now } = run;
    const { slowUsec } = this.bounds;
    const wasRefused = !command.accepts(request.argc) || !mayRun(session, command);
    if (wasRefused) return;
    const isLogged = (command.flags & flag.SKIP_SLOWLOG) === 0;
    if (isLogged && slowUsec >= 0 && usec >= slowUsec) {
      this.slowLog.add(this.bounds, session, command, request, usec, now);
    }
    const isFast = (command.flags & flag.FAST) !== 0;
    this.noteEvent(isFast ? "fast-command" : "command", usec / 1000, now);
  }

  /** Something that delayed all clients of this thread. */
  noteEvent(event: Parameters<LatencyEvents["add"]>[0], ms: number, nowMs: number): void {
    const { latencyMs } = this.bounds;
    if (latencyMs > 0 && ms >= latencyMs) this.latency.add(event, ms, nowMs);
  }

  /** Total microseconds of a command. */
  usecOf(id: number): number {
    this.settle();
    return this.usec[id];
  }

  /** The histograms of the commands that ran at least once. */
  histogramsOf(commands: readonly TimedCommand[]): CommandHistogram[] {
    this.settle();
    return commands.flatMap(({ id, name }) => {
      const counts = this.histograms[id];
      return counts === null ? [] : [{ name, counts }];
    });
  }

  /** CONFIG RESETSTAT; the slow log and latency events have resets of their own. */
  reset(): void {
    this.recentCount = 0;
    this.usec.fill(0);
    this.histograms.fill(null);
  }
}

/** A client that has not logged in gets only an error. */
function mayRun({ authenticated }: Session, { flags }: TimedCommand): boolean {
  return authenticated || (flags & flag.NO_AUTH) !== 0;
}

function weightOf({ argc, start, end }: Request): number {
  return end[argc - 1] - start[0] + commandWeightBytes;
}
