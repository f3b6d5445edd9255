// The data threads, as the control thread sees them: it asks all of them together. With one data
// thread, which is the control thread itself, LocalThreads answers at once.

import type { Link, LinkSocket } from "../../base/link.ts";
import { fits } from "../../command/connection/client-filter.ts";
import type { Denial } from "../../command/core/access-control.ts";
import type { CommandCount } from "../../command/core/command-statistics.ts";
import type { ClientFilter, ClientReport, Clients } from "../../command/core/node.ts";
import type { Channels, Message } from "../../command/messages/channels.ts";
import { commands } from "../../command/table.ts";
import type { Session } from "../../command/terms/session.ts";
import type { CommandTimes } from "../../command/timing/command-times.ts";
import { sizesOf } from "../connection/client-sizes.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import {
  addDisconnections,
  type Disconnections,
  noDisconnections,
} from "../connection/disconnections.ts";
import { ListenError } from "../connection/listen-error.ts";
import type { ServerTls } from "../connection/listener.ts";
import { type Bound, type Endpoints, Listeners } from "../connection/listeners.ts";
import type { Move } from "../connection/rebinding.ts";
import { TurnHistogram } from "../connection/turns.ts";
import type { Enforcement } from "../security/node-users.ts";
import { enforceUsers, losersAmong } from "./enforcement.ts";
import { answerTimes, type TimeQuestions } from "./time-questions.ts";

/** The counters of the data threads since the start or the last reset. */
export interface ThreadStatistics {
  connections: number;
  /** Connections whose command a pause holds. */
  held: number;
  connectionsReceived: number;
  connectionsRejected: number;
  commandsProcessed: number;
  bytesReceived: number;
  bytesSent: number;
  /** To sockets of clients. */
  writes: number;
  disconnected: Disconnections;
  /** The largest of one client in the last seconds. */
  recentInputBytes: number;
  recentOutputBytes: number;
  turns: TurnHistogram;
  commands: CommandCount[];
  /** Error replies, by their first word. */
  errors: ReadonlyMap<string, number>;
}

export interface Threads extends Clients {
  /** Starts to listen; for port 0, the system chooses one. */
  listen(endpoints: Endpoints): Promise<Bound>;
  /**
   * Listens elsewhere as well; settleListening() ends the one or the other. A sentence says why
   * that fails, and nothing has changed.
   */
  relisten(move: Move): Promise<Bound | string>;
  /** Whether the new sockets are kept, or the old ones. */
  settleListening(isKept: boolean): Promise<void>;
  /** Shows other certificates to new clients. */
  renewTls(tls: ServerTls): void;
  statistics(): Promise<ThreadStatistics>;
  /** The same by thread. With Workers, the control thread is the first. */
  statisticsByThread(): Promise<readonly ThreadStatistics[]>;
  /** The same at once: of other threads than this, what they told last. */
  statisticsNow(): ThreadStatistics;
  resetStatistics(): void;
  /** The answer of each thread. */
  askTimes<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): Promise<TimeQuestions[Name]["answer"][]>;
  /** The same at once; null if there are other threads. */
  timesNow<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): TimeQuestions[Name]["answer"][] | null;
  resetSlowLog(): void;
  /** Resolves when all threads have done what every client must see done. */
  settle(): Promise<unknown>;
  /** Resolves when no thread owes so many messages that a PUBLISH waits. */
  roomForMessages(): Promise<void>;
  /**
   * Has all threads judge by changed users, ends the connections of those that are gone, and of
   * subscribers that lost a channel. No answer goes out before that is done.
   */
  enforce(enforcement: Enforcement): void;
  /** The logs of refused commands of all threads. */
  denials(): Promise<Denial[]>;
  resetDenials(): Promise<void>;
  /** Delivers a published message to the connections with these ids. */
  deliver(receivers: ReadonlySet<number>, message: Message): void;
  /** Accepts no more connections; open ones stay. */
  stopListening(): Promise<void>;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
  /** The same after a fault: at once, as far as that needs no help from the threads. */
  abandon(): void;
}

export class LocalThreads implements Threads {
  private readonly connections: Connections;
  private readonly channels: Channels;
  private readonly listeners: Listeners;

  constructor(connections: Connections, channels: Channels) {
    this.connections = connections;
    this.listeners = new Listeners(connections);
    this.channels = channels;
  }

  enforce({ change, channelRules }: Enforcement): void {
    const subscribers = enforceUsers(this.connections, change, [...channelRules.keys()]);
    const ids = losersAmong(subscribers, channelRules, this.channels);
    if (ids.size > 0) killClients(this.connections, { ids });
  }

  async denials(): Promise<Denial[]> {
    return [...this.connections.access.denials.report()];
  }

  async resetDenials(): Promise<void> {
    this.connections.access.denials.reset();
  }

  async listen(endpoints: Endpoints): Promise<Bound> {
    return this.listeners.open(endpoints);
  }

  async relisten(move: Move): Promise<Bound | string> {
    return prepareListeners(this.listeners, move, false);
  }

  async settleListening(isKept: boolean): Promise<void> {
    this.listeners.settle(isKept);
  }

  renewTls(tls: ServerTls): void {
    this.listeners.renew(tls);
  }

  async list(filter: ClientFilter): Promise<ClientReport[]> {
    return reportClients(this.connections, filter);
  }

  async kill(filter: ClientFilter): Promise<number> {
    return killClients(this.connections, filter);
  }

  async statistics(): Promise<ThreadStatistics> {
    return this.statisticsNow();
  }

  async statisticsByThread(): Promise<readonly ThreadStatistics[]> {
    return [this.statisticsNow()];
  }

  statisticsNow(): ThreadStatistics {
    return threadStatistics(this.connections);
  }

  resetStatistics(): void {
    this.connections.resetStatistics();
  }

  async askTimes<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): Promise<TimeQuestions[Name]["answer"][]> {
    return this.timesNow(name, detail);
  }

  timesNow<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): TimeQuestions[Name]["answer"][] {
    return [answerTimes(timesOf(this.connections), name, detail)];
  }

  resetSlowLog(): void {
    this.timesNow("resetSlowLog", null);
  }

  deliver(receivers: ReadonlySet<number>, message: Message): void {
    this.connections.delivery.deliver(receivers, message);
  }

  takeOver(session: Session, open: (socket: LinkSocket) => Link): void {
    const connection = this.connections.get(session.id);
    connection?.takeOver(open(connection));
  }

  async settle(): Promise<void> {}

  async roomForMessages(): Promise<void> {}

  async stopListening(): Promise<void> {
    this.listeners.stop();
  }

  async close(): Promise<void> {
    this.abandon();
  }

  abandon(): void {
    this.listeners.stop(true);
  }
}

/** The commands that a client can name. */
const named = commands.flatMap((command) => [command, ...command.subcommands]);

// ---- one thread's answers -----------------------------------------------------------------------

export function reportClients(connections: Connections, filter: ClientFilter): ClientReport[] {
  return select(connections, filter).map((connection) => {
    const { session } = connection;
    const isHeld = connections.thread.held.has(session.id);
    const queued = session.transaction?.requests.length ?? -1;
    return { session, queued, isHeld, sizes: sizesOf(connection) };
  });
}

/** A sentence says why it cannot listen there. */
export function prepareListeners(
  listeners: Listeners,
  move: Move,
  reusePort: boolean,
): Bound | string {
  try {
    return listeners.prepare(move, reusePort);
  } catch (error) {
    if (error instanceof ListenError) return error.message;
    throw error;
  }
}

export function killClients(connections: Connections, filter: ClientFilter): number {
  const found = select(connections, filter);
  for (const connection of found) connection.close();
  return found.length;
}

export function timesOf({ thread }: Connections): CommandTimes {
  return thread.context.statistics.times;
}

export function threadStatistics(connections: Connections): ThreadStatistics {
  const { turns, context, held, recentPeaks, ...counters } = connections.thread;
  const { statistics } = context;
  return {
    connections: connections.count,
    held: held.count,
    connectionsReceived: connections.received,
    connectionsRejected: connections.rejected,
    commandsProcessed: counters.commandsProcessed,
    bytesReceived: counters.bytesReceived,
    bytesSent: counters.bytesSent,
    writes: counters.writes,
    disconnected: counters.disconnected,
    recentInputBytes: recentPeaks.inputBytes,
    recentOutputBytes: recentPeaks.outputBytes,
    turns,
    commands: statistics.of(named),
    errors: statistics.errors.byCode,
  };
}

/** The sum over all threads. */
export function addStatistics(all: readonly ThreadStatistics[]): ThreadStatistics {
  const turns = new TurnHistogram();
  const sum: ThreadStatistics = {
    connections: 0,
    held: 0,
    connectionsReceived: 0,
    connectionsRejected: 0,
    commandsProcessed: 0,
    bytesReceived: 0,
    bytesSent: 0,
    writes: 0,
    disconnected: noDisconnections(),
    recentInputBytes: 0,
    recentOutputBytes: 0,
    turns,
    commands: addCommands(all),
    errors: addErrors(all),
  };
  for (const one of all) {
    sum.connections += one.connections;
    sum.held += one.held;
    sum.connectionsReceived += one.connectionsReceived;
    sum.connectionsRejected += one.connectionsRejected;
    sum.commandsProcessed += one.commandsProcessed;
    sum.bytesReceived += one.bytesReceived;
    sum.bytesSent += one.bytesSent;
    sum.writes += one.writes;
    addDisconnections(sum.disconnected, one.disconnected);
    sum.recentInputBytes = Math.max(sum.recentInputBytes, one.recentInputBytes);
    sum.recentOutputBytes = Math.max(sum.recentOutputBytes, one.recentOutputBytes);
    turns.add(one.turns);
  }
  return sum;
}

function addCommands(all: readonly ThreadStatistics[]): CommandCount[] {
  const sums = new Map<string, CommandCount>();
  for (const { name, calls, usec, rejected, failed } of all.flatMap(({ commands }) => commands)) {
    const sum = sums.get(name) ?? { name, calls: 0, usec: 0, rejected: 0, failed: 0 };
    sums.set(name, sum);
    sum.calls += calls;
    sum.usec += usec;
    sum.rejected += rejected;
    sum.failed += failed;
  }
  return [...sums.values()];
}

function addErrors(all: readonly ThreadStatistics[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [code, count] of all.flatMap(({ errors }) => [...errors])) {
    sums.set(code, (sums.get(code) ?? 0) + count);
  }
  return sums;
}

function select(connections: Connections, filter: ClientFilter): Connection[] {
  return connections.all().filter(({ session }) => fits(filter, session));
}
