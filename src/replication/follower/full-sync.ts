// A full sync of a follower, from the head of the snapshot until what it brought is shown: at first
// the snapshot (snapshot-receiver.ts), whose items go beside the old data or in their place
// (snapshot-load.ts), then as much of the stream as belongs to it. The connection is not its own.
//
//   reading --the snapshot is complete--> settling --the stream has reached its offset--> over
//   any --abandon()--> over
//
// A leader of ours makes a snapshot while it writes, and names the offset at which it was done: the
// items are a state that the leader had only with the stream up to there. Before that a transaction
// may be in them by half. A Redis names none, as its snapshot is that of one moment.
//
// While old data are served, that part of the stream waits in memory, and is applied in the turn in
// which the new data take their place. Where there are none, or where it is longer than
// settlingBytesMax, it is applied as it comes, behind LOADING.
//
// Invariants: nobody reads the new data before they are settled; until then journal and history
// describe the old data, or nobody can resume from them or be served by them.

import { SyncError } from "../../base/errors.ts";
import { settlingBytesMax } from "../../base/limits.ts";
import type { FollowerParts } from "./follower-parts.ts";
import type { LeaderStream } from "./leader-stream.ts";
import { SnapshotLoad } from "./snapshot-load.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";

/** What the leader has said of the snapshot: its history, and the offset at which it begins. */
export interface SyncPoint {
  readonly replid: string;
  readonly offset: number;
}

export interface FullSyncEvents {
  /** Whether the data have to stand still. Call settle() when they need not any more. */
  isFrozen(): boolean;
  /** A frozen stream, for what follows the snapshot. */
  openStream(receiver: SnapshotReceiver): LeaderStream;
  /** The data are shown. */
  shown(receiver: SnapshotReceiver, stream: LeaderStream): void;
  loadingChanged(isLoading: boolean): void;
}

export class FullSync {
  /** True while the store has a part of the new data alone, and must not be read. */
  isLoading = false;
  readonly receiver: SnapshotReceiver;
  private readonly point: SyncPoint;
  private readonly parts: FollowerParts;
  private readonly events: FullSyncEvents;
  private readonly load: SnapshotLoad;
  /** What follows the snapshot; null while that is read. */
  private stream: LeaderStream | null = null;
  /** The new data are in their place, and the journal goes on behind them. */
  private isPlaced = false;

  constructor(parts: FollowerParts, point: SyncPoint, events: FullSyncEvents) {
    this.parts = parts;
    this.point = point;
    this.events = events;
    const { store, keyspace, libraries, selection, refusesOtherTypes } = parts;
    const discarded = (reason: string, isComplete: boolean) => this.discarded(reason, isComplete);
    this.load = new SnapshotLoad(store, keyspace, discarded, libraries, selection);
    this.receiver = new SnapshotReceiver(this.load, {
      refusesOtherTypes: refusesOtherTypes?.(),
      valueBytesMax: store.valueBytesMax,
      databases: store.databases.count,
    });
  }

  /** True while the new data gather beside the old ones, which are served. */
  get isBeside(): boolean {
    return this.load.state === "beside";
  }

  /** Bytes of the stream that were read and not applied. */
  get waitingBytes(): number {
    return this.stream?.waitingBytes ?? 0;
  }

  /** Takes bytes from `start` on; returns where the snapshot ended, or the chunk's length. */
  read(chunk: Uint8Array, start: number): number {
    if (this.stream !== null) return start;
    if (this.isLoading) return this.take(chunk, start); // no script can have begun
    // Bytes may still come after a freeze; what was frozen must not be replaced, nor what a script
    // reads that is suspended.
    const { apply } = this.parts;
    if (this.events.isFrozen() || apply.enter?.() === false) {
      throw new SyncError("no snapshot is loaded while this node's data have to stand still");
    }
    try {
      return this.take(chunk, start);
    } finally {
      apply.leave?.();
    }
  }

  /** Takes the stream that follows the snapshot. */
  push(chunk: Uint8Array): void {
    this.stream?.push(chunk);
    this.settle();
  }

  /** Shows the new data as soon as the stream has brought what belongs to them. */
  settle(): void {
    const { stream, missingBytes } = this;
    if (stream === null || this.events.isFrozen()) return;
    const waits = this.isBeside && missingBytes <= settlingBytesMax;
    if (waits && stream.waitingBytes < missingBytes) return;
    const { apply, journal } = this.parts;
    if (apply.enter?.() === false) return; // a script was suspended: the stream is about to be held
    try {
      if (apply.atOnce === undefined) this.apply(stream);
      else apply.atOnce(() => this.apply(stream));
    } finally {
      apply.leave?.();
    }
    if (journal.offset >= this.load.settlesAt) this.show(stream);
  }

  /** Drops what is not shown: the old data remain, or none. */
  abandon(): void {
    this.load.abandon();
    if (this.isPlaced) this.forget("a full sync broke off");
    this.setLoading(false);
  }

  // --- internal ---

  private take(chunk: Uint8Array, start: number): number {
    let at = start;
    try {
      at = this.receiver.push(chunk, start);
    } finally {
      this.load.rest(); // broken input ends the link, not the process
    }
    if (this.receiver.done) this.stream = this.events.openStream(this.receiver);
    return at;
  }

  /** Bytes of the stream that belong to the snapshot. */
  private get missingBytes(): number {
    return this.load.settlesAt - this.point.offset;
  }

  /** Under the locks of all shards: others find what was there before, or LOADING, or all of it. */
  private apply(stream: LeaderStream): void {
    const { journal } = this.parts;
    const { load, missingBytes } = this;
    if (!this.isPlaced) {
      if (this.isBeside && missingBytes > settlingBytesMax) {
        load.discard(`${missingBytes} bytes of the stream belong to the snapshot`);
      }
      this.place();
    }
    try {
      stream.runTo(load.settlesAt);
    } finally {
      if (journal.offset < load.settlesAt) this.setLoading(true); // broken input among others
    }
  }

  private place(): void {
    const { history, journal, log } = this.parts;
    for (const problem of this.load.complete()) {
      log.error(`a library of the leader cannot be loaded here: ${problem}`);
    }
    history.adopt(this.point.replid);
    journal.start(this.point.offset);
    this.isPlaced = true;
  }

  private show(stream: LeaderStream): void {
    this.load.end();
    this.isPlaced = false;
    this.setLoading(false);
    this.events.shown(this.receiver, stream);
  }

  /** Called right before the old data are removed: their history and journal go with them. */
  private discarded(reason: string, isComplete: boolean): void {
    const { dataReplaced, log } = this.parts;
    this.forget("this node loads another snapshot");
    dataReplaced?.();
    if (isComplete) return;
    log.info(`${reason}: commands get -LOADING until the snapshot is complete`);
    this.setLoading(true);
  }

  private forget(reason: string): void {
    const { journal, history, historyReplaced } = this.parts;
    journal.stop();
    history.fresh();
    historyReplaced(reason);
  }

  private setLoading(isLoading: boolean): void {
    if (isLoading === this.isLoading) return;
    this.isLoading = isLoading;
    this.events.loadingChanged(isLoading);
  }
}
