// The events that lines of the log name in their member `event`, for programs that read JSON lines:
// sentences may be reworded, these names stay. scripts/deploy/README.md says what each means.

export const logEvents = [
  "admin-listening",
  "certificates",
  "client-closed",
  "client-refused",
  "failover",
  "fault",
  "follower-lagging",
  "follower-link",
  "index-crowded",
  "journal",
  "leader-link",
  "lines-lost",
  "listening",
  "memory-short",
  "ready",
  "role",
  "shutdown",
  "signal",
  "snapshot-failed",
  "snapshot-loaded",
  "snapshot-loading",
  "snapshot-saved",
  "snapshot-saving",
  "thread-lost",
] as const;

export type LogEvent = (typeof logEvents)[number];
