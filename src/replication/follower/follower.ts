// The following side of replication: keeps one connection to a leader and makes this node its copy.
// It executes no command itself, and decides nothing about roles: that is replication.ts.
//
//   off --follow()--> connect --its time has come--> connecting --connected--> handshake
//   handshake --+CONTINUE--> connected
//   handshake --+FULLRESYNC--> sync --snapshot loaded--> connected
//   connecting, handshake, sync, connected --failure, silence--> connect (after a wait, jittered)
//   any --stop()--> off
//
// After a connection fails, it reconnects within seconds. If the leader's bytes are at fault (a
// refused snapshot, or a stream that cannot be followed), the next attempt is likely to fail in the
// same way after another full sync: these waits double up to minutes, until a calm period.
//
// Invariants: at most one connection is alive, and events of an earlier one are ignored; history
// and journal describe what the store serves, or there are none. While a snapshot loads beside the
// old data (snapshot-load.ts) they describe these, so a load that breaks off changes nothing; data,
// replid and offset change together when it is complete. If the old data must go before, the
// journal is off, the history fresh and the store hidden until then, so that a part of a snapshot
// can neither be resumed nor be served as if it were whole.

import { formatAddress } from "../../base/address.ts";
import { assert, SyncError } from "../../base/errors.ts";
import { heldStreamBytesMax, linkSilenceMsMax } from "../../base/limits.ts";
import { RdbError } from "../../rdb/format.ts";
import { Garbage } from "../collection.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { Attempts } from "./attempts.ts";
import type { FollowerParts } from "./follower-parts.ts";
import { Handshake, type Outcome } from "./handshake.ts";
import { Dials, LeaderConnection } from "./leader-connection.ts";
import { LeaderStream } from "./leader-stream.ts";
import { SnapshotLoad } from "./snapshot-load.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { Wishes } from "./wishes.ts";

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
  private readonly parts: FollowerParts;
  private loadsNow = false;
  /** The next PSYNC asks the other side to promote itself. */
  private isFailover = false;
  private readonly dials = new Dials();
  private readonly garbage = new Garbage();
  private connection: LeaderConnection | null = null;
  private handshake: Handshake | null = null;
  private receiver: SnapshotReceiver | null = null;
  private load: SnapshotLoad | null = null;
  private stream: LeaderStream | null = null;
  private replid = "";
  private offset = 0;
  private selectedDatabase = 0;
  private readonly freezes = new Wishes(() => this.updateFreeze());
  private readonly holds = new Wishes(() => this.updateFreeze());
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
    return this.stream?.waitingBytes ?? 0;
  }

  get lastBytesSecondsAgo(): number {
    return this.isUp ? this.secondsSince(this.lastBytesMs) : -1;
  }

  /** -1 while this node has never been connected to a leader, as in Redis. */
  get downSeconds(): number {
    return this.downSinceMs === null ? -1 : this.secondsSince(this.downSinceMs);
  }

  get syncProgress(): { total: number; received: number; secondsAgo: number } | null {
    if (this.receiver === null) return null;
    const { totalBytes, receivedBytes } = this.receiver;
    const secondsAgo = this.secondsSince(this.lastBytesMs);
    return { total: Math.max(0, totalBytes), received: receivedBytes, secondsAgo };
  }

  /** The progress of a snapshot load; null before its first byte, and without a load. */
  get loadProgress() {
    if (this.receiver === null || !(this.isLoading || this.isLoadingBeside)) return null;
    const { receivedBytes: loadedBytes } = this.receiver;
    const totalBytes = Math.max(0, this.receiver.totalBytes);
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
    return this.freezes.make();
  }

  /** The same for the stream only: a snapshot is loaded, and a part of the stream is read ahead. */
  hold(): () => void {
    return this.holds.make();
  }

  private get isHeld(): boolean {
    return this.freezes.count + this.holds.count > 0;
  }

  private updateFreeze(): void {
    const frozen = this.isHeld;
    this.updatePause();
    this.guard(() => {
      if (this.stream !== null) this.stream.frozen = frozen;
    });
    if (frozen) return;
    this.lastBytesMs = this.parts.clock.monotonicMs(); // it may have read nothing meanwhile
    this.parts.journaled();
  }

  private updatePause(): void {
    const isFarAhead = this.holds.count > 0 && this.readAheadBytes > heldStreamBytesMax;
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
    const line = this.retry(reason, this.attempts.waitMs());
    this.attempts.tell(state, reason, line);
    this.parts.failed?.(reason);
  }

  /** Ends the connection and plans the next one; returns the line of the transition. */
  private retry(reason: string, waitMs: number): string {
    if (this.isUp) this.downSinceMs = this.parts.clock.monotonicMs();
    this.disconnect();
    const line = this.move("connect", `${reason}; next attempt in ${waitMs} ms`);
    this.retryTimer = setTimeout(() => this.guard(() => this.connect()), waitMs);
    this.retryTimer.unref();
    return line;
  }

  private disconnect(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.acknowledgements.settle();
    this.selectedDatabase = this.streamDatabase;
    this.lastRefused = this.refusedItems;
    this.stream = null;
    this.handshake = null;
    this.receiver = null;
    const connection = this.connection;
    this.connection = null;
    connection?.close();
    this.abandonLoad();
  }

  private opened(connection: LeaderConnection): void {
    const { journal, history, identity } = this.parts;
    this.transition("handshake", "");
    const resume = journal.active ? { replid: history.replid, offset: journal.offset } : null;
    const isFailover = this.isFailover;
    this.handshake = new Handshake({ ...identity(), resume, isFailover }, (command) =>
      connection.send(command),
    );
  }

  private received(chunk: Uint8Array): void {
    this.lastBytesMs = this.parts.clock.monotonicMs();
    this.parts.traffic.receivedBytes += chunk.length;
    let at = 0;
    if (this.handshake !== null) {
      at = this.handshake.push(chunk);
      const { outcome } = this.handshake;
      if (outcome === null) return;
      this.handshake = null;
      this.decide(outcome);
      // Frozen, it would have to keep all that comes, or to ask for one snapshot after the other.
      this.updatePause();
    }
    if (this.receiver !== null && at < chunk.length) at = this.receive(this.receiver, chunk, at);
    if (this.stream === null || at >= chunk.length) return;
    this.acknowledgements.settle();
    this.stream.push(at === 0 ? chunk : chunk.slice(at));
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
      this.replid = outcome.replid;
      this.offset = outcome.offset;
      this.transition("sync", `full sync of ${outcome.replid} at offset ${outcome.offset}`);
      this.beginLoad();
    }
  }

  // ---- partial and full sync --------------------------------------------------------------------

  private continue(replid: string | null): void {
    const { history, journal, historyRenamed } = this.parts;
    if (replid !== null && replid !== history.replid) {
      history.shift(journal.offset, replid);
      historyRenamed("the leader goes on under a new replid");
    }
    this.goOn(`partial sync from offset ${journal.offset}`);
  }

  /** True while the store has only a part of a snapshot and must not be read. */
  get isLoading(): boolean {
    return this.loadsNow;
  }

  /** True while a snapshot loads beside the old data, which are served. */
  get isLoadingBeside(): boolean {
    return this.load?.state === "beside";
  }

  private setLoading(isLoading: boolean): void {
    if (isLoading === this.loadsNow) return;
    this.loadsNow = isLoading;
    this.parts.loadingChanged?.(isLoading);
  }

  private beginLoad(): void {
    this.loadBeganMs = this.parts.clock.monotonicMs();
    const { store, keyspace, libraries, selection, refusesOtherTypes } = this.parts;
    const discarded = (reason: string, isComplete: boolean) => this.discardData(reason, isComplete);
    this.load = new SnapshotLoad(store, keyspace, discarded, libraries, selection);
    this.receiver = new SnapshotReceiver(this.load, {
      refusesOtherTypes: refusesOtherTypes?.(),
      valueBytesMax: store.valueBytesMax,
      databases: store.databases.count,
    });
  }

  /** Called right before the old data are removed: their history and journal go with them. */
  private discardData(reason: string, isComplete: boolean): void {
    const { journal, history, historyReplaced, dataReplaced, log } = this.parts;
    journal.stop();
    history.fresh();
    historyReplaced("this node loads another snapshot");
    dataReplaced?.();
    if (isComplete) return;
    log.info(`${reason}: commands get -LOADING until the snapshot is complete`);
    this.setLoading(true);
  }

  /**
   * Bytes may still come after a freeze; what was frozen must not be replaced, nor what a script
   * reads that is suspended.
   */
  private receive(receiver: SnapshotReceiver, chunk: Uint8Array, start: number): number {
    if (this.isLoading) return this.take(receiver, chunk, start); // no script can have begun
    const { apply } = this.parts;
    if (this.freezes.count > 0 || apply.enter?.() === false) {
      throw new SyncError("no snapshot is loaded while this node's data have to stand still");
    }
    try {
      return this.take(receiver, chunk, start);
    } finally {
      apply.leave?.();
    }
  }

  private take(receiver: SnapshotReceiver, chunk: Uint8Array, start: number): number {
    const at = this.push(receiver, chunk, start);
    if (receiver.done) this.endLoad(receiver);
    return at;
  }

  private push(receiver: SnapshotReceiver, chunk: Uint8Array, start: number): number {
    try {
      return receiver.push(chunk, start);
    } finally {
      this.load?.rest(); // broken input ends the link, not the process
    }
  }

  private endLoad(receiver: SnapshotReceiver): void {
    const { journal, history } = this.parts;
    this.receiver = null;
    const problems = this.load?.complete() ?? [];
    this.load = null;
    history.adopt(this.replid);
    journal.start(this.offset);
    this.setLoading(false);
    this.selectedDatabase = receiver.streamDatabase;
    this.lastSkipped = receiver.reader.skipped;
    this.lastRefused = receiver.refused;
    receiver.warnOfLosses(this.parts.log);
    for (const problem of problems) {
      this.parts.log.error(`a library of the leader cannot be loaded here: ${problem}`);
    }
    this.goOn(`full sync done: ${receiver.reader.items} items, ${receiver.receivedBytes} bytes`);
    if (receiver.usesMark) this.acknowledgements.begin();
  }

  private abandonLoad(): void {
    this.load?.abandon();
    this.load = null;
    this.setLoading(false);
  }

  private goOn(reason: string): void {
    const { journal, apply, changing } = this.parts;
    this.transition("connected", reason);
    this.attempts.connected();
    this.stream = new LeaderStream({
      journal,
      database: this.selectedDatabase,
      apply,
      changing,
      acknowledge: () => this.acknowledgements.make(),
      refused: this.lastRefused,
    });
    this.stream.frozen = this.isHeld;
  }

  private acknowledge(): void {
    const offset = this.parts.journal.offset - (this.parts.identity().isCopy ? 1 : 0);
    this.connection?.send(["REPLCONF", "ACK", String(offset)]);
  }

  private transition(to: FollowerState, reason: string): void {
    this.parts.log.info(this.move(to, reason));
  }

  /** Makes a transition and returns its log line. */
  private move(to: FollowerState, reason: string): string {
    const from = this.state;
    assert(transitions[from].includes(to), `follower ${from} -> ${to}`);
    this.state = to;
    if (from === "connected" || to === "connected") this.parts.linkChanged?.();
    const why = reason === "" ? "" : ` (${reason})`;
    return `leader ${formatAddress(this)}: ${from} -> ${to}${why}`;
  }
}
