// The log of refused commands and logins of one data thread, as ACL LOG shows it: repetitions of
// the same within a while are one entry that counts them (redis 7.0 acl.c, addACLLogEntry). ACL LOG
// joins the logs of all threads.
// Invariant: neither the number of entries nor their bytes exceed their bounds.

import {
  denialGroupEntries,
  denialGroupMsMax,
  denialLogBytesMax,
  denialObjectBytesMax,
} from "../../base/limits.ts";
import type { Denial } from "../core/access-control.ts";

/** What the logs of all threads share. */
export interface DenialBounds {
  /** How many entries each keeps. */
  readonly denialsMax: number;
  nextDenialId(): number;
}

const entryOverheadBytes = 256;

export class DenialLog {
  /** Newest first. */
  private entries: Denial[] = [];
  private bytes = 0;
  private readonly bounds: DenialBounds;

  constructor(bounds: DenialBounds) {
    this.bounds = bounds;
  }

  add(denial: Omit<Denial, "count" | "id">): void {
    const object = denial.object.slice(0, denialObjectBytesMax);
    const user = denial.user.slice(0, denialObjectBytesMax);
    this.insert({ ...denial, object, user, count: 1, id: this.bounds.nextDenialId() });
    this.trim();
  }

  private insert(denial: Denial): void {
    const at = findSame(this.entries, denial);
    if (at < 0) {
      this.entries.unshift(denial);
      this.bytes += bytesOf(denial);
      return;
    }
    const [present] = this.entries.splice(at, 1);
    this.bytes += denial.client.length - present.client.length;
    joinTo(present, denial);
    this.entries.unshift(present);
  }

  private trim(): void {
    const { denialsMax } = this.bounds;
    while (this.entries.length > denialsMax || this.bytes > denialLogBytesMax) {
      const oldest = this.entries.pop();
      if (oldest === undefined) return;
      this.bytes -= bytesOf(oldest);
    }
  }

  report(): readonly Denial[] {
    this.trim();
    return this.entries;
  }

  reset(): void {
    this.entries = [];
    this.bytes = 0;
  }
}

function bytesOf({ object, user, client }: Denial): number {
  return object.length + user.length + client.length + entryOverheadBytes;
}

function findSame(entries: readonly Denial[], denial: Denial): number {
  const near = entries.slice(0, denialGroupEntries);
  return near.findIndex(
    ({ reason, context, object, user, atMs }) =>
      reason === denial.reason &&
      context === denial.context &&
      object === denial.object &&
      user === denial.user &&
      Math.abs(atMs - denial.atMs) <= denialGroupMsMax,
  );
}

/** The entry then tells of the later of the two. */
function joinTo(entry: Denial, { count, id, atMs, client }: Denial): void {
  entry.count += count;
  entry.id = id;
  entry.atMs = atMs;
  entry.client = client;
}

/** The entries of several threads as one log, newest first. */
export function joinLogs(logs: readonly (readonly Denial[])[]): Denial[] {
  const all = logs.flat().sort((a, b) => a.id - b.id);
  const joined: Denial[] = [];
  for (const entry of all) {
    const at = findSame(joined, entry);
    const [present] = at < 0 ? [{ ...entry }] : joined.splice(at, 1);
    if (at >= 0) joinTo(present, entry);
    joined.unshift(present);
  }
  return joined;
}
