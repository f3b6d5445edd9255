// The options that bound what clients may hold, as rows of the table in options.ts. Names and units
// are Redis's where Redis has them; the reasons for the values are in base/limits.ts.

import { ConfigError } from "../base/errors.ts";
import {
  memoryBytesMax,
  memoryBytesMin,
  requestBytesMax,
  requestBytesMaxMin,
} from "../base/limits.ts";
import { defaultClientMemory } from "./memory-plan.ts";
import type { Option } from "./option.ts";
import {
  changeOutputLimits,
  formatOutputLimits,
  type OutputLimits,
  parseOutputLimits,
  showOutputLimits,
} from "./output-limits.ts";
import { formatSize, isSize, parseSize, parseSizeWithin, parseWholeNumber } from "./values.ts";

export interface LimitConfig {
  /** 0: no limit; negative: minus a percentage of max-memory. See clientMemoryBytes(). */
  readonly maxClientMemory: number;
  readonly requestLimit: number;
  readonly outputLimits: OutputLimits;
  readonly busyReplyThreshold: number;
}

export const limitOptions: { readonly [Key in keyof LimitConfig]: Option<LimitConfig[Key]> } = {
  maxClientMemory: {
    name: "max-client-memory",
    environment: "MSCACHE_MAX_CLIENT_MEMORY",
    group: "Memory",
    hint: "SIZE|N%",
    default: "an eighth of the memory that the program leaves, at most 1gb",
    derive: ({ memoryBytes, threads }) => defaultClientMemory(memoryBytes, threads),
    doc: "Memory limit for the unread replies and unfinished requests of all clients, in bytes or as a share of `max-memory`; above it, the largest clients are disconnected. 0 sets no such limit.",
    change: "applies",
    parse: parseShare,
    format: (value) => (value < 0 ? `${-value}%` : formatSize(value)),
    redis: [
      { name: "maxmemory-clients", show: (value) => (value < 0 ? `${-value}%` : `${value}`) },
    ],
  },
  requestLimit: {
    name: "client-query-buffer-limit",
    environment: "MSCACHE_CLIENT_QUERY_BUFFER_LIMIT",
    group: "Memory",
    hint: "SIZE",
    default: "1gb",
    doc: "Largest request; a client that announces a larger one is disconnected.",
    change: "applies",
    parse: (text) => parseSizeWithin(text, requestBytesMaxMin, requestBytesMax),
    format: formatSize,
    redis: [{ name: "client-query-buffer-limit", show: String }],
  },
  outputLimits: {
    name: "client-output-buffer-limit",
    environment: "MSCACHE_CLIENT_OUTPUT_BUFFER_LIMIT",
    group: "Memory",
    hint: "LIST",
    default: "normal 1gb 0 0 pubsub 32mb 8mb 60",
    doc: "Unsent output at which a client is disconnected: class (normal, replica, pubsub), hard limit in bytes, soft limit in bytes, and the seconds for which it may stay above the soft limit. Replicas have `--follower-buffer` and a quarter of it for 60 seconds by default.",
    change: "applies",
    addsUp: true,
    parse: parseOutputLimits,
    format: formatOutputLimits,
    redis: [
      {
        name: "client-output-buffer-limit",
        show: (limits, { followerBuffer }) => showOutputLimits(limits, followerBuffer),
        read: changeOutputLimits,
      },
    ],
  },
  busyReplyThreshold: {
    name: "busy-reply-threshold",
    environment: "MSCACHE_BUSY_REPLY_THRESHOLD",
    group: "Operation",
    hint: "MILLISECONDS",
    default: "5000",
    doc: "When a script has run for this long, other clients get -BUSY and may kill it; a minute later it is ended. 0 sets no limit.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, millisecondsMax),
    format: String,
    redis: [{ name: "busy-reply-threshold" }, { name: "lua-time-limit" }],
  },
};

const millisecondsMax = 2 ** 31 - 1;

/** A size, or a percentage as a negative number. */
function parseShare(text: string): number {
  const [, digits] = /^(\d+)%$/.exec(text.trim()) ?? [];
  if (digits === undefined) return parseSizeOr(text);
  const percents = Number(digits);
  if (percents > 100) throw new ConfigError("percentage argument must be less or equal to 100");
  return percents === 0 ? 0 : -percents;
}

/** In Redis's words if it is no size at all. */
function parseSizeOr(text: string): number {
  if (!isSize(text)) throw new ConfigError("argument must be a memory or percent value");
  if (parseSize(text) === 0) return 0;
  return parseSizeWithin(text, memoryBytesMin, memoryBytesMax);
}
