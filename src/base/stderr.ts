// Lines on standard error: the log's, and last words. A write never throws and never waits, whatever
// became of the other end (closed, a full disk, a pipe that nobody reads): a line that cannot be
// written is lost and counted, and the next one that can be is preceded by that number. It knows
// neither levels nor formats.
// Invariant: what arrives are whole lines in order; a line that was begun is ended before the next.
// The descriptor belongs to the process and not to a node, hence the one stream of each thread.

import { constants, openSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { wallClockMs } from "./clock.ts";
import { stderrLineBytesMax } from "./limits.ts";

const STDERR = 2;
const nothing = new Uint8Array(0);
const encoder = new TextEncoder();

class LineStream {
  #descriptor = -1;
  /** Lines since the last one that was written, and why the last of them was not. */
  #lost = 0;
  #reason = "";
  /** What is missing of a line that was begun. */
  #rest: Uint8Array = nothing;

  write(line: string): void {
    if (!this.#endBegunLine() || !this.#tellLost() || !this.#put(bytesOf(line))) this.#lost++;
  }

  #endBegunLine(): boolean {
    if (this.#rest.length === 0) return true;
    const rest = this.#rest;
    this.#rest = nothing;
    if (this.#put(rest)) return this.#rest.length === 0;
    this.#rest = rest;
    return false;
  }

  #tellLost(): boolean {
    if (this.#lost === 0) return true;
    const lines =
      this.#lost === 1 ? "1 line of this log was" : `${this.#lost} lines of this log were`;
    if (!this.#put(bytesOf(stamped("warn", `${lines} lost here: ${this.#reason}`)))) return false;
    this.#lost = 0;
    return true;
  }

  /** False when nothing of it was written; of what was begun the rest is kept. */
  #put(bytes: Uint8Array): boolean {
    let written = 0;
    try {
      if (this.#descriptor < 0) this.#descriptor = openWithoutWaiting();
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
    } catch (error) {
      this.#reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      if (written === 0) return false;
      this.#rest = bytes.subarray(written);
    }
    return true;
  }
}

const stream = new LineStream();

/** Writes one line, which brings its own line break, if that can be done at once. */
export function writeLine(line: string): void {
  stream.write(line);
}

/** A line of the log: time, level, text. */
export function stamped(level: string, text: string): string {
  return `${new Date(wallClockMs()).toISOString()} ${level.padEnd(5)} ${text}\n`;
}

/**
 * Bun makes descriptor 2 non-blocking when it makes `process.stderr`, but for a terminal: that is opened
 * once more where the system allows it, because the shell that shares it needs it as it is.
 */
function openWithoutWaiting(): number {
  if (!isatty(STDERR)) return process.stderr.fd;
  if (process.platform !== "linux") return STDERR;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return STDERR; // another user's terminal: Ctrl-S then holds the node, as it does a Redis
  }
}

function bytesOf(line: string): Uint8Array {
  const bytes = encoder.encode(line);
  if (bytes.length <= stderrLineBytesMax) return bytes;
  const cut = bytes.slice(0, stderrLineBytesMax);
  cut.set(encoder.encode("...\n"), stderrLineBytesMax - 4);
  return cut;
}
