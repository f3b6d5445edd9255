// The few facts about the node that every command of every thread must see at once: whether it follows a
// leader and where that is, whether it is loading a snapshot, and the counters of clients and their ids.
// They live in shared memory. The control thread alone changes role and loading: the role under the locks
// of all shards, and LOADING is set before the old data go, which takes all of them.

const ROLE = 0;
const LOADING = 1;
const CLIENT_IDS = 2;
/** Bumped when effects were recorded; the control thread waits on it to send them on. */
const EFFECTS = 3;
/** Connections that are open now, over all threads. */
const CONNECTIONS = 4;
/** Bits of command/core/restrictions.ts. */
const RESTRICTIONS = 5;
/** Odd while the leader's address is being written; it has another value for each address. */
const LEADER_VERSION = 6;
const LEADER_LENGTH = 7;
const words = 8;

/** Room for the longest host name and its port. A longer one is none, and is not told. */
const leaderBytesMax = 512;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class SharedState {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  /** The leader's address, UTF-8. */
  private readonly leader: Uint8Array;

  constructor(
    memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT + leaderBytesMax),
  ) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, words);
    this.leader = new Uint8Array(memory, words * Int32Array.BYTES_PER_ELEMENT);
  }

  get isFollower(): boolean {
    return Atomics.load(this.words, ROLE) === 1;
  }

  /** Follows the leader at that address; null: leads. Only for the control thread. */
  follow(leader: string | null): void {
    this.tellLeader(leader ?? "");
    Atomics.store(this.words, ROLE, leader === null ? 0 : 1);
  }

  private tellLeader(address: string): void {
    const bytes = encoder.encode(address);
    const length = bytes.length <= leaderBytesMax ? bytes.length : 0;
    Atomics.add(this.words, LEADER_VERSION, 1);
    this.leader.set(bytes.subarray(0, length));
    Atomics.store(this.words, LEADER_LENGTH, length);
    Atomics.add(this.words, LEADER_VERSION, 1);
  }

  /**
   * Where the leader is, as `host:port`; empty for none. A command is refused before it has a lock, so
   * the address may change while it is read here: then it is read again.
   */
  get leaderAddress(): string {
    for (;;) {
      const version = Atomics.load(this.words, LEADER_VERSION);
      const bytes = this.leader.slice(0, Atomics.load(this.words, LEADER_LENGTH));
      const isWhole = (version & 1) === 0 && Atomics.load(this.words, LEADER_VERSION) === version;
      if (isWhole) return decoder.decode(bytes);
    }
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
