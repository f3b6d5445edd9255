// mscache/session: a store for the sessions of express-session, one key for each session, with its
// lifetime. It builds on the Store class that the application passes in, so that this package
// depends on no version of express-session and on none of its types.
// Invariant: a key of a session always has a lifetime.

import { wallClockMs } from "../../base/clock.ts";
import {
  argumentFault,
  checkBag,
  checkClient,
  checkFunction,
  isArgument,
  type Names,
  numberWithin,
  wrongKind,
} from "../arguments.ts";
import type { Client } from "../client.ts";
import { deleteUnder, keysUnder, textOf } from "./prefix-scan.ts";

/** The class `Store` of express-session: `session.Store`. */
export type StoreClass = abstract new () => object;

/** Options of {@link createSessionStore}. */
export interface SessionStoreOptions<Base extends StoreClass = StoreClass> {
  /** A connected client, over MSCache or Redis. */
  client: Client;
  /** `session.Store` of express-session. */
  Store: Base;
  /** What the keys begin with. Default "sess:". */
  prefix?: string | undefined;
  /**
   * Lifetime in milliseconds of a session whose cookie has none, from 1 to 2^53 - 1. Default a day.
   */
  ttl?: number | undefined;
}

const sessionNames: Names<SessionStoreOptions> = {
  ...{ client: true, Store: true, prefix: true, ttl: true },
};

/** What is stored of a session. */
export interface StoredSession {
  /** Its `expires` or `originalMaxAge`, in milliseconds, says how long the session lives. */
  cookie: unknown;
}

/** Tells the result or the error: nothing, or null, if there was none. */
export type SessionCallback<T = void> = (error?: unknown, result?: T) => void;

/** The methods that express-session calls. Each tells its callback and never throws. */
export interface SessionStore {
  /** Tells null if there is no such session, or its time is over. */
  get(id: string, callback: (error: unknown, session?: unknown) => void): void;
  /** Stores it for as long as its cookie lives; deletes it if that is over. */
  set(id: string, session: StoredSession, callback?: SessionCallback): void;
  /** Gives the session the lifetime of this cookie, and changes nothing else of it. */
  touch(id: string, session: StoredSession, callback?: SessionCallback): void;
  /** Deletes it. No error if there is none. */
  destroy(id: string, callback?: SessionCallback): void;
  /**
   * Every session, with its `id`, without what cannot be read: of that, get() tells the error, and
   * length() counts it. Scans all keys of the database, as the next two do.
   */
  all(callback: SessionCallback<object[]>): void;
  /** How many sessions there are. */
  length(callback: SessionCallback<number>): void;
  /** Deletes every session. */
  clear(callback?: SessionCallback): void;
}

/**
 * A store for express-session. A session lives as long as its cookie (`maxAge`, `expires`), or for
 * `ttl` if that ends with the browser. All goes to the leader, so a session is read as it was
 * written. Sessions are JSON.
 *
 * Throws InvalidArgumentError if an option is invalid. Errors of the client reach the callbacks.
 *
 * @example
 * const store = createSessionStore({ client, Store: session.Store });
 * app.use(session({ store, secret, resave: false, saveUninitialized: false }));
 */
export function createSessionStore<Base extends StoreClass>(
  options: SessionStoreOptions<Base>,
): InstanceType<Base> & SessionStore {
  checkBag("options", options, sessionNames);
  checkClient(options.client);
  checkFunction("Store", options.Store);
  if (options.Store === undefined) throw wrongKind("Store", "a class", options.Store);
  const sessions = new Sessions(options);
  const Parent = options.Store as unknown as new () => object;
  class MSCacheSessionStore extends Parent implements SessionStore {
    get: SessionStore["get"] = (id, callback) => tell(sessions.get(id), callback);
    set: SessionStore["set"] = (id, session, callback) => tell(sessions.set(id, session), callback);
    touch: SessionStore["touch"] = (id, session, callback) =>
      tell(sessions.touch(id, session), callback);
    destroy: SessionStore["destroy"] = (id, callback) => tell(sessions.destroy(id), callback);
    all: SessionStore["all"] = (callback) => tell(sessions.all(), callback);
    length: SessionStore["length"] = (callback) =>
      tell(
        sessions.keys().then(({ length }) => length),
        callback,
      );
    clear: SessionStore["clear"] = (callback) => tell(sessions.clear(), callback);
  }
  return new MSCacheSessionStore() as InstanceType<Base> & SessionStore;
}

// --- internal ---

const ttlDefaultMs = 86_400_000;
/** Keys that one command reads. */
const keysOfRead = 1000;

/** What a cookie of express-session says of its end, as an object or from JSON. */
interface Cookie {
  readonly expires?: Date | string | false | null;
  readonly originalMaxAge?: number | null;
}

/** A value of a key, and how long it lives. */
interface Stored {
  readonly bytes: unknown;
  readonly leftMs: number;
}

class Sessions {
  private readonly client: Client;
  private readonly prefix: string;
  private readonly ttlMs: number;

  constructor({ client, prefix = "sess:", ttl }: SessionStoreOptions) {
    if (typeof prefix !== "string" || !isArgument(prefix)) throw argumentFault("prefix", prefix);
    this.client = client;
    this.prefix = prefix;
    this.ttlMs = numberWithin("ttl", ttl, ttlDefaultMs, 1, Number.MAX_SAFE_INTEGER);
  }

  async get(id: string): Promise<unknown> {
    const [stored] = await this.read([this.prefix + id]);
    return stored ? sessionOf(stored) : null;
  }

  async set(id: string, session: StoredSession): Promise<void> {
    const ttl = this.lifetimeOf(session);
    if (ttl <= 0) return this.destroy(id);
    await this.client.set(this.prefix + id, JSON.stringify(session), { ttl });
  }

  async touch(id: string, session: StoredSession): Promise<void> {
    const ttl = this.lifetimeOf(session);
    if (ttl <= 0) return this.destroy(id);
    await this.client.expire(this.prefix + id, { ttl });
  }

  async destroy(id: string): Promise<void> {
    await this.client.delete(this.prefix + id);
  }

  async all(): Promise<object[]> {
    const sessions: object[] = [];
    const keys = await this.keys();
    for (let start = 0; start < keys.length; start += keysOfRead) {
      const part = keys.slice(start, start + keysOfRead);
      for (const [index, stored] of (await this.read(part)).entries()) {
        const id = part[index]?.slice(this.prefix.length);
        const session = stored && readable(stored);
        if (session !== null) sessions.push({ ...session, id });
      }
    }
    return sessions;
  }

  async clear(): Promise<void> {
    await deleteUnder(this.client, this.prefix);
  }

  async keys(): Promise<string[]> {
    const found = new Set<string>();
    for await (const keys of keysUnder(this.client, this.prefix)) {
      for (const key of keys) found.add(key);
    }
    return [...found];
  }

  /** All in one write: what touch() renews is the lifetime of the key, so a cookie ends with it. */
  private async read(keys: readonly string[]): Promise<(Stored | null)[]> {
    const commands = [["MGET", ...keys], ...keys.map((key) => ["PTTL", key])];
    const [values, ...left] = await Promise.all(commands.map((one) => this.client.atLeader(one)));
    return (values as unknown[]).map((bytes, index) =>
      bytes === null ? null : { bytes, leftMs: Number(left[index]) },
    );
  }

  private lifetimeOf({ cookie }: StoredSession): number {
    const { expires, originalMaxAge } = (cookie ?? {}) as Cookie;
    if (expires) return new Date(expires).getTime() - wallClockMs();
    return originalMaxAge ?? this.ttlMs;
  }
}

/** Throws a SyntaxError if it is not JSON. */
function sessionOf({ bytes, leftMs }: Stored): StoredSession {
  return endingAfter(leftMs, JSON.parse(textOf(bytes)));
}

/** Null for what is not a session. */
function readable(stored: Stored): StoredSession | null {
  try {
    const session: unknown = sessionOf(stored);
    return typeof session === "object" ? (session as StoredSession) : null;
  } catch {
    return null; // it must not hide the others; get() tells of it
  }
}

/** The cookie says when the key ends, by this clock, unless it ends with the browser. */
function endingAfter(leftMs: number, session: StoredSession): StoredSession {
  const cookie = session.cookie as { expires?: unknown } | null | undefined;
  if (leftMs > 0 && cookie?.expires) {
    cookie.expires = new Date(wallClockMs() + leftMs).toISOString();
  }
  return session;
}

/** A callback that throws is the application's fault, so its error is not told to it again. */
function tell<T>(result: Promise<T>, callback?: (error?: unknown, value?: T) => void): void {
  result.then(
    (value) => callback?.(null, value),
    (error: unknown) => callback?.(error),
  );
}
