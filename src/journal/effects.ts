// Effects: what a command did to the store, encoded as RESP commands in the journal. Never
// requests: every effect is absolute, so replaying it twice converges, and a snapshot can be taken
// while the store changes. It decides nothing: the caller decides whether there is an effect.
// Invariant: the bytes of an effect, and of a group between open() and close(), are contiguous in
// the journal, with the SELECTs that they need.
// Hot path: no allocation for an effect. An effect is measured first; if it fits into the ring in
// one run, as nearly always, it is written there directly. Otherwise its small parts gather in a
// scratch buffer, and large keys and values are appended to the ring in pieces.

import { digitCount, writeDigitsBefore } from "../base/ascii.ts";
import { copyBytes } from "../base/bytes.ts";
import type { Journal } from "./journal.ts";

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24; // $

const encoder = new TextEncoder();
const selectBytes = encoder.encode("*2\r\n$6\r\nSELECT\r\n");
const multiBytes = encoder.encode("*1\r\n$5\r\nMULTI\r\n");
const execBytes = encoder.encode("*1\r\n$4\r\nEXEC\r\n");
const setBytes = encoder.encode("*3\r\n$3\r\nSET\r\n");
const setUntilBytes = encoder.encode("*5\r\n$3\r\nSET\r\n");
const pxatBytes = encoder.encode("$4\r\nPXAT\r\n");
const delBytes = encoder.encode("*2\r\n$3\r\nDEL\r\n");
const pexpireatBytes = encoder.encode("*3\r\n$9\r\nPEXPIREAT\r\n");
const persistBytes = encoder.encode("*2\r\n$7\r\nPERSIST\r\n");
const setrangeBytes = encoder.encode("*4\r\n$8\r\nSETRANGE\r\n");
const publishBytes = encoder.encode("*3\r\n$7\r\nPUBLISH\r\n");
const spublishBytes = encoder.encode("*3\r\n$8\r\nSPUBLISH\r\n");
const flushallBytes = encoder.encode("*1\r\n$8\r\nFLUSHALL\r\n");
const flushdbBytes = encoder.encode("*1\r\n$7\r\nFLUSHDB\r\n");
const swapdbBytes = encoder.encode("*3\r\n$6\r\nSWAPDB\r\n");

const scratchBytes = 4096;

export class Effects {
  /** True while a follower applies its leader's stream, whose bytes go to the journal unchanged. */
  muted: boolean;
  /** The database in which the effects that follow have happened. */
  database: number;
  /** The number of effects written by this object. */
  recorded: number;
  private readonly journal: Journal;
  private readonly scratch: Uint8Array;
  /** Where the effect is being written: the ring, or the scratch buffer. */
  private target: Uint8Array;
  private at: number;
  /** The length of the effect if it is written directly to the ring, else -1. */
  private direct: number;
  private groupDepth: number;
  /** The offset of the group's first effect while it is the only one, else -1. */
  private bareAt: number;
  private multiWritten: boolean;

  constructor(journal: Journal) {
    this.journal = journal;
    this.muted = false;
    this.database = 0;
    this.recorded = 0;
    this.scratch = new Uint8Array(scratchBytes);
    this.target = this.scratch;
    this.at = 0;
    this.direct = -1;
    this.groupDepth = 0;
    this.bareAt = -1;
    this.multiWritten = false;
  }

  /** Whether nobody wants to know of a change: neither followers nor readers of the event log. */
  get isIdle(): boolean {
    return this.journal.activity === 0;
  }

  // ---- the effects ------------------------------------------------------------------------------

  set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): void {
    if (this.idle()) return;
    this.beginSet(keyEnd - keyStart, valueEnd - valueStart, expiresAt);
    this.argument(key, keyStart, keyEnd);
    this.argument(value, valueStart, valueEnd);
    this.finishSet(expiresAt);
  }

  delete(key: Uint8Array, keyStart: number, keyEnd: number): void {
    if (this.idle()) return;
    this.begin(delBytes, argumentBytes(keyEnd - keyStart));
    this.argument(key, keyStart, keyEnd);
    this.finish();
  }

  /** A new expiry time, ms since 1970; 0 removes it. */
  expireAt(key: Uint8Array, keyStart: number, keyEnd: number, expiresAt: number): void {
    if (this.idle()) return;
    const keyBytes = argumentBytes(keyEnd - keyStart);
    if (expiresAt === 0) this.begin(persistBytes, keyBytes);
    else this.begin(pexpireatBytes, keyBytes + numberBytes(expiresAt));
    this.argument(key, keyStart, keyEnd);
    if (expiresAt !== 0) this.number(expiresAt);
    this.finish();
  }

  setRange(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.idle()) return;
    const arguments_ = argumentBytes(keyEnd - keyStart) + argumentBytes(end - start);
    this.begin(setrangeBytes, arguments_ + numberBytes(offset));
    this.argument(key, keyStart, keyEnd);
    this.number(offset);
    this.argument(bytes, start, end);
    this.finish();
  }

  publish(
    channel: Uint8Array,
    channelStart: number,
    channelEnd: number,
    message: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.message(publishBytes, channel, channelStart, channelEnd, message, start, end);
  }

  publishToShard(
    channel: Uint8Array,
    channelStart: number,
    channelEnd: number,
    message: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.message(spublishBytes, channel, channelStart, channelEnd, message, start, end);
  }

  private message(
    head: Uint8Array,
    channel: Uint8Array,
    channelStart: number,
    channelEnd: number,
    message: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.idle()) return;
    this.begin(head, argumentBytes(channelEnd - channelStart) + argumentBytes(end - start));
    this.argument(channel, channelStart, channelEnd);
    this.argument(message, start, end);
    this.finish();
  }

  flushAll(): void {
    if (this.idle()) return;
    this.begin(flushallBytes, 0);
    this.finish();
  }

  flushDatabase(): void {
    if (this.idle()) return;
    this.begin(flushdbBytes, 0);
    this.finish();
  }

  swapDatabases(one: number, other: number): void {
    if (this.idle()) return;
    this.begin(swapdbBytes, numberBytes(one) + numberBytes(other));
    this.number(one);
    this.number(other);
    this.finish();
  }

  /** An effect on what is not in the store: a command of these words. Rare, so it allocates. */
  command(words: readonly Uint8Array[]): void {
    if (this.idle()) return;
    let rest = 0;
    for (const { length } of words) rest += argumentBytes(length);
    this.begin(encoder.encode(`*${words.length}\r\n`), rest);
    for (const word of words) this.argument(word, 0, word.length);
    this.finish();
  }

  /** The journal's end: the offset after everything recorded so far. */
  get offset(): number {
    return this.journal.offset;
  }

  /**
   * Waits until the journal has room for a write's effects. Call it before the write takes its
   * locks.
   */
  makeWay(): void {
    this.journal.makeWay();
  }

  /**
   * Runs work that changes the table of databases: a reader that begins at a point of the journal
   * has the table of that point.
   */
  withJournal(work: () => void): void {
    this.journal.enter();
    work();
    this.journal.leave();
  }

  // ---- groups -----------------------------------------------------------------------------------

  /**
   * Followers apply the effects from here to close() as one: MULTI and EXEC are around them, as in
   * Redis's stream, if they are more than one. Groups nest; the outermost counts.
   */
  open(): void {
    if (this.groupDepth++ > 0) return;
    this.journal.enter();
    this.multiWritten = false;
  }

  close(): void {
    if (--this.groupDepth > 0) return;
    if (this.multiWritten) this.journal.put(execBytes, 0, execBytes.length);
    else if (this.bareAt >= 0) this.journal.settle();
    this.bareAt = -1;
    this.journal.leave();
  }

  get isOpen(): boolean {
    return this.groupDepth > 0;
  }

  /**
   * Lets others write to the journal in the middle of a group, until resume(). What they write
   * falls into it, so they must not open a group.
   */
  interrupt(): void {
    if (this.bareAt >= 0) this.wrapFirst();
    this.journal.interrupt();
  }

  resume(): void {
    this.journal.resume();
  }

  /**
   * Before each effect of a group. The first is written as if it were alone; the second puts MULTI
   * before it. A first effect that is too large to be moved follows its MULTI at once.
   */
  private join(effectBytes: number): void {
    const { journal } = this;
    if (this.multiWritten) return;
    if (this.bareAt >= 0) return this.wrapFirst();
    // As in Redis, the first SELECT of a group is before its MULTI.
    if (journal.selected !== this.database) this.select();
    if (journal.prepare(multiBytes.length + effectBytes)) this.bareAt = journal.offset;
    else this.multi();
  }

  private wrapFirst(): void {
    this.journal.insert(this.bareAt, multiBytes);
    this.bareAt = -1;
    this.multiWritten = true;
  }

  // ---- encoding ---------------------------------------------------------------------------------

  private idle(): boolean {
    return this.muted || !this.journal.active;
  }

  private beginSet(keyLength: number, valueLength: number, expiresAt: number): void {
    const total = argumentBytes(keyLength) + argumentBytes(valueLength);
    if (expiresAt === 0) this.begin(setBytes, total);
    else this.begin(setUntilBytes, total + pxatBytes.length + numberBytes(expiresAt));
  }

  private finishSet(expiresAt: number): void {
    if (expiresAt !== 0) {
      this.bytes(pxatBytes, 0, pxatBytes.length);
      this.number(expiresAt);
    }
    this.finish();
  }

  /** Writes the array header with the command's name; `rest` bytes of arguments follow. */
  private begin(head: Uint8Array, rest: number): void {
    const journal = this.journal;
    journal.enter();
    const total = head.length + rest;
    if (this.groupDepth > 0) this.join(total);
    if (journal.selected !== this.database) this.select();
    this.recorded++;
    const at = journal.begin(total);
    this.direct = at < 0 ? -1 : total;
    this.target = at < 0 ? this.scratch : journal.ring;
    this.at = Math.max(at, 0);
    this.bytes(head, 0, head.length);
  }

  private finish(): void {
    if (this.direct >= 0) this.journal.advance(this.direct);
    else this.spill();
    this.journal.leave();
  }

  private select(): void {
    const { database, journal } = this;
    this.direct = -1;
    this.target = this.scratch;
    this.at = 0;
    this.bytes(selectBytes, 0, selectBytes.length);
    this.number(database);
    this.spill();
    journal.selected = database;
  }

  private multi(): void {
    this.journal.put(multiBytes, 0, multiBytes.length);
    this.multiWritten = true;
  }

  private argument(bytes: Uint8Array, start: number, end: number): void {
    this.header(end - start);
    this.bytes(bytes, start, end);
    this.lineEnd();
  }

  private number(value: number): void {
    const digits = digitCount(value);
    this.header(digits);
    this.hasRoom(digits);
    this.at += digits;
    writeDigitsBefore(this.target, this.at, value);
    this.lineEnd();
  }

  private header(length: number): void {
    const digits = digitCount(length);
    this.hasRoom(digits + 1);
    this.target[this.at] = DOLLAR;
    this.at += digits + 1;
    writeDigitsBefore(this.target, this.at, length);
    this.lineEnd();
  }

  private lineEnd(): void {
    this.hasRoom(2);
    this.target[this.at] = CR;
    this.target[this.at + 1] = LF;
    this.at += 2;
  }

  private bytes(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (!this.hasRoom(count)) {
      this.journal.put(bytes, start, end);
      return;
    }
    copyBytes(bytes, start, end, this.target, this.at);
    this.at += count;
  }

  /**
   * Always true in the ring, as the effect was measured. False if `count` exceeds the whole scratch
   * buffer.
   */
  private hasRoom(count: number): boolean {
    if (this.direct >= 0 || this.at + count <= scratchBytes) return true;
    this.spill();
    return count <= scratchBytes;
  }

  private spill(): void {
    this.journal.put(this.scratch, 0, this.at);
    this.at = 0;
  }
}

/** Bytes of `$<length>\r\n<bytes>\r\n`. */
function argumentBytes(length: number): number {
  return digitCount(length) + length + 5;
}

function numberBytes(value: number): number {
  return argumentBytes(digitCount(value));
}
