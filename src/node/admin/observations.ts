// The JSON of GET /v1/events and GET /v1/observe/... as types: the node that writes it and the page
// of the dashboard that reads it are both compiled against them. There are types here and nothing
// else, because the page imports this file and must not pull in code of the node.

import type { MissCurveReport } from "../info/curve-report.ts";

export type { CurvePoint, MissCurveReport } from "../info/curve-report.ts";

/** Bytes that are not UTF-8 are `{ "base64": "..." }`. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

// ---- events -------------------------------------------------------------------------------------

/** One a second. */
export interface Sample {
  readonly atMs: number;
  /** Null in the first sample of a stream. */
  readonly perSecond: Rates | null;
  readonly latencyUsec: {
    readonly last1s: Percentiles | null;
    readonly last10s: Percentiles | null;
  };
  readonly items: number;
  readonly memory: {
    readonly usedBytes: number;
    readonly limitBytes: number;
    readonly deadBytes: number;
    readonly unusedBytes: number;
    readonly indexBytes: number;
    readonly ghostBytes: number;
  };
  readonly clients: number;
  readonly clientMemoryBytes: number;
  readonly followers: number;
}

/** Of counters that only grow: how much in a second. */
export interface Rates {
  readonly commands: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly expirations: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Microseconds; null if no command ran. */
export interface Percentiles {
  readonly commands: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

/** What ran in the last `seconds`, the most frequent first; 0 seconds in the first of a stream. */
export interface CommandList {
  readonly seconds: number;
  readonly commands: readonly CommandLatency[];
}

export interface CommandLatency {
  readonly command: string;
  readonly calls: number;
  /** Microseconds, rounded up to their buckets. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** The events of a stream: a sample each second, and every other second the lists. */
export interface StreamEvents {
  readonly sample: Sample;
  readonly commands: Told<CommandList>;
  readonly replication: Told<ReplicationTree>;
  readonly threads: Told<ThreadList>;
  readonly "miss-curve": Told<CurveReport>;
}

export type StreamEvent = {
  [Name in keyof StreamEvents]: { readonly name: Name; readonly data: StreamEvents[Name] };
}[keyof StreamEvents];

// ---- lists --------------------------------------------------------------------------------------

/** Each list with the moment at which it was made. */
export type Told<List> = List & { readonly atMs: number };

export interface SlowList {
  readonly total: number;
  readonly entries: readonly SlowRow[];
}

export interface SlowRow {
  readonly id: number;
  readonly atMs: number;
  readonly usec: number;
  readonly command: readonly Json[];
  readonly address: string;
  /** Of the client; empty without one. */
  readonly name: string;
}

export interface ClientList {
  readonly total: number;
  /** Those that hold the most memory first. */
  readonly clients: readonly ClientRow[];
}

/** Under the names of CLIENT LIST. */
export type ClientRow = Readonly<Record<string, string | number>>;

export interface HottestList {
  readonly lookedMs: number;
  readonly commands: number;
  readonly keys: readonly {
    readonly key: Json;
    readonly times: number;
    readonly perSecond: number;
  }[];
}

export interface BiggestList {
  readonly items: number;
  readonly looked: number;
  /** Of the items that were looked at: 0 to 1. */
  readonly share: number;
  readonly values: readonly {
    readonly key: Json;
    readonly valueBytes: number;
    readonly memoryBytes: number;
    readonly ttlMs: number | null;
  }[];
}

export interface ReplicationTree {
  readonly role: "leader" | "follower";
  readonly port: number;
  readonly offset: number;
  /** The replid. */
  readonly history: string;
  readonly leader: Leader | null;
  /** Above the leader, the nearest first; empty on a leader, and where nothing is known of them. */
  readonly above: readonly Ancestor[];
  /** Whether the way ends at the root leader: false behind a Redis. */
  readonly isRootKnown: boolean;
  /** Whether this node follows itself, by others: there is no root leader. */
  readonly isCircle: boolean;
  readonly followers: readonly Follower[];
  /** Of the nodes below them, those that are known and too many to be listed. */
  readonly leftOut: number;
  /** Followers by the binary protocol, which acknowledge nothing. */
  readonly unacknowledging: number;
}

export interface Leader {
  readonly address: string;
  readonly isUp: boolean;
  /** Null while it is down. */
  readonly silentSeconds: number | null;
  /** Null while it is up. */
  readonly downSeconds: number | null;
  readonly unappliedBytes: number;
  readonly sync: { readonly totalBytes: number; readonly receivedBytes: number } | null;
}

/** A node above the leader. */
export interface Ancestor {
  readonly address: string;
  /** Whether the node below it has it. */
  readonly isUp: boolean;
}

/** Lags are to the node that it follows. */
export interface Follower {
  readonly address: string;
  readonly state: string;
  readonly offset: number;
  /** Null while it is not online. */
  readonly lagBytes: number | null;
  readonly lagSeconds: number | null;
  /** A copy in a program's memory, by follow(), that can never lead. */
  readonly isCopy: boolean;
  /** Whether it tells of its followers; a Redis does not. */
  readonly tellsFollowers: boolean;
  readonly followers: readonly Follower[];
}

export interface ThreadList {
  readonly process: {
    /** User and system, since the start. */
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    readonly uptimeSeconds: number;
  };
  readonly threads: readonly ThreadRow[];
}

export interface ThreadRow {
  readonly thread: number;
  readonly connections: number;
  readonly commands: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly turns: {
    readonly count: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly p999Ms: number;
    readonly longestMs: number;
    readonly over10Ms: number;
    readonly over50Ms: number;
  };
}

/** The hit ratio that other memory would give; not every node estimates it. */
export type CurveReport = { readonly isOn: false } | ({ readonly isOn: true } & MissCurveReport);
