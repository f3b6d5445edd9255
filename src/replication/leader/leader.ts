// The leading side of replication: accepts followers, decides between partial and full sync, keeps
// the journal on while a link reads it, and hands its bytes to all links. A follower has one too,
// for chains: then the journal has its leader's bytes, and this node must not add to it.
// Invariants: `journal.needed` is the lowest offset that any link has to read in the journal, so
// that no unread byte is overwritten unnoticed; the tail (stream-tail.ts) has what links need
// before that, and nothing else; whenever the journal was off, its replid is new.
//
// A full sync that a follower serves to another runs beside its own stream: walks.ts.

import { tmpdir } from "node:os";
import type { Clock } from "../../base/clock.ts";
import { attempt } from "../../base/errors.ts";
import { followerBufferBytesMax, journalIdleMsMax } from "../../base/limits.ts";
import type { LinkPeer, LinkSocket, SnapshotContents } from "../../base/link.ts";
import type { Logger } from "../../base/log.ts";
import { boundOfFollower, type OutputBound } from "../../base/output-bound.ts";
import { reasonOf } from "../../base/reason.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import { type Journal, noDatabase } from "../../journal/journal.ts";
import type { Request } from "../../protocol/request.ts";
import { Garbage } from "../collection.ts";
import type { History } from "../history.ts";
import { Snapshot } from "../snapshot.ts";
import { Traffic } from "../traffic.ts";
import { FollowerLink, type LinkOwner } from "./follower-link.ts";
import { JoinLink } from "./join-link.ts";
import { JournalAge } from "./journal-age.ts";
import { lagging } from "./lagging.ts";
import type { Begun, LeaderParts, Reader } from "./leader-parts.ts";
import { StreamedFeed } from "./snapshot-feed.ts";
import { Spool } from "./spool.ts";
import { StreamTail } from "./stream-tail.ts";
import { Walks } from "./walks.ts";

const pingSecondsDefault = 10;
const ownLoopRefusal = "NOMASTERLINK Can't SYNC: you follow a node that follows you";
const encoder = new TextEncoder();
const pingBytes = encoder.encode("*1\r\n$4\r\nPING\r\n");
const getackBytes = encoder.encode("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");

export class LeaderReplication implements LinkOwner {
  readonly journal: Journal;
  readonly tail: StreamTail;
  readonly log: Logger;
  readonly clock: Clock;
  readonly followerBufferBytes: number;
  readonly trouble: RecurringTrouble;
  readonly traffic: Traffic;
  readonly heldReports = { bytes: 0 };
  awakeSinceMs = 0;
  disconnected = 0;
  fullSyncs = 0;
  partialSyncs = 0;
  partialSyncsRefused = 0;
  /** Emitted when a follower has acknowledged or its link has ended. */
  onFollowersChange: (() => void) | null = null;
  /** Emitted when a follower has acknowledged more than before. */
  onAcknowledged: (() => void) | null = null;
  /** Adds nothing of its own to the stream: a failover asks once, and counts from there. */
  isQuiet = false;
  private readonly parts: LeaderParts;
  private readonly age = new JournalAge();
  private readonly garbage = new Garbage();
  private readonly linkTable = new Map<number, FollowerLink>();
  private readonly joins = new Set<JoinLink>();
  private readonly walks: Walks;
  private spool: Spool | null = null;
  private lastPingMs: number;
  private idleSinceMs: number;

  constructor(parts: LeaderParts) {
    this.parts = parts;
    this.journal = parts.journal;
    this.tail = new StreamTail(parts.journal);
    this.followerBufferBytes = parts.followerBufferBytes ?? followerBufferBytesMax;
    this.walks = new Walks(parts.upstream, parts.changedKeys, this.followerBufferBytes);
    this.traffic = parts.traffic ?? new Traffic();
    this.log = parts.log;
    this.clock = parts.clock;
    this.trouble = new RecurringTrouble(parts.log, () => parts.clock.monotonicMs());
    this.lastPingMs = parts.clock.monotonicMs();
    this.idleSinceMs = this.lastPingMs;
    this.journal.pressure = () => this.relieve();
  }

  /** Links in the order of their arrival. */
  get links(): FollowerLink[] {
    return [...this.linkTable.values()];
  }

  get joinCount(): number {
    return this.joins.size;
  }

  private get readers(): Reader[] {
    return [...this.linkTable.values(), ...this.joins];
  }

  get followerBound(): OutputBound {
    return this.parts.followerBound?.() ?? boundOfFollower(this.followerBufferBytes);
  }

  get history(): History {
    return this.parts.history;
  }

  // ---- accepting --------------------------------------------------------------------------------

  /** Answers `PSYNC replid wanted`, whose `wanted` counts from 1, and owns the connection. */
  psync(socket: LinkSocket, peer: LinkPeer, replid: string, wanted: number): FollowerLink {
    return this.accept(socket, peer, replid, wanted, false);
  }

  /** Answers SYNC: a snapshot and the stream after it, for a reader that acknowledges nothing. */
  sync(socket: LinkSocket, peer: LinkPeer): FollowerLink {
    return this.accept(socket, peer, "?", -1, true);
  }

  private accept(
    socket: LinkSocket,
    peer: LinkPeer,
    replid: string,
    wanted: number,
    isMute: boolean,
  ): FollowerLink {
    const present = this.linkTable.get(peer.id);
    if (present !== undefined) return present; // a second PSYNC on a link is ignored, as in Redis
    const link = new FollowerLink(this, this.traffic.counted(socket), peer, isMute);
    const { upstream, history } = this.parts;
    if (!upstream.isServing) {
      const isOwn = this.parts.seekers?.hear(peer.replconf.seekers ?? "") === true;
      if (isOwn) link.refuse(ownLoopRefusal, true);
      else link.refuse("NOMASTERLINK Can't SYNC while not connected with my master");
      return link;
    }
    this.linkTable.set(peer.id, link);
    const refusal = this.refusalToResume(replid, wanted);
    if (refusal === "") {
      this.partialSyncs++;
      link.resume(wanted - 1, history.replid);
      this.updateNeeded();
    } else {
      if (replid !== "?") {
        this.partialSyncsRefused++;
        const fields = { event: "follower-link", offset: wanted, reason: refusal } as const;
        this.trouble.happened("refusal", `${link.name}: no partial sync: ${refusal}`, fields);
      }
      this.fullSyncs++;
      this.fullSync(link).catch((error) => {
        link.drop(`no full sync: ${reasonOf(error)}`, true);
      });
    }
    return link;
  }

  join(socket: LinkSocket): JoinLink {
    this.activate();
    this.journal.enter();
    const position = this.beginReading();
    this.journal.leave();
    const { parts, garbage } = this;
    const removed = (link: JoinLink) => this.left(link);
    const counted = this.traffic.counted(socket);
    const link = new JoinLink({ ...parts, garbage, removed }, counted, position);
    this.joins.add(link);
    this.updateNeeded();
    link.begin();
    return link;
  }

  /** What a partial sync lacks, the same past or all bytes since; "" if nothing. */
  private refusalToResume(replid: string, wanted: number): string {
    const { history, journal } = this.parts;
    if (replid === "?") return "it asks for none";
    const position = wanted - 1;
    if (!history.covers(replid, wanted)) {
      const { replid2, secondOffset } = history;
      const second = secondOffset < 0 ? "" : `, before it ${replid2} up to ${secondOffset - 1}`;
      const here = `here is ${history.replid} up to ${journal.offset}${second}`;
      return `it has history ${replid} up to ${position}, ${here}`;
    }
    if (journal.active && position >= journal.first && position <= journal.offset) return "";
    const held = journal.active ? `holds ${journal.first} to ${journal.offset}` : "is off";
    return `it needs offset ${position}, the journal ${held}`;
  }

  private async fullSync(link: FollowerLink): Promise<void> {
    this.activate();
    if (link.peer.replconf.eof) return this.streamTo(link);
    const spool = this.spoolFor(link.peer.replconf);
    link.spool = spool;
    const feed = spool.feed();
    link.announce(spool.offset, spool.replid);
    this.updateNeeded();
    try {
      if ((await spool.whole) !== null) await link.send(feed);
    } finally {
      if (this.spool === spool) this.spool = null; // it is whole, or nobody wanted it
      await feed.close();
    }
  }

  private async streamTo(link: FollowerLink): Promise<void> {
    const { offset, snapshot } = this.snapshot(link.peer.replconf.contents);
    link.announce(offset, this.history.replid);
    this.updateNeeded();
    const leave = this.walks.follow({ snapshot, drop: (reason) => link.drop(reason) });
    await link.send(new StreamedFeed(snapshot, this.parts.afterGroup)).finally(leave);
  }

  /** Followers that ask while others still wait share one file. */
  private spoolFor({ contents = "everything" }: LinkPeer["replconf"]): Spool {
    if (contents !== "everything") return this.makeSpool(contents);
    const present = this.spool;
    const isShared = present !== null && !present.isComplete && this.waitsFor(present);
    this.spool = isShared && present.replid === this.history.replid ? present : this.makeSpool();
    return this.spool;
  }

  private makeSpool(contents: SnapshotContents = "everything"): Spool {
    const { offset, snapshot } = this.snapshot(contents);
    const spool: Spool = new Spool({
      directories: this.parts.spoolDirectories?.() ?? [tmpdir()],
      snapshot,
      replid: this.history.replid,
      offset,
      isWanted: () => this.waitsFor(spool),
      afterGroup: this.parts.afterGroup,
    });
    const leave = this.walks.follow({
      snapshot,
      drop: (reason) => {
        for (const link of this.links) if (link.spool === spool) link.drop(reason);
      },
    });
    spool.whole.then(leave, leave);
    return spool;
  }

  private waitsFor(spool: Spool): boolean {
    for (const link of this.linkTable.values()) {
      if (link.spool === spool && link.state === "wait_snapshot") return true;
    }
    return false;
  }

  // ---- snapshots --------------------------------------------------------------------------------

  /** A command of the leader's stream is about to be applied. */
  changing(request: Request, database: number): void {
    this.walks.changing(request, database);
  }

  /** From here on a reader gets the journal's bytes; effects of our own begin with a SELECT. */
  private beginReading(): number {
    const position = this.journal.mark();
    if (!this.parts.upstream.isFollower) this.journal.selected = noDatabase;
    return position;
  }

  /**
   * Under all locks, as the databases are at its offset: a write that began while the journal was
   * off is not in the stream, and holds its shard until its item, perhaps its database's first, is.
   */
  private snapshot(contents: SnapshotContents = "everything"): Begun {
    const { store, clock, history, upstream, serverVersion, journal, libraries } = this.parts;
    const taken = store.lockShards(store.allShards);
    journal.enter();
    const offset = this.beginReading();
    const { streamDatabase } = upstream;
    const point = { replid: history.replid, offset, streamDatabase, journal };
    const snapshot = new Snapshot(store, clock, point, serverVersion, libraries?.texts(), contents);
    journal.leave();
    store.unlockShards(taken);
    return { offset, snapshot };
  }

  // ---- the journal ------------------------------------------------------------------------------

  /** Turns the journal on for the first reader: none has what was written while it was off. */
  private activate(): void {
    const { journal, history } = this;
    if (journal.active) return;
    history.fresh();
    journal.start(journal.offset);
    const { offset } = journal;
    const { replid } = history;
    const fields = { event: "journal", isOn: true, offset, replid } as const;
    this.log.info(`journal on at offset ${offset}, history ${replid}`, fields);
  }

  /** A follower's journal stays on: promotion and chains need it. */
  private deactivateIfIdle(now: number): void {
    const { journal } = this;
    if (this.linkTable.size + this.joins.size > 0 || this.parts.upstream.isFollower) {
      this.idleSinceMs = now;
    } else if (journal.active && now - this.idleSinceMs >= journalIdleMsMax) {
      journal.stop();
      this.history.fresh();
      const fields = { event: "journal", isOn: false, idleMs: journalIdleMsMax } as const;
      this.log.info(`journal off: no follower for ${journalIdleMsMax} ms`, fields);
    }
  }

  /** Sends what was recorded in this turn. */
  flush(): void {
    if (this.linkTable.size + this.joins.size === 0) return;
    for (const reader of this.readers) reader.pump();
    if (this.joins.size > 0) this.boundJoins();
    this.relieve();
  }

  /** All followers share one bound; of those that joined, the furthest behind ends first. */
  private boundJoins(): void {
    while (this.joins.size > 0 && this.queuedBytes > this.followerBufferBytes) {
      const most = [...this.joins].reduce((a, b) => (b.queuedBytes > a.queuedBytes ? b : a));
      most.drop(`${most.queuedBytes} bytes of changed keys and frames wait for it`);
    }
  }

  /**
   * Called in the middle of an append too, which would overwrite bytes that some link has not
   * taken.
   */
  private relieve(): void {
    for (const join of this.joins) if (this.isFarBehind(join.position)) join.absorb();
    this.updateNeeded();
    while (this.isFarBehind(this.lowestInJournal()) && this.tail.extend(this.lowestPosition())) {
      for (const link of this.linkTable.values()) link.checkBounds();
    }
    this.updateNeeded();
  }

  /** An append makes room for at most a quarter of the ring, so at half there is time to react. */
  private isFarBehind(position: number): boolean {
    return this.journal.offset - position > this.journal.capacity / 2;
  }

  /** Of the links that follow by PSYNC. */
  private lowestPosition(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { position } of this.linkTable.values()) lowest = Math.min(lowest, position);
    return lowest;
  }

  /** The offset from which on the journal must have what these links need. */
  private lowestInJournal(): number {
    const lowest = this.lowestPosition();
    return this.tail.has(lowest) ? this.tail.end : lowest;
  }

  private updateNeeded(): void {
    this.tail.trim(this.lowestPosition());
    let needed = this.lowestInJournal();
    for (const { position } of this.joins) needed = Math.min(needed, position);
    this.journal.needed = needed;
  }

  /** Memory of followers' queues: their own, and what is kept of the stream for all of them. */
  get queuedBytes(): number {
    let bytes = this.tail.bytes;
    for (const { queuedBytes } of this.linkTable.values()) bytes += queuedBytes;
    for (const { queuedBytes } of this.joins) bytes += queuedBytes;
    return bytes + this.walks.keptBytes;
  }

  // ---- time -------------------------------------------------------------------------------------

  /** Once a second. */
  tick(): void {
    const now = this.clock.monotonicMs();
    for (const reader of this.readers) reader.tick();
    if (!this.isQuiet) this.ping(now);
    this.noteAge(now);
    this.deactivateIfIdle(now);
    this.flush();
  }

  private noteAge(now: number): void {
    const { active, first, offset } = this.journal;
    if (active) this.age.note(now, first, offset);
    else this.age.forget();
  }

  /** A PING is part of the stream; a follower forwards its leader's. */
  private ping(now: number): void {
    const seconds = this.parts.pingSeconds?.() ?? pingSecondsDefault;
    if (now - this.lastPingMs < 1000 * seconds) return;
    this.lastPingMs = now;
    if (this.linkTable.size > 0) this.emit(pingBytes);
  }

  /** Adds bytes to the stream that are not an effect. */
  private emit(bytes: Uint8Array): void {
    if (this.parts.upstream.isFollower || !this.journal.active) return;
    this.journal.append(bytes, 0, bytes.length);
  }

  // ---- links ------------------------------------------------------------------------------------

  removed(link: FollowerLink): void {
    if (this.linkTable.get(link.peer.id) !== link) return;
    this.linkTable.delete(link.peer.id);
    this.updateNeeded();
    this.idleSinceMs = this.clock.monotonicMs();
    this.onFollowersChange?.();
  }

  private left(link: JoinLink): void {
    this.joins.delete(link);
    this.updateNeeded();
    this.idleSinceMs = this.clock.monotonicMs();
  }

  /** Ends the followers' links: they reconnect and learn the new name of the history. */
  dropFollowers(reason: string): void {
    for (const link of this.links) link.drop(reason);
  }

  /** Ends JOIN links too, which cannot resume: called when the data are replaced. */
  dropAll(reason: string): void {
    for (const reader of this.readers) reader.drop(reason);
  }

  // ---- acknowledgements -------------------------------------------------------------------------

  acknowledged(_link: FollowerLink, hasMore: boolean): void {
    if (hasMore) this.onAcknowledged?.();
    this.onFollowersChange?.();
  }

  /** How many online followers have acknowledged everything up to `offset`. */
  acknowledgedBy(offset: number): number {
    let count = 0;
    for (const { state, acknowledgedOffset, isCopy } of this.linkTable.values()) {
      if (state === "online" && acknowledgedOffset >= offset && !isCopy) count++;
    }
    return count;
  }

  acknowledgedOffsets(): readonly number[] {
    const offsets: number[] = [];
    for (const { state, acknowledgedOffset, isCopy } of this.linkTable.values()) {
      if (state === "online" && !isCopy) offsets.push(acknowledgedOffset);
    }
    return offsets.sort((a, b) => b - a);
  }

  /** A sentence for each follower that lacks bytes up to `offset`, also during a full sync. */
  lagging(offset: number): string[] {
    return lagging(this.links, [...this.joins], offset);
  }

  /** How many online followers acknowledged within this many seconds. */
  goodFollowers(lagSecondsMax: number): number {
    let count = 0;
    for (const link of this.linkTable.values()) {
      if (link.state === "online" && !link.isCopy && link.lagSeconds <= lagSecondsMax) count++;
    }
    return count;
  }

  /** Seconds since the oldest byte of the journal was written. */
  get journalSeconds(): number {
    return this.journal.active ? this.age.seconds(this.clock.monotonicMs()) : 0;
  }

  /** Asks all followers to acknowledge now instead of within a second. */
  requestAcknowledgements(): void {
    if (!this.isQuiet) this.askFollowers();
  }

  /** The same for the failover, which is why nobody else may. */
  askFollowers(): void {
    if (this.linkTable.size === 0) return;
    // FAILOVER may stand in the middle of an EXEC, which ends without a wait.
    if (this.journal.isOpen) return queueMicrotask(() => this.askLater());
    this.emit(getackBytes);
    this.flush();
  }

  private askLater(): void {
    attempt(this.parts.fault, "replication", () => this.askFollowers());
  }
}
