// Decides about each command of a leader's stream for a copy that holds the keys of one database
// under a prefix: run it as it is, leave it out, or drop keys whose new value it cannot know. The
// commands themselves are run by command/stream/apply.ts. It sends and reads nothing.
// Invariant: after each command, a key under the prefix has its leader's string, or is absent as it
// is there, or is among the gaps.
//
// What comes from outside (RENAME, COPY, BITOP of other keys, MOVE from another database) has no
// known value and becomes a gap. SWAPDB of this database replaces all its keys by unseen ones: that
// ends the link in a full sync. Effects of MSCache are absolute, but a Redis sends what its clients
// wrote: so a command that builds on a gap leaves a gap.

import { wallClockMs } from "../base/clock.ts";
import { SyncError } from "../base/errors.ts";
import { keyBytesMax } from "../base/limits.ts";
import type { Command } from "../command/core/command.ts";
import { argumentIs } from "../command/core/words.ts";
import { otherTypeOf } from "../command/stream/other-types.ts";
import { streamCommands } from "../command/stream/stream-commands.ts";
import { swapped } from "../command/stream/stream-keys.ts";
import { find } from "../command/table.ts";
import { flag } from "../command/terms/flags.ts";
import { type KeyRange, type KeyUse, nextIn, removes, writesTo } from "../command/terms/key-use.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import type { Applied, Apply } from "../protocol/apply-stream.ts";
import type { Request } from "../protocol/request.ts";
import type { Store } from "../store/store.ts";
import type { Changes } from "./follow-changes.ts";
import type { Gaps } from "./follow-gaps.ts";

export interface FilterParts {
  readonly store: Store;
  readonly keyspace: Keyspace;
  /** Runs any command of the stream. */
  readonly run: Apply;
  readonly database: number;
  readonly prefix: Uint8Array;
  readonly gaps: () => Gaps;
  readonly changes: Changes;
}

const streamed = flag.WRITE | flag.MAY_REPLICATE;
/** A generous estimate of header, alignment and index entry of an item. */
const itemOverheadBytes = 64;

/** What a copy applies of a stream. */
export function filter(parts: FilterParts): Apply {
  const { run } = parts;
  const it = new Filter(parts);
  const apply = (request: Request, database: number): Applied => it.apply(request, database);
  const check = (request: Request, database: number): void => it.check(request, database);
  return Object.assign(apply, { ...run, check });
}

export class Filter {
  private readonly parts: FilterParts;
  private readonly store: Store;
  private readonly prefix: Uint8Array;

  constructor(parts: FilterParts) {
    this.parts = parts;
    this.store = parts.store;
    this.prefix = parts.prefix;
  }

  apply(request: Request, database: number): Applied {
    const { parts } = this;
    const found = find(request);
    if (found === undefined || isScript(found)) return this.runStranger(request, database);
    const command = streamCommands.get(found.name) ?? found;
    if ((command.flags & streamed) === 0) return "skipped";
    const isOurs = database === parts.database;
    parts.keyspace.select(parts.database);
    if (command.row.empties !== undefined) {
      return isOurs || command.row.empties === "all" ? this.empty(request, database) : "skipped";
    }
    switch (command.name) {
      case "swapdb":
        return this.swap(request);
      case "move":
        return this.move(command, request, database);
      case "copy":
        return this.copy(command, request, database);
      case "rename":
      case "renamenx":
        return isOurs ? this.rename(request) : "skipped";
      default:
        return isOurs && command.firstKey > 0 ? this.write(command, request) : "skipped";
    }
  }

  /** As apply(), without a change: for a transaction that is still incomplete. */
  check(request: Request, database: number): void {
    const found = find(request);
    if (found === undefined || isScript(found)) this.parts.run.check?.(request, database);
    else if (found.name === "swapdb") this.swap(request);
  }

  isInside(key: Uint8Array, start: number, end: number): boolean {
    const { prefix } = this;
    if (end - start < prefix.length) return false;
    for (let i = 0; i < prefix.length; i++) if (key[start + i] !== prefix[i]) return false;
    return true;
  }

  /** Evicts for `bytes` more. As in the stream, nothing counts as expired. */
  makeRoom(key: Uint8Array, start: number, end: number, bytes: number): void {
    const { store } = this;
    store.expires = true; // whoever does not expire does not evict either
    store.makeRoom(key, start, end, bytes + itemOverheadBytes, 0);
    store.expires = false;
  }

  // ---- whole databases --------------------------------------------------------------------------

  private empty(request: Request, database: number): Applied {
    const { run, gaps, changes } = this.parts;
    const outcome = run(request, database, false);
    gaps().clear();
    changes.flushed();
    return outcome;
  }

  private swap(request: Request): Applied {
    const [one, other] = swapped(request);
    const { database } = this.parts;
    if (one === other || (one !== database && other !== database)) return "skipped";
    throw new SyncError("SWAPDB brings keys that this copy has not seen");
  }

  // ---- from key to key --------------------------------------------------------------------------

  private move(command: Command, request: Request, database: number): Applied {
    const ours = this.parts.database;
    if (!this.isKey(request, 1)) return "skipped";
    if (database === ours) return this.drop(request, 1);
    if (command.row.otherDatabase?.(request, database) !== ours) return "skipped";
    return this.lose(request, 1);
  }

  private copy(command: Command, request: Request, database: number): Applied {
    const ours = this.parts.database;
    const target = command.row.otherDatabase?.(request, database) ?? database;
    if (target !== ours || !this.isKey(request, 2)) return "skipped";
    if (database !== ours || this.isUnseen(request, 1)) return this.lose(request, 2);
    return this.runFor(command, request);
  }

  private rename(request: Request): Applied {
    const isFrom = this.isKey(request, 1);
    const isTo = this.isKey(request, 2);
    if (!isTo) return isFrom ? this.drop(request, 1) : "skipped";
    const command = streamCommands.get("rename");
    if (command !== undefined && !this.isUnseen(request, 1)) return this.runFor(command, request);
    if (isFrom) this.drop(request, 1);
    return this.lose(request, 2);
  }

  // ---- all others -------------------------------------------------------------------------------

  private write(command: Command, request: Request): Applied {
    if (!this.writesHere(command, request)) return "skipped";
    if (!this.buildsOnUnseen(command, request)) return this.runFor(command, request);
    this.forEachWritten(command, request, (at) => {
      if (this.isKey(request, at)) this.lose(request, at);
    });
    return "refused";
  }

  private writesHere(command: Command, request: Request): boolean {
    if (command.onlyKey > 0) return this.isKey(request, command.onlyKey);
    let isHere = false;
    this.forEachWritten(command, request, (at) => {
      isHere ||= this.isKey(request, at);
    });
    return isHere;
  }

  /** Whether the new value depends on one that the leader has and this copy does not. */
  private buildsOnUnseen(command: Command, request: Request): boolean {
    const range = command.row.buildsOn;
    if (range !== undefined && this.someUnseen(command, range, request)) return true;
    if (this.parts.gaps().isEmpty || !keepsTime(command, request)) return false;
    return this.someUnseen(command, command.row.keys, request);
  }

  private someUnseen(command: Command, range: KeyRange, request: Request): boolean {
    const argc = command.keyArguments(request);
    for (let at = nextIn(range, 0, argc); at !== 0; at = nextIn(range, at, argc)) {
      if (this.isUnseen(request, at)) return true;
    }
    return false;
  }

  private isUnseen({ buf, start, end, argc }: Request, at: number): boolean {
    if (at >= argc || !this.isInside(buf, start[at], end[at])) return true;
    return !this.holds(buf, start[at], end[at]) && this.parts.gaps().has(buf, start[at], end[at]);
  }

  /** Runs a command, and notes what has become of its keys. */
  private runFor(command: Command, request: Request): Applied {
    const { parts } = this;
    const before = parts.changes.areWanted ? this.stateBefore(command, request) : null;
    if ((command.flags & flag.DENY_OOM) !== 0) this.makeRoomFor(command, request);
    const outcome = parts.run(request, parts.database, false);
    parts.keyspace.select(parts.database);
    for (const use of command.uses) {
      if (!writesTo(use)) continue;
      const argc = command.keyArguments(request);
      for (let at = nextIn(use.range, 0, argc); at !== 0; at = nextIn(use.range, at, argc)) {
        this.settle(request, at, outcome, use, before?.get(at) ?? 0);
      }
    }
    return outcome;
  }

  private settle(request: Request, at: number, outcome: Applied, use: KeyUse, was: number): void {
    const { gaps, changes, keyspace } = this.parts;
    const { buf } = request;
    const start = request.start[at];
    const end = request.end[at];
    const isHeld = this.holds(buf, start, end);
    if (!this.isInside(buf, start, end)) {
      if (isHeld) keyspace.delete(buf, start, end, 0); // MSET of keys inside and outside
      return;
    }
    if (outcome === "refused") gaps().add(buf, start, end);
    else if (isHeld || isGone(use)) gaps().fill(buf, start, end);
    if (isHeld || outcome === "refused") changes.happened(buf, start, end, "set");
    else if (was === EXPIRED) changes.happened(buf, start, end, "expired");
    else if (was !== ABSENT || isGone(use)) changes.happened(buf, start, end, "deleted");
  }

  private stateBefore(command: Command, request: Request): Map<number, number> {
    const { buf, start, end } = request;
    const states = new Map<number, number>();
    this.forEachWritten(command, request, (at) => {
      states.set(at, this.stateOf(buf, start[at], end[at]));
    });
    return states;
  }

  private stateOf(key: Uint8Array, start: number, end: number): number {
    if (!this.holds(key, start, end)) return ABSENT;
    const { expiresAt } = this.store;
    return expiresAt !== 0 && expiresAt <= wallClockMs() ? EXPIRED : LIVE;
  }

  private makeRoomFor(command: Command, request: Request): void {
    const { buf, start, end, argc } = request;
    const key = command.firstKey;
    let bytes = end[argc - 1] - start[key] + itemOverheadBytes * argc;
    // What grows is written anew, what is copied comes again.
    if (this.holds(buf, start[key], end[key])) bytes += this.store.valueLength;
    this.makeRoom(buf, start[key], end[key], bytes);
  }

  /** A command of another type, or an unknown one: it may put another value in a string's place. */
  private runStranger(request: Request, database: number): Applied {
    const { parts } = this;
    const { buf, start, end, argc } = request;
    const held: number[] = [];
    parts.keyspace.select(parts.database);
    if (parts.changes.areWanted && database === parts.database) {
      for (let at = 1; at < argc; at++) if (this.holds(buf, start[at], end[at])) held.push(at);
    }
    const outcome = parts.run(request, database, false);
    parts.keyspace.select(parts.database);
    for (const at of held) {
      if (this.holds(buf, start[at], end[at])) continue;
      parts.changes.happened(buf, start[at], end[at], "deleted");
    }
    return outcome;
  }

  // ---- single keys ------------------------------------------------------------------------------

  private isKey({ buf, start, end, argc }: Request, at: number): boolean {
    return at < argc && this.isInside(buf, start[at], end[at]);
  }

  private holds(key: Uint8Array, start: number, end: number): boolean {
    return end - start <= keyBytesMax && this.store.find(key, start, end, 0);
  }

  /** The leader has removed the key. */
  private drop({ buf, start, end }: Request, at: number): Applied {
    const { keyspace, gaps, changes } = this.parts;
    keyspace.delete(buf, start[at], end[at], 0);
    gaps().fill(buf, start[at], end[at]);
    changes.happened(buf, start[at], end[at], "deleted");
    return "applied";
  }

  /** The leader has a value under the key that cannot be known here. */
  private lose({ buf, start, end }: Request, at: number): Applied {
    const { keyspace, gaps, changes } = this.parts;
    keyspace.delete(buf, start[at], end[at], 0);
    gaps().add(buf, start[at], end[at]);
    changes.happened(buf, start[at], end[at], "set");
    return "refused";
  }

  private forEachWritten(command: Command, request: Request, visit: (at: number) => void): void {
    const argc = command.keyArguments(request);
    for (const use of command.uses) {
      if (!writesTo(use)) continue;
      for (let at = nextIn(use.range, 0, argc); at !== 0; at = nextIn(use.range, at, argc)) {
        visit(at);
      }
    }
  }
}

// What a key was before a command.
const ABSENT = 0;
const LIVE = 1;
const EXPIRED = 2;

/** Whether the leader lacks a key that the command has left absent here. */
function isGone(use: KeyUse): boolean {
  return removes(use) || use.words.startsWith("OW") || /delete|variable_flags/.test(use.words);
}

function isScript(command: Command): boolean {
  return otherTypeOf(command.name) === "script";
}

/** SET and MSETEX with KEEPTTL: the new item has the old one's time. */
function keepsTime(command: Command, request: Request): boolean {
  if (command.name !== "set" && command.name !== "msetex") return false;
  for (let i = 3; i < request.argc; i++) if (argumentIs(request, i, "KEEPTTL")) return true;
  return false;
}
