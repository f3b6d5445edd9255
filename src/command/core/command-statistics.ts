// What one data thread counts about commands and errors, for INFO: a node adds up its threads. A command
// finds its counters by its id; the table of commands itself is shared by all nodes of a process.
// Invariant: a command that was refused before it ran counts as rejected and not as a call.
// Hot path: counters are plain numbers in typed arrays.

import type { ErrorReply } from "../../base/errors.ts";
import type { ErrorSink } from "../../protocol/reply.ts";
import { commandCount } from "./command-ids.ts";

/** What INFO shows of one command. */
export interface CommandCount {
  name: string;
  /** How often it ran. */
  calls: number;
  /** Microseconds that its calls took, its own of each pipeline. */
  usec: number;
  /** Refused before it ran, and answered with an error when it ran. */
  rejected: number;
  failed: number;
}

export class CommandStatistics {
  readonly calls: Float64Array;
  readonly usec: Float64Array;
  readonly rejected: Float64Array;
  readonly failed: Float64Array;
  readonly errors: ErrorCounts;

  constructor() {
    this.calls = new Float64Array(commandCount());
    this.usec = new Float64Array(commandCount());
    this.rejected = new Float64Array(commandCount());
    this.failed = new Float64Array(commandCount());
    this.errors = new ErrorCounts();
  }

  reset(): void {
    for (const counters of [this.calls, this.usec, this.rejected, this.failed]) counters.fill(0);
    this.errors.reset();
  }

  /** The commands among these that were called or refused. */
  of(commands: readonly { readonly id: number; readonly name: string }[]): CommandCount[] {
    return commands
      .filter(({ id }) => this.calls[id] + this.rejected[id] > 0)
      .map(({ id, name }) => ({
        name,
        calls: this.calls[id],
        usec: this.usec[id],
        rejected: this.rejected[id],
        failed: this.failed[id],
      }));
  }
}

/** Errors that were answered, by their first word. The words are our own constants, so they are few. */
export class ErrorCounts implements ErrorSink {
  total = 0;
  readonly byCode = new Map<string, number>();

  note({ code }: ErrorReply): void {
    this.total++;
    this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
  }

  reset(): void {
    this.total = 0;
    this.byCode.clear();
  }
}
