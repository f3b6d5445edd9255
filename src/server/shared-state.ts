// The few facts about the node that every command of every thread must see at once: whether it follows a
// leader, whether it is loading a snapshot, and the counters of clients and their ids. They live in
// shared memory; role and loading are changed by the control thread only, under the locks of all shards.

const ROLE = 0;
const LOADING = 1;
const CLIENT_IDS = 2;
/** Bumped when effects were recorded; the control thread waits on it to send them on. */
const EFFECTS = 3;
/** Connections that are open now, over all threads. */
const CONNECTIONS = 4;
/** Bits of command/restrictions.ts. */
const RESTRICTIONS = 5;
const words = 6;

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

  /** What stands in the way of commands beside role and loading; none nearly always. */
  get restrictions(): number {
    return Atomics.load(this.words, RESTRICTIONS);
  }

  /** Only for the control thread. */
  restrict(bits: number, isSet: boolean): void {
    if (isSet) Atomics.or(this.words, RESTRICTIONS, bits);
    else Atomics.and(this.words, RESTRICTIONS, ~bits);
    Atomics.notify(this.words, RESTRICTIONS);
  }

  /** Resolves when none of these restrictions is left. */
  async free(bits: number): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.words, RESTRICTIONS);
      if ((seen & bits) === 0) return;
      const wait = Atomics.waitAsync(this.words, RESTRICTIONS, seen);
      if (wait.async) await wait.value;
    }
  }

  /** Ids are never given twice, whichever thread asks. */
  nextClientId(): number {
    return Atomics.add(this.words, CLIENT_IDS, 1) + 1;
  }

  /** Counts one more connection and returns how many there are now. */
  connectionOpened(): number {
    return Atomics.add(this.words, CONNECTIONS, 1) + 1;
  }

  connectionClosed(): void {
    Atomics.sub(this.words, CONNECTIONS, 1);
  }

  /** Tells the control thread that there is something to send to followers. */
  announceEffects(): void {
    Atomics.add(this.words, EFFECTS, 1);
    Atomics.notify(this.words, EFFECTS);
  }

  /**
   * Calls `wake` after announcements, once for those that came together, until `signal` is aborted and
   * one more was made. Only for the control thread.
   */
  async onEffects(wake: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = Atomics.load(this.words, EFFECTS);
      wake();
      const wait = Atomics.waitAsync(this.words, EFFECTS, seen);
      if (wait.async) await wait.value;
      // Under a steady load there is always a new one: sockets have to be served in between.
      else await nextTurn();
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
