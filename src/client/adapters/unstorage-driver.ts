// mscache/unstorage: a driver for unstorage 1, and so for the storage of Nitro and Nuxt. Items are
// strings, raw items are bytes as they are. It has no `watch`: unstorage then tells its watchers of
// what this process changes, and of nothing else.
// Invariant: it never touches a key outside its base.

import {
  argumentFault,
  checkBag,
  checkClient,
  checkFlag,
  isArgument,
  type Names,
  numberWithin,
  wrongKind,
} from "../arguments.ts";
import type { Client } from "../client.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import { deleteUnder, keysUnder } from "./prefix-scan.ts";

/** Options of {@link mscacheDriver}. */
export interface UnstorageOptions {
  /** A connected client, over MSCache or Redis. */
  client: Client;
  /** What the keys begin with, and ":". Default "unstorage". */
  base?: string | undefined;
  /**
   * Lifetime in milliseconds of an item that is stored without one, from 1 to 2^53 - 1. Default
   * none.
   */
  ttl?: number | undefined;
  /** Whether dispose() closes the client, which others may use. Default false. */
  closeClient?: boolean | undefined;
}

const driverNames: Names<UnstorageOptions> = {
  ...{ client: true, base: true, ttl: true, closeClient: true },
};

/** What unstorage passes on from its callers. */
export interface UnstorageItemOptions {
  /**
   * Lifetime in **seconds**, as callers of unstorage give it to every driver. Default, and with 0:
   * that of the driver.
   */
  ttl?: number | undefined;
}

/** An item that setItems() stores. */
export interface UnstorageItem {
  key: string;
  value: string;
  /** Go before those that setItems() was given for all. Default none. */
  options?: UnstorageItemOptions | undefined;
}

/**
 * The methods that unstorage calls. They reject as those of the client do. Keys are without the
 * base; what is not there is null.
 */
export interface UnstorageDriver {
  readonly name: "mscache";
  readonly flags: { readonly ttl: true };
  /** The client that was given. */
  getInstance(): Client;
  hasItem(key: string): Promise<boolean>;
  getItem(key: string): Promise<string | null>;
  /** Read at once. */
  getItems(items: readonly { key: string }[]): Promise<{ key: string; value: string | null }[]>;
  /** The bytes. */
  getItemRaw(key: string): Promise<Uint8Array | null>;
  setItem(key: string, value: string, options?: UnstorageItemOptions): Promise<void>;
  /** All in one write. */
  setItems(items: readonly UnstorageItem[], common?: UnstorageItemOptions): Promise<void>;
  /** Stores a string or bytes: an ArrayBuffer or a view of one. */
  setItemRaw(key: string, value: unknown, options?: UnstorageItemOptions): Promise<void>;
  removeItem(key: string): Promise<void>;
  /** What is left of its lifetime in **seconds**, rounded up; null if there is no such item. */
  getMeta(key: string): Promise<{ ttl?: number } | null>;
  /** Scans all keys of the database, as clear() does. */
  getKeys(base?: string, options?: { maxDepth?: number | undefined }): Promise<string[]>;
  /** Deletes every item, or those whose key begins with `base`. */
  clear(base?: string): Promise<void>;
  /** Closes the client if `closeClient` says so. */
  dispose(): Promise<void>;
}

/**
 * A driver for unstorage. Its keys are `base:key`. Reads go where reads of the client go.
 *
 * The option `ttl` is milliseconds. What callers of unstorage pass with an item is seconds for
 * every driver, and so it is here: frameworks such as Nitro pass it.
 *
 * Throws InvalidArgumentError if an option is invalid.
 *
 * @example
 * const storage = createStorage({ driver: mscacheDriver({ client, base: "app" }) });
 * await storage.setItem("user:1", { name: "Ada" });
 * console.log((await storage.getItem("user:1")).name); // Ada
 */
export function mscacheDriver(options: UnstorageOptions): UnstorageDriver {
  return new Driver(options);
}

// --- internal ---

class Driver implements UnstorageDriver {
  readonly name = "mscache";
  readonly flags = { ttl: true } as const;
  private readonly client: Client;
  private readonly prefix: string;
  private readonly ttlMs: number | undefined;
  private readonly closesClient: boolean;

  constructor(options: UnstorageOptions) {
    checkBag("options", options, driverNames);
    checkClient(options.client);
    const { client, base = "unstorage", ttl, closeClient = false } = options;
    checkFlag("closeClient", closeClient);
    if (typeof base !== "string" || !isArgument(base)) throw argumentFault("base", base);
    const trimmed = base.replace(/:+$/, "");
    if (trimmed === "") throw new InvalidArgumentError("base must not be empty");
    this.client = client;
    this.prefix = `${trimmed}:`;
    this.ttlMs = ttl === undefined ? ttl : numberWithin("ttl", ttl, 0, 1, Number.MAX_SAFE_INTEGER);
    this.closesClient = closeClient;
  }

  // unstorage calls these without `this`.

  getInstance = (): Client => this.client;

  hasItem = (key: string): Promise<boolean> => this.client.has(this.prefix + key);

  getItem = (key: string): Promise<string | null> => this.client.get(this.prefix + key);

  getItems: UnstorageDriver["getItems"] = async (items) => {
    const values = await this.client.mget(items.map(({ key }) => this.prefix + key));
    return items.map(({ key }, index) => ({ key, value: values[index] ?? null }));
  };

  getItemRaw = (key: string): Promise<Uint8Array | null> => this.client.getBytes(this.prefix + key);

  setItem: UnstorageDriver["setItem"] = (key, value, options) => this.store(key, value, options);

  setItems: UnstorageDriver["setItems"] = async (items, common) => {
    const stored = items.map(({ key, value, options }) =>
      this.store(key, value, { ...common, ...options }),
    );
    await Promise.all(stored);
  };

  setItemRaw: UnstorageDriver["setItemRaw"] = async (key, value, options) =>
    this.store(key, rawOf(value), options);

  removeItem = async (key: string): Promise<void> => {
    await this.client.delete(this.prefix + key);
  };

  getMeta: UnstorageDriver["getMeta"] = async (key) => {
    const left = await this.client.ttl(this.prefix + key);
    if (left === null) return null;
    return Number.isFinite(left) ? { ttl: Math.ceil(left / 1000) } : {};
  };

  getKeys: UnstorageDriver["getKeys"] = async (base = "", { maxDepth = Infinity } = {}) => {
    const found = new Set<string>();
    for await (const keys of keysUnder(this.client, this.prefix + base)) {
      for (const key of keys) found.add(key.slice(this.prefix.length));
    }
    return [...found].filter((key) => key.split(":").length - 1 <= maxDepth);
  };

  clear = (base = ""): Promise<void> => deleteUnder(this.client, this.prefix + base);

  dispose = async (): Promise<void> => {
    if (this.closesClient) await this.client.close();
  };

  private async store(
    key: string,
    value: string | Uint8Array,
    { ttl: seconds }: UnstorageItemOptions = {},
  ): Promise<void> {
    const ttl = seconds ? seconds * 1000 : this.ttlMs;
    await this.client.set(this.prefix + key, value, ttl === undefined ? undefined : { ttl });
  }
}

function rawOf(value: unknown): string | Uint8Array {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  throw wrongKind("value", "a string or bytes", value);
}
