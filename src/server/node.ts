// The node: what commands see of the process that runs them (command/node.ts), built from the store,
// the replication and the data threads. It lives in the control thread.

import { monotonicMs, wallClockMs } from "../clock.ts";
import type { ClientFilter, ClientReport, Node, RoleReport } from "../command/node.ts";
import type { Session } from "../command/session.ts";
import type { Config } from "../config.ts";
import type { ErrorReply } from "../errors.ts";
import { setLogLevel } from "../log.ts";
import type { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import { infoText } from "./info.ts";
import { Settings } from "./settings.ts";
import type { SharedState } from "./shared-state.ts";
import type { Threads } from "./threads.ts";

/** What is built after the node because it needs the node. */
export interface Wiring {
  readonly threads: Threads;
  readonly replication: Replication;
}

export class ServerNode implements Node {
  readonly runId: string;
  port: number;
  private readonly store: Store;
  private readonly state: SharedState;
  private readonly settings: Settings;
  private readonly startedMs: number;
  private wiring: Wiring | null = null;
  private peakMemoryBytes = 0;
  private operations = { count: 0, perSecond: 0 };

  constructor(config: Config, store: Store, state: SharedState, runId: string) {
    this.runId = runId;
    this.port = 0;
    this.store = store;
    this.state = state;
    this.startedMs = monotonicMs();
    this.settings = new Settings(config, (before, after) => this.applyConfig(before, after));
  }

  wire(wiring: Wiring): void {
    this.wiring = wiring;
  }

  private get parts(): Wiring {
    if (this.wiring === null) throw new Error("the node is used before it is wired");
    return this.wiring;
  }

  // ---- read by every command -------------------------------------------------------------------

  get isFollower(): boolean {
    return this.state.isFollower;
  }

  get isLoading(): boolean {
    return this.state.isLoading;
  }

  get password(): string {
    return this.settings.config.requirePass;
  }

  get config(): Config {
    return this.settings.config;
  }

  // ---- configuration ---------------------------------------------------------------------------

  configGet(patterns: readonly string[]): [string, string][] {
    return this.settings.get(patterns);
  }

  configSet(pairs: readonly (readonly [string, string])[]): ErrorReply | null {
    const problem = this.settings.set(pairs);
    if (problem === null) this.parts.threads.configChanged(this.config);
    return problem;
  }

  /** Puts a changed configuration into force; a sentence says why it cannot be. */
  private applyConfig(before: Config, after: Config): string | null {
    if (after.maxMemory !== before.maxMemory && !this.store.setLimit(after.maxMemory)) {
      return "the limit is above the memory that was reserved at start (--reserve)";
    }
    if (after.eviction !== before.eviction) this.store.setEviction(after.eviction);
    if (after.maxValueSize !== before.maxValueSize) this.store.setValueLimit(after.maxValueSize);
    if (after.logLevel !== before.logLevel) setLogLevel(after.logLevel);
    return null;
  }

  // ---- clients and statistics --------------------------------------------------------------------

  clients(filter: ClientFilter): Promise<ClientReport[]> {
    return this.parts.threads.clients(filter);
  }

  killClients(filter: ClientFilter): Promise<number> {
    return this.parts.threads.kill(filter);
  }

  async info(sections: readonly string[]): Promise<string> {
    const { threads, replication } = this.parts;
    const counted = await threads.statistics();
    const store = this.store.statistics();
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, store.memoryUsedBytes);
    return infoText(
      {
        config: this.config,
        runId: this.runId,
        port: this.port,
        uptimeMs: monotonicMs() - this.startedMs,
        nowMs: wallClockMs(),
        isLoading: this.isLoading,
        threads: counted,
        operationsPerSecond: this.operations.perSecond,
        peakMemoryBytes: this.peakMemoryBytes,
        store,
        replication: replication.infoLines(),
        replicationCounters: replication.counterLines(),
      },
      sections,
    );
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

  follow(host: string, port: number): boolean {
    return this.parts.replication.replicaof(host, port);
  }

  unfollow(): void {
    this.parts.replication.noOne();
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
