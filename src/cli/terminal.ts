// What long-running subcommands share: the size of the terminal, Ctrl-C, and output whose reader
// may be slow or leave (`mscache monitor | head`). Colours are in colors.ts; keys and the whole
// screen belong to the subcommands that use them.

import { codeOf } from "../base/reason.ts";
import { outputFailure } from "./failure.ts";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What output that is no terminal is laid out for. */
const usualSize: TerminalSize = { columns: 80, rows: 24 };
const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Of a stream, if it is a terminal. */
export function columnsOf({ columns }: { readonly columns?: number }): number {
  return columns || usualSize.columns;
}

/** The size as it is now; process.stdout emits "resize" when it changes. */
export function terminalSize(): TerminalSize {
  const { stdout } = process;
  return { columns: columnsOf(stdout), rows: stdout.rows || usualSize.rows };
}

/**
 * Does the work, and aborts its signal at Ctrl-C, SIGTERM or when the terminal closes. These have
 * no other effect meanwhile, so that the work can put the terminal in order before it ends.
 */
export async function untilInterrupted<T>(work: (end: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const end = () => controller.abort();
  for (const name of endSignals) process.on(name, end);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of endSignals) process.off(name, end);
  }
}

/** Resolves when the signal is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Standard output for many writes. A write waits while the reader is slow, and other events are
 * served meanwhile. One Output a process; write one text after the other.
 */
export class Output {
  private readonly sink = Bun.stdout.writer();
  private readonly controller = new AbortController();

  /** Aborted when nobody reads any more; what is written from then on is dropped. */
  get closed(): AbortSignal {
    return this.controller.signal;
  }

  /** Resolves when the system has all of it. Throws a Failure if the disk is full, say. */
  async write(output: string | Uint8Array): Promise<void> {
    if (this.closed.aborted) return;
    try {
      await this.sink.write(output); // a long text is written at once, and may fail here
      await this.sink.flush();
    } catch (error) {
      if (codeOf(error) !== "EPIPE") throw outputFailure(error);
      this.controller.abort();
    }
  }
}
