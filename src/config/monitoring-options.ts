// The options of the slow log, of latency monitoring and of the miss curve, as rows of the table in
// options.ts. Names, units and defaults are Redis's, as far as it has them.

import type { Option } from "./option.ts";
import { parseInteger, parsePercentiles, parseWholeNumber, parseWord } from "./values.ts";

export interface MonitoringConfig {
  readonly slowLogSlowerThan: number;
  readonly slowLogMaxLen: number;
  readonly latencyMonitorThreshold: number;
  readonly latencyTracking: boolean;
  readonly latencyPercentiles: readonly number[];
  readonly missCurve: boolean;
}

const thresholdMax = Number.MAX_SAFE_INTEGER;
const asText = (value: number): string => String(value);

export const monitoringOptions: {
  readonly [Key in keyof MonitoringConfig]: Option<MonitoringConfig[Key]>;
} = {
  slowLogSlowerThan: {
    name: "slowlog-log-slower-than",
    environment: "MSCACHE_SLOWLOG_LOG_SLOWER_THAN",
    group: "Operation",
    hint: "MICROSECONDS",
    default: "10000",
    doc: "Commands that take this long enter the slow log; 0 logs every command, -1 none.",
    change: "applies",
    parse: (text) => parseInteger(text, -1, thresholdMax),
    format: asText,
    redis: [{ name: "slowlog-log-slower-than" }],
  },
  slowLogMaxLen: {
    name: "slowlog-max-len",
    environment: "MSCACHE_SLOWLOG_MAX_LEN",
    group: "Operation",
    hint: "N",
    default: "128",
    doc: "Number of entries that the slow log keeps.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, thresholdMax),
    format: asText,
    redis: [{ name: "slowlog-max-len" }],
  },
  latencyMonitorThreshold: {
    name: "latency-monitor-threshold",
    environment: "MSCACHE_LATENCY_MONITOR_THRESHOLD",
    group: "Operation",
    hint: "MILLISECONDS",
    default: "0",
    doc: "Commands and other work that take this long are remembered for LATENCY; 0 remembers nothing.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, thresholdMax),
    format: asText,
    redis: [{ name: "latency-monitor-threshold" }],
  },
  latencyTracking: {
    name: "latency-tracking",
    environment: "MSCACHE_LATENCY_TRACKING",
    group: "Operation",
    hint: "yes|no",
    default: "yes",
    doc: "Whether to count the times of all commands, for LATENCY HISTOGRAM and INFO latencystats.",
    change: "applies",
    parse: (text) => parseWord(text, ["yes", "no"]) === "yes",
    format: (tracks) => (tracks ? "yes" : "no"),
    redis: [{ name: "latency-tracking" }],
  },
  latencyPercentiles: {
    name: "latency-tracking-info-percentiles",
    environment: "MSCACHE_LATENCY_TRACKING_INFO_PERCENTILES",
    group: "Operation",
    hint: "LIST",
    default: "50 99 99.9",
    doc: "Percentiles that INFO latencystats shows.",
    change: "applies",
    parse: parsePercentiles,
    format: (percentiles) => percentiles.join(" "),
    redis: [{ name: "latency-tracking-info-percentiles" }],
  },
  missCurve: {
    name: "miss-curve",
    environment: "MSCACHE_MISS_CURVE",
    group: "Admin",
    hint: "yes|no",
    default: "no",
    doc: "Whether to estimate the hit ratio with half, twice and four times the memory.",
    change: "restart",
    parse: (text) => parseWord(text, ["yes", "no"]) === "yes",
    format: (isOn) => (isOn ? "yes" : "no"),
    redis: [],
  },
};
