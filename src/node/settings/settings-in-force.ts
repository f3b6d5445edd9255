// Applies changed settings. Most settings are read where they are used (NodeConfiguration.current)
// and need nothing here. There is a row for each setting of which a part has its own copy: the
// store, and the memory that data threads share.
// Invariant: from the start on, each copy equals the configuration; a refused change leaves all
// copies.

import { descriptorsMax } from "../../base/descriptors.ts";
import type { Config } from "../../config/config.ts";
import { clientMemoryBytes } from "../../config/memory-plan.ts";
import type { Attached } from "../shared/shared-memory.ts";
import { clientsPossible } from "./client-bound.ts";

type Holders = Pick<
  Attached,
  "store" | "standing" | "clientMemory" | "timeBounds" | "clientLimits"
>;
type Key = keyof Config;

/** Updates the copy. A sentence says why that is impossible; the copy is then unchanged. */
type Row = (holders: Holders, after: Config, before: Config) => string | undefined;

/** Settings that may be refused come first: they are tried before anything has changed. */
const rows: { readonly [K in Key]?: Row } = {
  maxClients: ({ standing }, after, before) => {
    const possible = clientsPossible(after, descriptorsMax());
    if (after.maxClients > Math.max(before.maxClients, possible)) {
      const clients = "the specified number of clients";
      return `The operating system is not able to handle ${clients}, try with ${possible}`;
    }
    standing.maxClients = after.maxClients;
    return undefined;
  },
  maxMemory: ({ store, clientMemory }, after) => {
    const isReserved = store.setLimit(after.maxMemory);
    if (isReserved) clientMemory.limitBytes = clientMemoryBytes(after);
    return isReserved
      ? undefined
      : "the limit is above the memory that was reserved at start (--reserve)";
  },
  maxValueSize: ({ store }, { maxValueSize }) => {
    store.setValueLimit(maxValueSize);
  },
  eviction: ({ store }, { eviction }) => {
    store.setEviction(eviction);
  },
  maxClientMemory: ({ clientMemory }, after) => {
    clientMemory.limitBytes = clientMemoryBytes(after);
  },
  outputLimits: ({ clientLimits }, after) => {
    clientLimits.set(after);
  },
  requestLimit: ({ clientLimits }, after) => {
    clientLimits.set(after);
  },
  denialLogMaxLen: ({ standing }, { denialLogMaxLen }) => {
    standing.denialsMax = denialLogMaxLen;
  },
  protectedMode: ({ standing }, { protectedMode }) => {
    standing.isProtected = protectedMode;
  },
  hllSparseBytesMax: ({ standing }, { hllSparseBytesMax }) => {
    standing.sparseSketchBytesMax = hllSparseBytesMax;
  },
  busyReplyThreshold: ({ standing }, { busyReplyThreshold }) => {
    standing.scriptMsMax = busyReplyThreshold;
  },
  debugCommand: ({ standing }, { debugCommand }) => {
    standing.debugCommand = debugCommand;
  },
  tcpKeepAlive: ({ standing }, { tcpKeepAlive }) => {
    standing.keepAliveSeconds = tcpKeepAlive;
  },
  idleTimeout: ({ standing }, { idleTimeout }) => {
    standing.idleTimeoutSeconds = idleTimeout;
  },
  slowLogSlowerThan: ({ timeBounds }, { slowLogSlowerThan }) => {
    timeBounds.slowUsec = slowLogSlowerThan;
  },
  slowLogMaxLen: ({ timeBounds }, { slowLogMaxLen }) => {
    timeBounds.slowLogMax = slowLogMaxLen;
  },
  latencyMonitorThreshold: ({ timeBounds }, { latencyMonitorThreshold }) => {
    timeBounds.latencyMs = latencyMonitorThreshold;
  },
  latencyTracking: ({ timeBounds }, { latencyTracking }) => {
    timeBounds.isTracking = latencyTracking;
  },
  logLevel: ({ standing }, { logLevel }) => {
    standing.logLevel = logLevel;
  },
  logFormat: ({ standing }, { logFormat }) => {
    standing.logFormat = logFormat;
  },
};

const keys = Object.keys(rows) as Key[];

/** Called once, before data threads start. */
export function putAllIntoForce(holders: Holders, config: Config): void {
  for (const key of keys) rows[key]?.(holders, config, config);
}

/** Applies all differences or none; a sentence says why they cannot be applied. */
export function putIntoForce(holders: Holders, before: Config, after: Config): string | null {
  const done: Key[] = [];
  for (const key of keys) {
    if (after[key] === before[key]) continue;
    const problem = rows[key]?.(holders, after, before);
    if (problem !== undefined) {
      for (const undone of done) rows[undone]?.(holders, before, before);
      return problem;
    }
    done.push(key);
  }
  return null;
}
