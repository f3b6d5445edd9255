// Every option of a node in one table: flag, configuration-file key and environment variable,
// default, sentence, how its text is read, whether a change applies at once, and the names by which
// Redis's CONFIG knows it. The help, the tables in README.md, the loader and CONFIG GET/SET are all
// made from it. config.ts decides which source of a value counts, and checks values against each
// other.

import type { Address } from "../base/address.ts";
import { bulkBytesMax, memoryBytesMax, memoryBytesMin } from "../base/limits.ts";
import { type LogFormat, type LogLevel, logFormats, logLevels } from "../base/log.ts";
import { type AccessConfig, accessOptions } from "./access-options.ts";
import { type AdminConfig, adminOptions } from "./admin-options.ts";
import { type LimitConfig, limitOptions } from "./limit-options.ts";
import { defaultMaxMemory } from "./memory-plan.ts";
import { type MonitoringConfig, monitoringOptions } from "./monitoring-options.ts";
import { type ObservationConfig, observationOptions } from "./observation-options.ts";
import type { Option, Shown } from "./option.ts";
import {
  placeAt,
  placeOn,
  readRedisLevel,
  readRedisPolicy,
  redisLevels,
  showRedisPolicy,
} from "./redis-words.ts";
import { type ReplicationConfig, replicationOptions } from "./replication-options.ts";
import { type SnapshotConfig, snapshotOptions } from "./snapshot-options.ts";
import { type StoreConfig, storeOptions } from "./store-options.ts";
import { type TlsConfig, tlsOptions } from "./tls-options.ts";
import { type UserConfig, userOptions } from "./user-options.ts";
import {
  type EvictionPolicy,
  evictionPolicies,
  formatAddressList,
  formatSize,
  isSize,
  parseAddressList,
  parseHost,
  parseSize,
  parseSizeWithin,
  parseWholeNumber,
  parseWord,
  portMax,
} from "./values.ts";

/** The configuration of one node. */
export interface Config extends OptionValues {
  /** The `user` lines of the configuration file, without that word. */
  readonly users: readonly string[];
  /** The options that the file sets, each with whether it beats the command line there. */
  readonly inFile: ReadonlyMap<string, boolean>;
}

/** What options say. Sizes are bytes, times seconds; "" and 0 mean "not set". */
export interface OptionValues
  extends MonitoringConfig,
    AccessConfig,
    ObservationConfig,
    ReplicationConfig,
    SnapshotConfig,
    TlsConfig,
    LimitConfig,
    UserConfig,
    StoreConfig,
    AdminConfig {
  readonly listenAddr: readonly Address[];
  readonly configFile: string;
  readonly maxMemory: number;
  readonly reserve: number;
  readonly maxValueSize: number;
  readonly eviction: EvictionPolicy;
  readonly threads: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly maxClients: number;
  readonly announceIp: string;
  readonly announcePort: number;
  readonly idleTimeout: number;
  readonly tcpKeepAlive: number;
  readonly shutdownTimeout: number;
}

const threadsMax = 64;
const clientsMax = 1_000_000;
const idleSecondsMax = 31_536_000;
const shutdownSecondsMax = 31_536_000;

const asText = (value: string | number): string => String(value);
const bytesAsNumber = { show: asText };

/** In Redis, 0 sets no limit. Here the reserve always is one, and CONFIG GET shows it. */
function readMaxMemory(text: string, _before: number, { reserve }: Shown): number {
  const isZero = isSize(text) && parseSize(text) === 0;
  return isZero ? reserve : parseSizeWithin(text, memoryBytesMin, memoryBytesMax);
}

export const options: { readonly [Key in keyof OptionValues]: Option<OptionValues[Key]> } = {
  listenAddr: {
    name: "listenaddr",
    environment: "MSCACHE_LISTENADDRESS",
    group: "Network",
    hint: "ADDR[,ADDR]",
    default: "127.0.0.1:5000",
    doc: "Addresses to listen on; `:5000` means all interfaces, port 0 any free port, and `none` only the Unix socket. `CONFIG SET` of `port` and `bind` changes them at once.",
    change: "restart",
    parse: parseAddressList,
    format: formatAddressList,
    redis: [
      {
        name: "port",
        show: ([first], { tlsOnly }) => String(tlsOnly ? 0 : (first?.port ?? 0)),
        place: placeAt,
      },
      {
        name: "bind",
        show: (addresses) => addresses.map(({ host }) => host).join(" "),
        place: placeOn,
      },
    ],
  },
  announceIp: {
    name: "announce-ip",
    environment: "MSCACHE_ANNOUNCE_IP",
    group: "Network",
    hint: "HOST",
    default: "",
    doc: "Host that a follower announces to its leader; needed behind address translation.",
    change: "applies",
    parse: parseHost,
    format: asText,
    redis: [{ name: "replica-announce-ip" }],
  },
  announcePort: {
    name: "announce-port",
    environment: "MSCACHE_ANNOUNCE_PORT",
    group: "Network",
    hint: "PORT",
    default: "0",
    doc: "Port that a follower announces to its leader; 0 announces the port it listens on.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, portMax),
    format: asText,
    redis: [{ name: "replica-announce-port" }],
  },
  maxClients: {
    name: "max-clients",
    environment: "MSCACHE_MAX_CLIENTS",
    group: "Network",
    hint: "N",
    default: "10000",
    doc: "Maximum number of client connections; further ones get an error and are closed.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 1, clientsMax),
    format: asText,
    redis: [{ name: "maxclients" }],
  },
  tcpKeepAlive: {
    name: "tcp-keepalive",
    environment: "MSCACHE_TCP_KEEPALIVE",
    group: "Network",
    hint: "SECONDS",
    default: "300",
    doc: "Probe a silent client after this time and close a dead connection; 0 disables probes.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, idleSecondsMax),
    format: asText,
    redis: [{ name: "tcp-keepalive" }],
  },
  idleTimeout: {
    name: "idle-timeout",
    environment: "MSCACHE_IDLE_TIMEOUT",
    group: "Network",
    hint: "SECONDS",
    default: "0",
    doc: "Close a client that has been idle for this time; 0 disables the timeout.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, idleSecondsMax),
    format: asText,
    redis: [{ name: "timeout" }],
  },
  ...replicationOptions,
  maxMemory: {
    name: "max-memory",
    environment: "MSCACHE_MAX_MEMORY",
    group: "Memory",
    hint: "SIZE",
    default: "half of the memory that the program leaves",
    derive: ({ memoryBytes, threads }) => defaultMaxMemory(memoryBytes, threads),
    doc: "Memory limit for items and their index; `CONFIG SET maxmemory 0` raises it to the reserve.",
    change: "applies",
    parse: (text) => parseSizeWithin(text, memoryBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [{ name: "maxmemory", ...bytesAsNumber, read: readMaxMemory }],
  },
  reserve: {
    name: "reserve",
    environment: "MSCACHE_RESERVE",
    group: "Memory",
    hint: "SIZE",
    default: "twice max-memory",
    derive: ({ maxMemory }) => Math.min(2 * maxMemory, memoryBytesMax),
    doc: "Address space reserved at start; `max-memory` can be raised up to it at run time.",
    change: "restart",
    parse: (text) => parseSizeWithin(text, memoryBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [],
  },
  maxValueSize: {
    name: "max-value-size",
    environment: "MSCACHE_MAX_VALUE_SIZE",
    group: "Memory",
    hint: "SIZE",
    default: "64mb",
    doc: "Largest value accepted, never more than a quarter of `max-memory`.",
    change: "applies",
    parse: (text) => parseSizeWithin(text, 1, bulkBytesMax),
    format: formatSize,
    redis: [{ name: "proto-max-bulk-len", ...bytesAsNumber }],
  },
  ...limitOptions,
  eviction: {
    name: "eviction",
    environment: "MSCACHE_EVICTION",
    group: "Memory",
    hint: "s3fifo|none",
    default: "s3fifo",
    doc: "How items are evicted when memory is full; `none` refuses writes instead.",
    change: "applies",
    parse: (text) => parseWord(text, evictionPolicies),
    format: asText,
    redis: [{ name: "maxmemory-policy", show: showRedisPolicy, read: readRedisPolicy }],
  },
  ...snapshotOptions,
  ...userOptions,
  ...accessOptions,
  ...tlsOptions,
  ...adminOptions,
  configFile: {
    name: "config",
    environment: "MSCACHE_CONFIG",
    group: "Operation",
    hint: "FILE",
    default: "",
    doc: "Configuration file; each line has a flag without its dashes, and a value.",
    change: "restart",
    parse: asText,
    format: asText,
    redis: [],
  },
  logLevel: {
    name: "log-level",
    environment: "MSCACHE_LOG_LEVEL",
    group: "Operation",
    hint: logLevels.join("|"),
    default: "info",
    doc: "Log messages of this level and above to standard error.",
    change: "applies",
    parse: (text) => parseWord(text, logLevels),
    format: asText,
    redis: [{ name: "loglevel", show: (level) => redisLevels[level], read: readRedisLevel }],
  },
  logFormat: {
    name: "log-format",
    environment: "MSCACHE_LOG_FORMAT",
    group: "Operation",
    hint: logFormats.join("|"),
    default: "text",
    doc: "How a log message is written: a line to read, or a JSON object with its numbers.",
    change: "applies",
    parse: (text) => parseWord(text, logFormats),
    format: asText,
    redis: [{ name: "log-format" }],
  },
  shutdownTimeout: {
    name: "shutdown-timeout",
    environment: "MSCACHE_SHUTDOWN_TIMEOUT",
    group: "Operation",
    hint: "SECONDS",
    default: "5",
    doc: "How long a clean shutdown waits for a script that has written to end, and then for followers to catch up; 0 does not wait.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, shutdownSecondsMax),
    format: asText,
    redis: [{ name: "shutdown-timeout" }],
  },
  ...monitoringOptions,
  ...observationOptions,
  ...storeOptions,
  threads: {
    name: "threads",
    environment: "MSCACHE_THREADS",
    group: "Operation",
    hint: "N",
    default: "1",
    doc: "Number of data threads that serve connections.",
    change: "restart",
    parse: (text) => parseWholeNumber(text, 1, threadsMax),
    format: asText,
    redis: [{ name: "io-threads" }],
  },
};
