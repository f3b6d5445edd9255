// Whether a script is running, as all threads see it: one word of shared memory. The thread of the
// script moves it, and any thread may kill a script that has not written.
//
//   idle --begin()--> running --wrote()--> written --end()--> idle
//                     running --kill()---> killed ---end()--> idle
//
// Bits beside the state say that it is a function, which another command kills, and that the node
// ends, for which any script must; this one stays until goOn(). A script that takes long restricts
// the node: BUSY (run/gate.ts). A second word counts what is half done: it is odd from when a
// script was suspended that has written until its end.
// Invariant: a script that has written is never killed.

import type { LateAnswer } from "../terms/late-reply.ts";

const IDLE = 0;
const RUNNING = 1;
const WRITTEN = 2;
const KILLED = 3;
const FUNCTION = 4;
const ENDING = 8;
const beside = FUNCTION | ENDING;

export class ScriptState {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly halfDoneAt: number;
  /**
   * What goes on at the end of the script that is suspended in this thread, under its locks: the
   * EXEC that it is in, whose reply goes on in `answer`. Null: nothing does.
   */
  continuation: ((answer: LateAnswer, hasFailed: boolean) => void) | null = null;

  /** Called at the end of a script that has run for long in this thread. */
  tookLong: () => void;

  constructor(words: Int32Array, at: number, halfDoneAt: number) {
    this.words = words;
    this.at = at;
    this.halfDoneAt = halfDoneAt;
    this.tookLong = () => undefined;
  }

  begin(isFunction = false): void {
    const kind = Atomics.load(this.words, this.at) & ENDING;
    Atomics.store(this.words, this.at, (isFunction ? RUNNING | FUNCTION : RUNNING) | kind);
  }

  /** It is suspended after a write, or the EXEC that it is in is: others could see half of it. */
  beginHalfDone(): void {
    if (!this.isHalfDone) this.countStep();
  }

  /** What was half done is done, or its locks are held until it is. */
  endHalfDone(): void {
    if (this.isHalfDone) this.countStep();
  }

  private countStep(): void {
    Atomics.add(this.words, this.halfDoneAt, 1);
    Atomics.notify(this.words, this.halfDoneAt);
  }

  /** Counts each time that something was left half done, and each that it was completed. */
  get halfDoneSteps(): number {
    return Atomics.load(this.words, this.halfDoneAt);
  }

  get isHalfDone(): boolean {
    return (this.halfDoneSteps & 1) !== 0;
  }

  /** Resolves when nothing is half done. */
  async whole(): Promise<void> {
    for (let seen = this.halfDoneSteps; (seen & 1) !== 0; seen = this.halfDoneSteps) {
      const wait = Atomics.waitAsync(this.words, this.halfDoneAt, seen);
      if (wait.async) await wait.value;
    }
  }

  /** Before its first write; false: it has been killed. */
  wrote(): boolean {
    const kind = Atomics.load(this.words, this.at) & beside;
    const before = RUNNING | kind;
    return Atomics.compareExchange(this.words, this.at, before, WRITTEN | kind) === before;
  }

  end(): void {
    Atomics.and(this.words, this.at, ENDING);
  }

  get isKilled(): boolean {
    return (Atomics.load(this.words, this.at) & ~beside) === KILLED;
  }

  get isFunction(): boolean {
    return (Atomics.load(this.words, this.at) & FUNCTION) !== 0;
  }

  /** The node ends, and the script with it. */
  get mustEnd(): boolean {
    return (Atomics.load(this.words, this.at) & ENDING) !== 0;
  }

  /** Ends what is running, whatever it has done, and what an EXEC runs after it. */
  stop(): void {
    Atomics.or(this.words, this.at, ENDING);
  }

  /** The node does not end after all. */
  goOn(): void {
    Atomics.and(this.words, this.at, ~ENDING);
  }

  /** "other": what is running is not of this kind. */
  kill(isFunction = false): "killed" | "written" | "idle" | "other" {
    const kind = isFunction ? FUNCTION : 0;
    const before = Atomics.compareExchange(this.words, this.at, RUNNING | kind, KILLED | kind);
    switch (before & ~beside) {
      case IDLE:
        return "idle";
      case WRITTEN:
        return "written";
      default:
        return (before & FUNCTION) === kind ? "killed" : "other";
    }
  }
}
