// Replication as the node sees it: one object that leads, follows, and reports its state. It joins
// the two sides (leader.ts, follower.ts) over one journal and one history, and changes roles.
//
//   leader --replicaof()--> follower --noOne()--> leader
//
// Invariant: exactly while this node follows, effects are muted and the store neither expires nor
// evicts by itself: the journal then holds the leader's bytes and nothing else.

import { tmpdir } from "node:os";
import { type Address, formatAddress } from "../base/address.ts";
import { type Clock, monotonicMs, wallClockMs } from "../base/clock.ts";
import { attempt, type Fault } from "../base/errors.ts";
import { snapshotGroupMsMax } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import type { OutputBound } from "../base/output-bound.ts";
import { doneWithin } from "../base/patience.ts";
import type { FailoverOrder, RoleReport } from "../base/role.ts";
import { Signal } from "../base/signal.ts";
import type { TlsLink } from "../base/tls-link.ts";
import { redisVersion } from "../base/version.ts";
import type { Effects } from "../journal/effects.ts";
import { type Journal, noDatabase } from "../journal/journal.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import type { Apply, ChangedKeys } from "../protocol/apply-stream.ts";
import type { Store } from "../store/store.ts";
import { Failover } from "./failover.ts";
import { Follower } from "./follower/follower.ts";
import { History, randomReplid } from "./history.ts";
import { LeaderReplication } from "./leader/leader.ts";
import { Waiters } from "./leader/waiters.ts";
import type { LibraryData } from "./library-data.ts";
import { OffsetWaits } from "./offset-waits.ts";
import {
  counterLines,
  type InfoLine,
  infoLines,
  memoryOf,
  type ReplicationMemory,
} from "./replication-info.ts";
import { ReplicationTree } from "./replication-tree.ts";
import { Traffic } from "./traffic.ts";
import { LoopNotice } from "./tree/loop-notice.ts";
import { Seekers } from "./tree/seekers.ts";
import { shortId } from "./tree/tree-report.ts";

const tickMs = 1_000;
/** How often a node that ends looks whether its followers have everything. */
const catchUpPollMs = 5;
/** A tick this late means that the process stood still: it was stopped, or its machine slept. */
const stoppedMsMin = 5 * tickMs;
const priorityDefault = 100;
const systemClock: Clock = { wallMs: wallClockMs, monotonicMs };

export interface ReplicationOptions {
  /** The port, and the address if not empty, that this node announces to its leader. */
  readonly listeningPort: number;
  readonly announceIp: string;
  /** The user to log in as; empty: the leader's user `default`. */
  readonly leaderUser: string;
  /** The password for the leader; empty for none. */
  readonly leaderAuth: string;
  /** How to connect to it by TLS; null or absent: without it. */
  readonly tls?: TlsLink | null;
  /** Sentinel orders candidates by this, 100 by default; 0 is never promoted. */
  readonly priority?: number;
  /** How far a follower may fall behind the journal. */
  readonly followerBufferBytes?: number;
  /** The bound of a single follower within that. */
  readonly followerBound?: OutputBound;
  /** How many followers writes need; 0: none. */
  readonly minFollowersToWrite?: number;
  /** Seconds within which each of them must have acknowledged; 0: writes need none. */
  readonly minFollowersMaxLag?: number;
  /** Between two PINGs in the stream. */
  readonly pingSeconds?: number;
  /** Whether a snapshot with types other than strings is refused; otherwise these are left out. */
  readonly refusesOtherTypes?: boolean;
  /** The folder of snapshots, for the file of a full sync if the temporary folder has no room. */
  readonly snapshotDirectory?: string;
}

export interface ReplicationParts {
  readonly store: Store;
  readonly keyspace: Keyspace;
  /** The libraries of functions, if the node has any. */
  readonly libraries?: LibraryData;
  readonly journal: Journal;
  readonly effects: Effects;
  readonly history?: History;
  readonly log: Logger;
  readonly fault: Fault;
  readonly clock?: Clock;
  /** Called at each use, because some options may change while the node runs. */
  readonly options: () => ReplicationOptions;
  readonly apply: Apply;
  /** Which keys a command of the stream may change. */
  readonly changedKeys: ChangedKeys;
  readonly onLoadingChange?: (isLoading: boolean) => void;
  /** Stops and resumes writes; when it returns, none is under way. */
  readonly pauseWrites?: (isPaused: boolean) => void;
  /** Resolves when no script is suspended in the middle of its effects. */
  readonly betweenGroups?: () => Promise<void>;
  readonly random?: () => number;
  /** Tells this node from others in the replication tree; default: a random one. */
  readonly runId?: string;
}

export class Replication {
  /** Emitted with the leader that this node follows from now on; null: it is the leader. */
  readonly roleChanged = new Signal<Address | null>();
  /** Emitted when the link to the leader or the number of good followers may have changed. */
  readonly standingChanged = new Signal();
  /** Emitted right before a full sync removes all data: a walk over them must stop. */
  readonly dataReplaced = new Signal();
  readonly history: History;
  readonly traffic = new Traffic();
  readonly leader: LeaderReplication;
  readonly follower: Follower;
  readonly failover: Failover;
  readonly waiters: Waiters;
  readonly offsetWaits: OffsetWaits;
  readonly tree: ReplicationTree;
  private readonly parts: ReplicationParts;
  private readonly timer: Timer;
  private standsStill = false;
  private tickedMs = Number.POSITIVE_INFINITY;
  private readonly seekers: Seekers;
  private readonly loopNotice: LoopNotice;

  constructor(parts: ReplicationParts) {
    this.parts = parts;
    this.history = parts.history ?? new History();
    const { journal, fault } = parts;
    const offset = () => journal.offset;
    this.offsetWaits = new OffsetWaits({ history: this.history, offset, fault });
    const { clock = systemClock } = parts;
    const id = shortId(parts.runId ?? randomReplid());
    this.seekers = new Seekers(id, () => clock.monotonicMs());
    this.loopNotice = new LoopNotice(parts.log);
    this.follower = this.makeFollower();
    this.leader = this.makeLeader();
    this.waiters = new Waiters(this.leader, fault);
    this.failover = this.makeFailover();
    this.tree = new ReplicationTree({
      id,
      seekers: this.seekers,
      follower: this.follower,
      links: () => this.leader.links,
      offset,
    });
    this.leader.onFollowersChange = () => this.standingChanged.emit();
    this.leader.onAcknowledged = () => this.acknowledged();
    this.timer = setInterval(() => attempt(fault, "replication", () => this.tick()), tickMs);
    this.timer.unref();
  }

  private makeFollower(): Follower {
    const { store, keyspace, libraries, journal, log, apply, options, random } = this.parts;
    const { clock = systemClock } = this.parts;
    return new Follower({
      store,
      keyspace,
      libraries,
      journal,
      history: this.history,
      traffic: this.traffic,
      log,
      fault: this.parts.fault,
      clock,
      apply,
      random: random ?? Math.random,
      identity: () => identityOf(options()),
      tls: () => options().tls ?? null,
      refusesOtherTypes: () => options().refusesOtherTypes === true,
      historyRenamed: (reason) => this.leader.dropFollowers(reason),
      historyReplaced: (reason) => this.leader.dropAll(reason),
      journaled: () => this.flush(),
      changing: (request, database) => this.leader.changing(request, database),
      treeReport: () => this.tree.report(),
      seekers: this.seekers,
      loadingChanged: this.parts.onLoadingChange,
      dataReplaced: () => this.dataReplaced.emit(),
      linkChanged: () => {
        this.offsetWaits.check();
        this.standingChanged.emit();
      },
      failoverAnswered: (accepted, reason) => this.failover.answered(accepted, reason),
    });
  }

  private makeLeader(): LeaderReplication {
    const { store, libraries, journal, log, fault, options, changedKeys } = this.parts;
    const { betweenGroups = () => Promise.resolve() } = this.parts;
    const { clock = systemClock } = this.parts;
    const { follower, history, traffic, seekers } = this;
    return new LeaderReplication({
      store,
      libraries,
      journal,
      history,
      traffic,
      log,
      fault,
      clock,
      changedKeys,
      seekers,
      serverVersion: redisVersion,
      followerBufferBytes: options().followerBufferBytes,
      followerBound: () => options().followerBound,
      pingSeconds: () => options().pingSeconds,
      afterGroup: async () => {
        await doneWithin(snapshotGroupMsMax, betweenGroups());
      },
      upstream: {
        get isFollower() {
          return follower.isActive;
        },
        get isServing() {
          return !follower.isActive || follower.isUp;
        },
        get streamDatabase() {
          return follower.isActive ? follower.streamDatabase : 0;
        },
      },
      spoolDirectories: () => {
        const { snapshotDirectory = "" } = options();
        return snapshotDirectory === "" ? [tmpdir()] : [tmpdir(), snapshotDirectory];
      },
    });
  }

  private makeFailover(): Failover {
    const { log, journal, pauseWrites, apply } = this.parts;
    const atOnce = apply.atOnce ?? ((work: () => void) => work());
    return new Failover({
      log,
      fault: this.parts.fault,
      links: () => this.leader.links,
      offset: () => journal.mark(),
      requestAcknowledgements: () => this.leader.askFollowers(),
      pauseWrites: (isPaused) => {
        this.leader.isQuiet = isPaused || this.standsStill;
        pauseWrites?.(isPaused);
      },
      demote: ({ host, port }) => atOnce(() => this.replicaof(host, port, true)),
      promote: () => atOnce(() => this.noOne()),
    });
  }

  private acknowledged(): void {
    this.waiters.acknowledged();
    this.failover.check();
  }

  // ---- roles ------------------------------------------------------------------------------------

  get isFollower(): boolean {
    return this.follower.isActive;
  }

  get isLoading(): boolean {
    return this.follower.isLoading;
  }

  /** `host:port` of the leader that this node follows, or null. */
  get leaderAddress(): Address | null {
    const { isActive, host, port } = this.follower;
    return isActive ? { host, port } : null;
  }

  /** Follows that leader from now on; false if it already does. */
  replicaof(host: string, port: number, isFailover = false): boolean {
    const { follower } = this;
    if (follower.isActive && follower.host === host && follower.port === port) return false;
    const { effects, store } = this.parts;
    effects.muted = true;
    store.expires = false;
    this.leader.dropFollowers(`this node follows ${formatAddress({ host, port })} now`);
    this.waiters.releaseAll("role changed");
    follower.follow(host, port, isFailover);
    this.roleChanged.emit({ host, port });
    return true;
  }

  /** Makes this node a follower before its data are loaded; begin() then connects to the leader. */
  standBy({ host, port }: Address): void {
    const { effects, store } = this.parts;
    effects.muted = true;
    store.expires = false;
    this.follower.standBy(host, port);
  }

  begin(): void {
    this.follower.begin();
  }

  /**
   * Becomes a leader. Data and offset stay; followers reconnect and resume under the new replid.
   */
  noOne(): void {
    const { follower, history } = this;
    if (!follower.isActive) return;
    const { effects, store, journal } = this.parts;
    follower.stop("promoted to leader");
    if (journal.active) history.shift(journal.offset);
    else history.fresh();
    journal.selected = noDatabase;
    effects.muted = false;
    store.expires = true;
    this.leader.dropFollowers("this node is a leader now");
    this.offsetWaits.check();
    this.roleChanged.emit(null);
  }

  /** Begins a failover; why it cannot, or "". Texts are Redis's. */
  beginFailover(order: FailoverOrder): string {
    if (this.failover.isActive) return "FAILOVER already in progress.";
    if (this.isFollower) return "FAILOVER is not valid when server is a replica.";
    if (this.leader.links.length === 0) return "FAILOVER requires connected replicas.";
    if (order.force && (order.target === null || order.timeoutMs === 0)) {
      return "FAILOVER with force option requires both a timeout and target HOST and IP.";
    }
    return this.failover.begin(order);
  }

  abortFailover(): string {
    if (!this.failover.isActive) return "No failover in progress.";
    this.failover.abort("Failover manually aborted");
    return "";
  }

  /** Why this follower may not be promoted at the request of the leader of that history, or "". */
  refusalToTakeOver(replid: string): string {
    if (!this.isFollower) return "PSYNC FAILOVER can't be sent to a master.";
    const isOurs = replid.toLowerCase() === this.history.replid;
    return isOurs ? "" : "PSYNC FAILOVER replid must match my replid.";
  }

  /** Whether this is a follower that has lost its leader. */
  get isStale(): boolean {
    return this.follower.isActive && !this.follower.isUp;
  }

  /** How many followers count for --min-followers-to-write; -1 if writes need none. */
  get goodFollowers(): number {
    const { minFollowersToWrite = 0, minFollowersMaxLag = 0 } = this.parts.options();
    const isAsked = minFollowersToWrite > 0 && minFollowersMaxLag > 0;
    return isAsked ? this.leader.goodFollowers(minFollowersMaxLag) : -1;
  }

  /** Whether this is a leader with fewer good followers than its writes need. */
  get lacksFollowers(): boolean {
    const { goodFollowers, isFollower } = this;
    const { minFollowersToWrite = 0 } = this.parts.options();
    return !isFollower && goodFollowers >= 0 && goodFollowers < minFollowersToWrite;
  }

  // ---- time -------------------------------------------------------------------------------------

  /** Everything before it has been applied here. */
  get offset(): number {
    return this.parts.journal.offset;
  }

  /** Called at the end of each turn in which effects were recorded. */
  flush(): void {
    this.leader.flush();
    this.offsetWaits.check();
  }

  /** Once a second; called by the object's own timer. */
  tick(): void {
    const now = (this.parts.clock ?? systemClock).monotonicMs();
    if (now - this.tickedMs > stoppedMsMin) {
      // Input that arrived meanwhile must be read first.
      this.follower.awakeSinceMs = now;
      this.leader.awakeSinceMs = now;
    }
    this.tickedMs = now;
    this.follower.tick();
    this.leader.tick();
    this.tree.tellWay();
    this.loopNotice.tell(this.tree.ownLoop, this.follower);
    this.offsetWaits.check();
    this.standingChanged.emit();
  }

  // ---- the end ----------------------------------------------------------------------------------

  /**
   * Keeps the stream from growing after the last write of this node, or of its leader, until the
   * returned function is called. The caller pauses the writes of clients.
   */
  standStill(): () => void {
    if (this.failover.state === "waiting-for-sync") this.failover.abort("shutting down");
    const thaw = this.follower.freeze();
    this.standsStill = true;
    this.leader.isQuiet = true;
    return () => {
      this.standsStill = false;
      this.leader.isQuiet = this.failover.isActive;
      thaw();
    };
  }

  /** The leader's stream is not applied until the returned function is called. */
  holdStream(): () => void {
    return this.follower.hold();
  }

  /**
   * Waits until all followers have said that they have everything, those of a full sync too, as in
   * Redis. Resolves to sentences about those that had not in time.
   */
  async catchUp(timeoutMs: number, signal: AbortSignal): Promise<string[]> {
    const deadline = monotonicMs() + timeoutMs;
    const mark = this.parts.journal.mark();
    this.leader.flush();
    this.leader.askFollowers();
    for (;;) {
      const lagging = this.leader.lagging(mark);
      if (lagging.length === 0 || signal.aborted || monotonicMs() >= deadline) return lagging;
      await Bun.sleep(catchUpPollMs);
    }
  }

  close(): void {
    clearInterval(this.timer);
    if (this.failover.isActive) this.failover.abort("shutting down");
    this.waiters.releaseAll("gone");
    this.offsetWaits.endAll("gone");
    this.follower.stop("shutting down");
    this.leader.dropAll("shutting down");
  }

  // ---- reports ----------------------------------------------------------------------------------

  role(): RoleReport {
    const { offset } = this.parts.journal;
    const { state, host, port } = this.follower;
    if (state !== "off") {
      const applied = state === "connected" ? offset : -1;
      return { role: "follower", host, port, state, offset: applied };
    }
    const online = this.leader.links.filter((link) => link.state === "online" && !link.isCopy);
    const followers = online.map((link) => ({
      ip: link.ip,
      port: link.port,
      offset: link.acknowledgedOffset,
    }));
    return { role: "leader", offset, followers };
  }

  /** INFO's section `replication`. */
  infoLines(): InfoLine[] {
    const { journal, options } = this.parts;
    const { goodFollowers, failover } = this;
    return infoLines(this.leader, this.follower, journal, {
      tree: this.tree,
      priority: options().priority ?? priorityDefault,
      failover: failover.state,
      goodFollowers,
    });
  }

  memory(): ReplicationMemory {
    return memoryOf(this.leader);
  }

  /** INFO's fields about replication in its section `stats`. */
  counterLines(): InfoLine[] {
    return counterLines(this.leader);
  }
}

function identityOf(options: ReplicationOptions): {
  listeningPort: number;
  announceIp: string;
  user: string;
  password: string;
} {
  const { listeningPort, announceIp, leaderUser, leaderAuth } = options;
  return { listeningPort, announceIp, user: leaderUser, password: leaderAuth };
}
