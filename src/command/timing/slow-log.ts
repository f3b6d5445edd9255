// The slow log of one data thread: the last commands that took long, with the beginning of their
// arguments. SLOWLOG shows the entries of all threads together, by number. A row says which of its
// arguments are secret (CommandRow.hides).
// Invariant: no entry holds an argument that its row hides; the bytes of all are bounded.

import {
  slowLogArgumentBytesMax,
  slowLogArgumentsMax,
  slowLogBytesMax,
} from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { Session } from "../terms/session.ts";
import { shownArgument } from "../terms/shown-argument.ts";
import type { TimeBounds, TimedCommand } from "./time-bounds.ts";

/** Plain data: threads post it to each other. */
export interface SlowEntry {
  readonly id: number;
  /** When it ended, seconds since 1970. */
  readonly atSeconds: number;
  readonly usec: number;
  /** One character a byte. */
  readonly args: readonly string[];
  readonly address: string;
  readonly clientName: string;
}

/** The newest entries of a thread, and how many it has. */
export interface SlowLogReport {
  readonly count: number;
  readonly entries: readonly SlowEntry[];
}

const entryOverheadBytes = 256;
const argumentOverheadBytes = 32;

export class SlowLog {
  /** Oldest first. */
  private entries: SlowEntry[] = [];
  private bytes = 0;

  add(
    bounds: TimeBounds,
    session: Session,
    command: TimedCommand,
    request: Request,
    usec: number,
    nowMs: number,
  ) {
    const entry: SlowEntry = {
      id: bounds.nextSlowId(),
      atSeconds: Math.floor(nowMs / 1000),
      usec: Math.round(usec),
      args: shownArguments(command, request),
      address: session.address,
      clientName: session.name,
    };
    this.entries.push(entry);
    this.bytes += bytesOf(entry);
    this.trim(bounds.slowLogMax);
  }

  /** Its newest entries, at most `max`, newest first. */
  report(bounds: TimeBounds, max: number): SlowLogReport {
    this.trim(bounds.slowLogMax);
    const { length } = this.entries;
    const first = max < length ? length - max : 0;
    return { count: length, entries: this.entries.slice(first).reverse() };
  }

  reset(): void {
    this.entries = [];
    this.bytes = 0;
  }

  private trim(max: number): void {
    let surplus = 0;
    while (this.entries.length - surplus > max || this.bytes > slowLogBytesMax) {
      this.bytes -= bytesOf(this.entries[surplus]);
      surplus++;
    }
    if (surplus > 0) this.entries.splice(0, surplus);
  }
}

function bytesOf({ args }: SlowEntry): number {
  return args.reduce((sum, arg) => sum + arg.length + argumentOverheadBytes, entryOverheadBytes);
}

/** Cut as in Redis: the last of too many arguments says how many more there were. */
function shownArguments(command: TimedCommand, request: Request): string[] {
  const { argc } = request;
  const shown = argc > slowLogArgumentsMax ? slowLogArgumentsMax - 1 : argc;
  const args = Array.from({ length: shown }, (_, index) =>
    shownArgument(command, request, index, slowLogArgumentBytesMax),
  );
  if (shown < argc) args.push(`... (${argc - shown} more arguments)`);
  return args;
}

/** The newest `max` entries of all threads, newest first. */
export function newestOf(reports: readonly SlowLogReport[], max: number): SlowEntry[] {
  const all = reports.flatMap(({ entries }) => entries);
  return all.sort((a, b) => b.id - a.id).slice(0, max);
}
