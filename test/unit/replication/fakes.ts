/**
 * The surroundings of replication, small: a store on a Map, a socket that takes what it is told to, a
 * clock that stands still, a log that can be read, and an applier of the commands that effects use.
 * Not a model of eviction, expiry by itself, or memory limits.
 * Invariant: FakeStore.scan() keeps the store's promise that no key comes twice in one walk.
 */

import type { Clock } from "../../../src/base/clock.ts";
import { fatal } from "../../../src/base/errors.ts";
import type { LinkPeer, LinkSocket } from "../../../src/base/link.ts";
import type { Logger } from "../../../src/base/log.ts";
import { Effects } from "../../../src/journal/effects.ts";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import type { Apply } from "../../../src/protocol/apply.ts";
import type { Request } from "../../../src/protocol/request.ts";
import { History } from "../../../src/replication/history.ts";
import type {
  Replacement,
  ReplicatedStore,
  StoreVisitor,
} from "../../../src/replication/replicated-store.ts";

export interface Item {
  value: Buffer;
  expiresAt: number;
}

export class FakeStore implements ReplicatedStore {
  items = new Map<string, Item>();
  /** What a replacement has gathered so far; null without one. */
  gathered: Map<string, Item> | null = null;
  /** How many items a replacement may have beside the old ones. */
  itemsBesideMax = Number.POSITIVE_INFINITY;
  valueBytesMax = 64 * 1024 * 1024;
  valueLength = 0;
  expiresAt = 0;
  keyBytes: Uint8Array = new Uint8Array(0);
  keyStart = 0;
  keyEnd = 0;
  expires = true;
  /** Items that set() refuses, by key. */
  readonly tooLarge = new Set<string>();
  #current: Buffer = Buffer.alloc(0);
  #walk: string[] = [];

  copyTo(target: Uint8Array, at: number, from: number, length: number): void {
    target.set(this.#current.subarray(from, from + length), at);
  }

  lock(): void {}

  unlock(): void {}

  find(key: Uint8Array, start: number, end: number, now: number): boolean {
    return this.#select(latin1(key, start, end), now);
  }

  set(...item: Parameters<Replacement["set"]>): number {
    return this.#store(this.items, item);
  }

  #store(
    items: Map<string, Item>,
    [key, keyStart, keyEnd, value, start, end, expiresAt]: Parameters<Replacement["set"]>,
  ): number {
    const name = latin1(key, keyStart, keyEnd);
    if (this.tooLarge.has(name)) return 1;
    items.set(name, { value: Buffer.from(value.slice(start, end)), expiresAt });
    return 0;
  }

  put(name: string, value: Buffer | string, expiresAt = 0): void {
    this.items.set(name, { value: Buffer.from(value), expiresAt });
  }

  /** One item a call; the walk is over the keys that were there at its start. */
  scan(cursor: number, now: number, visitor: StoreVisitor): number {
    if (cursor === 0) this.#walk = [...this.items.keys()];
    const name = this.#walk[cursor];
    if (name !== undefined && this.#select(name, now)) visitor.visit(this);
    return cursor + 1 < this.#walk.length ? cursor + 1 : 0;
  }

  /** What was not there at the walk's start is not visited either. */
  passed(cursor: number, key: Uint8Array, start: number, end: number): boolean {
    const place = this.#walk.indexOf(latin1(key, start, end));
    return place < cursor;
  }

  clear(): void {
    this.items.clear();
  }

  beginReplacement(): Replacement {
    const gathered = new Map<string, Item>();
    this.gathered = gathered;
    const end = () => {
      if (this.gathered === null) throw new Error("a replacement ends once");
      this.gathered = null;
    };
    return {
      fits: () => gathered.size < this.itemsBesideMax,
      set: (...item) => this.#store(gathered, item),
      takeOver: () => {
        end();
        this.items = gathered;
      },
      abandon: end,
    };
  }

  count(): number {
    return this.items.size;
  }

  memoryUsed(): number {
    return this.items.size * 100;
  }

  /** Everything as text, sorted, for comparisons. */
  dump(): string[] {
    return [...this.items]
      .map(([name, { value, expiresAt }]) => `${name}=${value.toString("latin1")}@${expiresAt}`)
      .sort();
  }

  #select(name: string, now: number): boolean {
    const item = this.items.get(name);
    if (item === undefined || (item.expiresAt !== 0 && item.expiresAt <= now)) return false;
    this.#current = item.value;
    this.valueLength = item.value.length;
    this.expiresAt = item.expiresAt;
    this.keyBytes = Buffer.from(name, "latin1");
    this.keyStart = 0;
    this.keyEnd = this.keyBytes.length;
    return true;
  }
}

/** Executes the commands of a stream of effects, and INCR as a Redis leader may send it. */
export function applyTo(store: FakeStore): Apply {
  const execute = executor(store);
  return (request, database) => {
    if (database !== 0) return "skipped";
    execute(request);
    return "applied";
  };
}

function executor(store: FakeStore): (request: Request) => void {
  return (request) => {
    const args = Array.from({ length: request.argc }, (_, i) => Buffer.from(request.bytes(i)));
    const [command, key = "", second = Buffer.alloc(0), third] = args;
    const name = key.toString("latin1");
    const item = store.items.get(name);
    switch (command.toString().toLowerCase()) {
      case "set": {
        const until = args.findIndex((word) => word.toString().toLowerCase() === "pxat");
        return store.put(name, second, until < 0 ? 0 : Number(args[until + 1]));
      }
      case "del":
      case "unlink":
        for (const gone of args.slice(1)) store.items.delete(gone.toString("latin1"));
        return;
      case "mset":
        for (let i = 1; i < args.length; i += 2) store.put(args[i].toString("latin1"), args[i + 1]);
        return;
      case "pexpireat":
        if (item !== undefined) item.expiresAt = Number(second);
        return;
      case "persist":
        if (item !== undefined) item.expiresAt = 0;
        return;
      case "setrange": {
        const old = item?.value ?? Buffer.alloc(0);
        const at = Number(second);
        const bytes = third ?? Buffer.alloc(0);
        const value = Buffer.alloc(Math.max(old.length, at + bytes.length));
        value.set(old);
        value.set(bytes, at);
        return store.put(name, value, item?.expiresAt ?? 0);
      }
      case "incr":
        return store.put(name, String(Number(item?.value ?? 0) + 1), item?.expiresAt ?? 0);
      case "flushall":
        return store.clear();
    }
  };
}

export class FakeClock implements Clock {
  now = 1_700_000_000_000;

  wallMs(): number {
    return this.now;
  }

  monotonicMs(): number {
    return this.now;
  }
}

export class FakeLog implements Logger {
  readonly lines: string[] = [];

  debug(message: string): void {
    this.lines.push(message);
  }

  info(message: string): void {
    this.lines.push(message);
  }

  warn(message: string): void {
    this.lines.push(message);
  }

  error(message: string): void {
    this.lines.push(message);
  }

  has(part: string): boolean {
    return this.lines.some((line) => line.includes(part));
  }
}

export class FakeSocket implements LinkSocket {
  readonly remoteAddress = "10.0.0.9";
  ended = false;
  /** How many more bytes it takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  #received: Buffer[] = [];

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.room -= count;
    this.#received.push(Buffer.from(bytes.slice(0, count)));
    return count;
  }

  end(): void {
    this.ended = true;
  }

  get received(): Buffer {
    this.#received = [Buffer.concat(this.#received)];
    return this.#received[0];
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  /** What was received so far, and forgets it. */
  take(): Buffer {
    const bytes = this.received;
    this.#received = [];
    return bytes;
  }
}

let nextPeerId = 1;

export class FakePeer implements LinkPeer {
  readonly id = nextPeerId++;
  lastActiveMs: number;
  readonly replconf: { listeningPort: number; ipAddress: string; eof: boolean; psync2: boolean };

  constructor(clock: Clock, replconf: Partial<LinkPeer["replconf"]> = {}) {
    this.lastActiveMs = clock.monotonicMs();
    this.replconf = { listeningPort: 6380, ipAddress: "", eof: true, psync2: true, ...replconf };
  }
}

/** A store with journal and effects whose writes are recorded, as the server's commands would. */
export class FakeNode {
  readonly store = new FakeStore();
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly fault = fatal;
  readonly history = new History();
  readonly journal: Journal;
  readonly effects: Effects;

  constructor(journalBytes = 1 << 20) {
    this.journal = new Journal(reserveJournal(journalBytes));
    this.effects = new Effects(this.journal);
  }

  set(name: string, value: string | Buffer, expiresAt = 0): void {
    const key = Buffer.from(name, "latin1");
    const bytes = Buffer.from(value);
    this.store.put(name, bytes, expiresAt);
    this.effects.set(key, 0, key.length, bytes, 0, bytes.length, expiresAt);
  }

  delete(name: string): void {
    const key = Buffer.from(name, "latin1");
    this.store.items.delete(name);
    this.effects.delete(key, 0, key.length);
  }

  flushAll(): void {
    this.store.clear();
    this.effects.flushAll();
  }
}

/** Waits until something holds; the limit only keeps a failing test from hanging. */
export async function until(
  holds: () => boolean,
  what: string,
  patienceMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.slice(start, end)).toString("latin1");
}
