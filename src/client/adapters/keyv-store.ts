// mscache/keyv: a storage adapter for Keyv 5 and 6, and so for all that stands on it, such as
// cache-manager and cacheable. Keyv serializes; here are strings with lifetimes. Its keys are those
// of @keyv/redis, so that one can take the place of the other without losing what is stored.
// Invariant: it never touches a key outside its namespace; without a namespace it lists and clears
// nothing.

import { checkBag, checkClient, checkFlag, type Names, wrongKind } from "../arguments.ts";
import type { Client } from "../client.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import { deleteUnder, keysUnder } from "./prefix-scan.ts";

/** Options of {@link KeyvStore}. */
export interface KeyvStoreOptions {
  /** A connected client, over MSCache or Redis. */
  client: Client;
  /**
   * Whether methods reject if the client does. Default false: they emit "error", which Keyv passes
   * on, and answer as if nothing were there. If Keyv 5 has `throwOnErrors`, give it here as well.
   * Keyv 6 has no such option, and goes by its listeners alone: its calls reject if nobody listens
   * to its "error", or if a listener throws.
   */
  throwOnErrors?: boolean | undefined;
  /** Whether disconnect() closes the client, which others may use. Default false. */
  closeClient?: boolean | undefined;
}

const storeNames: Names<KeyvStoreOptions> = {
  ...{ client: true, throwOnErrors: true, closeClient: true },
};

/** What Keyv's setMany() writes. */
export interface KeyvStoreEntry {
  key: string;
  /** What Keyv has serialized. */
  value: unknown;
  /** Lifetime in milliseconds. Default none. */
  ttl?: number | undefined;
}

/**
 * A storage adapter for Keyv. Keys are `namespace::key`, where Keyv sets the namespace and, unless
 * it has `useKeyPrefix: false`, writes it before the key once more. Lifetimes are milliseconds,
 * kept by the server. Reads go where reads of the client go.
 *
 * Give each Keyv a store of its own, as Keyv writes its namespace into it; they may share a client.
 * clear() and the iterator scan all keys of the database.
 *
 * Throws InvalidArgumentError if an option is invalid. With `throwOnErrors`, methods reject as
 * those of the client do, which Keyv 6 makes events; without a namespace, clear() and the iterator
 * fail with InvalidArgumentError.
 *
 * @example
 * const users = new Keyv({ store: new KeyvStore({ client }), namespace: "users" });
 * await users.set("1", { name: "Ada" }, 60_000);
 * console.log((await users.get("1")).name); // Ada
 */
export class KeyvStore {
  /** What the keys begin with, and "::". Keyv sets it. */
  namespace: string | undefined = undefined;
  private readonly client: Client;
  private readonly throwsErrors: boolean;
  private readonly closesClient: boolean;
  private readonly listeners: ((error: unknown) => void)[] = [];
  private answersEach = false;

  constructor(options: KeyvStoreOptions) {
    checkBag("options", options, storeNames);
    checkClient(options.client);
    checkFlag("throwOnErrors", options.throwOnErrors);
    checkFlag("closeClient", options.closeClient);
    this.client = options.client;
    this.throwsErrors = options.throwOnErrors ?? false;
    this.closesClient = options.closeClient ?? false;
  }

  /**
   * What Keyv asks: it iterates over the stores of a few dialects alone.
   *
   * @example console.log(store.opts.dialect); // redis
   */
  get opts(): { dialect: "redis"; url: string; namespace: string | undefined } {
    const { namespace } = this;
    return { dialect: "redis", url: `redis://${this.client.address}`, namespace };
  }

  /**
   * What Keyv 6 asks of a store that it is given, and Keyv 5 does not: nothing else tells which of
   * the two will read what deleteMany() answers.
   *
   * @example console.log(store.capabilities); // undefined
   */
  get capabilities(): undefined {
    this.answersEach = true;
    return undefined; // lifetimes are durations, as in Keyv 5
  }

  /**
   * What is stored, or undefined.
   *
   * @example const text = await store.get("user:1");
   */
  get<Stored = string>(key: string): Promise<Stored | undefined> {
    const read = async () => (await this.client.get(this.keyOf(key))) ?? undefined;
    return this.attempt(read, undefined) as Promise<Stored | undefined>;
  }

  /**
   * What is stored at each key, in their order, read at once.
   *
   * @example const [one, other] = await store.getMany(["user:1", "user:2"]);
   */
  getMany<Stored = string>(keys: string[]): Promise<(Stored | undefined)[]> {
    const read = async () => {
      const values = await this.client.mget(keys.map((key) => this.keyOf(key)));
      return values.map((value) => value ?? undefined);
    };
    return this.attempt(
      read,
      keys.map(() => undefined),
    ) as Promise<(Stored | undefined)[]>;
  }

  /**
   * Stores a string for `ttl` milliseconds, 0 for ever; answers whether it was stored.
   *
   * @example await store.set("user:1", "Ada", 60_000);
   */
  set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    const write = () => {
      const stored = serialized(value);
      return this.client.set(this.keyOf(key), stored, ttl ? { ttl } : undefined);
    };
    return this.attempt(write, false);
  }

  /**
   * Stores each entry, all in one write; answers for each whether it was stored. Keyv's own
   * setMany() returns that, but its type of an adapter says void.
   *
   * @example await store.setMany([{ key: "user:1", value: "Ada", ttl: 60_000 }]);
   */
  setMany(entries: KeyvStoreEntry[]): Promise<void> {
    const stored = Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
    return stored as Promise<never>;
  }

  /**
   * Deletes a key; answers whether it was there.
   *
   * @example const wasThere = await store.delete("user:1");
   */
  delete(key: string): Promise<boolean> {
    return this.attempt(() => this.client.delete(this.keyOf(key)), false);
  }

  /**
   * Deletes keys at once; answers whether one of them was there, and to Keyv 6 for each of them,
   * which the type of Keyv 5 does not know.
   *
   * @example await store.deleteMany(["user:1", "user:2"]);
   */
  deleteMany(keys: string[]): Promise<boolean> {
    if (this.answersEach) return Promise.all(keys.map((key) => this.delete(key))) as Promise<never>;
    const remove = async () => {
      const removed = await this.client.deleteMany(keys.map((key) => this.keyOf(key)));
      return removed > 0;
    };
    return this.attempt(remove, false);
  }

  /**
   * Deletes every key of the namespace.
   *
   * @example await store.clear();
   */
  clear(): Promise<void> {
    return this.attempt(() => deleteUnder(this.client, prefixOf(this.namespace)), undefined);
  }

  /**
   * Whether the key is there.
   *
   * @example if (await store.has("user:1")) return;
   */
  has(key: string): Promise<boolean> {
    return this.attempt(() => this.client.has(this.keyOf(key)), false);
  }

  /**
   * Whether each key is there, in their order.
   *
   * @example const [hasOne] = await store.hasMany(["user:1"]);
   */
  hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /**
   * Each key of the namespace, without that, and what is stored there.
   *
   * @example for await (const [key, text] of store.iterator("users")) console.log(key, text);
   */
  async *iterator(namespace?: string): AsyncGenerator<[string, string | undefined], void> {
    try {
      const prefix = prefixOf(namespace ?? this.namespace);
      for await (const keys of keysUnder(this.client, prefix)) {
        const values = await this.client.mget(keys);
        for (const [index, value] of values.entries()) {
          if (value !== null) yield [keys[index]?.slice(prefix.length) ?? "", value];
        }
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Keyv listens to "error".
   *
   * @example store.on("error", (error) => console.error(error));
   */
  on(event: string, listener: (error: unknown) => void): this {
    if (event === "error") this.listeners.push(listener);
    return this;
  }

  /**
   * Closes the client if `closeClient` says so, and does nothing else.
   *
   * @example await store.disconnect();
   */
  async disconnect(): Promise<void> {
    if (this.closesClient) await this.client.close();
  }

  // --- internal ---

  private keyOf(key: string): string {
    return this.namespace ? prefixOf(this.namespace) + key : key;
  }

  private async attempt<T>(run: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await run();
    } catch (error) {
      this.fail(error);
      return otherwise;
    }
  }

  /** Keyv tells of what rejects by itself. */
  private fail(error: unknown): void {
    if (this.throwsErrors) throw error;
    for (const listener of this.listeners) listener(error);
  }
}

// --- internal ---

function prefixOf(namespace: string | undefined): string {
  if (namespace) return `${namespace}::`;
  throw new InvalidArgumentError("without a namespace, the keys of a Keyv are not known");
}

/** Bytes are refused: get() would not give them back. */
function serialized(value: unknown): string {
  if (typeof value !== "string") throw wrongKind("value", "a string, as Keyv serializes it", value);
  return value;
}
