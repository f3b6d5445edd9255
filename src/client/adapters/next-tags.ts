// When the tags of Next.js were revalidated, as all processes know it: two records for each tag,
// with times of the system clocks. Marking a tag is one command, however many entries have it; an
// entry is judged by the records of its tags when it is read.
//
//   gone:TAG   entries up to this time must not be served
//   stale:TAG  entries up to this time may be served while they are computed anew, until another
//
// Records live in a cache that evicts, so a record that is missing must not mean "never": storing
// an entry makes the records of its tags, and without them the entry is gone. A record that is made
// anew tells against older entries, except for those of the last minute: such ones may have been
// computed beside the entry that made it, and a record is hardly evicted within a minute.
// Invariant: a record lives at least as long as any entry that was stored with its tag.

import type { Client } from "../client.ts";
import type { CommandCall } from "../commands/call-list.ts";
import { textOf } from "./prefix-scan.ts";

export type Verdict = "fresh" | "stale" | "gone";

/** What is known of a tag. Times are milliseconds since 1970. */
export interface TagState {
  /** Whether a record is missing. */
  readonly isUnknown: boolean;
  readonly gone: number;
  readonly stale: number;
  readonly until: number;
}

export class TagRecords {
  private readonly client: Client;
  private readonly prefix: string;
  private readonly lifetimeMs: number;

  constructor(client: Client, prefix: string, lifetimeMs: number) {
    this.client = client;
    this.prefix = prefix;
    this.lifetimeMs = lifetimeMs;
  }

  /** What makes or renews the records of the tags of an entry that was computed at this time. */
  creations(tags: readonly string[], computedAt: number): CommandCall[] {
    const time = `${Math.floor(computedAt) - besidesMs}`;
    return this.keysOf(tags).flatMap((key): CommandCall[] => [
      ["SET", key, time, "NX", "PX", this.lifetimeMs],
      ["PEXPIRE", key, this.lifetimeMs],
    ]);
  }

  /** Entries up to now are gone; or stale, if they may be served for so many seconds more. */
  async mark(
    tags: readonly string[],
    now: number,
    durations?: { readonly expire?: number | undefined },
  ): Promise<void> {
    const kind = durations === undefined ? "gone" : "stale";
    const value = durations === undefined ? `${now}` : `${now} ${untilAfter(now, durations)}`;
    const calls = tags.map((tag): CommandCall => {
      return ["SET", this.keyOf(kind, tag), value, "PX", this.lifetimeMs];
    });
    for (const result of await this.client.pipeline(calls)) {
      if (result instanceof Error) throw result;
    }
  }

  /** Reads all records by one command. */
  async read(tags: readonly string[]): Promise<TagState[]> {
    if (tags.length === 0) return [];
    const reply = await this.client.atLeader(["MGET", ...this.keysOf(tags)]);
    const records = (reply as (Uint8Array | null)[]).map(timesOf);
    return tags.map((_tag, index) => {
      const [gone, stale] = [records[index], records[index + tags.length]];
      return {
        isUnknown: !gone || !stale,
        gone: gone?.[0] ?? -Infinity,
        stale: stale?.[0] ?? -Infinity,
        until: stale?.[1] ?? Infinity,
      };
    });
  }

  // --- internal ---

  private keyOf(kind: "gone" | "stale", tag: string): string {
    return `${this.prefix}${kind}:${tag}`;
  }

  private keysOf(tags: readonly string[]): string[] {
    const gone = tags.map((tag) => this.keyOf("gone", tag));
    return gone.concat(tags.map((tag) => this.keyOf("stale", tag)));
  }
}

/**
 * What the tags say of an entry that was computed at this time. `own` are those that it was stored
 * with.
 */
export function judge(
  computedAt: number,
  now: number,
  own: readonly TagState[],
  others: readonly TagState[] = [],
): Verdict {
  if (own.some(({ isUnknown }) => isUnknown)) return "gone";
  const states = [...own, ...others];
  const isGone = ({ gone, stale, until }: TagState) =>
    computedAt <= gone || (computedAt <= stale && now >= until);
  if (states.some(isGone)) return "gone";
  return states.some(({ stale }) => computedAt <= stale) ? "stale" : "fresh";
}

// --- internal ---

/** How long before an entry others may have been computed that were stored after it. */
const besidesMs = 60_000;

function untilAfter(now: number, { expire }: { readonly expire?: number | undefined }): number {
  return expire === undefined ? Infinity : now + expire * 1000;
}

function timesOf(record: Uint8Array | null): number[] | null {
  return record === null ? null : textOf(record).split(" ").map(Number);
}
