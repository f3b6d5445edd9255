// The snapshots that a follower sends to others beside its own leader's stream. A Redis's stream
// has commands such as INCR that must not be applied twice: so a key that is about to change is
// kept in the snapshot as it was (snapshot.ts). Does not walk: the links do.
// Bound: what one snapshot keeps is at most the queue of a follower; beyond it, its sync ends.

import type { ChangedKeys } from "../../protocol/apply-stream.ts";
import type { Request } from "../../protocol/request.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Upstream } from "./upstream.ts";

/** A walk that the stream must not run ahead of, and what ends it. */
interface Walk {
  readonly snapshot: Snapshot;
  readonly drop: (reason: string) => void;
}

export class Walks {
  private readonly upstream: Upstream;
  private readonly changedKeys: ChangedKeys;
  private readonly keptBytesMax: number;
  private readonly walks = new Set<Walk>();

  constructor(upstream: Upstream, changedKeys: ChangedKeys, keptBytesMax: number) {
    this.upstream = upstream;
    this.changedKeys = changedKeys;
    this.keptBytesMax = keptBytesMax;
  }

  /**
   * Effects of our own may be applied again: only a follower's stream heeds walks. Returns what
   * ends it.
   */
  follow(walk: Walk): () => void {
    if (this.upstream.isFollower) this.walks.add(walk);
    return () => void this.walks.delete(walk);
  }

  /** A command of the leader's stream is about to be applied. */
  changing(request: Request, database: number): void {
    if (this.walks.size === 0) return;
    for (const walk of this.walks) {
      const { snapshot } = walk;
      if (snapshot.isFinished) this.walks.delete(walk);
      else if (this.changedKeys(request, database, snapshot)?.kind === "emptied") {
        this.end(walk, "a database was flushed");
      } else if (snapshot.keptBytes > this.keptBytesMax) {
        this.end(walk, `${snapshot.keptBytes} bytes of what changed wait for it`);
      }
    }
  }

  /** What all of them keep. */
  get keptBytes(): number {
    let bytes = 0;
    for (const { snapshot } of this.walks) bytes += snapshot.keptBytes;
    return bytes;
  }

  private end(walk: Walk, reason: string): void {
    this.walks.delete(walk);
    walk.drop(`its snapshot cannot be finished: ${reason}`);
  }
}
