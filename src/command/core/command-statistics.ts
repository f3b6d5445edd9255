// Counters of one data thread for commands and errors. INFO shows the sum over the threads of a
// node. The id of a command is the index of its counters; all nodes of a process share the table of
// commands.
// Invariant: a command that is refused before it runs counts as rejected and not as a call.
// Hot path: counters are plain numbers in typed arrays.

import type { ErrorReply } from "../../base/errors.ts";
import { errorCodesMax } from "../../base/limits.ts";
import type { ErrorSink } from "../../protocol/reply.ts";
import { commandCount } from "../terms/command-ids.ts";
import { CommandTimes } from "../timing/command-times.ts";
import { noTimeBounds, type TimeBounds } from "../timing/time-bounds.ts";

/** The counters of one command in INFO. */
export interface CommandCount {
  name: string;
  /** Number of calls. */
  calls: number;
  /** Microseconds that its calls took, its own of each pipeline. */
  usec: number;
  /** Calls refused before they ran, and calls that replied with an error. */
  rejected: number;
  failed: number;
}

export class CommandStatistics {
  readonly calls: Float64Array;
  readonly times: CommandTimes;
  readonly rejected: Float64Array;
  readonly failed: Float64Array;
  readonly errors: ErrorCounts;

  constructor(bounds: TimeBounds = noTimeBounds) {
    this.calls = new Float64Array(commandCount());
    this.times = new CommandTimes(bounds, commandCount());
    this.rejected = new Float64Array(commandCount());
    this.failed = new Float64Array(commandCount());
    this.errors = new ErrorCounts();
  }

  /** A command replied with an error: its own, or for EXEC perhaps that of a queued command. */
  noteFailure({ id }: { readonly id: number }): void {
    if (this.errors.attribute()) this.failed[id]++;
  }

  reset(): void {
    for (const counters of [this.calls, this.rejected, this.failed]) counters.fill(0);
    this.times.reset();
    this.errors.reset();
  }

  /** The given commands that were called or refused at least once. */
  of(commands: readonly { readonly id: number; readonly name: string }[]): CommandCount[] {
    return commands
      .filter(({ id }) => this.calls[id] + this.rejected[id] > 0)
      .map(({ id, name }) => ({
        name,
        calls: this.calls[id],
        usec: this.times.usecOf(id),
        rejected: this.rejected[id],
        failed: this.failed[id],
      }));
  }
}

/**
 * Error replies by their first word. The words are constants of this program, or a script's: of
 * those, only the first errorCodesMax are told apart.
 */
export class ErrorCounts implements ErrorSink {
  total = 0;
  /** How many of them were counted for a command. */
  private attributed = 0;
  readonly byCode = new Map<string, number>();

  note({ code }: Pick<ErrorReply, "code">): void {
    this.total++;
    const count = this.byCode.get(code);
    if (count !== undefined || this.byCode.size < errorCodesMax) {
      this.byCode.set(code, (count ?? 0) + 1);
    }
  }

  /** Takes back one that was counted already. */
  forget({ code }: Pick<ErrorReply, "code">): void {
    this.total--;
    const count = this.byCode.get(code);
    if (count !== undefined) this.byCode.set(code, count - 1);
  }

  /** Marks all errors as counted for a command; false if all of them were. */
  attribute(): boolean {
    const isNew = this.attributed !== this.total;
    this.attributed = this.total;
    return isNew;
  }

  reset(): void {
    this.total = 0;
    this.attributed = 0;
    this.byCode.clear();
  }
}
