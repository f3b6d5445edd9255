// Client tracking: who may keep which keys, and what they are told when those change (redis 7.0
// `tracking.c`). A node has one Tracking, in the control thread. It gets reads and changes of keys
// from the event log, in store order; CLIENT TRACKING is in tracking-command.ts.
// Invariants: a client that has read a key is told of the next change of it, once; whoever changes
// it. What cannot be told key by key is told as "drop everything".

import { latin1 } from "../../base/bytes.ts";
import { eventLogBytes } from "../../base/limits.ts";
import { event, kindMask } from "../../journal/event-kinds.ts";
import type { Message } from "../messages/channels.ts";
import { Broadcast } from "./broadcast.ts";
import { invalidation, redirectionBroken } from "./invalidation.ts";
import { TrackedKeys } from "./tracked-keys.ts";

/** How a client tracks keys. */
export interface TrackingMode {
  readonly isBroadcast: boolean;
  /** It is not told of its own changes. */
  readonly isNoLoop: boolean;
  /** The client that gets its messages; 0 for itself. */
  readonly redirect: number;
  /** Its invalidations have sequence numbers. */
  readonly isNumbered: boolean;
}

/** What the event log still tells of the past. */
export interface Past {
  /** Of this run of the node: sequence numbers of another one mean nothing. */
  readonly runId: string;
  /** The sequence number up to which everything has been told. */
  readonly sequence: number;
  /**
   * Calls `visit` for each key that has changed since that number, then `arrived`, before anything
   * newer is told. Others are served meanwhile. False, without that call, if the log does not tell
   * all of it.
   */
  since(sequence: number, visit: (key: string) => void, arrived: () => void): Promise<boolean>;
}

interface Tracker {
  readonly mode: TrackingMode;
  readonly prefixes: Set<string>;
  /** If it gets sequence numbers: the last one. */
  toldUpTo: number;
  /** A message could not be sent because the other client has gone. */
  isBroken: boolean;
}

type Send = (receivers: ReadonlySet<number>, message: Message) => void;

/** Keys in one message about a client that has gone. */
const keysPerMessage = 1000;
/** Clients that have closed and wait for the event log. */
const leavingMax = 10_000;
/** A client with numbers gets a new one after this many bytes of the event log. */
const renumberBytes = eventLogBytes / 16;

export class Tracking {
  readonly keys = new TrackedKeys();
  readonly broadcast = new Broadcast();
  /** Called when the first client begins to track keys, and when the last one has ended. */
  changed: () => void = () => undefined;
  /** As Channels.catchUp(): works on what has happened up to now. */
  catchUp: () => void = () => undefined;
  /** Resolves when all that has happened up to now has been told. */
  caughtUp: () => Promise<void> = () => Promise.resolve();
  /** Set before the first client comes. */
  past: Past = { runId: "", sequence: 0, since: () => Promise.resolve(false) };
  /** How many clients get sequence numbers. */
  numbered = 0;
  /** Hands a message to connections. */
  private readonly send: Send;
  private readonly trackers = new Map<number, Tracker>();
  /** The clients whose messages go to another one, by that one. */
  private readonly sources = new Map<number, Set<number>>();
  private readonly goneTargets = new Set<number>();
  /** What has changed in this turn for clients with numbers, under all of their prefixes. */
  private readonly untold = new Map<number, string[]>();
  private expected = 0;
  /** How many have closed and stay until the event log has been read up to there. */
  private leaving = 0;

  constructor(send: Send) {
    this.send = send;
  }

  // ---- clients ----------------------------------------------------------------------------------

  /** The number of clients that track keys. */
  get count(): number {
    return this.trackers.size;
  }

  /** Whether the end of any connection may concern another client. */
  get hasRedirects(): boolean {
    return this.sources.size > 0 || this.expected > 0;
  }

  /** One client more, or less, may be about to choose another one, whose end is noticed then. */
  expectRedirect(more: 1 | -1): void {
    this.expected += more;
    this.changed();
  }

  isBroken(client: number): boolean {
    return this.trackers.get(client)?.isBroken ?? false;
  }

  prefixesOf(client: number): readonly string[] {
    return [...(this.trackers.get(client)?.prefixes ?? [])].sort();
  }

  /** The client tracks keys from now on, or in another way. Prefixes are added to those it has. */
  enable(client: number, mode: TrackingMode, prefixes: readonly string[]): void {
    const before = this.trackers.get(client);
    if (before !== undefined) this.unlink(client, before.mode.redirect);
    this.numbered += (mode.isNumbered ? 1 : 0) - (before?.mode.isNumbered ? 1 : 0);
    const known = before?.prefixes ?? new Set<string>();
    const toldUpTo = this.past.sequence;
    const tracker: Tracker = { mode, prefixes: known, toldUpTo, isBroken: false };
    this.trackers.set(client, tracker);
    if (mode.redirect !== 0) {
      this.sourcesOf(mode.redirect).add(client);
      this.keys.listKeysOf(client);
    }
    if (mode.isBroadcast) {
      for (const prefix of prefixes.length === 0 ? [""] : prefixes) {
        tracker.prefixes.add(prefix);
        this.broadcast.add(client, prefix);
      }
    }
    this.changed();
  }

  private sourcesOf(target: number): Set<number> {
    const known = this.sources.get(target);
    if (known !== undefined) return known;
    const sources = new Set<number>();
    this.sources.set(target, sources);
    return sources;
  }

  private unlink(client: number, target: number): void {
    const sources = this.sources.get(target);
    if (sources === undefined) return;
    sources.delete(client);
    if (sources.size > 0) return;
    this.sources.delete(target);
    this.goneTargets.delete(target);
  }

  disable(client: number): void {
    const tracker = this.trackers.get(client);
    if (tracker === undefined) return;
    for (const prefix of tracker.prefixes) this.broadcast.remove(client, prefix);
    this.unlink(client, tracker.mode.redirect);
    if (tracker.mode.isNumbered) this.numbered--;
    this.keys.takeListOf(client);
    this.trackers.delete(client);
    if (this.trackers.size === 0) this.keys.clear();
    this.changed();
  }

  /**
   * A connection has closed. Whoever got its messages drops the keys that it had read, as nobody
   * tells of their changes any more (Redis forgets this: its issue 13082). What it read last may
   * still be in the event log; if too many wait for that, one drops everything instead.
   */
  gone(client: number): void {
    if (this.sources.has(client)) this.goneTargets.add(client);
    const tracker = this.trackers.get(client);
    if (tracker === undefined) return;
    if (tracker.mode.redirect === 0) return this.disable(client);
    if (this.leaving >= leavingMax) {
      this.tell(client, tracker, null, 0);
      return this.disable(client);
    }
    this.leaving++;
    void this.caughtUp().then(() => {
      this.leaving--;
      this.tellInParts(client, tracker, [...(this.keys.takeListOf(client) ?? [])], 0, 0);
      this.disable(client);
    });
  }

  /** Tells a client what has changed while it was away. Only the last message has the number. */
  resume(client: number, keys: readonly string[], from: number): void {
    const tracker = this.trackers.get(client);
    if (tracker === undefined) return;
    const { sequence } = this.past;
    if (keys.length === 0) this.tell(client, tracker, [], sequence);
    else this.tellInParts(client, tracker, keys, from, sequence);
  }

  private tellInParts(
    client: number,
    tracker: Tracker,
    keys: readonly string[],
    from: number,
    to: number,
  ): void {
    for (let at = 0; at < keys.length; at += keysPerMessage) {
      const end = at + keysPerMessage;
      this.tell(client, tracker, keys.slice(at, end), end < keys.length ? from : to);
    }
  }

  // ---- what happens to keys ---------------------------------------------------------------------

  hasRead(client: number, bytes: Uint8Array, start: number, end: number): void {
    const tracker = this.trackers.get(client);
    if (tracker === undefined || tracker.mode.isBroadcast) return;
    this.keys.add(latin1(bytes, start, end), client);
  }

  /** A key has changed; `author` is the client that did it. */
  hasChanged(
    kind: number,
    author: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    sequence: number,
  ): void {
    if (this.keys.size === 0 && this.broadcast.size === 0) return;
    const key = latin1(bytes, start, end);
    const by = isByItself(kind) ? 0 : author;
    if (this.broadcast.size > 0) this.broadcast.changed(key, by);
    this.invalidate(key, by, sequence);
  }

  private invalidate(key: string, author: number, sequence: number): void {
    for (const client of this.keys.take(key)) {
      const tracker = this.trackers.get(client);
      if (tracker === undefined || tracker.mode.isBroadcast) continue;
      if (tracker.mode.isNoLoop && client === author) continue;
      this.tell(client, tracker, [key], sequence);
    }
  }

  /** All keys are gone, or it is not known which have changed. */
  dropEverything(sequence: number): void {
    this.keys.clear();
    for (const [client, tracker] of this.trackers) this.tell(client, tracker, null, sequence);
  }

  /** Tells of the changes under prefixes since the last call, and keeps the table within bounds. */
  finish(keysMax: number, sequence: number): void {
    this.broadcast.flush((clients, changed) => this.tellAll(clients, changed, sequence));
    if (this.untold.size > 0) this.tellNumbered(sequence);
    if (this.numbered > 0) this.renumber(sequence);
    for (;;) {
      const key = this.keys.surplus(keysMax);
      if (key === null) return;
      this.invalidate(key, 0, sequence);
    }
  }

  /** One message for each, or one that is cut off behind the first would go on from its number. */
  private tellNumbered(sequence: number): void {
    for (const [client, keys] of this.untold) {
      const tracker = this.trackers.get(client);
      if (tracker !== undefined) this.tell(client, tracker, keys, sequence);
    }
    this.untold.clear();
  }

  /**
   * Tells clients the present number who were told nothing for long: theirs would be so old that
   * they could not resume from it.
   */
  private renumber(sequence: number): void {
    for (const [client, tracker] of this.trackers) {
      if (!tracker.mode.isNumbered || sequence - tracker.toldUpTo < renumberBytes) continue;
      this.tell(client, tracker, [], sequence);
    }
  }

  /** Most clients get the same message, which is encoded once. */
  private tellAll(
    clients: ReadonlySet<number>,
    changed: ReadonlyMap<string, number>,
    sequence: number,
  ): void {
    const authors = new Set(changed.values());
    const plain = new Set<number>();
    for (const client of clients) {
      const tracker = this.trackers.get(client);
      if (tracker === undefined) continue;
      const { isNoLoop, redirect, isNumbered } = tracker.mode;
      const isOwn = isNoLoop && authors.has(client);
      if (!isOwn && redirect === 0 && !isNumbered) plain.add(client);
      else {
        const keys = isOwn ? notBy(client, changed) : [...changed.keys()];
        if (keys.length === 0) continue;
        if (isNumbered) this.gather(client, keys);
        else this.tell(client, tracker, keys, sequence);
      }
    }
    if (plain.size > 0) this.send(plain, invalidation([...changed.keys()], null, false));
  }

  private gather(client: number, keys: readonly string[]): void {
    const before = this.untold.get(client);
    this.untold.set(client, before === undefined ? [...keys] : before.concat(keys));
  }

  private tell(
    client: number,
    tracker: Tracker,
    keys: readonly string[] | null,
    sequence: number,
  ): void {
    const { redirect, isNumbered } = tracker.mode;
    tracker.toldUpTo = sequence;
    if (this.goneTargets.has(redirect)) {
      tracker.isBroken = true;
      this.send(new Set([client]), redirectionBroken(redirect));
      return;
    }
    const receiver = redirect === 0 ? client : redirect;
    const number = isNumbered ? sequence : null;
    this.send(new Set([receiver]), invalidation(keys, number, redirect !== 0));
  }
}

/** No client did it, even if one noticed. */
function isByItself(kind: number): boolean {
  const plain = kind & kindMask;
  return plain === event.EXPIRED || plain === event.EVICTED;
}

function notBy(client: number, changed: ReadonlyMap<string, number>): string[] {
  return [...changed].flatMap(([key, author]) => (author === client ? [] : key));
}
