// What a cache counts and tells: counters for stats() and for Prometheus, events for the hook of
// its owner and for node:diagnostics_channel. It decides nothing.
// Invariant: without a hook and without a subscriber, an event costs a counter and two looks.

import { channel } from "node:diagnostics_channel";

/** What happened in a cache. */
export type CacheEvent = {
  /**
   * A read found a fresh value (`hit`), served a stale one (`stale`) or found none (`miss`); a
   * caller waited for another process (`wait`); a factory has ended well (`factory`) or not
   * (`factoryError`); the server has failed (`serverError`); something was invalidated
   * (`invalidate`).
   */
  readonly type: CacheEventType;
  /** The name of the cache. */
  readonly cache: string;
  /** The key with its namespaces, or the tag or prefix of an invalidation. */
  readonly key: string;
  /** How long it took, in milliseconds: a factory, a wait. 0 for what takes no time. */
  readonly duration?: number;
  /** Of `factoryError` and `serverError`: what was thrown. */
  readonly error?: unknown;
};

/** {@link CacheEvent.type} says what each means. */
export type CacheEventType =
  | "hit"
  | "stale"
  | "miss"
  | "wait"
  | "factory"
  | "factoryError"
  | "serverError"
  | "invalidate";

/** What a cache has counted since it was created, in this process. */
export interface CacheStats {
  /** Reads that found a fresh value. */
  hits: number;
  /** Reads that were served a stale value. */
  stale: number;
  /** Reads that found no value to serve. */
  misses: number;
  /** Times that this process waited for the factory of another one. */
  waits: number;
  /** Milliseconds of these waits. */
  waitTime: number;
  /** Factories that have ended well. */
  factories: number;
  /** Milliseconds of these factories. */
  factoryTime: number;
  /** Factories that failed or took too long. */
  factoryErrors: number;
  /** Times that the server failed or did not answer. */
  serverErrors: number;
  /** Tags, prefixes and keys that were invalidated. */
  invalidations: number;
}

/** The channels of node:diagnostics_channel: "mscache.cache.hit" and so on. */
const channels = {
  hit: channel("mscache.cache.hit"),
  stale: channel("mscache.cache.stale"),
  miss: channel("mscache.cache.miss"),
  wait: channel("mscache.cache.wait"),
  factory: channel("mscache.cache.factory"),
  factoryError: channel("mscache.cache.factoryError"),
  serverError: channel("mscache.cache.serverError"),
  invalidate: channel("mscache.cache.invalidate"),
} as const;

const counters: Readonly<Record<CacheEventType, keyof CacheStats>> = {
  ...{ hit: "hits", stale: "stale", miss: "misses", wait: "waits", factory: "factories" },
  ...{ factoryError: "factoryErrors", serverError: "serverErrors", invalidate: "invalidations" },
};

export class CacheEvents {
  readonly stats: CacheStats = {
    ...{ hits: 0, stale: 0, misses: 0, waits: 0, waitTime: 0 },
    ...{ factories: 0, factoryTime: 0, factoryErrors: 0, serverErrors: 0, invalidations: 0 },
  };
  private readonly cache: string;
  private readonly hook: ((event: CacheEvent) => void) | null;

  constructor(cache: string, hook: ((event: CacheEvent) => void) | null) {
    this.cache = cache;
    this.hook = hook;
  }

  tell(type: CacheEventType, key: string, duration = 0, error?: unknown): void {
    this.stats[counters[type]]++;
    if (type === "factory") this.stats.factoryTime += duration;
    if (type === "wait") this.stats.waitTime += duration;
    const { hasSubscribers } = channels[type];
    if (this.hook === null && !hasSubscribers) return;
    const event = { type, cache: this.cache, key, duration, ...(error !== undefined && { error }) };
    if (hasSubscribers) channels[type].publish(event);
    this.callHook(event);
  }

  /** What it throws is uncaught, as of a subscriber of a channel: no caller can answer for it. */
  private callHook(event: CacheEvent): void {
    try {
      this.hook?.(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** The counters in the text format of Prometheus. */
  metrics(): string {
    const label = `{cache="${escapeLabel(this.cache)}"}`;
    return metrics
      .map(([name, help, read]) => {
        const full = `mscache_cache_${name}_total`;
        return `# HELP ${full} ${help}\n# TYPE ${full} counter\n${full}${label} ${read(this.stats)}\n`;
      })
      .join("");
  }
}

const metrics: readonly [name: string, help: string, read: (stats: CacheStats) => number][] = [
  ["hits", "Reads that found a fresh value.", (s) => s.hits],
  ["stale", "Reads that were served a stale value.", (s) => s.stale],
  ["misses", "Reads that found no value to serve.", (s) => s.misses],
  ["waits", "Waits for the factory of another process.", (s) => s.waits],
  ["wait_seconds", "Time of these waits.", (s) => s.waitTime / 1_000],
  ["factories", "Factories that have ended well.", (s) => s.factories],
  ["factory_seconds", "Time of these factories.", (s) => s.factoryTime / 1_000],
  ["factory_errors", "Factories that failed or took too long.", (s) => s.factoryErrors],
  ["server_errors", "Failures of the server.", (s) => s.serverErrors],
  ["invalidations", "Tags, prefixes and keys that were invalidated.", (s) => s.invalidations],
];

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
