// Options of replication, as rows of the table in options.ts: whom a node follows, and what it does
// for its followers. What a follower announces of itself is with the network's options.

import { type Address, formatAddress } from "../base/address.ts";
import { journalBytesMin, memoryBytesMax } from "../base/limits.ts";
import { defaultFollowerBuffer, defaultJournalSize } from "./memory-plan.ts";
import type { Option } from "./option.ts";
import {
  formatSize,
  type OtherTypes,
  otherTypes,
  parseLeaderAddress,
  parseSizeWithin,
  parseWholeNumber,
  parseWord,
} from "./values.ts";

export interface ReplicationConfig {
  /** Null on a leader. */
  readonly leaderAddr: Address | null;
  readonly leaderUser: string;
  readonly leaderPassword: string;
  readonly followerPriority: number;
  readonly journalSize: number;
  readonly followerBuffer: number;
  readonly minFollowersToWrite: number;
  readonly minFollowersMaxLag: number;
  readonly pingInterval: number;
  readonly staleReads: boolean;
  readonly otherTypes: OtherTypes;
}

const priorityMax = 2_147_483_647;
const followersMax = 1_000_000;
const lagSecondsMax = 31_536_000;

export const replicationOptions: {
  readonly [Key in keyof ReplicationConfig]: Option<ReplicationConfig[Key]>;
} = {
  leaderAddr: {
    name: "leaderaddr",
    environment: "MSCACHE_LEADERADDRESS",
    group: "Replication",
    hint: "ADDR",
    default: "",
    doc: "Follow the leader at this address; without it, the node is a leader.",
    change: "restart",
    parse: parseLeaderAddress,
    format: (address) => (address === null ? "" : formatAddress(address)),
    redis: [
      { name: "replicaof", show: (leader) => (leader ? `${leader.host} ${leader.port}` : "") },
    ],
  },
  leaderUser: {
    name: "leader-user",
    environment: "MSCACHE_LEADER_USER",
    group: "Replication",
    hint: "USER",
    default: "",
    doc: "User name with which a follower logs in to its leader; empty means the user `default`.",
    change: "applies",
    parse: String,
    format: String,
    redis: [{ name: "masteruser" }],
  },
  leaderPassword: {
    name: "leader-password",
    environment: "MSCACHE_LEADER_PASSWORD",
    group: "Replication",
    hint: "PASSWORD",
    default: "",
    doc: "Password that a follower sends to its leader; set it by the variable or the file, because `ps` shows flags.",
    change: "applies",
    parse: String,
    format: String,
    redis: [{ name: "masterauth" }],
  },
  followerPriority: {
    name: "follower-priority",
    environment: "MSCACHE_FOLLOWER_PRIORITY",
    group: "Replication",
    hint: "N",
    default: "100",
    doc: "Sentinel promotes the follower with the lowest priority, but never one with priority 0.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, priorityMax),
    format: String,
    redis: [{ name: "replica-priority" }, { name: "slave-priority" }],
  },
  journalSize: {
    name: "journal-size",
    environment: "MSCACHE_JOURNAL_SIZE",
    group: "Replication",
    hint: "SIZE",
    default: "an eighth of the memory that the program leaves, up to 128mb",
    derive: ({ memoryBytes, threads, maxMemory }) =>
      defaultJournalSize(memoryBytes, threads, maxMemory),
    doc: "Size of the replication journal, from which a follower resumes without a full sync.",
    change: "restart",
    parse: (text) => parseSizeWithin(text, journalBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [{ name: "repl-backlog-size", show: String }],
  },
  followerBuffer: {
    name: "follower-buffer",
    environment: "MSCACHE_FOLLOWER_BUFFER",
    group: "Replication",
    hint: "SIZE",
    default: "an eighth of the memory that the program leaves, up to 256mb",
    derive: ({ memoryBytes, threads, maxMemory }) =>
      defaultFollowerBuffer(memoryBytes, threads, maxMemory),
    doc: "How far a follower may fall behind the journal before it is disconnected.",
    change: "restart",
    parse: (text) => parseSizeWithin(text, journalBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [],
  },
  minFollowersToWrite: {
    name: "min-followers-to-write",
    environment: "MSCACHE_MIN_FOLLOWERS_TO_WRITE",
    group: "Replication",
    hint: "N",
    default: "0",
    doc: "Refuse writes while fewer followers than this are in sync; 0 disables the check.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, followersMax),
    format: String,
    redis: [{ name: "min-replicas-to-write" }, { name: "min-slaves-to-write" }],
  },
  minFollowersMaxLag: {
    name: "min-followers-max-lag",
    environment: "MSCACHE_MIN_FOLLOWERS_MAX_LAG",
    group: "Replication",
    hint: "SECONDS",
    default: "10",
    doc: "A follower counts as in sync if it acknowledged within this time; 0 disables the check.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, lagSecondsMax),
    format: String,
    redis: [{ name: "min-replicas-max-lag" }, { name: "min-slaves-max-lag" }],
  },
  pingInterval: {
    name: "ping-interval",
    environment: "MSCACHE_PING_INTERVAL",
    group: "Replication",
    hint: "SECONDS",
    default: "10",
    doc: "How often a leader sends PING to its followers, which give up after a minute of silence.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 1, lagSecondsMax),
    format: String,
    redis: [{ name: "repl-ping-replica-period" }, { name: "repl-ping-slave-period" }],
  },
  staleReads: {
    name: "stale-reads",
    environment: "MSCACHE_STALE_READS",
    group: "Replication",
    hint: "yes|no",
    default: "yes",
    doc: "Whether a follower serves reads while it has no connection to its leader.",
    change: "applies",
    parse: (text) => parseWord(text, ["yes", "no"]) === "yes",
    format: (serves) => (serves ? "yes" : "no"),
    redis: [{ name: "replica-serve-stale-data" }, { name: "slave-serve-stale-data" }],
  },
  otherTypes: {
    name: "other-types",
    environment: "MSCACHE_OTHER_TYPES",
    group: "Replication",
    hint: otherTypes.join("|"),
    default: "skip",
    doc: "Whether to skip lists, hashes and other types of a Redis, or to refuse the sync or load.",
    change: "applies",
    parse: (text) => parseWord(text, otherTypes),
    format: String,
    redis: [],
  },
};
