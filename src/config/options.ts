// Every option of a node in one table: flag, configuration-file key and environment variable,
// default, unit, sentence, how its text is read, and the names by which Redis's CONFIG knows it.
// The help, the README's table, the loader and CONFIG GET/SET are all made from it. Where values
// come from, and how they relate to each other, is config.ts's business.

import { type Address, formatAddress } from "../base/address.ts";
import { bulkBytesMax, journalBytesMin, memoryBytesMax, memoryBytesMin } from "../base/limits.ts";
import { LOG_LEVELS, type LogLevel } from "../base/log.ts";
import {
  defaultClientMemory,
  defaultFollowerBuffer,
  defaultJournalSize,
  defaultMaxMemory,
} from "./memory-plan.ts";
import type { Option } from "./option.ts";
import {
  REDIS_LEVELS,
  readRedisLevel,
  readRedisPolicy,
  readSavePoint,
  showRedisPolicy,
  showSavePoint,
} from "./redis-words.ts";
import {
  EVICTION_POLICIES,
  type EvictionPolicy,
  formatSize,
  OTHER_TYPES,
  type OtherTypes,
  parseAddressList,
  parseHost,
  parseLeaderAddress,
  parseSizeWithin,
  parseWholeNumber,
  parseWord,
  SNAPSHOT_CORRUPT,
  SNAPSHOT_SECONDS_MAX,
  type SnapshotCorrupt,
} from "./values.ts";

/** The configuration of one node. Sizes are bytes, times seconds; "" and 0 mean "not set". */
export interface Config {
  readonly listenAddr: readonly Address[];
  /** Null on a leader. */
  readonly leaderAddr: Address | null;
  readonly configFile: string;
  readonly maxMemory: number;
  readonly reserve: number;
  readonly maxValueSize: number;
  readonly maxClientMemory: number;
  readonly eviction: EvictionPolicy;
  readonly threads: number;
  readonly requirePass: string;
  readonly leaderAuth: string;
  readonly logLevel: LogLevel;
  readonly journalSize: number;
  readonly followerBuffer: number;
  readonly minFollowersToWrite: number;
  readonly minFollowersMaxLag: number;
  readonly staleReads: boolean;
  readonly otherTypes: OtherTypes;
  readonly maxClients: number;
  readonly announceIp: string;
  readonly announcePort: number;
  readonly followerPriority: number;
  readonly idleTimeout: number;
  readonly tcpKeepAlive: number;
  readonly snapshotFile: string;
  readonly snapshotInterval: number;
  readonly snapshotCorrupt: SnapshotCorrupt;
  readonly shutdownTimeout: number;
}

const PORT_MAX = 65_535;
const THREADS_MAX = 64;
const PRIORITY_MAX = 2_147_483_647;
const CLIENTS_MAX = 1_000_000;
const IDLE_SECONDS_MAX = 31_536_000;
const FOLLOWERS_MAX = 1_000_000;
const LAG_SECONDS_MAX = 31_536_000;
const SHUTDOWN_SECONDS_MAX = 31_536_000;

const asText = (value: string | number): string => String(value);
const bytesAsNumber = { show: asText };

export const OPTIONS: { readonly [Key in keyof Config]: Option<Config[Key]> } = {
  listenAddr: {
    name: "listenaddr",
    environment: "MSCACHE_LISTENADDRESS",
    group: "Network",
    hint: "ADDR[,ADDR]",
    unit: "host:port",
    default: "127.0.0.1:5000",
    doc: "Addresses to listen on; `:5000` is every interface, port 0 any free port.",
    changeable: false,
    parse: parseAddressList,
    format: (addresses) => addresses.map(formatAddress).join(","),
    redis: [
      { name: "port", show: (addresses) => String(addresses[0]?.port ?? 0) },
      { name: "bind", show: (addresses) => addresses.map(({ host }) => host).join(" ") },
    ],
  },
  announceIp: {
    name: "announce-ip",
    environment: "MSCACHE_ANNOUNCE_IP",
    group: "Network",
    hint: "HOST",
    unit: "host",
    default: "",
    doc: "Host that a follower gives to its leader, behind an address translation.",
    changeable: true,
    parse: parseHost,
    format: asText,
    redis: [{ name: "replica-announce-ip" }],
  },
  announcePort: {
    name: "announce-port",
    environment: "MSCACHE_ANNOUNCE_PORT",
    group: "Network",
    hint: "PORT",
    unit: "port",
    default: "0",
    doc: "Port that a follower gives to its leader; 0 is the port it listens on.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, PORT_MAX),
    format: asText,
    redis: [{ name: "replica-announce-port" }],
  },
  maxClients: {
    name: "max-clients",
    environment: "MSCACHE_MAX_CLIENTS",
    group: "Network",
    hint: "N",
    unit: "connections",
    default: "10000",
    doc: "Connections at one time; one more is told so and closed.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 1, CLIENTS_MAX),
    format: asText,
    redis: [{ name: "maxclients" }],
  },
  tcpKeepAlive: {
    name: "tcp-keepalive",
    environment: "MSCACHE_TCP_KEEPALIVE",
    group: "Network",
    hint: "SECONDS",
    unit: "seconds",
    default: "300",
    doc: "Probe a silent client after this time, and close it if it is gone; 0 never does.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, IDLE_SECONDS_MAX),
    format: asText,
    redis: [{ name: "tcp-keepalive" }],
  },
  idleTimeout: {
    name: "idle-timeout",
    environment: "MSCACHE_IDLE_TIMEOUT",
    group: "Network",
    hint: "SECONDS",
    unit: "seconds",
    default: "0",
    doc: "Close a client that has been silent for this long; 0 never does.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, IDLE_SECONDS_MAX),
    format: asText,
    redis: [{ name: "timeout" }],
  },
  leaderAddr: {
    name: "leaderaddr",
    environment: "MSCACHE_LEADERADDRESS",
    group: "Replication",
    hint: "ADDR",
    unit: "host:port",
    default: "",
    doc: "Follow the leader at this address; without it the node is a leader.",
    changeable: false,
    parse: parseLeaderAddress,
    format: (address) => (address === null ? "" : formatAddress(address)),
    redis: [
      { name: "replicaof", show: (leader) => (leader ? `${leader.host} ${leader.port}` : "") },
    ],
  },
  leaderAuth: {
    name: "leaderauth",
    environment: "MSCACHE_LEADERAUTH",
    group: "Replication",
    hint: "PASSWORD",
    unit: "text",
    default: "",
    doc: "Password that a follower gives to its leader.",
    changeable: true,
    parse: asText,
    format: asText,
    redis: [{ name: "masterauth" }],
  },
  followerPriority: {
    name: "replica-priority",
    environment: "MSCACHE_REPLICA_PRIORITY",
    group: "Replication",
    hint: "N",
    unit: "rank",
    default: "100",
    doc: "Sentinel promotes the follower with the lowest number, and never one with 0.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, PRIORITY_MAX),
    format: asText,
    redis: [{ name: "replica-priority" }, { name: "slave-priority" }],
  },
  journalSize: {
    name: "journal-size",
    environment: "MSCACHE_JOURNAL_SIZE",
    group: "Replication",
    hint: "SIZE",
    unit: "bytes",
    default: "an eighth of what the program leaves, up to 128mb",
    derive: ({ memoryBytes, threads, maxMemory }) =>
      defaultJournalSize(memoryBytes, threads, maxMemory),
    doc: "Size of the journal: how much a follower may miss and still catch up.",
    changeable: false,
    parse: (text) => parseSizeWithin(text, journalBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [{ name: "repl-backlog-size", ...bytesAsNumber }],
  },
  followerBuffer: {
    name: "follower-buffer",
    environment: "MSCACHE_FOLLOWER_BUFFER",
    group: "Replication",
    hint: "SIZE",
    unit: "bytes",
    default: "an eighth of what the program leaves, up to 256mb",
    derive: ({ memoryBytes, threads, maxMemory }) =>
      defaultFollowerBuffer(memoryBytes, threads, maxMemory),
    doc: "How far a follower may fall behind the journal before it is cut off.",
    changeable: false,
    parse: (text) => parseSizeWithin(text, journalBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [],
  },
  minFollowersToWrite: {
    name: "min-followers-to-write",
    environment: "MSCACHE_MIN_FOLLOWERS_TO_WRITE",
    group: "Replication",
    hint: "N",
    unit: "followers",
    default: "0",
    doc: "Refuse writes while fewer followers than this keep up; 0 never does.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, FOLLOWERS_MAX),
    format: asText,
    redis: [{ name: "min-replicas-to-write" }, { name: "min-slaves-to-write" }],
  },
  minFollowersMaxLag: {
    name: "min-followers-max-lag",
    environment: "MSCACHE_MIN_FOLLOWERS_MAX_LAG",
    group: "Replication",
    hint: "SECONDS",
    unit: "seconds",
    default: "10",
    doc: "A follower keeps up that was heard of within this time; 0 asks for none.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, LAG_SECONDS_MAX),
    format: asText,
    redis: [{ name: "min-replicas-max-lag" }, { name: "min-slaves-max-lag" }],
  },
  staleReads: {
    name: "stale-reads",
    environment: "MSCACHE_STALE_READS",
    group: "Replication",
    hint: "yes|no",
    unit: "choice",
    default: "yes",
    doc: "Whether a follower that has lost its leader goes on answering.",
    changeable: true,
    parse: (text) => parseWord(text, ["yes", "no"]) === "yes",
    format: (serves) => (serves ? "yes" : "no"),
    redis: [{ name: "replica-serve-stale-data" }, { name: "slave-serve-stale-data" }],
  },
  otherTypes: {
    name: "other-types",
    environment: "MSCACHE_OTHER_TYPES",
    group: "Replication",
    hint: OTHER_TYPES.join("|"),
    unit: "choice",
    default: "skip",
    doc: "What a Redis's lists, hashes and the like do: are left out, or stop the sync or load.",
    changeable: true,
    parse: (text) => parseWord(text, OTHER_TYPES),
    format: asText,
    redis: [],
  },
  maxMemory: {
    name: "max-memory",
    environment: "MSCACHE_MAX_MEMORY",
    group: "Memory",
    hint: "SIZE",
    unit: "bytes",
    default: "half of what the program leaves of the memory that the process may use",
    derive: ({ memoryBytes, threads }) => defaultMaxMemory(memoryBytes, threads),
    doc: "Memory for items and their index.",
    changeable: true,
    parse: (text) => parseSizeWithin(text, memoryBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [{ name: "maxmemory", ...bytesAsNumber }],
  },
  reserve: {
    name: "reserve",
    environment: "MSCACHE_RESERVE",
    group: "Memory",
    hint: "SIZE",
    unit: "bytes",
    default: "twice max-memory",
    derive: ({ maxMemory }) => Math.min(2 * maxMemory, memoryBytesMax),
    doc: "Address space set aside at start: `max-memory` can be raised up to it.",
    changeable: false,
    parse: (text) => parseSizeWithin(text, memoryBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [],
  },
  maxValueSize: {
    name: "max-value-size",
    environment: "MSCACHE_MAX_VALUE_SIZE",
    group: "Memory",
    hint: "SIZE",
    unit: "bytes",
    default: "64mb",
    doc: "Largest value that is accepted; a quarter of `max-memory` at most.",
    changeable: true,
    parse: (text) => parseSizeWithin(text, 1, bulkBytesMax),
    format: formatSize,
    redis: [{ name: "proto-max-bulk-len", ...bytesAsNumber }],
  },
  maxClientMemory: {
    name: "max-client-memory",
    environment: "MSCACHE_MAX_CLIENT_MEMORY",
    group: "Memory",
    hint: "SIZE",
    unit: "bytes",
    default: "a quarter of what the program leaves, up to an eighth of all and 1gb",
    derive: ({ memoryBytes, threads }) => defaultClientMemory(memoryBytes, threads),
    doc: "Memory for unread replies and unfinished requests of all clients; then the largest are cut off.",
    changeable: true,
    parse: (text) => parseSizeWithin(text, memoryBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [{ name: "maxmemory-clients", ...bytesAsNumber }],
  },
  eviction: {
    name: "eviction",
    environment: "MSCACHE_EVICTION",
    group: "Memory",
    hint: "s3fifo|none",
    unit: "policy",
    default: "s3fifo",
    doc: "What gives way when memory is full; with `none` writes are refused.",
    changeable: true,
    parse: (text) => parseWord(text, EVICTION_POLICIES),
    format: asText,
    redis: [{ name: "maxmemory-policy", show: showRedisPolicy, read: readRedisPolicy }],
  },
  snapshotFile: {
    name: "snapshot-file",
    environment: "MSCACHE_SNAPSHOT_FILE",
    group: "Snapshots",
    hint: "FILE",
    unit: "path",
    default: "",
    doc: "Load this file at start; save to it by SAVE, BGSAVE and at a clean shutdown.",
    changeable: false,
    parse: asText,
    format: asText,
    redis: [],
  },
  snapshotInterval: {
    name: "snapshot-interval",
    environment: "MSCACHE_SNAPSHOT_INTERVAL",
    group: "Snapshots",
    hint: "SECONDS",
    unit: "seconds",
    default: "0",
    doc: "Save this often, if anything has changed; 0 never does.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, SNAPSHOT_SECONDS_MAX),
    format: asText,
    redis: [
      { name: "snapshot-interval" },
      { name: "save", show: showSavePoint, read: readSavePoint },
    ],
  },
  snapshotCorrupt: {
    name: "snapshot-corrupt",
    environment: "MSCACHE_SNAPSHOT_CORRUPT",
    group: "Snapshots",
    hint: SNAPSHOT_CORRUPT.join("|"),
    unit: "choice",
    default: "refuse",
    doc: "What a broken snapshot file does at start: no node, or an empty one.",
    changeable: false,
    parse: (text) => parseWord(text, SNAPSHOT_CORRUPT),
    format: asText,
    redis: [],
  },
  requirePass: {
    name: "requirepass",
    environment: "MSCACHE_REQUIREPASS",
    group: "Security",
    hint: "PASSWORD",
    unit: "text",
    default: "",
    doc: "Password that clients and followers must give; empty asks for none.",
    changeable: true,
    parse: asText,
    format: asText,
    redis: [{ name: "requirepass" }],
  },
  configFile: {
    name: "config",
    environment: "MSCACHE_CONFIG",
    group: "Operation",
    hint: "FILE",
    unit: "path",
    default: "",
    doc: "File of `name value` lines; names are these flags without dashes.",
    changeable: false,
    parse: asText,
    format: asText,
    redis: [],
  },
  logLevel: {
    name: "log-level",
    environment: "MSCACHE_LOG_LEVEL",
    group: "Operation",
    hint: LOG_LEVELS.join("|"),
    unit: "level",
    default: "info",
    doc: "Least important lines that are logged, on standard error.",
    changeable: true,
    parse: (text) => parseWord(text, LOG_LEVELS),
    format: asText,
    redis: [{ name: "loglevel", show: (level) => REDIS_LEVELS[level], read: readRedisLevel }],
  },
  shutdownTimeout: {
    name: "shutdown-timeout",
    environment: "MSCACHE_SHUTDOWN_TIMEOUT",
    group: "Operation",
    hint: "SECONDS",
    unit: "seconds",
    default: "5",
    doc: "How long a planned shutdown waits for followers to have every write; 0 does not wait.",
    changeable: true,
    parse: (text) => parseWholeNumber(text, 0, SHUTDOWN_SECONDS_MAX),
    format: asText,
    redis: [{ name: "shutdown-timeout" }],
  },
  threads: {
    name: "threads",
    environment: "MSCACHE_THREADS",
    group: "Operation",
    hint: "N",
    unit: "threads",
    default: "1",
    doc: "Data threads that serve connections.",
    changeable: false,
    parse: (text) => parseWholeNumber(text, 1, THREADS_MAX),
    format: asText,
    redis: [{ name: "io-threads" }],
  },
};
