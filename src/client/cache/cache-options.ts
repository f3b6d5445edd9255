// The options of a cache and of its calls: units, defaults and bounds. All of them are checked when
// they are given, so that a mistake is an InvalidArgumentError and not a miss. Nothing is read or
// written here.
// Invariant: what resolve...() returns has every default filled in.

import {
  cacheNameBytesMax,
  cachePrefixDepthMax,
  cacheTagsMax,
  timerMsMax,
} from "../../base/limits.ts";
import { checkBag, checkFlag, type Names, numberWithin, wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { SignalLike } from "../routing/request-scope.ts";
import type { CacheEvent } from "./cache-events.ts";

/** How values are turned into bytes: see the option `codec`. */
export type CodecName = "json" | "structured" | "bytes";

/** How long callers wait for a factory, in milliseconds, at most 2^31 - 1. */
export interface CacheTimeouts {
  /**
   * How long a caller waits for a new value before it gets the stale one. Default 0: at once. It
   * has no effect if there is no stale value.
   */
  soft?: number | undefined;
  /**
   * After this time the factory's signal is aborted and its result is dropped; callers get the
   * stale value or a FactoryTimeoutError. The wait for a factory of another process counts.
   * Default 30,000, at least 1.
   */
  hard?: number | undefined;
}

const timeoutNames: Names<CacheTimeouts> = { soft: true, hard: true };

/** How an entry is kept. Every call may say it, and the cache and the namespace for all calls. */
export interface EntryOptions {
  /**
   * How long the value is fresh, in milliseconds, at least 1. Default 60,000. Infinity: until
   * evicted.
   */
  ttl?: number | undefined;
  /**
   * How long after that the stale value may still be served while it is computed anew, or if that
   * fails, in milliseconds. Default 0: never. At most 2^32 - 1.
   */
  grace?: number | undefined;
  /** The ttl of null and undefined, in milliseconds; 0: they are not stored. Default: as `ttl`. */
  negativeTtl?: number | undefined;
}

const entryNames: Names<EntryOptions> = { ttl: true, grace: true, negativeTtl: true };

/** Options of a namespace, which go before those of the cache. */
export interface NamespaceOptions extends EntryOptions {
  /**
   * The limits for factories, in milliseconds. A number is the hard one. Default: 0 and 30,000, as
   * CacheTimeouts says.
   */
  timeout?: number | CacheTimeouts | undefined;
  /**
   * Refreshes an entry before it expires, with a chance that grows as its end comes near and with
   * the time that its factory takes (XFetch): a number without a unit, up to 1,000. Default 0: off.
   * 1 is usual; more is earlier.
   */
  early?: number | undefined;
  /**
   * "json"; "structured" for what structuredClone() can copy, such as Date and Map, which only Bun
   * can read; "bytes" for a Uint8Array as it is. Entries of another codec are misses. Default
   * "json".
   */
  codec?: CodecName | undefined;
  /**
   * Values of more bytes are compressed with zstd. Default 4,096, and at most 256 where
   * `dictionary` is said. Infinity: none.
   */
  compressOver?: number | undefined;
  /**
   * Whether they are compressed with a dictionary, which is made of the first values that are
   * written: small values that resemble each other get about half as large as without one. The
   * first reads of a process take one more round trip. Default false.
   */
  dictionary?: boolean | undefined;
}

/** @internal */
export const namespaceNames: Names<NamespaceOptions> = {
  ...entryNames,
  ...{ timeout: true, early: true, codec: true, compressOver: true, dictionary: true },
};

/**
 * Options of createCache() besides the client. `serverTimeout`, `retryDelay` and `lease` are at
 * least 1 and at most 2^31 - 1.
 */
export interface CacheOptions extends NamespaceOptions {
  /** What the names of all keys in the server begin with; at most 16 KiB. Default "cache:". */
  prefix?: string | undefined;
  /** The name of the cache in metrics and events. Default: the prefix. */
  name?: string | undefined;
  /**
   * How many leading segments of a key, each with a ":" at its end, can be given to expirePrefix()
   * and invalidatePrefix(): 0 to 4. Each is one key more to read. All processes must agree.
   * Default 1.
   */
  prefixDepth?: number | undefined;
  /**
   * Whether getOrSet() runs the factory when the server does not answer, and get() finds nothing.
   * False: they reject. Writes and invalidations always reject. Default true.
   */
  failOpen?: boolean | undefined;
  /** How long a cache waits for a reply of the server, in milliseconds. Default 1,000. */
  serverTimeout?: number | undefined;
  /**
   * After a failure, the time in milliseconds before the server is asked again, and before a
   * factory that failed behind a stale value is run again. Default 1,000.
   */
  retryDelay?: number | undefined;
  /**
   * How long the lock of a process that has died holds up the others, in milliseconds. A living
   * process extends it three times in that time; if its event loop stands still for longer, another
   * process may run the factory too. Default 5,000; at least 100.
   */
  lease?: number | undefined;
  /**
   * Is called with each event, as the diagnostics channels are. What it throws is not caught.
   * Default: nobody is.
   */
  onEvent?: ((event: CacheEvent) => void) | undefined;
}

/** @internal */
export const cacheNames: Names<CacheOptions & { client: unknown }> = {
  ...{ client: true, ...namespaceNames },
  ...{ prefix: true, name: true, prefixDepth: true, failOpen: true, serverTimeout: true },
  ...{ retryDelay: true, lease: true, onEvent: true },
};

/** Options of set(). */
export interface CacheSetOptions extends EntryOptions {
  /** Tags by which the entry can be invalidated; at most 128. Default: none. */
  tags?: readonly string[] | undefined;
}

/** @internal */
export const cacheSetNames: Names<CacheSetOptions> = { ...entryNames, tags: true };

/** Options of getOrSet() and getOrSetMany(). */
export interface GetOrSetOptions extends CacheSetOptions {
  /** As the option of the cache, which is the default: milliseconds, or both limits. */
  timeout?: number | CacheTimeouts | undefined;
  /** As the option of the cache, which is the default: a number without a unit. */
  early?: number | undefined;
  /** Ends this caller's wait. The factory goes on for whoever else waits. Default: none. */
  signal?: SignalLike | undefined;
}

/** @internal */
export const getOrSetNames: Names<GetOrSetOptions> = {
  ...{ ...cacheSetNames, timeout: true, early: true, signal: true },
};

/** How one entry is kept. @internal */
export interface EntrySettings {
  readonly ttl: number;
  readonly grace: number;
  /** Null: as ttl. */
  readonly negativeTtl: number | null;
}

/** @internal */
export interface NamespaceSettings extends EntrySettings {
  readonly soft: number;
  readonly hard: number;
  readonly early: number;
  readonly codec: CodecName;
  readonly compressOver: number;
  readonly dictionary: boolean;
}

/** @internal */
export interface CacheSettings {
  readonly prefix: string;
  readonly name: string;
  readonly prefixDepth: number;
  readonly failOpen: boolean;
  readonly serverTimeout: number;
  readonly retryDelay: number;
  readonly lease: number;
  readonly onEvent: ((event: CacheEvent) => void) | null;
}

const defaults: NamespaceSettings = {
  ...{ ttl: 60_000, grace: 0, negativeTtl: null, soft: 0, hard: 30_000, early: 0 },
  ...{ codec: "json", compressOver: 4_096, dictionary: false },
};
/** Of values that resemble each other, what is in the dictionary need not be in the value. */
const compressOverWithDictionary = 256;
const graceMax = 2 ** 32 - 1;
const leaseMsMin = 100;
const codecs: readonly unknown[] = ["json", "structured", "bytes"];

/** @internal */
export function resolveCache(options: CacheOptions): CacheSettings {
  const { prefix = "cache:", failOpen, onEvent = null } = options;
  checkName("prefix", prefix);
  const { name = prefix } = options;
  if (typeof name !== "string") throw wrongKind("name", "a string", name);
  checkFlag("failOpen", failOpen);
  if (onEvent !== null && typeof onEvent !== "function") {
    throw wrongKind("onEvent", "a function", onEvent);
  }
  const prefixDepth = numberWithin("prefixDepth", options.prefixDepth, 1, 0, cachePrefixDepthMax);
  if (!Number.isInteger(prefixDepth)) {
    throw new InvalidArgumentError(`prefixDepth must be a whole number, not ${prefixDepth}`);
  }
  return {
    ...{ prefix, name, prefixDepth, failOpen: failOpen ?? true, onEvent },
    serverTimeout: numberWithin("serverTimeout", options.serverTimeout, 1_000, 1, timerMsMax),
    retryDelay: numberWithin("retryDelay", options.retryDelay, 1_000, 1, timerMsMax),
    lease: numberWithin("lease", options.lease, 5_000, leaseMsMin, timerMsMax),
  };
}

/** What the options say, and what `outer` says where they say nothing. @internal */
export function resolveNamespace(
  options: GetOrSetOptions & NamespaceOptions,
  outer: NamespaceSettings = defaults,
): NamespaceSettings {
  const { codec = outer.codec, timeout } = options;
  if (!codecs.includes(codec)) {
    throw new InvalidArgumentError('codec must be "json", "structured" or "bytes"');
  }
  const limits = typeof timeout === "object" ? timeout : { hard: timeout };
  checkBag("timeout", limits, timeoutNames);
  checkFlag("dictionary", options.dictionary);
  const isOwn = options.dictionary === true && !outer.dictionary;
  return {
    ...resolveEntry(options, outer),
    soft: numberWithin("timeout.soft", limits.soft, outer.soft, 0, timerMsMax),
    hard: numberWithin("timeout.hard", limits.hard, outer.hard, 1, timerMsMax),
    early: numberWithin("early", options.early, outer.early, 0, 1_000),
    codec,
    compressOver: numberWithin(
      "compressOver",
      options.compressOver,
      isOwn ? Math.min(outer.compressOver, compressOverWithDictionary) : outer.compressOver,
      0,
      Infinity,
    ),
    dictionary: options.dictionary ?? outer.dictionary,
  };
}

/** @internal */
export function resolveEntry(options: EntryOptions, outer: EntrySettings): EntrySettings {
  const { negativeTtl } = options;
  return {
    ttl: numberWithin("ttl", options.ttl, outer.ttl, 1, Infinity),
    grace: numberWithin("grace", options.grace, outer.grace, 0, graceMax),
    negativeTtl:
      negativeTtl === undefined
        ? outer.negativeTtl
        : numberWithin("negativeTtl", negativeTtl, 0, 0, Infinity),
  };
}

/** Throws unless it can be a key, a tag or a prefix. @internal */
export function checkName(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw wrongKind(name, "a string", value);
  if (value.length * 3 <= cacheNameBytesMax) return;
  if (Buffer.byteLength(value) <= cacheNameBytesMax) return;
  throw new InvalidArgumentError(`${name} is longer than ${cacheNameBytesMax} bytes`);
}

/** Throws unless they can be the tags of one entry. @internal */
export function checkTags(tags: unknown): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw wrongKind("tags", "an array", tags);
  if (tags.length > cacheTagsMax) {
    throw new InvalidArgumentError(`an entry has at most ${cacheTagsMax} tags`);
  }
  for (let i = 0; i < tags.length; i++) checkName(`tags[${i}]`, tags[i]);
}
