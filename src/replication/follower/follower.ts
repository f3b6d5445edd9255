// The following side of replication: keeps one connection to a leader and makes this node its copy.
// It executes no command itself, and decides nothing about roles: that is replication.ts.
//
//   off --follow()--> connect --its time has come--> connecting --connected--> handshake
//   handshake --+CONTINUE--> connected
//   handshake --+FULLRESYNC--> sync --the new data are shown--> connected
//   connecting, handshake, sync, connected --failure, silence--> connect (after a wait, jittered)
//   any --stop()--> off
//
// After a connection fails, it reconnects within seconds. If the leader's bytes are at fault (a
// refused snapshot, or a stream that cannot be followed), the next attempt is likely to fail in the
// same way after another full sync: these waits double up to minutes, until a calm period.
//
// Invariants: at most one connection is alive, and events of an earlier one are ignored; history
// and journal describe what the store serves, or there are none. A full sync (full-sync.ts) that
// breaks off leaves the old data with what describes them, or none: data, replid and offset change
// together. So a part of it can neither be resumed nor be served as if it were whole.

import { formatAddress } from "../../base/address.ts";
import { assert, SyncError } from "../../base/errors.ts";
import { heldStreamBytesMax, linkSilenceMsMax, settlingBytesMax } from "../../base/limits.ts";
import type { LogFields } from "../../base/log.ts";
import { RdbError } from "../../rdb/format.ts";
import { Garbage } from "../collection.ts";
import { LeaderTalk } from "../tree/leader-talk.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { Attempts, type Move } from "./attempts.ts";
import { CountedHolds } from "./counted-holds.ts";
import type { FollowerParts } from "./follower-parts.ts";
import { FullSync } from "./full-sync.ts";
import { Handshake, type Outcome } from "./handshake.ts";
import { Dials, LeaderConnection } from "./leader-connection.ts";
import { LeaderStream } from "./leader-stream.ts";
import type { SnapshotReceiver } from "./snapshot-receiver.ts";

export type FollowerState = "off" | "connect" | "connecting" | "handshake" | "sync" | "connected";

const transitions: Readonly<Record<FollowerState, readonly FollowerState[]>> = {
  off: ["connect"],
  connect: ["connecting", "off"],
  connecting: ["handshake", "connect", "off"],
  handshake: ["sync", "connected", "connect", "off"],
  sync: ["connected", "connect", "off"],
  connected: ["connect", "off"],
};

export class Follower {
  state: FollowerState = "off";
  host = "";
  port = 0;
  /** The process stood still before this time: silence counts from here. */
  awakeSinceMs = 0;
  /** Kinds of values that the last full sync skipped, and items that the store refused. */
  lastSkipped: ReadonlyMap<string, number> = new Map();
  lastRefused = 0;
  readonly talk: LeaderTalk;
  private readonly parts: FollowerParts;
  /** The next PSYNC asks the other side to promote itself. */
  private isFailover = false;
  private readonly dials = new Dials();
  private readonly garbage = new Garbage();
  private connection: LeaderConnection | null = null;
  private handshake: Handshake | null = null;
  private sync: FullSync | null = null;
  private stream: LeaderStream | null = null;
  private selectedDatabase = 0;
  private readonly freezes = new CountedHolds(() => this.updateFreeze());
  private readonly holds = new CountedHolds(() => this.updateFreeze());
  private lastBytesMs = 0;
  private loadBeganMs = 0;
  private readonly acknowledgements: Acknowledgements;
  /** When the last link was lost; null before the first one. */
  private downSinceMs: number | null = null;
  private readonly attempts: Attempts;
  private retryTimer: Timer | null = null;

  constructor(parts: FollowerParts) {
    const now = () => parts.clock.monotonicMs();
    this.parts = parts;
    this.attempts = new Attempts({ log: parts.log, random: parts.random, now });
    this.talk = new LeaderTalk(() => parts.treeReport?.() ?? "");
    this.acknowledgements = new Acknowledgements(now, () => this.acknowledge());
  }

  // ---- what others may know ---------------------------------------------------------------------

  get isActive(): boolean {
    return this.state !== "off";
  }

  get isUp(): boolean {
    return this.state === "connected";
  }

  get streamDatabase(): number {
    return this.stream?.database ?? this.selectedDatabase;
  }

  /** Commands of the present link for databases, types and names that this node does not have. */
  get skippedCommands(): number {
    return this.stream?.skipped ?? 0;
  }

  /** Items and commands since the last full sync began that had no room here. */
  get refusedItems(): number {
    return this.stream?.refused ?? this.lastRefused;
  }

  /** Bytes of the stream that were read and not applied. */
  get readAheadBytes(): number {
    return (this.sync ?? this.stream)?.waitingBytes ?? 0;
  }

  get lastBytesSecondsAgo(): number {
    return this.isUp ? this.secondsSince(this.lastBytesMs) : -1;
  }

  /** -1 while this node has never been connected to a leader, as in Redis. */
  get downSeconds(): number {
    return this.downSinceMs === null ? -1 : this.secondsSince(this.downSinceMs);
  }

  get syncProgress(): { total: number; received: number; secondsAgo: number } | null {
    if (this.sync === null) return null;
    const { totalBytes, receivedBytes } = this.sync.receiver;
    const secondsAgo = this.secondsSince(this.lastBytesMs);
    return { total: Math.max(0, totalBytes), received: receivedBytes, secondsAgo };
  }

  /** The progress of a snapshot load; null before its first byte, and without a load. */
  get loadProgress() {
    if (this.sync === null || !(this.isLoading || this.isLoadingBeside)) return null;
    const { receivedBytes: loadedBytes } = this.sync.receiver;
    const totalBytes = Math.max(0, this.sync.receiver.totalBytes);
    const elapsedMs = this.parts.clock.monotonicMs() - this.loadBeganMs;
    const startedAtMs = this.parts.clock.wallMs() - elapsedMs;
    return { startedAtMs, elapsedMs, totalBytes, loadedBytes };
  }

  private secondsSince(ms: number): number {
    return Math.max(0, Math.floor((this.parts.clock.monotonicMs() - ms) / 1000));
  }

  // ---- orders -----------------------------------------------------------------------------------

  follow(host: string, port: number, isFailover = false): void {
    if (this.state === "off") this.downSinceMs = null;
    this.stop("another leader");
    this.isFailover = isFailover;
    this.host = host;
    this.port = port;
    this.attempts.reset();
    this.parts.seekers?.startOver();
    this.transition("connect", `following ${formatAddress(this)}`);
    this.connect();
  }

  /** Makes this node a follower of that leader, but connects only at begin(). */
  standBy(host: string, port: number): void {
    assert(this.state === "off", "a node stands by before it follows");
    this.host = host;
    this.port = port;
    this.transition("connect", `following ${formatAddress(this)} once its own data are loaded`);
  }

  begin(): void {
    assert(this.state === "connect" && this.retryTimer === null, "it stands by");
    this.connect();
  }

  /** After a restart: the database that the stream has selected where the journal resumes. */
  resumeIn(streamDatabase: number): void {
    this.selectedDatabase = streamDatabase;
  }

  stop(reason: string): void {
    if (this.state === "off") return;
    if (this.isUp) this.downSinceMs = this.parts.clock.monotonicMs();
    this.disconnect();
    this.isFailover = false;
    this.transition("off", reason);
  }

  /** Freezes the data between two commands until the returned function is called. */
  freeze(): () => void {
    return this.freezes.take();
  }

  /**
   * The same for the stream only: a snapshot is loaded, with what of the stream belongs to it, and
   * a part of the rest is read ahead.
   */
  hold(): () => void {
    return this.holds.take();
  }

  private get isHeld(): boolean {
    return this.freezes.count + this.holds.count > 0;
  }

  private updateFreeze(): void {
    const frozen = this.isHeld;
    this.updatePause();
    this.guard(() => {
      if (this.stream !== null) this.stream.frozen = frozen;
      this.sync?.settle();
    });
    if (frozen) return;
    this.lastBytesMs = this.parts.clock.monotonicMs(); // it may have read nothing meanwhile
    this.parts.journaled();
  }

  private updatePause(): void {
    const bound = this.sync === null ? heldStreamBytesMax : settlingBytesMax;
    const isFarAhead = this.holds.count > 0 && this.readAheadBytes > bound;
    this.connection?.setPaused(this.freezes.count > 0 || isFarAhead);
  }

  /** Called once a second: acknowledges, and ends a silent link. */
  tick(): void {
    if (this.state === "off" || this.state === "connect") return;
    if (this.isUp) this.attempts.holds(`leader ${formatAddress(this)}`);
    const silentMs = this.parts.clock.monotonicMs() - Math.max(this.lastBytesMs, this.awakeSinceMs);
    if (silentMs > linkSilenceMsMax && !this.isHeld) {
      this.fail(`silent for ${Math.round(silentMs)} ms`);
    } else if (this.acknowledgements.areDue) {
      if (this.state === "connected") this.acknowledgements.make();
      else if (this.state === "sync") this.connection?.write("\n"); // a sign of life
    }
    if (this.isUp && this.connection !== null) this.talk.tell(this.connection);
  }

  // ---- the connection ---------------------------------------------------------------------------

  private connect(): void {
    this.retryTimer = null;
    this.transition("connecting", "");
    this.lastBytesMs = this.parts.clock.monotonicMs();
    const events = {
      opened: () => this.guard(() => this.opened(connection), connection),
      received: (chunk: Uint8Array) => this.guard(() => this.received(chunk), connection),
      closed: (reason: string) => this.guard(() => this.fail(reason), connection),
    };
    const connection = new LeaderConnection(events, this.dials, this.garbage);
    this.connection = connection;
    connection.open(this.host, this.port, { tls: this.parts.tls?.() ?? null });
  }

  /**
   * Runs work for a connection if it is still the present one; broken input ends the connection.
   */
  private guard(work: () => void, connection = this.connection): void {
    if (connection !== this.connection) return;
    try {
      work();
    } catch (error) {
      // Bun would take it for the connection's end, and the next one would bring the same bytes.
      if (!(error instanceof RdbError) && !(error instanceof SyncError)) {
        return this.parts.fault(error, "replication");
      }
      this.cannotFollow(error.message);
    }
  }

  private cannotFollow(reason: string): void {
    if (this.state === "connected") this.forgetHistory(reason);
    const waitMs = this.attempts.waitMsAfterMisfit();
    const { misfits } = this.attempts;
    const times = misfits === 1 ? "" : `, ${misfits} times in a row`;
    this.retry(reason, waitMs);
    this.parts.log.warn(
      `cannot follow ${formatAddress(this)}${times}: ${reason}; what this node serves stays as it is ` +
        `until a full sync succeeds, and the next attempt is in ${waitMs} ms`,
      { event: "leader-link", leader: formatAddress(this), reason, waitMs, times: misfits },
    );
    this.parts.failed?.(reason);
  }

  /** The stream cannot be followed from here: the applied data are no longer a known state. */
  private forgetHistory(reason: string): void {
    this.parts.journal.stop();
    this.parts.history.fresh();
    this.parts.historyReplaced(`the leader's stream cannot be followed: ${reason}`);
  }

  private fail(reason: string): void {
    const { state } = this;
    const move = this.retry(reason, this.attempts.waitMs());
    if (this.isInLoop) this.parts.log.debug(move.line, move.fields);
    else this.attempts.tell(state, reason, move);
    this.parts.failed?.(reason);
  }

  /** Ends the connection and plans the next one; returns the transition. */
  private retry(reason: string, waitMs: number): Move {
    if (this.isUp) this.downSinceMs = this.parts.clock.monotonicMs();
    this.disconnect();
    const move = this.move("connect", `${reason}; next attempt in ${waitMs} ms`, { waitMs });
    this.retryTimer = setTimeout(() => this.guard(() => this.connect()), waitMs);
    this.retryTimer.unref();
    return move;
  }

  private disconnect(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.acknowledgements.settle();
    this.selectedDatabase = this.streamDatabase;
    this.lastRefused = this.refusedItems;
    this.stream = null;
    this.handshake = null;
    this.talk.end();
    const { connection, sync } = this;
    this.connection = null;
    connection?.close();
    sync?.abandon();
    this.sync = null;
  }

  private opened(connection: LeaderConnection): void {
    const { journal, history, identity } = this.parts;
    this.transition("handshake", "");
    const resume = journal.active ? { replid: history.replid, offset: journal.offset } : null;
    const isFailover = this.isFailover;
    const seekers = this.parts.seekers?.tell();
    const options = { ...identity(), seekers, resume, isFailover };
    this.handshake = new Handshake(options, (command) => connection.send(command));
  }

  private received(chunk: Uint8Array): void {
    this.lastBytesMs = this.parts.clock.monotonicMs();
    this.parts.traffic.receivedBytes += chunk.length;
    let at = 0;
    if (this.handshake !== null) {
      at = this.handshake.push(chunk);
      const { outcome } = this.handshake;
      if (outcome === null) return;
      this.talk.begin(this.handshake.isOurs);
      this.handshake = null;
      this.decide(outcome);
      // Frozen, it would have to keep all that comes, or to ask for one snapshot after the other.
      this.updatePause();
    }
    if (this.sync !== null && at < chunk.length) at = this.readSnapshot(this.sync, chunk, at);
    if (at >= chunk.length) return;
    this.acknowledgements.settle();
    const { sync } = this;
    (sync ?? this.stream)?.push(at === 0 ? chunk : chunk.slice(at));
    if (sync !== null && this.sync === null) this.acknowledgements.make(); // it has said 0 before
    if (this.holds.count > 0) this.updatePause();
    this.parts.journaled();
  }

  private decide(outcome: Outcome): void {
    if (this.isFailover) {
      this.isFailover = false;
      const reason = outcome.kind === "failed" ? outcome.reason : outcome.kind;
      this.parts.failoverAnswered?.(outcome.kind !== "failed", reason);
      if (this.state === "off") return; // it was refused, and this node leads again
    }
    if (outcome.kind === "failed") this.fail(outcome.reason);
    else if (outcome.kind === "continue") this.continue(outcome.replid);
    else {
      const { replid, offset } = outcome;
      this.transition("sync", `full sync of ${replid} at offset ${offset}`, { replid, offset });
      this.beginSync(outcome);
    }
  }

  // ---- partial and full sync --------------------------------------------------------------------

  private continue(replid: string | null): void {
    const { history, journal, historyRenamed } = this.parts;
    if (replid !== null && replid !== history.replid) {
      history.shift(journal.offset, replid);
      historyRenamed("the leader goes on under a new replid");
    }
    const stream = this.openStream(this.selectedDatabase, this.lastRefused);
    const { offset } = journal;
    this.goOn(stream, `partial sync from offset ${offset}`, { offset });
  }

  /** True while the store has only a part of the new data and must not be read. */
  get isLoading(): boolean {
    return this.sync?.isLoading === true;
  }

  /** True while new data gather beside the old ones, which are served. */
  get isLoadingBeside(): boolean {
    return this.sync?.isBeside === true;
  }

  private beginSync(point: { readonly replid: string; readonly offset: number }): void {
    this.loadBeganMs = this.parts.clock.monotonicMs();
    this.sync = new FullSync(this.parts, point, {
      isFrozen: () => this.freezes.count > 0,
      openStream: ({ streamDatabase, refused }) => this.openStream(streamDatabase, refused),
      shown: (receiver, stream) => this.shown(receiver, stream),
      loadingChanged: (isLoading) => this.parts.loadingChanged?.(isLoading),
    });
  }

  private readSnapshot(sync: FullSync, chunk: Uint8Array, start: number): number {
    const isWhole = sync.receiver.done;
    const end = sync.read(chunk, start);
    if (isWhole || !sync.receiver.done) return end;
    sync.settle();
    // The leader sends no stream before it has heard from us, whatever that says.
    if (sync.receiver.usesMark) this.acknowledgements.begin();
    return end;
  }

  private shown(receiver: SnapshotReceiver, stream: LeaderStream): void {
    const { reader, refused, receivedBytes } = receiver;
    this.sync = null;
    this.lastSkipped = reader.skipped;
    this.lastRefused = refused;
    receiver.warnOfLosses(this.parts.log);
    const { items } = reader;
    const ms = Math.round(this.parts.clock.monotonicMs() - this.loadBeganMs);
    const fields = { items, bytes: receivedBytes, refused, ms };
    this.goOn(stream, `full sync done: ${items} items, ${receivedBytes} bytes`, fields);
  }

  private goOn(stream: LeaderStream, reason: string, fields: LogFields): void {
    this.transition("connected", reason, fields);
    this.attempts.connected();
    this.stream = stream;
    stream.frozen = this.isHeld;
  }

  private openStream(database: number, refused: number): LeaderStream {
    const { journal, apply, changing } = this.parts;
    const acknowledge = () => this.acknowledgements.make();
    const told = this.talk.isOn ? (text: string) => this.talk.hear(text) : null;
    const parts = { journal, database, apply, changing, acknowledge, told, refused };
    const stream = new LeaderStream(parts);
    stream.frozen = true;
    return stream;
  }

  private acknowledge(): void {
    const { journal, identity } = this.parts;
    // What is not shown yet would not be there after a promotion.
    const applied = this.isUp ? journal.offset : 0;
    const offset = identity().isCopy ? Math.max(0, applied - 1) : applied;
    this.connection?.send(["REPLCONF", "ACK", String(offset)]);
  }

  private transition(to: FollowerState, reason: string, numbers?: LogFields): void {
    const { line, fields } = this.move(to, reason, numbers);
    const isAttempt = to === "connecting" || to === "handshake";
    this.parts.log[isAttempt && this.isInLoop ? "debug" : "info"](line, fields);
  }

  /** It follows itself: the log says so once, and attempts are not worth a line. */
  private get isInLoop(): boolean {
    return (this.parts.seekers?.ownLoop ?? null) !== null;
  }

  /** Makes a transition and returns what the log says of it. */
  private move(to: FollowerState, reason: string, numbers?: LogFields): Move {
    const from = this.state;
    assert(transitions[from].includes(to), `follower ${from} -> ${to}`);
    this.state = to;
    if (from === "connected" || to === "connected") this.parts.linkChanged?.();
    const why = reason === "" ? "" : ` (${reason})`;
    const leader = formatAddress(this);
    const line = `leader ${leader}: ${from} -> ${to}${why}`;
    return { line, fields: { event: "leader-link", leader, from, to, reason, ...numbers } };
  }
}
