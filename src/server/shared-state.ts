// The few facts about the node that every command of every thread must see at once: whether it follows a
// leader, whether it is loading a snapshot, and the counter of client ids. They live in shared memory;
// the control thread changes them, data threads read them.

const ROLE = 0;
const LOADING = 1;
const CLIENT_IDS = 2;
/** Bumped when effects were recorded; the control thread waits on it to send them on. */
const EFFECTS = 3;
const words = 4;

export class SharedState {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;

  constructor(memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.words = new Int32Array(memory);
  }

  get isFollower(): boolean {
    return Atomics.load(this.words, ROLE) === 1;
  }

  set isFollower(value: boolean) {
    Atomics.store(this.words, ROLE, value ? 1 : 0);
  }

  get isLoading(): boolean {
    return Atomics.load(this.words, LOADING) === 1;
  }

  set isLoading(value: boolean) {
    Atomics.store(this.words, LOADING, value ? 1 : 0);
  }

  /** Ids are never given twice, whichever thread asks. */
  nextClientId(): number {
    return Atomics.add(this.words, CLIENT_IDS, 1) + 1;
  }

  /** Tells the control thread that there is something to send to followers. */
  announceEffects(): void {
    Atomics.add(this.words, EFFECTS, 1);
    Atomics.notify(this.words, EFFECTS);
  }

  /** Calls `wake` after every announcement until `signal` is aborted. Only for the control thread. */
  async onEffects(wake: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = Atomics.load(this.words, EFFECTS);
      wake();
      const wait = Atomics.waitAsync(this.words, EFFECTS, seen);
      if (wait.async) await wait.value;
    }
  }
}
