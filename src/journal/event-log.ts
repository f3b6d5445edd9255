// The event log: a ring of records in shared memory, one for each change of a key while somebody
// wants to know: keyspace notifications, client tracking, MONITOR. It is local to this node and has
// nothing to do with followers; the journal is theirs. It interprets nothing (event-kinds.ts).
// Invariants: records are written under the lock of the journal while the shard of the key is
// locked, so their order is store order; a record is contiguous and begins with its own sequence
// number; first <= end, and the ring holds every record in between.
//
// The sequence number of a record is the number of bytes that were written before it. Writers never
// wait for readers: an old record is overwritten. A reader copies records out, checks then that
// they were not overwritten meanwhile, and tells its clients to drop everything if they were.

import { copyBytes } from "../base/bytes.ts";
import { eventLogBytes, eventRecordBytesMax } from "../base/limits.ts";
import { record } from "./event-kinds.ts";
import type { Journal } from "./journal.ts";

export interface EventLogMemory {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
}

/** On whose behalf the thread works: a session, or the node itself with id 0. */
export interface Author {
  readonly id: number;
}

// Doubles of the control block.
const END = 0;
const FIRST = 1;
const controlBytes = 16;

// A record: its sequence number and the offset of the journal as doubles, then as 32-bit integers
// its length with header and padding, its kind, client, database, and the length of its bytes.
const headerBytes = 40;
const OFFSET_DOUBLE = 1;
const LENGTH_WORD = 4;
const KIND_WORD = 5;
const CLIENT_WORD = 6;
const DATABASE_WORD = 7;
const BYTES_WORD = 8;

/** Who wants the log to be written: bits of `activity` in the journal. */
export const activity = {
  /** Followers: the journal itself is written. */
  JOURNAL: 1 << 0,
  /** Changes of keys are recorded. */
  EVENTS: 1 << 1,
  /** Keys that were asked for and are not there are recorded. */
  MISSES: 1 << 2,
  /** Every command is recorded. */
  COMMANDS: 1 << 3,
  /** The end of any connection may concern another client. Nothing is recorded for it. */
  REDIRECTS: 1 << 4,
  /** Of a written key it is found out whether it is new, or takes the place of an expired one. */
  ORIGINS: 1 << 5,
} as const;

const { EVENTS, MISSES, COMMANDS, REDIRECTS, ORIGINS } = activity;
const readers = EVENTS | MISSES | COMMANDS | REDIRECTS | ORIGINS;
const nobody: Author = { id: 0 };

export function reserveEventLog(bytes = eventLogBytes): EventLogMemory {
  return {
    control: new SharedArrayBuffer(controlBytes),
    ring: new SharedArrayBuffer(bytes),
  };
}

/** A record that was read. Its bytes are in the reader's buffer until the next read. */
export interface EventRecord {
  kind: number;
  client: number;
  database: number;
  /** The offset of the journal when it was written. */
  offset: number;
  /** Its sequence number, and that of the record after it. */
  sequence: number;
  next: number;
  bytes: Uint8Array;
  start: number;
  end: number;
}

export class EventLog {
  readonly capacity: number;
  /** Set before commands of a client run in this thread. */
  author: Author;
  /** Called once when this thread has written, until it sets `isAnnounced` to false. */
  announce: (() => void) | null;
  isAnnounced: boolean;
  /**
   * From this sequence number on, no change is missing: before it the log was off, or written for
   * MONITOR only. Known where serve() is called.
   */
  completeSince: number;
  private readonly journal: Journal;
  private readonly positions: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly integers: Int32Array;
  private readonly doubles: Float64Array;

  constructor(memory: EventLogMemory, journal: Journal) {
    this.capacity = memory.ring.byteLength;
    this.author = nobody;
    this.announce = null;
    this.isAnnounced = false;
    this.completeSince = 0;
    this.journal = journal;
    this.positions = new Float64Array(memory.control, 0, 2);
    this.bytes = new Uint8Array(memory.ring);
    this.integers = new Int32Array(memory.ring);
    this.doubles = new Float64Array(memory.ring);
  }

  // ---- the switch -------------------------------------------------------------------------------

  /** Whether changes are recorded. */
  get isOn(): boolean {
    return (this.journal.activity & activity.EVENTS) !== 0;
  }

  get recordsMisses(): boolean {
    return (this.journal.activity & activity.MISSES) !== 0;
  }

  get wantsOrigins(): boolean {
    return (this.journal.activity & activity.ORIGINS) !== 0;
  }

  get recordsCommands(): boolean {
    return (this.journal.activity & activity.COMMANDS) !== 0;
  }

  get hasRedirects(): boolean {
    return (this.journal.activity & activity.REDIRECTS) !== 0;
  }

  /** Who reads it, as bits of `activity`. Only for the control thread. */
  serve(bits: number): void {
    if (bits !== 0 && (this.journal.activity & readers) === 0) this.restart();
    if ((bits & EVENTS) !== 0 && !this.isOn) this.completeSince = this.end;
    this.journal.observe(readers, bits);
  }

  /** What changed while the log was off is not in it: nobody may resume from before. */
  private restart(): void {
    this.journal.enter();
    this.positions[FIRST] = this.positions[END];
    this.journal.leave();
  }

  // ---- writing ----------------------------------------------------------------------------------

  /** The sequence number of the next record. */
  get end(): number {
    return this.positions[END];
  }

  /** The oldest sequence number that is still held. */
  get first(): number {
    return this.positions[FIRST];
  }

  /** Records what the author has done to a key. */
  append(kind: number, database: number, bytes: Uint8Array, start: number, end: number): void {
    this.write(kind, this.author.id, database, bytes, start, end);
  }

  private write(
    kind: number,
    client: number,
    database: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const count = end - start;
    if (count > eventRecordBytesMax) return this.write(record.LOST, client, database, bytes, 0, 0);
    const total = (headerBytes + count + 7) & ~7;
    this.journal.enter();
    const at = this.reserve(total);
    this.header(at, total, kind, client, database, count);
    copyBytes(bytes, start, end, this.bytes, at + headerBytes);
    this.positions[END] += total;
    this.journal.leave();
    if (this.isAnnounced || this.announce === null) return;
    this.isAnnounced = true;
    this.announce();
  }

  /** The index in the ring for a record, behind padding if it would not fit before the end. */
  private reserve(total: number): number {
    const { capacity, positions } = this;
    const at = positions[END] % capacity;
    const left = capacity - at;
    if (left >= total) {
      this.makeRoom(total);
      return at;
    }
    this.makeRoom(left + total);
    if (left >= headerBytes) this.header(at, left, record.PADDING, 0, 0, 0);
    positions[END] += left;
    return 0;
  }

  private makeRoom(bytes: number): void {
    const tail = this.positions[END] + bytes - this.capacity;
    if (tail > this.positions[FIRST]) this.positions[FIRST] = tail;
  }

  private header(
    at: number,
    total: number,
    kind: number,
    client: number,
    database: number,
    count: number,
  ): void {
    const { doubles, integers } = this;
    const double = at >>> 3;
    const word = at >>> 2;
    doubles[double] = this.positions[END];
    doubles[double + OFFSET_DOUBLE] = this.journal.offset;
    integers[word + LENGTH_WORD] = total;
    integers[word + KIND_WORD] = kind;
    integers[word + CLIENT_WORD] = client;
    integers[word + DATABASE_WORD] = database;
    integers[word + BYTES_WORD] = count;
  }

  // ---- reading ----------------------------------------------------------------------------------

  /**
   * Copies bytes from the record with this sequence number on; returns how many, or -1 if the ring
   * does not hold them any more.
   */
  read(from: number, target: Uint8Array): number {
    const { journal, positions, capacity } = this;
    journal.enter();
    const end = positions[END];
    const held = from >= positions[FIRST] && from <= end;
    journal.leave();
    if (!held) return -1;
    const at = from % capacity;
    const count = Math.min(target.length, end - from, capacity - at);
    copyBytes(this.bytes, at, at + count, target, 0);
    journal.enter();
    const passed = from < positions[FIRST];
    journal.leave();
    return passed ? -1 : count;
  }
}

/** Takes the records out of what EventLog.read() has copied. */
export class EventReader {
  /** The sequence number of the next record. */
  position: number;
  private readonly log: EventLog;
  private readonly current: EventRecord;
  private buffer: Uint8Array;
  private integers: Int32Array;
  private doubles: Float64Array;
  private at: number;
  private filled: number;

  constructor(log: EventLog, bytes: number) {
    this.log = log;
    this.buffer = new Uint8Array(bytes);
    this.integers = new Int32Array(this.buffer.buffer);
    this.doubles = new Float64Array(this.buffer.buffer);
    this.position = log.end;
    this.at = 0;
    this.filled = 0;
    const none = { kind: 0, client: 0, database: 0, offset: 0, sequence: 0, next: 0 };
    this.current = { ...none, bytes: this.buffer, start: 0, end: 0 };
  }

  /** Goes to a record. False if the log does not hold it, or no record begins there. */
  seek(sequence: number): boolean {
    this.at = 0;
    this.filled = 0;
    this.position = sequence;
    const { log } = this;
    if (!Number.isInteger(sequence) || sequence < log.first || sequence > log.end) return false;
    if (sequence === log.end) return true;
    if (sequence % 8 !== 0) return false;
    const count = log.read(sequence, this.buffer);
    return count >= headerBytes && this.doubles[0] === sequence;
  }

  /** Skips what has been written up to now. */
  skipAll(): void {
    this.position = this.log.end;
    this.at = 0;
    this.filled = 0;
  }

  /** The next record, null if there is none now, or "lost" if some are gone. */
  next(): EventRecord | null | "lost" {
    for (;;) {
      if (this.at === this.filled) {
        const count = this.fill();
        if (count <= 0) return count === 0 ? null : "lost";
      }
      const { at, integers } = this;
      const left = this.filled - at;
      const total = left < headerBytes ? headerBytes : integers[(at >>> 2) + LENGTH_WORD];
      if (total > left) {
        // Its rest was not copied: it is read again, from its start.
        if (at === 0 && !this.growFor(total)) return "lost";
        this.at = 0;
        this.filled = 0;
        continue;
      }
      if (total < headerBytes || this.doubles[at >>> 3] !== this.position) return "lost";
      this.at = at + total;
      this.position += total;
      if (integers[(at >>> 2) + KIND_WORD] === record.PADDING) continue;
      return this.take(at, total);
    }
  }

  private fill(): number {
    const { log } = this;
    const left = log.capacity - (this.position % log.capacity);
    if (left < headerBytes && this.position < log.end) this.position += left;
    const count = log.read(this.position, this.buffer);
    this.at = 0;
    this.filled = Math.max(count, 0);
    return count;
  }

  private growFor(total: number): boolean {
    if (total <= this.buffer.length || total > headerBytes + eventRecordBytesMax + 8) return false;
    this.use(new Uint8Array((total + 7) & ~7));
    return true;
  }

  private use(buffer: Uint8Array): void {
    this.buffer = buffer;
    this.integers = new Int32Array(buffer.buffer);
    this.doubles = new Float64Array(buffer.buffer);
  }

  private take(at: number, total: number): EventRecord {
    const { current, integers, doubles } = this;
    const word = at >>> 2;
    current.kind = integers[word + KIND_WORD];
    current.client = integers[word + CLIENT_WORD];
    current.database = integers[word + DATABASE_WORD];
    current.offset = doubles[(at >>> 3) + OFFSET_DOUBLE];
    current.sequence = this.position - total;
    current.next = this.position;
    current.bytes = this.buffer;
    current.start = at + headerBytes;
    current.end = Math.min(current.start + integers[word + BYTES_WORD], at + total);
    return current;
  }
}
