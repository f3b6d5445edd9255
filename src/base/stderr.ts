// Writes lines to standard error: the log, and the last words of a dying process. A write never
// throws and never waits, whatever happened to the other end (closed, a full disk, a pipe that
// nobody reads): a line that cannot be written is lost and counted, and the next line that can be
// is preceded by that count. It does not filter by level.
// Invariant: whole lines arrive in order; a partly written line is completed before the next one
// starts. The descriptor belongs to the process and not to a node, hence one stream per thread.

import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { stderrLineBytesMax } from "./limits.ts";
import { formatLine, type LogFormat } from "./log-line.ts";
import { wantsColor } from "./wants-color.ts";

const stderr = 2;
const nothing = new Uint8Array(0);
const encoder = new TextEncoder();

class LineStream {
  private descriptor = -1;
  /** Lines lost since the last successful write, and the reason for the last loss. */
  private lost = 0;
  private reason = "";
  /** The unwritten rest of a partly written line. */
  private rest: Uint8Array = nothing;

  write(line: string, format: LogFormat): void {
    if (!this.endBegunLine() || !this.tellLost(format) || !this.put(bytesOf(line))) this.lost++;
  }

  private endBegunLine(): boolean {
    if (this.rest.length === 0) return true;
    const rest = this.rest;
    this.rest = nothing;
    if (this.put(rest)) return this.rest.length === 0;
    this.rest = rest;
    return false;
  }

  private tellLost(format: LogFormat): boolean {
    const { lost, reason } = this;
    if (lost === 0) return true;
    const lines = lost === 1 ? "1 line of this log was" : `${lost} lines of this log were`;
    const fields = { event: "lines-lost", lines: lost, reason } as const;
    const line = formatLine(format, "warn", `${lines} lost here: ${reason}`, fields);
    if (!this.put(bytesOf(line))) return false;
    this.lost = 0;
    return true;
  }

  /** False if nothing was written. The rest of a partly written line is kept. */
  private put(bytes: Uint8Array): boolean {
    let written = 0;
    try {
      if (this.descriptor < 0) this.descriptor = openWithoutWaiting();
      while (written < bytes.length) written += writeSync(this.descriptor, bytes, written);
    } catch (error) {
      this.reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      if (written === 0) return false;
      this.rest = bytes.subarray(written);
    }
    return true;
  }
}

const stream = new LineStream();

/**
 * Writes one line, which includes its line break, if that is possible without waiting. What tells
 * of lost lines has `format`, too.
 */
export function writeLine(line: string, format: LogFormat = "text"): void {
  stream.write(line, format);
}

/** Whether what standard error shows may be coloured. */
export function stderrHasColors(): boolean {
  try {
    return wantsColor({ isTTY: fstatSync(stderr).isCharacterDevice() });
  } catch {
    return false; // it is closed
  }
}

/**
 * Bun makes descriptor 2 non-blocking when it creates `process.stderr`, except for a terminal. The
 * shell shares that descriptor and needs it blocking, so a pipe or a terminal is opened again where
 * the system allows it. That also spares a node the streams of Node, which it needs for nothing
 * else: 5 ms of its start.
 */
function openWithoutWaiting(): number {
  const kind = fstatSync(stderr);
  if (kind.isFile()) return stderr; // never waits for a reader
  const isTerminal = kind.isCharacterDevice();
  if (process.platform !== "linux") return isTerminal ? stderr : process.stderr.fd;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, or another user's. Ctrl-S in that terminal blocks the node, as it blocks Redis.
    return isTerminal ? stderr : process.stderr.fd;
  }
}

function bytesOf(line: string): Uint8Array {
  const bytes = encoder.encode(line);
  if (bytes.length <= stderrLineBytesMax) return bytes;
  const cut = bytes.slice(0, stderrLineBytesMax);
  cut.set(encoder.encode("...\n"), stderrLineBytesMax - 4);
  return cut;
}
