// Whether a script is running, as all threads see it: one word of shared memory. The thread of the
// script moves it, and any thread may kill a script that has not written.
//
//   idle --begin()--> running --wrote()--> written --end()--> idle
//                     running --kill()---> killed ---end()--> idle
//
// Invariant: a script that has written is never killed.

const IDLE = 0;
const RUNNING = 1;
const WRITTEN = 2;
const KILLED = 3;

export class ScriptState {
  private readonly words: Int32Array;
  private readonly at: number;

  constructor(words: Int32Array, at: number) {
    this.words = words;
    this.at = at;
  }

  begin(): void {
    Atomics.store(this.words, this.at, RUNNING);
  }

  /** Before its first write; false: it has been killed. */
  wrote(): boolean {
    return Atomics.compareExchange(this.words, this.at, RUNNING, WRITTEN) !== KILLED;
  }

  end(): void {
    Atomics.store(this.words, this.at, IDLE);
  }

  get isKilled(): boolean {
    return Atomics.load(this.words, this.at) === KILLED;
  }

  kill(): "killed" | "written" | "idle" {
    switch (Atomics.compareExchange(this.words, this.at, RUNNING, KILLED)) {
      case IDLE:
        return "idle";
      case WRITTEN:
        return "written";
      default:
        return "killed";
    }
  }
}
