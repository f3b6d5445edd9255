// What the leading side is made of, and what it knows of its readers. Types only, for leader.ts and
// the code that puts a node together.

import type { Clock } from "../../base/clock.ts";
import type { Fault } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { OutputBound } from "../../base/output-bound.ts";
import type { Journal } from "../../journal/journal.ts";
import type { ChangedKeys } from "../../protocol/apply-stream.ts";
import type { Store } from "../../store/store.ts";
import type { History } from "../history.ts";
import type { LibraryData } from "../library-data.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Traffic } from "../traffic.ts";
import type { Seekers } from "../tree/seekers.ts";
import type { Upstream } from "./upstream.ts";

export interface LeaderParts {
  readonly store: Store;
  readonly libraries?: LibraryData | undefined;
  readonly journal: Journal;
  readonly history: History;
  /** Counts what is sent; its own if absent. */
  readonly traffic?: Traffic;
  readonly log: Logger;
  readonly fault: Fault;
  readonly clock: Clock;
  readonly upstream: Upstream;
  /** Those that ask while this node has no leader's data. Absent: nobody asks in a circle. */
  readonly seekers?: Seekers;
  readonly changedKeys: ChangedKeys;
  readonly serverVersion: string;
  /** How far a follower may fall behind the journal. */
  readonly followerBufferBytes?: number | undefined;
  /** What one follower may need; by default all of that, and a quarter of it for a while. */
  readonly followerBound?: () => OutputBound | undefined;
  /** Between two PINGs in the stream. */
  readonly pingSeconds?: () => number | undefined;
  /**
   * Resolves when a snapshot may end: it may have half of what a long script does, and its follower
   * gets the rest only after the end of the script. Absent: at once.
   */
  readonly afterGroup?: (() => Promise<void>) | undefined;
  /** Where a snapshot may be spooled; the first that takes a file. */
  readonly spoolDirectories?: () => readonly string[];
}

/** A snapshot that has begun, and the offset at which its stream goes on. */
export interface Begun {
  readonly offset: number;
  readonly snapshot: Snapshot;
}

/** A reader of the journal. */
export interface Reader {
  readonly position: number;
  pump(): void;
  tick(): void;
  drop(reason: string): void;
}
