// The options that bound what clients may hold, as rows of the table in options.ts. Names and units
// are Redis's where Redis has them; the reasons for the values are in base/limits.ts.

import { memoryBytesMax, memoryBytesMin } from "../base/limits.ts";
import { defaultClientMemory } from "./memory-plan.ts";
import type { Option } from "./option.ts";
import {
  changeOutputLimits,
  formatOutputLimits,
  type OutputLimits,
  parseOutputLimits,
  showOutputLimits,
} from "./output-limits.ts";
import { formatSize, parseSizeWithin } from "./values.ts";

export interface LimitConfig {
  readonly maxClientMemory: number;
  readonly outputLimits: OutputLimits;
}

export const limitOptions: { readonly [Key in keyof LimitConfig]: Option<LimitConfig[Key]> } = {
  maxClientMemory: {
    name: "max-client-memory",
    environment: "MSCACHE_MAX_CLIENT_MEMORY",
    group: "Memory",
    hint: "SIZE",
    default:
      "a quarter of the memory that the program leaves, at most 1gb and an eighth of all memory",
    derive: ({ memoryBytes, threads }) => defaultClientMemory(memoryBytes, threads),
    doc: "Memory limit for the unread replies and unfinished requests of all clients; above it, the largest clients are disconnected.",
    change: "applies",
    parse: (text) => parseSizeWithin(text, memoryBytesMin, memoryBytesMax),
    format: formatSize,
    redis: [{ name: "maxmemory-clients", show: String }],
  },
  outputLimits: {
    name: "client-output-buffer-limit",
    environment: "MSCACHE_CLIENT_OUTPUT_BUFFER_LIMIT",
    group: "Memory",
    hint: "LIST",
    default: "normal 1gb 0 0 pubsub 32mb 8mb 60",
    doc: "Unsent output at which a client is disconnected: class (normal, replica, pubsub), bytes, fewer bytes, seconds for which it may stay at these. Replicas have `--follower-buffer` and a quarter of it for 60 seconds by default.",
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
};
