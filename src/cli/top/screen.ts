// The whole terminal for a while: the alternate screen, raw keys, no cursor. A frame is one write
// that has only the lines that changed, between the marks of a synchronized update, so nothing
// flickers. Whatever ends the process, the terminal is put in order first.
// Invariant: after leave(), or after the process has ended by anything but SIGKILL, the terminal is
// as it was.

import { writeSync } from "node:fs";
import { type TerminalSize, terminalSize } from "../terminal.ts";
import { keysIn } from "./key-presses.ts";

const enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const leaveScreen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const beginUpdate = "\x1b[?2026h";
const endUpdate = "\x1b[?2026l";
const clearRest = "\x1b[K";
const stdout = 1;

export interface ScreenOwner {
  pressed(key: string): void;
  /** The terminal has another size, or was somebody else's for a while: draw everything. */
  resized(): void;
  /** The terminal is gone. */
  gone(): void;
  /** Something threw where nobody catches it. The process goes on until the owner ends it. */
  failed(error: unknown): void;
}

export class Screen implements Disposable {
  private readonly owner: ScreenOwner;
  private isEntered = false;
  /** The lines on the terminal. */
  private shown: readonly string[] = [];
  private isFull = true;
  /** Whether the terminal has not taken the last frame yet (Ctrl-S). */
  private isBlocked = false;
  private readonly disposers: (() => void)[] = [];

  constructor(owner: ScreenOwner) {
    this.owner = owner;
  }

  get size(): TerminalSize {
    return terminalSize();
  }

  enter(): void {
    const { stdin } = process;
    const onKeys = (chunk: Buffer) => this.read(chunk);
    const onGone = () => this.owner.gone();
    const onResize = () => this.redraw();
    const onContinue = () => this.resume();
    const onDrain = () => {
      this.isBlocked = false;
    };
    // Runs for every end that is not a signal without a handler.
    const onExit = () => this.restore();
    // Bun would print the error into the frame and go on.
    const onFault = (error: unknown) => this.owner.failed(error);
    process.on("exit", onExit);
    process.on("uncaughtException", onFault);
    process.on("unhandledRejection", onFault);
    // Windows has no such signal, and no Ctrl-Z.
    if (process.platform !== "win32") process.on("SIGCONT", onContinue);
    process.stdout.on("resize", onResize);
    process.stdout.on("drain", onDrain);
    process.stdout.on("error", onGone);
    stdin.on("data", onKeys);
    stdin.on("end", onGone);
    stdin.on("error", onGone);
    this.disposers.push(
      () => process.off("exit", onExit),
      () => process.off("uncaughtException", onFault),
      () => process.off("unhandledRejection", onFault),
      () => process.off("SIGCONT", onContinue),
      () => process.stdout.off("resize", onResize),
      () => process.stdout.off("drain", onDrain),
      () => stdin.off("data", onKeys).off("end", onGone).off("error", onGone).pause(),
    );
    this.takeOver();
    stdin.resume();
  }

  /** Shows these lines. A frame that the terminal cannot take now is left out. */
  show(lines: readonly string[]): void {
    if (!this.isEntered || this.isBlocked) return;
    const update = frameUpdate(this.isFull ? [] : this.shown, lines, this.isFull);
    this.shown = lines;
    this.isFull = false;
    if (update !== "") this.isBlocked = !process.stdout.write(update);
  }

  [Symbol.dispose](): void {
    for (const dispose of this.disposers.splice(0)) dispose();
    this.restore();
  }

  private takeOver(): void {
    process.stdin.setRawMode(true);
    this.isEntered = true;
    this.isFull = true;
    process.stdout.write(enterScreen);
  }

  /** Synchronous, for the last moment of a process. */
  private restore(): void {
    if (!this.isEntered) return;
    this.isEntered = false;
    try {
      process.stdin.setRawMode(false);
      writeSync(stdout, leaveScreen);
    } catch {
      // The terminal is gone, so there is nothing to put in order.
    }
  }

  private redraw(): void {
    this.isFull = true;
    this.owner.resized();
  }

  /** After Ctrl-Z and fg; also when nothing stopped it, which does no harm. */
  private resume(): void {
    if (!this.isEntered) this.takeOver();
    this.redraw();
  }

  private read(chunk: Buffer): void {
    for (const key of keysIn(chunk.toString())) {
      if (key === "ctrl-z") this.suspend();
      else if (key === "ctrl-l") this.redraw();
      else this.owner.pressed(key);
    }
  }

  private suspend(): void {
    if (process.platform === "win32") return;
    this.restore();
    process.kill(process.pid, "SIGSTOP");
  }
}

/** What to write so that a terminal which shows `before` shows `after`; empty: nothing changed. */
export function frameUpdate(
  before: readonly string[],
  after: readonly string[],
  isFull: boolean,
): string {
  const count = Math.max(before.length, after.length);
  let changes = isFull ? "\x1b[2J" : "";
  for (let row = 0; row < count; row++) {
    const line = after[row] ?? "";
    if (!isFull && line === (before[row] ?? "")) continue;
    changes += `\x1b[${row + 1};1H${clearRest}${line}`;
  }
  return changes === "" ? "" : `${beginUpdate}${changes}${endUpdate}`;
}
