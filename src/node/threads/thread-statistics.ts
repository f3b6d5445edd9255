// The counters of data threads, and their sum: what INFO, the metrics and the page show. They are
// plain data, which threads post.

import type { CommandCount } from "../../command/core/command-statistics.ts";
import { commands } from "../../command/table.ts";
import type { Connections } from "../connection/connections.ts";
import {
  addDisconnections,
  type Disconnections,
  noDisconnections,
} from "../connection/disconnections.ts";
import { TurnHistogram } from "../connection/turns.ts";

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

/** The commands that a client can name. */
const named = commands.flatMap((command) => [command, ...command.subcommands]);

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
