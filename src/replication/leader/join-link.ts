// The leader's end of a JOIN link: a follower that speaks the binary protocol of the first MSCache
// and answers every frame with a status byte. It gets SET and DEL frames; the protocol has no other
// way to report a change. The other direction does not exist: this node follows by PSYNC only,
// never a Go leader.
//
//   SET 1 | int32 key length | key | int32 value length | value | int32 TTL in seconds
//   DEL 3 | int32 key length | key            all integers little endian
//
// The Go follower handles each frame in its own goroutine, so two frames for one key may be
// executed in any order, and status bytes come in any order too: nobody can know which frame a byte
// answers. Therefore the link keeps the set of changed keys and sends the value of each key *at the
// time when the frame is made*: an effect without a whole value (PEXPIREAT, SETRANGE ...) needs
// nothing special, and changes in quick succession become one frame. A key in flight is sent again
// only when all frames are answered, because only then its own frame is certain to be answered.
// Invariant: at most one frame of a key is unanswered; a key that differs from what was sent is in
// `changed` or in `waiting`. FLUSHALL has no frame: the link ends, and the follower comes back
// empty. The protocol knows one database: the follower has database 0.

import { latin1, latin1Bytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { attempt, type Fault } from "../../base/errors.ts";
import { linkSilenceMsMax } from "../../base/limits.ts";
import type { LinkSocket } from "../../base/link.ts";
import type { Logger } from "../../base/log.ts";
import type { Journal } from "../../journal/journal.ts";
import type { ChangedKeys, KeyVisitor } from "../../protocol/apply-stream.ts";
import { Request } from "../../protocol/request.ts";
import { RespParser } from "../../protocol/resp/resp-parser.ts";
import type { ItemVisitor, Store } from "../../store/store.ts";
import { ByteQueue } from "../byte-queue.ts";
import type { Garbage } from "../collection.ts";
import type { Upstream } from "./upstream.ts";

/** The one that the protocol knows. */
const joinedDatabase = 0;
const SET = 1;
const DEL = 3;
const ttlForever = 2147483647;
const ttlSecondsMin = 1;
/** Most frames without an answer; then the link waits until all are answered. */
const framesInFlightMax = 1024;
const chunkBytes = 64 * 1024;
/** Most changed keys before the walk of the snapshot waits. */
const walkAheadMax = 4096;
/**
 * Longest time that a slice of the walk takes from other work, and steps between two looks at the
 * clock.
 */
const walkSliceMs = 1.5;
const walkStride = 64;
/** What a remembered key costs beside its bytes (measured). */
const keyOverheadBytes = 150;

export interface JoinParts {
  readonly store: Store;
  readonly journal: Journal;
  readonly log: Logger;
  readonly fault: Fault;
  readonly clock: Clock;
  readonly changedKeys: ChangedKeys;
  readonly garbage: Garbage;
  readonly upstream: Pick<Upstream, "streamDatabase">;
  removed(link: JoinLink): void;
}

export class JoinLink implements ItemVisitor, KeyVisitor {
  position: number;
  private readonly parts: JoinParts;
  private readonly socket: LinkSocket;
  private readonly parser = new RespParser();
  private readonly request = new Request();
  private readonly out = new ByteQueue();
  /** Keys as latin1 text, one character a byte. */
  private readonly changed = new Set<string>();
  /** Changed again while in flight. */
  private readonly waiting = new Set<string>();
  private readonly inFlight = new Set<string>();
  private unanswered = 0;
  private keyBytes = 0;
  /** The cursor of the walk in the store; -1 before and after the walk. */
  private cursor = -1;
  /**
   * The walk resumes in the next turn: if most buckets are empty, no other event would resume it.
   */
  private walkIsDue = false;
  private closed = false;
  private blocked = false;
  private lastAnswerMs: number;
  /** Why the follower's data cannot become ours by frames; empty if they can. */
  private rupture = "";
  /** The database that the journal has selected at `position`. */
  private database: number;

  constructor(parts: JoinParts, socket: LinkSocket, position: number) {
    this.parts = parts;
    this.socket = socket;
    this.position = position;
    this.database = parts.upstream.streamDatabase;
    this.lastAnswerMs = parts.clock.monotonicMs();
  }

  /** Whether the follower has confirmed everything that was recorded. */
  get hasEverything(): boolean {
    const rests = this.changed.size + this.waiting.size + this.unanswered === 0;
    return rests && this.cursor < 0 && this.position >= this.parts.journal.mark();
  }

  /** Memory of the keys and frames that wait for the follower; its leader bounds it. */
  get queuedBytes(): number {
    return this.keyBytes + this.out.bytes;
  }

  get waitingBytes(): number {
    return this.queuedBytes;
  }

  get name(): string {
    return `JOIN follower ${this.socket.remoteAddress}`;
  }

  /** Starts with the snapshot: the follower has none of the existing keys. */
  begin(): void {
    this.tell(`joined at offset ${this.position}`);
    this.cursor = 0;
    this.pump();
  }

  // ---- what changed -----------------------------------------------------------------------------

  /**
   * Notes the keys of new effects in the journal. May run under the journal's lock: must not use
   * the store.
   */
  absorb(): void {
    const { journal } = this.parts;
    while (!this.closed && this.position < journal.offset) {
      const chunk = new Uint8Array(Math.min(chunkBytes, journal.offset - this.position));
      const count = journal.read(this.position, chunk, 0, chunk.length);
      if (count < 0) return this.drop("fell out of the journal");
      this.position += count;
      this.parts.garbage.count(chunk.length);
      this.parser.feed(chunk.subarray(0, count));
      while (this.rupture === "" && this.parser.next(this.request)) this.effect(this.request);
    }
  }

  private effect(request: Request): void {
    if (isSelect(request)) this.database = Number(request.text(1));
    const upheaval = this.parts.changedKeys(request, this.database, this);
    if (upheaval === null) return;
    const { kind, databases } = upheaval;
    if (databases !== "all" && !databases.includes(joinedDatabase)) return;
    this.rupture = `database ${joinedDatabase} was ${kind}, which has no frame`;
  }

  key(bytes: Uint8Array, start: number, end: number, database: number): void {
    if (database === joinedDatabase) this.note(bytes, start, end);
  }

  private note(bytes: Uint8Array, start: number, end: number): void {
    if (end === start) return; // the protocol has no empty key
    const name = latin1(bytes, start, end);
    const keys = this.inFlight.has(name) ? this.waiting : this.changed;
    if (keys.has(name)) return;
    keys.add(name);
    this.keyBytes += name.length + keyOverheadBytes;
  }

  /** Continues the snapshot while the follower keeps up. */
  private walk(): void {
    const { store, clock } = this.parts;
    const now = clock.wallMs();
    const deadline = clock.monotonicMs() + walkSliceMs;
    for (let i = 1; this.cursor >= 0 && this.changed.size < walkAheadMax; i++) {
      this.cursor = store.scan(this.cursor, now, this);
      if (this.cursor === 0) this.cursor = -1;
      else if (i % walkStride === 0 && clock.monotonicMs() > deadline) return this.walkLater();
    }
  }

  private walkLater(): void {
    if (this.walkIsDue) return;
    this.walkIsDue = true;
    setImmediate(() => attempt(this.parts.fault, "a JOIN link", () => this.walkOn()));
  }

  private walkOn(): void {
    this.walkIsDue = false;
    if (this.closed) return;
    this.inDatabase(() => this.walk());
    this.pump();
  }

  /** The calling thread may be in the middle of a command of another database. */
  private inDatabase(work: () => void): void {
    const { databases } = this.parts.store;
    const { selected } = databases;
    databases.select(joinedDatabase);
    work();
    databases.select(selected);
  }

  /** Called by the store for each item of the walk. */
  visit(store: Store): void {
    this.note(store.keyBytes, store.keyStart, store.keyEnd);
  }

  // ---- sending ----------------------------------------------------------------------------------

  pump(): void {
    if (this.closed) return;
    this.absorb();
    if (this.rupture !== "") return this.drop(this.rupture);
    this.inDatabase(() => {
      while (!this.closed && !this.blocked && this.sendSome());
    });
  }

  /**
   * Sends frames while there are keys and answers are not too far behind; false if it must wait.
   */
  private sendSome(): boolean {
    this.blocked = !this.out.writeTo(this.socket);
    if (this.blocked) return false;
    if (!this.walkIsDue && this.changed.size < framesInFlightMax) this.walk();
    let sent = 0;
    for (const name of this.changed) {
      if (this.inFlight.size >= framesInFlightMax || this.out.bytes > chunkBytes) break;
      this.changed.delete(name);
      this.keyBytes -= name.length + keyOverheadBytes;
      this.send(name);
      sent++;
    }
    return sent > 0;
  }

  private send(name: string): void {
    const { store, clock } = this.parts;
    const key = latin1Bytes(name);
    const now = clock.wallMs();
    store.lock(key, 0, key.length);
    const lives = store.find(key, 0, key.length, now) && store.valueLength > 0;
    const frame = lives ? setFrame(key, store, now) : deleteFrame(key);
    store.unlock(key, 0, key.length);
    this.out.push(frame);
    this.parts.garbage.count(frame.length);
    if (this.unanswered === 0) this.lastAnswerMs = clock.monotonicMs();
    this.inFlight.add(name);
    this.unanswered++;
  }

  // ---- events -----------------------------------------------------------------------------------

  /**
   * Counts status bytes and ignores their values: a follower that refuses a frame is beyond help.
   */
  onData(chunk: Uint8Array): void {
    this.lastAnswerMs = this.parts.clock.monotonicMs();
    this.unanswered = Math.max(0, this.unanswered - chunk.length);
    if (this.unanswered > 0) return;
    this.inFlight.clear();
    for (const name of this.waiting) this.changed.add(name);
    this.waiting.clear();
    this.pump();
  }

  onDrain(): void {
    this.blocked = false;
    this.pump();
  }

  onClose(): void {
    this.close("connection closed");
  }

  tick(): void {
    const silentMs = this.parts.clock.monotonicMs() - this.lastAnswerMs;
    if (this.unanswered > 0 && silentMs > linkSilenceMsMax) {
      this.drop(`${this.unanswered} frames unanswered for ${silentMs} ms`);
    }
    this.pump();
  }

  drop(reason: string): void {
    if (this.closed) return;
    this.close(reason);
    this.socket.end();
  }

  private tell(what: string): void {
    const { remoteAddress: follower } = this.socket;
    const fields = { event: "follower-link", follower, offset: this.position } as const;
    this.parts.log.info(`${this.name}: ${what}`, fields);
  }

  private close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.out.clear();
    this.tell(`ended (${reason})`);
    this.parts.removed(this);
  }
}

/** By length first: most effects have another one. */
function isSelect(request: Request): boolean {
  return request.length(0) === 6 && request.text(0).toLowerCase() === "select";
}

/** The store's current item, with its TTL in whole seconds, rounded up. */
function setFrame(key: Uint8Array, store: Store, now: number): Uint8Array {
  const { valueLength, expiresAt } = store;
  const frame = Buffer.allocUnsafe(1 + 4 + key.length + 4 + valueLength + 4);
  let at = frame.writeUInt8(SET, 0);
  at = frame.writeInt32LE(key.length, at);
  frame.set(key, at);
  at = frame.writeInt32LE(valueLength, at + key.length);
  store.copyTo(frame, at, 0, valueLength);
  frame.writeInt32LE(secondsLeft(expiresAt, now), at + valueLength);
  return frame;
}

function secondsLeft(expiresAt: number, now: number): number {
  if (expiresAt === 0) return ttlForever;
  const seconds = Math.ceil((expiresAt - now) / 1000);
  return Math.min(Math.max(seconds, ttlSecondsMin), ttlForever);
}

function deleteFrame(key: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(1 + 4 + key.length);
  const at = frame.writeInt32LE(key.length, frame.writeUInt8(DEL, 0));
  frame.set(key, at);
  return frame;
}
