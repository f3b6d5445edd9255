// mscache/next: the caches of Next.js 16 for all processes of an application: `cacheHandler`
// (pages, routes, fetches and images) and `cacheHandlers` ("use cache"). Next.js must run in Bun.
// How an entry is written is in next-frame.ts, what its tags say of it in next-tags.ts. All goes to
// the leader, as who revalidates a tag expects its own next read to miss.
// Invariant: reading and storing never reject; an error of the client is a miss. Marking a tag
// rejects if it may not have happened.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import {
  argumentFault,
  checkBag,
  checkClient,
  checkFunction,
  isArgument,
  type Names,
  numberWithin,
} from "../arguments.ts";
import type { Client } from "../client.ts";
import type { CommandCall } from "../commands/call-list.ts";
import { type Fields, type Frame, packFrame, unpackFrame } from "./next-frame.ts";
import { judge, TagRecords, type Verdict } from "./next-tags.ts";

/** Options of {@link createIsrHandler} and {@link createUseCacheHandler}. */
export interface NextHandlerOptions {
  /** A connected client, over MSCache or Redis. */
  client: Client;
  /**
   * What the keys begin with. Default "next:". Pages refer to files of their build, so give each
   * build a prefix of its own. Both handlers may have the same one.
   */
  prefix?: string | undefined;
  /**
   * The longest lifetime of an entry in milliseconds, from 60,000 to ten years, and that of entries
   * without one. Default 30 days.
   */
  ttl?: number | undefined;
  /** Is told each error of the client when an entry is read or stored. Default: nobody is. */
  onError?: ((error: unknown) => void) | undefined;
}

const handlerNames: Names<NextHandlerOptions> = {
  ...{ client: true, prefix: true, ttl: true, onError: true },
};

/** How long what has a tag may still be served; absent: not at all. */
export interface NextDurations {
  /** In **seconds**, as Next.js has it. Default: without end. */
  expire?: number | undefined;
}

/** What Next.js calls of `cacheHandler`; of an entry it says more than is named here. */
export interface NextCacheHandler {
  get(
    key: string,
    context?: object,
  ): Promise<{ lastModified: number; value: unknown; cacheControl?: unknown } | null>;
  set(key: string, value: object | null, context?: object): Promise<void>;
  revalidateTag(tags: string | string[], durations?: NextDurations): Promise<void>;
  resetRequestCache(): void;
}

/** An entry of "use cache". Durations are **seconds**, as Next.js has them. */
export interface NextCacheEntry {
  /** A ReadableStream, which is read once. */
  value: AsyncIterable<Uint8Array>;
  tags: string[];
  /** How long a browser may use it without asking. */
  stale: number;
  /** When it was computed, in milliseconds since 1970. */
  timestamp: number;
  /** From `timestamp` on: until then it may be served. */
  expire: number;
  /** From `timestamp` on: after that it is computed anew when it is served. */
  revalidate: number;
}

/** What Next.js calls of `cacheHandlers`. */
export interface NextUseCacheHandler {
  get(key: string, softTags?: readonly string[]): Promise<NextCacheEntry | undefined>;
  set(key: string, pendingEntry: Promise<NextCacheEntry>): Promise<void>;
  refreshTags(): Promise<void>;
  /** Infinity: the tags of a path are judged by get(). */
  getExpiration(tags?: readonly string[]): Promise<number>;
  updateTags(tags: readonly string[], durations?: NextDurations): Promise<void>;
}

/**
 * The class for `cacheHandler` of next.config: what is rendered ahead, responses of routes, and
 * data of fetch(), the same for all processes. revalidateTag() and revalidatePath() take one
 * command for each tag, however many entries have it, and hold for all processes when they have
 * resolved.
 *
 * An entry whose tag was revalidated with a profile ("max") is served once more while it is
 * rendered anew. Whether an entry is older than the mark of its tag is judged by the clocks of the
 * processes. Throws InvalidArgumentError if an option is invalid.
 *
 * @example
 * const Handler = createIsrHandler({ client, prefix: "next:build-1:" });
 * const handler = new Handler();
 * await handler.set("/page", { kind: "APP_ROUTE", body: Buffer.from("hello") });
 * console.log(`${(await handler.get("/page")).value.body}`); // hello
 */
export function createIsrHandler(
  options: NextHandlerOptions,
): new (
  context?: object,
) => NextCacheHandler {
  const entries = new Entries(options, "isr:");
  return class IsrHandler implements NextCacheHandler {
    get: NextCacheHandler["get"] = (key, context = {}) => getResponse(entries, key, context);
    set: NextCacheHandler["set"] = (key, value, context = {}) =>
      setResponse(entries, key, value as Fields | null, context);
    revalidateTag: NextCacheHandler["revalidateTag"] = (tags, durations) =>
      entries.mark([tags].flat(), durations);
    resetRequestCache(): void {} // nothing is kept for a request
  };
}

/**
 * The object for `cacheHandlers` of next.config, for "use cache" and "use cache: remote". It is the
 * same for all processes; updateTag(), revalidateTag() and revalidatePath() hold for all of them
 * when they have resolved. An entry lives until its `expire`, at most `ttl`.
 *
 * Throws InvalidArgumentError if an option is invalid.
 *
 * @example
 * const handler = createUseCacheHandler({ client, prefix: "next:build-1:" });
 * const about = { tags: ["users"], timestamp: Date.now(), stale: 30, revalidate: 60, expire: 300 };
 * await handler.set("users", Promise.resolve({ ...about, value: new Blob(["Ada"]).stream() }));
 * console.log(await new Response((await handler.get("users")).value).text()); // Ada
 */
export function createUseCacheHandler(options: NextHandlerOptions): NextUseCacheHandler {
  const entries = new Entries(options, "use:");
  const pending = new Map<string, Promise<void>>();
  return {
    async get(key, softTags = []) {
      await pending.get(key);
      return getCached(entries, key, softTags);
    },
    async set(key, pendingEntry) {
      const stored = setCached(entries, key, pendingEntry);
      pending.set(key, stored);
      await stored;
      if (pending.get(key) === stored) pending.delete(key);
    },
    async refreshTags() {}, // get() reads them
    getExpiration: async () => Infinity,
    updateTags: (tags, durations) => entries.mark(tags, durations),
  };
}

// ---- "use cache" -------------------------------------------------------------------------------

async function getCached(
  entries: Entries,
  key: string,
  softTags: readonly string[],
): Promise<NextCacheEntry | undefined> {
  const found = await entries.read(key, softTags);
  if (found === null) return undefined;
  const { value, ...entry } = found.frame.fields as unknown as { value: Uint8Array<ArrayBuffer> };
  const about = entry as unknown as Omit<NextCacheEntry, "value">;
  // Next.js serves it and computes it anew: what is negative lies in the past.
  const revalidate = found.verdict === "stale" ? -1 : about.revalidate;
  return { ...about, revalidate, value: new Blob([value]).stream() };
}

/** Nothing of an entry whose stream has failed is kept, nor of one that may not be served. */
async function setCached(
  entries: Entries,
  key: string,
  pendingEntry: Promise<NextCacheEntry>,
): Promise<void> {
  await entries.attempt(async () => {
    const { value, ...about } = await pendingEntry;
    const chunks = await Array.fromAsync(value);
    const ageMs = monotonicMs() - about.timestamp;
    const lifetimeMs = about.expire * 1000 - ageMs;
    if (lifetimeMs < 1) return;
    const fields = { ...about, value: Buffer.concat(chunks) };
    await entries.write(key, fields, wallClockMs() - ageMs, about.tags, lifetimeMs);
  }, undefined);
}

// ---- pages, routes, fetches, images ------------------------------------------------------------

/** What Next.js says beside an entry, in all its versions and kinds together. */
interface ResponseContext {
  readonly kind?: string;
  readonly tags?: readonly string[];
  readonly softTags?: readonly string[];
  readonly revalidate?: number | false;
  readonly cacheControl?: CacheControl;
}

interface CacheControl {
  readonly revalidate?: number | false;
  /** Seconds. */
  readonly expire?: number;
}

const tagsHeader = "x-next-cache-tags";

async function getResponse(
  entries: Entries,
  key: string,
  context: ResponseContext,
): ReturnType<NextCacheHandler["get"]> {
  const { tags = [], softTags = [] } = context;
  const found = await entries.read(key, [...tags, ...softTags]);
  if (found === null) return null;
  const { about, fields: value } = found.frame;
  const stored = about as { computedAt: number; cacheControl?: CacheControl };
  const { computedAt: lastModified, cacheControl } = stored;
  if (found.verdict === "fresh") {
    return { lastModified, value, ...(cacheControl && { cacheControl }) };
  }
  return value?.kind === "FETCH"
    ? { lastModified: before(context.revalidate || value.revalidate), value }
    : staleResponse(value, cacheControl);
}

/** Next.js knows of no stale tags here, but of entries that are older than their `revalidate`. */
function staleResponse(value: Fields | null, cacheControl: CacheControl = {}) {
  const { revalidate = false } = cacheControl;
  const seconds = revalidate === false ? 1 : revalidate;
  const lastModified = before(seconds);
  return { lastModified, value, cacheControl: { ...cacheControl, revalidate: seconds } };
}

/** A moment more than so many seconds ago. */
function before(seconds: unknown): number {
  return wallClockMs() - (Number(seconds) || 0) * 1000 - 1000;
}

async function setResponse(
  entries: Entries,
  key: string,
  value: Fields | null,
  context: ResponseContext,
): Promise<void> {
  const { cacheControl } = context;
  const lifetimeMs = (cacheControl?.expire ?? Infinity) * 1000;
  const about = cacheControl && { cacheControl };
  await entries.attempt(
    () => entries.write(key, value, wallClockMs(), tagsOf(value, context), lifetimeMs, about),
    undefined,
  );
}

function tagsOf(value: Fields | null, context: ResponseContext): string[] {
  const own = (value?.tags ?? []) as readonly string[];
  const header = (value?.headers as Fields | undefined)?.[tagsHeader];
  const listed = typeof header === "string" ? header.split(",") : [];
  return [...new Set([...own, ...(context.tags ?? []), ...listed])].filter((tag) => tag !== "");
}

// ---- entries -----------------------------------------------------------------------------------

const ttlDefaultMs = 30 * 86_400_000;
/** A record of a tag covers the entries of a minute (next-tags.ts). */
const ttlMinMs = 60_000;
const ttlMaxMs = 10 * 366 * 86_400_000;

interface Found {
  readonly frame: Frame;
  readonly verdict: Exclude<Verdict, "gone">;
}

/** Entries of one handler, and their tags. */
class Entries {
  private readonly client: Client;
  private readonly prefix: string;
  private readonly ttlMs: number;
  private readonly onError: (error: unknown) => void;
  private readonly tags: TagRecords;

  constructor(options: NextHandlerOptions, kind: string) {
    checkBag("options", options, handlerNames);
    checkClient(options.client);
    const { client, prefix = "next:", ttl, onError } = options;
    if (typeof prefix !== "string" || !isArgument(prefix)) throw argumentFault("prefix", prefix);
    checkFunction("onError", onError);
    this.client = client;
    this.prefix = `${prefix}${kind}`;
    this.ttlMs = Math.ceil(numberWithin("ttl", ttl, ttlDefaultMs, ttlMinMs, ttlMaxMs));
    this.onError = onError ?? (() => undefined);
    this.tags = new TagRecords(client, this.prefix, this.ttlMs);
  }

  /** Null for what is not there or must not be served; two round trips if the entry has tags. */
  read(key: string, otherTags: readonly string[]): Promise<Found | null> {
    return this.attempt(async () => {
      const others = this.tags.read(otherTags);
      const [packed, otherRecords] = await Promise.all([
        this.client.atLeader(["GET", this.keyOf(key)]),
        others,
      ]);
      const frame = packed === null ? null : unpackFrame(packed as Uint8Array);
      if (frame === null) return null;
      const { computedAt, tags } = frame.about as unknown as About;
      const records = await this.tags.read(tags);
      const verdict = judge(computedAt, wallClockMs(), records, otherRecords);
      return verdict === "gone" ? null : { frame, verdict };
    }, null);
  }

  async write(
    key: string,
    fields: Fields | null,
    computedAt: number,
    tags: readonly string[],
    lifetimeMs: number,
    about: Fields = {},
  ): Promise<void> {
    const packed = packFrame({ about: { ...about, computedAt, tags }, fields });
    const px = Math.ceil(Math.min(lifetimeMs, this.ttlMs));
    const set: CommandCall = ["SET", this.keyOf(key), packed, "PX", px];
    const calls = [...this.tags.creations(tags, computedAt), set];
    for (const result of await this.client.pipeline(calls)) {
      if (result instanceof Error) throw result;
    }
  }

  mark(tags: readonly string[], durations?: NextDurations): Promise<void> {
    return this.tags.mark(tags, wallClockMs(), durations);
  }

  private keyOf(key: string): string {
    return `${this.prefix}entry:${key}`;
  }

  async attempt<T>(run: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await run();
    } catch (error) {
      this.onError(error);
      return otherwise;
    }
  }
}

interface About {
  readonly computedAt: number;
  readonly tags: readonly string[];
}
