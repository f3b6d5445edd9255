/**
 * How long a busy machine kept a node, and the thread that times it, from running. Linux counts for
 * each thread how long it could have run and had no processor; what it does not count, as when the
 * machine itself is halted, shows in how late the timers of the timing thread are. It says nothing
 * about what the node did while it ran, or about locks and disks it waited for: that is its own.
 * Invariant: between two calls the sum of stalls only grows.
 */
import { readdirSync, readFileSync } from "node:fs";
import { tellsMemory } from "./process-memory.ts";

const tickMs = 10;
/** Between two looks at the node's threads: a stall may be overrated by so much. */
const lookMs = 50;
/** Longer waits are judged by the oldest look that is left. */
const looksMax = 1200;

interface Look {
  readonly atMs: number;
  /** Of each thread that runs commands: for how long it waited for a processor so far. */
  readonly waitedMs: readonly number[];
}

/** A moment, as the clock of the stalls has it. */
export interface Mark {
  readonly atMs: number;
  readonly lateMs: number;
}

export class Stalls implements Disposable {
  private readonly paths: readonly string[];
  private readonly looks: Look[] = [];
  private readonly timer: Timer;
  private lateMs = 0;
  private tickedMs = performance.now();

  /** The node must be ready: its threads are listed once. */
  constructor(pid: number) {
    this.paths = tellsMemory ? pathsOf(pid) : [];
    this.look();
    this.timer = setInterval(() => this.tick(), tickMs);
  }

  mark(): Mark {
    return { atMs: performance.now(), lateMs: this.lateNow() };
  }

  /** Of the time since the mark, what nobody but the machine is to blame for. */
  since({ atMs, lateMs }: Mark): number {
    const before = this.looks.findLast((look) => look.atMs <= atMs) ?? this.looks[0];
    const delays = this.read().map((ms, i) => ms - (before?.waitedMs[i] ?? ms));
    return this.lateNow() - lateMs + Math.max(0, ...delays);
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    this.lateMs = this.lateNow();
    this.tickedMs = performance.now();
    if (this.tickedMs - (this.looks.at(-1)?.atMs ?? 0) > lookMs) this.look();
  }

  /** With the tick that is due and has not come yet. */
  private lateNow(): number {
    return this.lateMs + Math.max(0, performance.now() - this.tickedMs - tickMs);
  }

  private look(): void {
    const atMs = performance.now();
    this.looks.push({ atMs, waitedMs: this.read() });
    if (this.looks.length > looksMax) this.looks.shift();
  }

  private read(): number[] {
    return this.paths.map((path) => {
      const [, waitedNs] = readFileSync(`${path}/schedstat`, "utf8").split(" ");
      return Number(waitedNs) / 1e6;
    });
  }
}

/** The main thread and the Workers; compilers and collectors answer nobody. */
function pathsOf(pid: number): string[] {
  const all = `/proc/${pid}/task`;
  return readdirSync(all)
    .filter((id) => id === `${pid}` || readFileSync(`${all}/${id}/comm`, "utf8") === "Worker\n")
    .map((id) => `${all}/${id}`);
}
