// The journal: a ring of RESP bytes in shared memory, exactly as followers receive them. Its offset
// is the replication offset: the number of bytes emitted in this history; byte i of the history has
// offset i. It knows no commands (effects.ts encodes them), no replid and no sockets.
// Invariant: first <= offset, offset - first <= capacity, and the ring holds every byte in between.
// Hot path: begin(), put() and advance() run for every write of a leader that has a follower.
//
// One lock covers the ring. It is taken while the lock of a shard is held, so that the order of the
// journal is the order of the store, and it may be entered again by the thread that has it: a group
// of effects holds it from its first effect to its last. A reader takes it only to look at the
// ends; it copies without it, looks again whether the tail passed it meanwhile, and only then uses
// the copy.
//
// Bytes that somebody still needs are not overwritten in silence. `needed` is the lowest offset
// that a link has not taken yet; before an append overwrites it, `pressure` is called, and whoever
// set it moves those bytes into queues of its own. Large effects are therefore written in pieces,
// each with room made for it first, and an effect larger than the whole ring reaches the links all
// the same: afterwards the ring holds its last part only, so nothing before it can be resumed any
// more.

import { copyBytes } from "../base/bytes.ts";

export interface JournalMemory {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
}

/** What the journal needs of a mutex. Without one it serves a single thread. */
export interface Lock {
  lock(): void;
  unlock(): void;
}

// Words of the control block: doubles first (offsets pass 2^32), then flags as 32-bit integers.
const END = 0;
const FIRST = 1;
const NEEDED = 2;
const ACTIVE = 8;
const SELECT_PENDING = 9;
/** Ring index of the byte at END. */
const CURSOR = 10;
/**
 * Left to whoever makes a lock for several threads: a word of `control` that nothing here touches.
 */
export const journalLockWord = 11;
const controlBytes = 64;

const noLock: Lock = { lock() {}, unlock() {} };

export function reserveJournal(bytes: number): JournalMemory {
  return {
    control: new SharedArrayBuffer(controlBytes),
    ring: new SharedArrayBuffer(bytes),
  };
}

export class Journal {
  readonly capacity: number;
  /** The ring itself, for the encoder, which writes where begin() tells it. */
  readonly ring: Uint8Array;
  /**
   * Called under the lock before bytes at or above `needed` are overwritten. It may read, not
   * append.
   */
  pressure: (() => void) | null;
  /**
   * Set where `pressure` cannot be: waits, with no lock taken, for another thread to relieve the
   * ring.
   */
  patience: (() => void) | null;
  private readonly offsets: Float64Array;
  private readonly words: Int32Array;
  private readonly mutex: Lock;
  private depth: number;
  /** No append makes room for more than this at a time, so that `pressure` can keep up. */
  private readonly pieceBytes: number;
  /**
   * So much of the ring `pressure` keeps free of needed bytes. With a lock it is a quarter: other
   * threads, which saw it half empty and then had to wait for the lock, may write that much between
   * them.
   */
  private readonly headroom: number;

  constructor(memory: JournalMemory, lock: Lock = noLock) {
    this.ring = new Uint8Array(memory.ring);
    this.capacity = this.ring.length;
    this.pieceBytes = this.capacity >> 2;
    this.headroom = lock === noLock ? 0 : this.pieceBytes;
    this.offsets = new Float64Array(memory.control, 0, 4);
    this.words = new Int32Array(memory.control);
    this.mutex = lock;
    this.depth = 0;
    this.pressure = null;
    this.patience = null;
  }

  // ---- state ------------------------------------------------------------------------------------

  /** While false nothing is written and the offset stands still. */
  get active(): boolean {
    return this.words[ACTIVE] !== 0;
  }

  /** Bytes emitted in this history. With several threads mark() tells it exactly. */
  get offset(): number {
    return this.offsets[END];
  }

  /** The oldest offset whose byte is still held. */
  get first(): number {
    return this.offsets[FIRST];
  }

  /** A SELECT 0 goes before the next effect. */
  get selectPending(): boolean {
    return this.words[SELECT_PENDING] !== 0;
  }

  set selectPending(pending: boolean) {
    this.words[SELECT_PENDING] = pending ? 1 : 0;
  }

  /** The lowest offset that a reader has still to take; Infinity when there is none. */
  get needed(): number {
    return this.offsets[NEEDED];
  }

  set needed(offset: number) {
    this.offsets[NEEDED] = offset;
  }

  /** Half of the ring is still to be taken by some link. */
  get isCrowded(): boolean {
    return this.offset - this.needed > this.capacity / 2;
  }

  /**
   * To be called before a write takes its locks, in a thread that cannot relieve the ring under
   * them.
   */
  makeWay(): void {
    if (this.patience !== null && this.active && this.isCrowded) this.patience();
  }

  /** Begins a history at `offset`, with nothing held. */
  start(offset: number): void {
    this.enter();
    this.offsets[END] = offset;
    this.offsets[FIRST] = offset;
    this.offsets[NEEDED] = Number.POSITIVE_INFINITY;
    this.words[CURSOR] = 0;
    this.words[ACTIVE] = 1;
    this.leave();
  }

  /**
   * Ends the history. The caller gives the next one a new replid: there is a gap between the two.
   */
  stop(): void {
    this.enter();
    this.offsets[FIRST] = this.offsets[END];
    this.words[ACTIVE] = 0;
    this.leave();
  }

  /** The offset between two effects or groups, never inside one. */
  mark(): number {
    this.enter();
    const offset = this.offsets[END];
    this.leave();
    return offset;
  }

  // ---- writing ----------------------------------------------------------------------------------

  /** Takes the lock, or counts one more entry of the thread that has it. */
  enter(): void {
    if (this.depth++ === 0) this.mutex.lock();
  }

  leave(): void {
    if (--this.depth === 0) this.mutex.unlock();
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.enter();
    this.put(bytes, start, end);
    this.leave();
  }

  /**
   * Makes room for `total` bytes and returns where in the ring to write them, to be followed by
   * advance(total); or -1 when they do not lie in one run, to be followed by put(). The caller has
   * entered.
   */
  begin(total: number): number {
    if (total > this.pieceBytes) return -1;
    const at = this.words[CURSOR];
    if (at + total > this.capacity) return -1;
    this.makeRoom(total);
    return at;
  }

  /** Makes the bytes count that the caller wrote at the place that begin() named. */
  advance(count: number): void {
    const cursor = this.words[CURSOR] + count;
    this.words[CURSOR] = cursor === this.capacity ? 0 : cursor;
    this.offsets[END] += count;
  }

  /** Appends any number of bytes; the caller has entered. */
  put(bytes: Uint8Array, start: number, end: number): void {
    let from = start;
    while (from < end) {
      const at = this.words[CURSOR];
      const count = Math.min(end - from, this.pieceBytes, this.capacity - at);
      this.makeRoom(count);
      copyBytes(bytes, from, from + count, this.ring, at);
      this.advance(count);
      from += count;
    }
  }

  private makeRoom(count: number): void {
    const tail = this.offsets[END] + count - this.capacity;
    if (tail + this.headroom <= this.offsets[FIRST]) return;
    if (tail + this.headroom > this.offsets[NEEDED] && this.pressure !== null) this.pressure();
    if (tail > this.offsets[FIRST]) this.offsets[FIRST] = tail;
  }

  // ---- reading ----------------------------------------------------------------------------------

  /**
   * Copies up to `max` bytes from offset `from` on; returns how many, or -1 if they are held no
   * longer.
   */
  read(from: number, target: Uint8Array, at: number, max: number): number {
    this.enter();
    const end = this.offsets[END];
    const cursor = this.words[CURSOR];
    const held = from >= this.offsets[FIRST] && from <= end;
    this.leave();
    if (!held) return -1;
    const count = Math.min(max, end - from);
    const behind = cursor - (end - from);
    this.copyOut(behind < 0 ? behind + this.capacity : behind, target, at, count);
    this.enter();
    const passed = from < this.offsets[FIRST];
    this.leave();
    return passed ? -1 : count;
  }

  private copyOut(index: number, target: Uint8Array, at: number, count: number): void {
    const run = Math.min(count, this.capacity - index);
    copyBytes(this.ring, index, index + run, target, at);
    if (run < count) copyBytes(this.ring, 0, count - run, target, at + run);
  }

  /** Throws when the structure contradicts itself; for tests. */
  invariants(): void {
    const { offset, first, capacity } = this;
    const cursor = this.words[CURSOR];
    if (first > offset || offset - first > capacity) throw new Error(`${first}..${offset}`);
    if (cursor < 0 || cursor >= capacity) throw new Error(`cursor ${cursor} of ${capacity}`);
    if (this.depth !== 0) throw new Error(`the lock is held ${this.depth} deep`);
  }
}
