// The public API of the cache: createCache() and the methods of Cache, which check arguments, read
// entries, and serve what is fresh, stale or computed. How a value is computed once is in
// flight.ts; what is read and written in entry-store.ts.
// Invariant: nothing is served that is older than an invalidation that was acknowledged before the
// call. So it reads from the leader, wherever else its client reads.

import { wallClockMs } from "../../base/clock.ts";
import { inspected, shownAs } from "../../base/inspected.ts";
import { argumentFault, checkBag, checkClient, wrongKind } from "../arguments.ts";
import type { Client } from "../client.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { SignalLike } from "../routing/request-scope.ts";
import { CacheDecks } from "./cache-decks.ts";
import type { CacheStats } from "./cache-events.ts";
import {
  type CacheOptions,
  type CacheSetOptions,
  cacheNames,
  cacheSetNames,
  checkName,
  checkTags,
  type GetOrSetOptions,
  getOrSetNames,
  type NamespaceOptions,
  type NamespaceSettings,
  namespaceNames,
  resolveCache,
  resolveEntry,
  resolveNamespace,
} from "./cache-options.ts";
import type { Look } from "./entry-store.ts";
import { type Envelope, encodeEnvelope } from "./envelope.ts";
import { FactoryBatch } from "./factory-batch.ts";
import type { BatchFactory, FactoryContext } from "./factory-context.ts";
import type { Job, Replaced } from "./flight.ts";
import { packValue, unpackValue, unreadable } from "./value-codec.ts";

/** Computes the value of a key. */
export type Factory<T> = (context: FactoryContext) => T | Promise<T>;

/**
 * A cache over a client, in MSCache or in a stock Redis of version 7 or later. It needs no closing;
 * close the client. Of several processes, all must give the same `prefix` and `prefixDepth`.
 *
 * Throws an InvalidArgumentError if an option is invalid.
 *
 * @example
 * const cache = createCache({ client, ttl: 60_000, grace: 3_600_000 });
 * const user = await cache.getOrSet("user:1", () => loadUser(1), { tags: ["users"] });
 */
export function createCache(options: CacheOptions & { client: Client }): Cache {
  checkBag("options", options, cacheNames);
  const { client } = options;
  checkClient(client);
  const settings = resolveCache(options);
  return new Cache(new CacheDecks(client, settings), [""], resolveNamespace(options));
}

/**
 * A cache, or a namespace of one. Concurrent calls in one turn of the event loop are one request.
 * A key, a tag and a prefix have at most 16 KiB.
 *
 * Besides the errors named for each method, set(), delete() and invalidations reject as requests of
 * the client do; reads do so only with `failOpen: false`. All reject with InvalidArgumentError for
 * an argument or an option that is invalid.
 *
 * @example
 * const users = createCache({ client }).namespace("users", { ttl: 60_000 });
 * await users.set("1", { name: "Ada" });
 * console.log((await users.get("1")).name); // Ada
 */
export class Cache {
  private readonly decks: CacheDecks;
  /** What the paths of entries here begin with, the outermost first; the last is this namespace. */
  private readonly roots: readonly string[];
  private readonly settings: NamespaceSettings;

  /** @internal Use createCache(). */
  constructor(decks: CacheDecks, roots: readonly string[], settings: NamespaceSettings) {
    this.decks = decks;
    this.roots = roots;
    this.settings = settings;
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("Cache", { root: this.root });
  }

  /**
   * A part of the cache whose keys begin with "name:", with options of its own. Tags belong to the
   * whole cache.
   *
   * @example const users = cache.namespace("users", { ttl: 600_000, codec: "structured" });
   */
  namespace(name: string, options: NamespaceOptions = {}): Cache {
    checkName("name", name);
    if (name === "") throw new InvalidArgumentError("the name of a namespace must not be empty");
    checkBag("options", options, namespaceNames);
    const settings = resolveNamespace(options, this.settings);
    return new Cache(this.decks, [...this.roots, `${this.root}${name}:`], settings);
  }

  // ---- reading ---------------------------------------------------------------------------------

  /**
   * The value if it is fresh, or undefined. A stored undefined looks the same; see {@link has}.
   *
   * @example const user = await cache.get<User>("user:1");
   */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    return (await this.find(key)).value as T | undefined;
  }

  /**
   * Whether there is a fresh value, null and undefined included.
   *
   * @example if (await cache.has("user:1")) return;
   */
  async has(key: string): Promise<boolean> {
    return (await this.find(key)).isFound;
  }

  /**
   * The fresh values of several keys in the order of the keys, undefined where there is none.
   *
   * @example const [a, b] = await cache.getMany<User>(["user:1", "user:2"]);
   */
  async getMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    checkKeys(keys);
    const found = await Promise.all(keys.map((key) => this.find(key)));
    return found.map(({ value }) => value as T | undefined);
  }

  // ---- reading, and computing what is not there -------------------------------------------------

  /**
   * The value of the key. If there is none, the factory computes it, once for all callers in all
   * processes, and it is stored. A stale value within its grace is served at once, while one
   * process computes a new one (`timeout.soft` makes callers wait for that first). Callers of one
   * process that share a computation share the value itself; treat it as immutable.
   *
   * Rejects with the factory's error if there is no stale value to serve, with FactoryFailedError
   * if it was the factory of another process, with FactoryTimeoutError after `timeout.hard`, and
   * with the reason of `signal` if that is aborted.
   *
   * @example
   * const user = await cache.getOrSet("user:1", async ({ signal, set, skip }) => {
   *   const response = await fetch("https://example.com/users/1", { signal });
   *   return await response.json();
   * }, { ttl: 60_000, grace: 600_000, tags: ["users"] });
   */
  async getOrSet<T>(key: string, factory: Factory<T>, options: GetOrSetOptions = {}): Promise<T> {
    if (typeof factory !== "function") throw wrongKind("factory", "a function", factory);
    const { settings, tags, signal } = this.callOptions(options);
    if (signal?.aborted) throw signal.reason;
    const job: Job = { ...this.place(key, tags), settings, factory };
    const served = this.serve(job) as Promise<T>;
    return await (signal === undefined ? served : unlessAborted(served, signal));
  }

  /**
   * The values of several keys in their order. One factory computes those that are missing: it gets
   * their keys and returns their values as an array in the same order. Each key is computed once in
   * all processes, as by {@link getOrSet}; what another process computes meanwhile is not given to
   * this factory.
   *
   * Rejects as {@link getOrSet} does, and with FactoryFailedError if the factory does not return
   * one value for each key; no value is stored then.
   *
   * @example
   * const users = await cache.getOrSetMany(["1", "2", "3"], (ids) => loadUsers(ids));
   */
  async getOrSetMany<T>(
    keys: readonly string[],
    factory: BatchFactory<T>,
    options: GetOrSetOptions = {},
  ): Promise<T[]> {
    checkKeys(keys);
    if (typeof factory !== "function") throw wrongKind("factory", "a function", factory);
    const { settings, tags, signal } = this.callOptions(options);
    if (signal?.aborted) throw signal.reason;
    const unique = [...new Set(keys)];
    const batch = new FactoryBatch(factory, unique.length);
    const jobs = unique.map((key) => batched({ ...this.place(key, tags), settings }, batch));
    const all = Promise.all(jobs.map((job) => this.serve(job)));
    const values = await (signal === undefined ? all : unlessAborted(all, signal));
    const byKey = new Map(unique.map((key, i) => [key, values[i] as T]));
    return keys.map((key) => byKey.get(key) as T);
  }

  // ---- writing ---------------------------------------------------------------------------------

  /**
   * Stores a value. A factory that runs for the key meanwhile does not replace it.
   *
   * Rejects with InvalidArgumentError if the codec cannot hold the value.
   *
   * @example await cache.set("user:1", user, { ttl: 60_000, tags: ["users"] });
   */
  async set(key: string, value: unknown, options: CacheSetOptions = {}): Promise<void> {
    checkBag("options", options, cacheSetNames);
    const { tags = [] } = options;
    checkTags(tags);
    const { ttl, grace, negativeTtl } = resolveEntry(options, this.settings);
    const lasts = value === null || value === undefined ? (negativeTtl ?? ttl) : ttl;
    const { path, dependencies } = this.place(key, tags);
    const { store, dictionaries } = this.decks.at(path);
    if (lasts === 0) {
      await store.remove([path]);
      return;
    }
    const { codec, compressOver, dictionary } = this.settings;
    const book = dictionary ? dictionaries.book(this.root) : null;
    const packed = packValue(value, codec, compressOver, book);
    dictionaries.keep(packed.dictionary, lasts + grace);
    const [look] = await store.look([{ path, dependencies }]);
    const [generations] = await store.establish(dependencies, look as Look, lasts + grace);
    const now = wallClockMs();
    const times = { writtenAt: now, freshUntil: now + lasts, grace, cost: 0 };
    const bytes = encodeEnvelope({ ...packed, ...times, generations });
    await store.store(path, bytes, lasts + grace, generations.keys());
  }

  /**
   * Deletes an entry. Resolves with whether there was one, fresh or not. The value of a factory
   * that runs for the key is not stored.
   *
   * @example await cache.delete("user:1");
   */
  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) === 1;
  }

  /**
   * Deletes several entries. Resolves with how many there were. An empty list sends no request.
   *
   * @example await cache.deleteMany(["user:1", "user:2"]);
   */
  async deleteMany(keys: readonly string[]): Promise<number> {
    checkKeys(keys);
    if (keys.length === 0) return 0;
    const paths = keys.map((key) => this.place(key, []).path);
    const counts = await this.decks.inParts(paths, ({ store }, part) => store.remove(part));
    for (const path of paths) this.decks.events.tell("invalidate", path);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  // ---- invalidating many ------------------------------------------------------------------------

  /**
   * Every entry with this tag is gone when the promise resolves, in the whole cache. One command,
   * however many there are.
   *
   * @example await cache.expireTag("users");
   */
  expireTag(tag: string): Promise<void> {
    return this.changeTag(tag, "expire");
  }

  /**
   * Every entry with this tag is stale when the promise resolves: within its grace it is served
   * while it is computed anew, otherwise it is gone. One command, however many there are.
   *
   * @example await cache.invalidateTag("users");
   */
  invalidateTag(tag: string): Promise<void> {
    return this.changeTag(tag, "invalidate");
  }

  /**
   * Every entry whose key begins with this prefix is gone when the promise resolves. The prefix
   * ends with ":" and has at most `prefixDepth` segments. One command.
   *
   * Rejects with InvalidArgumentError for another prefix.
   *
   * @example await cache.expirePrefix("user:");
   */
  expirePrefix(prefix: string): Promise<void> {
    return this.changePrefix(prefix, "expire");
  }

  /**
   * The same as {@link expirePrefix}, but the entries are stale, as by {@link invalidateTag}.
   *
   * @example await cache.invalidatePrefix("user:");
   */
  invalidatePrefix(prefix: string): Promise<void> {
    return this.changePrefix(prefix, "invalidate");
  }

  /**
   * Every entry of this namespace, or of the whole cache, is gone when the promise resolves.
   *
   * @example await cache.namespace("users").clear();
   */
  clear(): Promise<void> {
    return this.changePrefix("", "expire");
  }

  // ---- looking on -------------------------------------------------------------------------------

  /**
   * What the cache and all its namespaces have counted in this process.
   *
   * @example const { hits, misses } = cache.stats();
   */
  stats(): CacheStats {
    return { ...this.decks.events.stats };
  }

  /**
   * The counters in the text format of Prometheus.
   *
   * @example Bun.serve({ routes: { "/metrics": () => new Response(cache.metrics()) } });
   */
  metrics(): string {
    return this.decks.events.metrics();
  }

  // --- internal ---

  private get root(): string {
    return this.roots[this.roots.length - 1] as string;
  }

  private callOptions(options: GetOrSetOptions) {
    checkBag("options", options, getOrSetNames);
    const { tags = [], signal } = options;
    checkTags(tags);
    return { settings: resolveNamespace(options, this.settings), tags, signal };
  }

  /** Where an entry stands, and what it depends on as far as its key and these tags tell. */
  private place(key: string, tags: readonly string[]) {
    if (typeof key !== "string") throw argumentFault("key", key);
    checkName("key", key);
    const dependencies = this.roots.map((root) => `p:${root}`);
    let end = -1;
    for (let depth = 0; depth < this.decks.prefixDepth; depth++) {
      end = key.indexOf(":", end + 1);
      if (end < 0) break;
      dependencies.push(`p:${this.root}${key.slice(0, end + 1)}`);
    }
    for (const tag of tags) dependencies.push(`t:${tag}`);
    return { path: `${this.root}${key}`, key, dependencies };
  }

  private async find(key: string): Promise<{ value: unknown; isFound: boolean }> {
    const { path, dependencies } = this.place(key, []);
    const deck = this.decks.at(path);
    try {
      const { entry, isFresh } = await deck.looks.look(path, dependencies);
      const value =
        entry === null || !isFresh ? unreadable : unpackValue(entry, this.settings.codec);
      const isFound = value !== unreadable;
      deck.events.tell(isFound ? "hit" : "miss", path);
      return { value: isFound ? value : undefined, isFound };
    } catch (error) {
      if (!deck.failOpen) throw error;
      deck.events.tell("miss", path);
      return { value: undefined, isFound: false };
    }
  }

  /** Serves what is there, or has it computed. */
  private async serve(job: Job): Promise<unknown> {
    const { looks, events, flights, failOpen } = this.decks.at(job.path);
    let look: Look | null = null;
    try {
      look = await looks.look(job.path, job.dependencies);
    } catch (error) {
      if (!failOpen) {
        job.passed?.();
        throw error;
      }
    }
    const entry = look?.entry ?? null;
    const value = entry === null ? unreadable : unpackValue(entry, job.settings.codec);
    if (entry === null || value === unreadable) {
      events.tell("miss", job.path);
      return await flights.settle(job, null);
    }
    const replaced = { writtenAt: entry.writtenAt, value };
    if (look?.isFresh !== true) return await this.serveStale(job, replaced);
    events.tell("hit", job.path);
    if (isDueEarly(entry, job.settings.early)) flights.refresh(job, replaced);
    else job.passed?.();
    return value;
  }

  private async serveStale(job: Job, replaced: Replaced): Promise<unknown> {
    const { flights, events } = this.decks.at(job.path);
    const { soft } = job.settings;
    if (soft === 0) {
      flights.refresh(job, replaced);
    } else {
      const value = await withinMs(flights.settle(job, replaced), soft);
      if (value !== unreadable) {
        events.tell("miss", job.path);
        return value;
      }
    }
    events.tell("stale", job.path);
    return replaced.value;
  }

  private async changeTag(tag: string, verb: "expire" | "invalidate"): Promise<void> {
    checkName("tag", tag);
    await this.decks.everywhere(({ store }) => store.bump([`t:${tag}`], verb));
    this.decks.events.tell("invalidate", tag);
  }

  private async changePrefix(prefix: string, verb: "expire" | "invalidate"): Promise<void> {
    checkName("prefix", prefix);
    const { prefixDepth } = this.decks;
    const depth = prefix.split(":").length - 1;
    if (prefix !== "" && (!prefix.endsWith(":") || depth > prefixDepth)) {
      throw new InvalidArgumentError(
        `a prefix ends with ":" and has at most ${prefixDepth} segments (prefixDepth)`,
      );
    }
    await this.decks.everywhere(({ store }) => store.bump([`p:${this.root}${prefix}`], verb));
    this.decks.events.tell("invalidate", `${this.root}${prefix}`);
  }
}

// --- internal ---

function checkKeys(keys: unknown): void {
  if (!Array.isArray(keys)) throw wrongKind("keys", "an array", keys);
}

/** The job of one key of a batch, which counts it once. */
function batched(place: Omit<Job, "factory">, batch: FactoryBatch): Job {
  let isCounted = false;
  return {
    ...place,
    passed: () => {
      if (!isCounted) batch.pass();
      isCounted = true;
    },
    factory: (run) => {
      const isFirst = !isCounted;
      isCounted = true;
      return batch.compute(run, isFirst);
    },
  };
}

/**
 * Whether a fresh entry is to be computed again already: XFetch, in which the chance grows with the
 * time that its factory took and as its end comes near (Vattani et al., VLDB 2015).
 */
function isDueEarly({ cost, freshUntil }: Envelope, early: number): boolean {
  if (early === 0) return false;
  return wallClockMs() - cost * early * Math.log(Math.random()) >= freshUntil;
}

/** The value, or `unreadable` if it fails or takes longer. */
function withinMs(value: Promise<unknown>, ms: number): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(unreadable), ms);
    const end = (result: unknown) => {
      clearTimeout(timer);
      resolve(result);
    };
    value.then(end, () => end(unreadable)); // the error has been told by an event
  });
}

function unlessAborted<T>(value: Promise<T>, signal: SignalLike): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    value.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
