// The node: what commands see of the process that runs them (command/core/node.ts), built from the store,
// the replication and the data threads. It lives in the control thread.

import { type Address, formatAddress } from "../base/address.ts";
import { monotonicMs, wallClockMs } from "../base/clock.ts";
import { type ErrorReply, errorReply, unblocked, unblockedByRole } from "../base/errors.ts";
import { log, setLogLevel } from "../base/log.ts";
import type { FailoverOrder, RoleReport } from "../base/role.ts";
import type {
  ClientFilter,
  ClientReport,
  Node,
  PauseKind,
  Snapshots,
} from "../command/core/node.ts";
import { restriction } from "../command/core/restrictions.ts";
import type { Session } from "../command/core/session.ts";
import { Channels } from "../command/pubsub/channels.ts";
import type { Config } from "../config/config.ts";
import type { Persistence } from "../persistence/persistence.ts";
import type { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import { ConfigRewriter } from "./config-rewrite.ts";
import { infoText } from "./node-info.ts";
import { ClientPause } from "./pauses.ts";
import { Settings } from "./settings.ts";
import type { SharedStanding } from "./standing.ts";
import type { Threads } from "./threads/threads.ts";

/** What is built after the node because it needs the node. */
export interface Wiring {
  /** Ends the node. */
  readonly close: (saves: boolean) => Promise<void>;
  readonly threads: Threads;
  readonly replication: Replication;
  readonly persistence: Persistence;
}

export class ServerNode implements Node {
  readonly runId: string;
  readonly channels: Channels;
  private readonly store: Store;
  private readonly standing: SharedStanding;
  private readonly settings: Settings;
  private readonly rewriter: ConfigRewriter;
  private readonly startedMs: number;
  private wiring: Wiring | null = null;
  /** The connection whose command demotes this node; 0 for none. */
  private caller = 0;
  private readonly clientPause = new ClientPause((kind) => this.applyPause(kind));
  private peakMemoryBytes = 0;
  private operations = { count: 0, perSecond: 0 };

  constructor(config: Config, store: Store, standing: SharedStanding, runId: string) {
    this.runId = runId;
    this.channels = new Channels((receivers, message) => {
      this.parts.threads.deliver(receivers, message);
    });
    this.store = store;
    this.standing = standing;
    this.startedMs = monotonicMs();
    standing.setPassword(config.requirePass);
    this.rewriter = new ConfigRewriter(config);
    this.settings = new Settings(config, (before, after) => this.applyConfig(before, after));
  }

  wire(wiring: Wiring): void {
    this.wiring = wiring;
  }

  private get parts(): Wiring {
    if (this.wiring === null) throw new Error("the node is used before it is wired");
    return this.wiring;
  }

  get config(): Config {
    return this.settings.config;
  }

  get snapshots(): Snapshots {
    return this.parts.persistence;
  }

  // ---- configuration ---------------------------------------------------------------------------

  configRewrite(): ErrorReply | null {
    const { settings, config } = this;
    if (config.configFile === "") {
      return errorReply("The server is running without a config file");
    }
    try {
      this.rewriter.rewrite(config, settings.touched, this.parts.replication.leaderAddress);
      return null;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return errorReply(`Rewriting config file: ${reason}`);
    }
  }

  configGet(patterns: readonly string[]): [string, string][] {
    const leaderAddr = this.parts.replication.leaderAddress;
    return this.settings.get(patterns, { ...this.config, leaderAddr });
  }

  configSet(pairs: readonly (readonly [string, string])[]): ErrorReply | null {
    const problem = this.settings.set(pairs);
    if (problem === null) this.parts.threads.configChanged(this.config);
    this.updateStanding();
    return problem;
  }

  /** Puts a changed configuration into force; a sentence says why it cannot be. */
  private applyConfig(before: Config, after: Config): string | null {
    if (after.maxMemory !== before.maxMemory && !this.store.setLimit(after.maxMemory)) {
      return "the limit is above the memory that was reserved at start (--reserve)";
    }
    if (after.eviction !== before.eviction) this.store.setEviction(after.eviction);
    if (after.maxValueSize !== before.maxValueSize) this.store.setValueLimit(after.maxValueSize);
    if (after.requirePass !== before.requirePass) this.standing.setPassword(after.requirePass);
    if (after.logLevel !== before.logLevel) setLogLevel(after.logLevel);
    return null;
  }

  // ---- clients and statistics --------------------------------------------------------------------

  clients(filter: ClientFilter): Promise<ClientReport[]> {
    return this.parts.threads.clients(filter);
  }

  async killClients(filter: ClientFilter): Promise<number> {
    const count = await this.parts.threads.kill(filter);
    await this.releaseGoneWaiters();
    return count;
  }

  async info(sections: readonly string[]): Promise<string> {
    const { threads, replication, persistence } = this.parts;
    const counted = await threads.statistics();
    const store = this.store.statistics();
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, store.memoryUsedBytes);
    return infoText(
      {
        config: this.config,
        runId: this.runId,
        port: this.standing.port,
        uptimeMs: monotonicMs() - this.startedMs,
        nowMs: wallClockMs(),
        persistence: persistence.info(this.standing.isLoading),
        threads: counted,
        blockedClients: replication.waiters.count,
        operationsPerSecond: this.operations.perSecond,
        channels: this.channels.channels.size,
        patterns: this.channels.patterns.size,
        peakMemoryBytes: this.peakMemoryBytes,
        store,
        replication: replication.infoLines(),
        replicationCounters: replication.counterLines(),
      },
      sections,
    );
  }

  shutDown(saves: boolean): Promise<void> {
    log.info("SHUTDOWN: shutting down");
    return this.parts.close(saves);
  }

  resetStatistics(): void {
    this.store.resetStatistics();
    this.parts.threads.resetStatistics();
    this.operations = { count: 0, perSecond: 0 };
  }

  /** Called once a second. */
  async sampleOperations(): Promise<void> {
    const { commandsProcessed } = await this.parts.threads.statistics();
    const perSecond = Math.max(0, commandsProcessed - this.operations.count);
    this.operations = { count: commandsProcessed, perSecond };
  }

  // ---- replication -----------------------------------------------------------------------------

  role(): RoleReport {
    return this.parts.replication.role();
  }

  follow(host: string, port: number, caller = 0): boolean {
    const { replication } = this.parts;
    this.caller = caller;
    const isOther = this.atOnce(() => replication.replicaof(host, port));
    this.caller = 0;
    return isOther;
  }

  /** Clients of a demoted node are closed: not everybody would notice a READONLY and look elsewhere. */
  roleChanged(leader: Address | null): void {
    const isDemoted = leader !== null && !this.standing.isFollower;
    this.standing.follow(leader && formatAddress(leader));
    this.updateExpires();
    this.updateStanding();
    if (isDemoted) void this.killClients({ kind: "normal", except: this.caller });
  }

  unfollow(): void {
    const { replication } = this.parts;
    this.atOnce(() => replication.noOne());
  }

  /** A role changes between two commands of every thread, never within one. */
  private atOnce<Result>(change: () => Result): Result {
    const taken = this.store.lockShards(this.store.allShards);
    const result = change();
    this.store.unlockShards(taken);
    return result;
  }

  // ---- failover, waits and pauses ----------------------------------------------------------------

  get isFailingOver(): boolean {
    return this.parts.replication.failover.isActive;
  }

  failover(order: FailoverOrder): ErrorReply | null {
    return errorOf(this.parts.replication.beginFailover(order));
  }

  abortFailover(): ErrorReply | null {
    return errorOf(this.parts.replication.abortFailover());
  }

  takeOverFrom(replid: string): ErrorReply | null {
    const refusal = this.parts.replication.refusalToTakeOver(replid);
    if (refusal !== "") return errorReply(refusal);
    log.info(`promoted: the leader of history ${replid} asks for it`);
    this.unfollow();
    return null;
  }

  async wait(session: Session, followers: number, timeoutMs: number): Promise<number | ErrorReply> {
    const { waiters } = this.parts.replication;
    const offset = session.lastWriteOffset;
    const outcome = await waiters.wait(session.id, followers, offset, timeoutMs);
    if (outcome === "role changed") return unblockedByRole;
    return typeof outcome === "number" ? outcome : unblocked;
  }

  unblock(id: number, withError: boolean): boolean {
    const { waiters } = this.parts.replication;
    return withError ? waiters.release(id, "unblocked") : waiters.expire(id);
  }

  /** Once a second, and after a CLIENT KILL: connections that were closed wait no more. */
  async releaseGoneWaiters(): Promise<void> {
    const { waiters } = this.parts.replication;
    const ids = waiters.sessionIds;
    if (ids.length === 0) return;
    const open = (await this.clients({ ids })).filter(({ session }) => !session.closing);
    const present = new Set(open.map(({ session }) => session.id));
    for (const id of ids) if (!present.has(id)) waiters.release(id, "gone");
  }

  pause(kind: PauseKind, ms: number): void {
    this.clientPause.pause("command", kind, ms);
  }

  unpause(): void {
    this.clientPause.resume("command");
  }

  pauseForFailover(isPaused: boolean): void {
    if (isPaused) this.clientPause.pause("failover", "writes", Number.POSITIVE_INFINITY);
    else this.clientPause.resume("failover");
  }

  /** When this returns, no thread is in the middle of a command that is held from now on. */
  private applyPause(kind: PauseKind | null): void {
    const { WRITES_PAUSED, ALL_PAUSED } = restriction;
    this.atOnce(() => {
      this.standing.restrict(WRITES_PAUSED, kind === "writes");
      this.standing.restrict(ALL_PAUSED, kind === "all");
      this.updateExpires();
    });
  }

  /** A leader's items expire and are evicted, which are writes: a pause holds them, too. */
  updateExpires(): void {
    this.store.expires = !this.standing.isFollower && !this.clientPause.isActive;
  }

  /** The bits of restrictions.ts that follow from how the node stands in its replication. */
  updateStanding(): void {
    const { replication } = this.parts;
    const { STALE, FEW_FOLLOWERS } = restriction;
    this.restrict(STALE, !this.config.staleReads && replication.isStale);
    this.restrict(FEW_FOLLOWERS, replication.lacksFollowers);
  }

  private restrict(bit: number, isSet: boolean): void {
    if (((this.standing.restrictions & bit) !== 0) !== isSet) this.standing.restrict(bit, isSet);
  }

  psync(session: Session, replid: string, offset: number): void {
    const { threads, replication } = this.parts;
    session.kind = "follower";
    threads.takeOver(session, (socket) => replication.psync(socket, session, replid, offset));
  }

  join(session: Session): void {
    const { threads, replication } = this.parts;
    session.kind = "join";
    threads.takeOver(session, (socket) => replication.join(socket));
  }

  acknowledge(session: Session, offset: number): void {
    this.parts.replication.acknowledge(session.id, offset);
  }
}

function errorOf(text: string): ErrorReply | null {
  return text === "" ? null : errorReply(text);
}
