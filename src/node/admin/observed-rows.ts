// The rows of the lists of /v1/observe/ that are not about keys: slow commands and clients, from
// the replies of their commands, and the replication tree and the threads, from the node's parts.

import { formatAddress } from "../../base/address.ts";
import { residentBytes } from "../../base/resident-memory.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import type { Branch } from "../../replication/tree/branch.ts";
import { TurnHistogram } from "../connection/turns.ts";
import type { ThreadStatistics } from "../threads/thread-statistics.ts";
import type { AdminParts } from "./admin-parts.ts";
import type {
  ClientRow,
  CurveReport,
  Follower,
  Json,
  Leader,
  ReplicationTree,
  SlowRow,
  ThreadList,
  ThreadRow,
} from "./observations.ts";
import { jsonOf } from "./reply-json.ts";

/** Of SLOWLOG GET, newest first. */
export function slowRows(reply: Reply): SlowRow[] {
  return (reply as Reply[][]).map(([id, atSeconds, usec, args, address, name]) => ({
    id: Number(id),
    atMs: Number(atSeconds) * 1000,
    usec: Number(usec),
    command: jsonOf(args) as Json[],
    address: jsonOf(address) as string,
    name: jsonOf(name) as string,
  }));
}

/** Of CLIENT LIST, under its names: those that hold the most memory first. */
export function clientRows(reply: Reply): ClientRow[] {
  const lines = new TextDecoder()
    .decode(reply as Uint8Array)
    .trimEnd()
    .split("\n");
  return lines
    .map((line) => Object.fromEntries(line.split(" ").map(fieldOf)))
    .sort((a, b) => Number(b["tot-mem"]) - Number(a["tot-mem"]));
}

/** A client may be called 007: only what is a number with all its digits becomes one. */
function fieldOf(field: string): [string, string | number] {
  const equals = field.indexOf("=");
  const [name, value] = [field.slice(0, equals), field.slice(equals + 1)];
  const isText = ["name", "user", "lib-name", "lib-ver", "cmd"].includes(name);
  return [name, !isText && /^-?\d{1,15}$/.test(value) ? Number(value) : value];
}

/** This node, those below it, and the way up, as far as they tell. */
export function replicationTree({ standing, replication }: AdminParts): ReplicationTree {
  const { leader, follower, history, tree } = replication;
  const { below, wayUp, isCircle } = tree;
  return {
    role: standing.isFollower ? "follower" : "leader",
    port: standing.port,
    offset: leader.journal.offset,
    history: history.replid,
    leader: follower.isActive ? leaderRow(follower) : null,
    above: (wayUp?.nodes ?? [])
      .slice(1)
      .map((node) => ({ address: formatAddress(node), isUp: node.isUp })),
    isRootKnown: wayUp === null || wayUp.isWhole,
    isCircle,
    followers: below.followers.map(followerRow),
    leftOut: below.leftOut,
    unacknowledging: leader.joinCount,
  };
}

function followerRow(branch: Branch): Follower {
  const { ip, port, state, offset, lagBytes, lagSeconds, kind } = branch;
  return {
    address: formatAddress({ host: ip, port }),
    ...{ state, offset, lagBytes, lagSeconds },
    isCopy: kind === "copy",
    tellsFollowers: kind === "ours",
    followers: branch.followers.map(followerRow),
  };
}

function leaderRow(follower: AdminParts["replication"]["follower"]): Leader {
  const { host, port, isUp, syncProgress } = follower;
  return {
    address: formatAddress({ host, port }),
    isUp,
    silentSeconds: isUp ? follower.lastBytesSecondsAgo : null,
    downSeconds: isUp ? null : follower.downSeconds,
    unappliedBytes: follower.readAheadBytes,
    sync: syncProgress && {
      totalBytes: syncProgress.total,
      receivedBytes: syncProgress.received,
    },
  };
}

/** An estimate only where the node makes one. */
export function curveReport({ information }: AdminParts): CurveReport {
  const report = information.missCurve();
  return report === null ? { isOn: false } : { isOn: true, ...report };
}

export function threadList(all: readonly ThreadStatistics[], uptimeMs: number): ThreadList {
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  const residentMemoryBytes = residentBytes();
  return {
    process: { cpuSeconds, residentBytes: residentMemoryBytes, uptimeSeconds: uptimeMs / 1000 },
    threads: threadRows(all),
  };
}

/** With several threads the first is the control thread, which has no clients of the data port. */
function threadRows(all: readonly ThreadStatistics[]): ThreadRow[] {
  return all.map(({ connections, commandsProcessed, bytesReceived, bytesSent, turns }, thread) => {
    const own = new TurnHistogram();
    own.add(turns); // a Worker's arrives without its methods
    return {
      thread,
      connections,
      commands: commandsProcessed,
      receivedBytes: bytesReceived,
      sentBytes: bytesSent,
      turns: {
        count: own.count,
        p50Ms: own.percentileMs(0.5),
        p99Ms: own.percentileMs(0.99),
        p999Ms: own.percentileMs(0.999),
        longestMs: own.maxMs,
        over10Ms: own.over10Ms,
        over50Ms: own.over50Ms,
      },
    };
  });
}
