// What GET /v1/observe/... tells, as types: lists beyond INFO and the stream of samples. The lists
// are made in src/node/admin/. Types, and nothing else.

import type { Json } from "./node-api.ts";

export interface SlowList {
  readonly total: number;
  readonly entries: readonly {
    readonly id: number;
    readonly atMs: number;
    readonly usec: number;
    readonly command: readonly Json[];
    readonly address: string;
  }[];
}

export interface ClientList {
  readonly total: number;
  /** Under the names of CLIENT LIST; those that hold the most memory first. */
  readonly clients: readonly Readonly<Record<string, string | number>>[];
}

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

export interface Follower {
  readonly address: string;
  readonly state: string;
  /** Null while it is not online. */
  readonly lagBytes: number | null;
  readonly lagSeconds: number | null;
  readonly isCopy: boolean;
}

export interface Leader {
  readonly address: string;
  readonly isUp: boolean;
  readonly downSeconds: number | null;
  readonly unappliedBytes: number;
  readonly sync: { readonly totalBytes: number; readonly receivedBytes: number } | null;
}

export interface ReplicationTree {
  readonly role: "leader" | "follower";
  readonly port: number;
  readonly offset: number;
  readonly leader: Leader | null;
  readonly followers: readonly Follower[];
  /** Followers by the binary protocol, which acknowledge nothing. */
  readonly unacknowledging: number;
}

export interface ThreadList {
  readonly atMs: number;
  readonly threads: readonly {
    readonly thread: number;
    readonly connections: number;
    readonly commands: number;
    readonly turns: {
      readonly p99Ms: number;
      readonly longestMs: number;
      readonly over10Ms: number;
    };
  }[];
}

/** The hit ratio that other memory would give; not every node estimates it. */
export type CurveReport = { readonly isOn: false } | ({ readonly isOn: true } & MissCurve);

export interface MissCurve {
  readonly windowSeconds: number;
  readonly lookups: number;
  readonly hitRatio: number | null;
  readonly limitBytes: number;
  /** The share of keys in the sample. */
  readonly rate: number;
  /** Null before a lookup. */
  readonly points: readonly CurvePoint[] | null;
}

export interface CurvePoint {
  /** A multiple of the present limit. */
  readonly memory: number;
  readonly hitRatio: number;
  /** Two standard deviations. */
  readonly error: number;
  /** Whether it was ever full; if not, all that was seen so far would fit. */
  readonly isFilled: boolean;
}
