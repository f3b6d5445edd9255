// The journal: a ring of RESP bytes in shared memory, exactly as followers receive them. Its offset
// is the replication offset: the number of bytes emitted in this history; byte i of the history has
// offset i. It knows neither commands (effects.ts encodes them) nor replids nor sockets.
// Invariant: first <= offset, offset - first <= capacity, and the ring holds every byte in between.
// Hot path: begin(), put() and advance() run for every write of a leader that has a follower.
//
// One lock covers the ring. A writer takes it while it holds the lock of a shard, so that the order
// of the journal is the order of the store. It is reentrant: a group of effects holds it from its
// first effect to its last. A reader takes it only to read both ends; it copies without the lock,
// then checks under the lock that the tail has not passed its bytes, and only then uses the copy.
//
// Bytes that a link still needs are not silently overwritten. `needed` is the lowest offset that a
// link has not read yet; before an append overwrites it, the journal calls `pressure`, whose owner
// moves those bytes into its own queues. Large effects are therefore written in pieces, and room is
// made for each first. Even an effect larger than the whole ring reaches the links; afterwards the
// ring holds only its last part, so a partial sync from before it is impossible.

import { copyBytes } from "../base/bytes.ts";

export interface JournalMemory {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
}

/** The mutex that a journal shared by threads needs. */
export interface Lock {
  lock(): void;
  unlock(): void;
}

// Words of the control block: doubles first (offsets pass 2^32), then flags as 32-bit integers.
const END = 0;
const FIRST = 1;
const NEEDED = 2;
/**
 * Whether the journal is written, and beside it the event log: one word, so that a write looks at
 * one.
 */
const ACTIVE = 8;
const journalBit = 1;
const SELECTED = 9;
/** The ring index of the byte at END. */
const CURSOR = 10;
/** A word of `control` for the lock of several threads; nothing here touches it. */
export const journalLockWord = 11;
/** Whether a group has been begun, and the lock is free until its writer goes on. */
const INTERRUPTED = 12;
const controlBytes = 64;

/** As `selected`: a reader that begins here has none, so the next effect follows a SELECT. */
export const noDatabase = -1;

const noLock: Lock = { lock() {}, unlock() {} };

export function reserveJournal(bytes: number): JournalMemory {
  return {
    control: new SharedArrayBuffer(controlBytes),
    ring: new SharedArrayBuffer(bytes),
  };
}

export class Journal {
  readonly capacity: number;
  /** The ring itself, for the encoder, which writes at the position that begin() returns. */
  readonly ring: Uint8Array;
  /**
   * Called under the lock before bytes at or above `needed` are overwritten. It may read but not
   * append.
   */
  pressure: (() => void) | null;
  /**
   * For threads without `pressure`: waits, without a lock, for another thread to relieve the ring.
   */
  patience: (() => void) | null;
  private readonly offsets: Float64Array;
  private readonly words: Int32Array;
  private readonly mutex: Lock;
  private depth: number;
  /** Up to this offset, room has been made and kept; 0 if for nothing. */
  private preparedEnd: number;
  /** Most bytes for which an append makes room at a time, so that `pressure` can keep up. */
  private readonly pieceBytes: number;
  /**
   * Bytes of the ring that `pressure` keeps free of needed bytes. With a lock it is a quarter:
   * other threads that saw the ring half empty and then waited for the lock may together write that
   * much.
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
    this.preparedEnd = 0;
    this.pressure = null;
    this.patience = null;
  }

  // ---- state ------------------------------------------------------------------------------------

  /** While false, nothing is written and the offset does not move. */
  get active(): boolean {
    return (this.words[ACTIVE] & journalBit) !== 0;
  }

  /** Who wants changes to be written: bits of `activity` in event-log.ts; 0: nobody. */
  get activity(): number {
    return this.words[ACTIVE];
  }

  /** Sets the bits of the event log, those in `mask`. Only for the control thread. */
  observe(mask: number, bits: number): void {
    Atomics.or(this.words, ACTIVE, bits);
    Atomics.and(this.words, ACTIVE, ~mask | bits);
  }

  /** Bytes emitted in this history. With several threads, only mark() is exact. */
  get offset(): number {
    return this.offsets[END];
  }

  /** The oldest offset whose byte is still held. */
  get first(): number {
    return this.offsets[FIRST];
  }

  /** The database that the stream has selected: an effect in another one follows a SELECT. */
  get selected(): number {
    return this.words[SELECTED];
  }

  set selected(database: number) {
    this.words[SELECTED] = database;
  }

  /** The lowest offset that a link has not read yet; Infinity if there is none. */
  get needed(): number {
    return this.offsets[NEEDED];
  }

  set needed(offset: number) {
    this.offsets[NEEDED] = offset;
  }

  /** Whether this thread is in the middle of an effect or a group, whose bytes may still move. */
  get isOpen(): boolean {
    return this.depth > 0;
  }

  /** Whether the journal ends in the middle of a group, of any thread, without its lock. */
  get isInterrupted(): boolean {
    return this.words[INTERRUPTED] !== 0;
  }

  /** Whether links still have to read more than half of the ring. */
  get isCrowded(): boolean {
    return this.offset - this.needed > this.capacity / 2;
  }

  /**
   * Call before a write takes its locks, in a thread that cannot relieve the ring while it holds
   * them.
   */
  makeWay(): void {
    if (this.patience !== null && this.active && this.isCrowded) this.patience();
  }

  /** Begins a history at `offset` with an empty ring. */
  start(offset: number): void {
    this.enter();
    this.offsets[END] = offset;
    this.offsets[FIRST] = offset;
    this.offsets[NEEDED] = Number.POSITIVE_INFINITY;
    this.words[CURSOR] = 0;
    Atomics.or(this.words, ACTIVE, journalBit);
    this.leave();
  }

  /**
   * Ends the history. The caller must give the next one a new replid, since there is a gap between
   * them.
   */
  stop(): void {
    this.enter();
    this.offsets[FIRST] = this.offsets[END];
    Atomics.and(this.words, ACTIVE, ~journalBit);
    this.leave();
  }

  /** The offset between two effects or groups; inside a group only while that is interrupted. */
  mark(): number {
    this.enter();
    const offset = this.offsets[END];
    this.leave();
    return offset;
  }

  // ---- writing ----------------------------------------------------------------------------------

  /** Takes the lock; reentrant. */
  enter(): void {
    if (this.depth++ === 0) this.mutex.lock();
  }

  leave(): void {
    if (--this.depth === 0) this.mutex.unlock();
  }

  /** Frees the lock in the middle of a group until resume(): what others append falls into it. */
  interrupt(): void {
    this.words[INTERRUPTED] = 1;
    this.leave();
  }

  resume(): void {
    this.enter();
    this.words[INTERRUPTED] = 0;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.enter();
    this.put(bytes, start, end);
    this.leave();
  }

  /**
   * Makes room for `total` bytes and returns the ring position for them; call advance(total) after
   * writing. Returns -1 if they do not fit in one run; use put() then. The caller has entered.
   */
  begin(total: number): number {
    if (total > this.pieceBytes) return -1;
    const at = this.words[CURSOR];
    if (at + total > this.capacity) return -1;
    this.makeRoom(total);
    return at;
  }

  /** Publishes the bytes that the caller wrote at the position from begin(). */
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

  /**
   * Makes room for `total` bytes of which the first may have to move: until settle() or insert(),
   * nobody reads them. False if they are too many to be moved. The caller has entered, and leaves
   * after either.
   */
  prepare(total: number): boolean {
    if (total > this.pieceBytes) return false;
    this.makeRoom(total);
    this.preparedEnd = this.offsets[END] + total;
    return true;
  }

  /** What follows prepare() stays where it is. */
  settle(): void {
    this.preparedEnd = 0;
  }

  /** Puts bytes, for which prepare() has made room, before those from `offset` on. */
  insert(offset: number, bytes: Uint8Array): void {
    const count = this.offsets[END] - offset;
    const behind = this.words[CURSOR] - count;
    const at = behind < 0 ? behind + this.capacity : behind;
    if (at + count + bytes.length <= this.capacity) {
      this.ring.copyWithin(at + bytes.length, at, at + count);
      copyBytes(bytes, 0, bytes.length, this.ring, at);
      this.advance(bytes.length);
    } else {
      this.insertAcrossEnd(at, count, bytes);
    }
    this.preparedEnd = 0;
  }

  /** Rare: the run ends at the end of the ring, or has gone past it. */
  private insertAcrossEnd(at: number, count: number, bytes: Uint8Array): void {
    const moved = new Uint8Array(count);
    this.copyOut(at, moved, 0, count);
    this.copyIn(bytes, at);
    this.copyIn(moved, (at + bytes.length) % this.capacity);
    this.words[CURSOR] = (at + count + bytes.length) % this.capacity;
    this.offsets[END] += bytes.length;
  }

  private copyIn(bytes: Uint8Array, index: number): void {
    const run = Math.min(bytes.length, this.capacity - index);
    copyBytes(bytes, 0, run, this.ring, index);
    copyBytes(bytes, run, bytes.length, this.ring, 0);
  }

  private makeRoom(count: number): void {
    const tail = this.offsets[END] + count - this.capacity;
    if (tail + this.headroom <= this.offsets[FIRST]) return;
    if (this.offsets[END] + count <= this.preparedEnd) return;
    if (tail + this.headroom > this.offsets[NEEDED] && this.pressure !== null) this.pressure();
    if (tail > this.offsets[FIRST]) this.offsets[FIRST] = tail;
  }

  // ---- reading ----------------------------------------------------------------------------------

  /**
   * Copies up to `max` bytes from offset `from`; returns how many, or -1 if the ring no longer has
   * them.
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

  /** Throws on an inconsistency; for tests. */
  invariants(): void {
    const { offset, first, capacity } = this;
    const cursor = this.words[CURSOR];
    if (first > offset || offset - first > capacity) throw new Error(`${first}..${offset}`);
    if (cursor < 0 || cursor >= capacity) throw new Error(`cursor ${cursor} of ${capacity}`);
    if (this.depth !== 0) throw new Error(`the lock is held ${this.depth} deep`);
  }
}
