/**
 * The surroundings of replication, small: a socket that takes what it is told to, a clock that
 * stands still, a log that can be read, and an applier of the commands that effects use. Store,
 * keyspace and journal are the real ones.
 * Invariant: what is applied changes the store alone, as on a follower, whose journal has the bytes
 * already.
 */

import type { Clock } from "../../../src/base/clock.ts";
import { fatal } from "../../../src/base/errors.ts";
import type { LinkPeer, LinkSocket } from "../../../src/base/link.ts";
import type { Logger } from "../../../src/base/log.ts";
import { changedKeys } from "../../../src/command/stream/changed-keys.ts";
import { Effects } from "../../../src/journal/effects.ts";
import { event } from "../../../src/journal/event-kinds.ts";
import { EventLog, reserveEventLog } from "../../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import { Keyspace } from "../../../src/keyspace/keyspace.ts";
import type { Apply } from "../../../src/protocol/apply-stream.ts";
import type { Request } from "../../../src/protocol/request.ts";
import { History } from "../../../src/replication/history.ts";
import { STORED } from "../../../src/store/store.ts";
import { type Item, SmallStore, type SmallStoreOptions } from "../../support/small-store.ts";

/** Executes the commands of a stream of effects, and INCR as a Redis leader may send it. */
export function applyTo(store: SmallStore): Apply {
  const execute = executor(store);
  return (request, database) => {
    if (database !== 0) return "skipped";
    execute(request);
    return "applied";
  };
}

function executor(store: SmallStore): (request: Request) => void {
  return (request) => {
    const args = Array.from({ length: request.argc }, (_, i) => Buffer.from(request.bytes(i)));
    const [command, key = "", second = Buffer.alloc(0), third] = args;
    const name = key.toString("latin1");
    const item = store.get(name);
    switch (command.toString().toLowerCase()) {
      case "set": {
        const until = args.findIndex((word) => word.toString().toLowerCase() === "pxat");
        return store.put(name, second, until < 0 ? 0 : Number(args[until + 1]));
      }
      case "del":
      case "unlink":
        for (const gone of args.slice(1)) store.remove(gone.toString("latin1"));
        return;
      case "mset":
        for (let i = 1; i < args.length; i += 2) store.put(args[i].toString("latin1"), args[i + 1]);
        return;
      case "pexpireat":
        return expire(store, name, item, Number(second));
      case "persist":
        return expire(store, name, item, 0);
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

function expire(store: SmallStore, name: string, item: Item | null, expiresAt: number): void {
  if (item !== null) store.put(name, item.value, expiresAt);
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
  private receivedChunks: Buffer[] = [];

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.room -= count;
    this.receivedChunks.push(Buffer.from(bytes.slice(0, count)));
    return count;
  }

  end(): void {
    this.ended = true;
  }

  get received(): Buffer {
    this.receivedChunks = [Buffer.concat(this.receivedChunks)];
    return this.receivedChunks[0];
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  /** What was received so far, and forgets it. */
  take(): Buffer {
    const bytes = this.received;
    this.receivedChunks = [];
    return bytes;
  }
}

let nextPeerId = 1;

export class FakePeer implements LinkPeer {
  readonly id = nextPeerId++;
  lastActiveMs: number;
  readonly replconf: LinkPeer["replconf"];

  constructor(clock: Clock, replconf: Partial<LinkPeer["replconf"]> = {}) {
    this.lastActiveMs = clock.monotonicMs();
    this.replconf = { listeningPort: 6380, ipAddress: "", eof: true, psync2: true, ...replconf };
  }
}

/** A store with journal and effects whose writes are recorded, as the server's commands would. */
export class FakeNode {
  readonly store: SmallStore;
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly fault = fatal;
  readonly changedKeys = changedKeys;
  readonly history = new History();
  readonly journal: Journal;
  readonly effects: Effects;
  readonly keyspace: Keyspace;

  constructor(journalBytes = 1 << 20, storeOptions: SmallStoreOptions = {}) {
    this.store = new SmallStore(storeOptions);
    this.journal = new Journal(reserveJournal(journalBytes));
    this.effects = new Effects(this.journal);
    this.keyspace = new Keyspace(
      this.store,
      this.effects,
      new EventLog(reserveEventLog(1 << 16), this.journal),
    );
  }

  set(name: string, value: string | Uint8Array, expiresAt = 0): void {
    write(this.keyspace, name, value, expiresAt);
  }

  delete(name: string): void {
    const key = Buffer.from(name, "latin1");
    this.keyspace.delete(key, 0, key.length, 0);
  }

  flushAll(): void {
    this.keyspace.flush();
  }
}

/** One recorded write. */
export function write(
  keyspace: Keyspace,
  name: string,
  value: string | Uint8Array,
  expiresAt: number,
): void {
  const key = Buffer.from(name, "latin1");
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  const { length } = bytes;
  const result = keyspace.set(key, 0, key.length, bytes, 0, length, expiresAt, 0, event.SET, 0);
  if (result !== STORED) throw new Error(`${name} of ${bytes.length} bytes: set() gave ${result}`);
}

/** Waits until something holds; the limit only keeps a failing test from hanging. */
export async function until(
  holds: () => boolean,
  what: string,
  patienceMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
