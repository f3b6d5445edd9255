// What follow() hands out: a copy of a leader's keys as its owner sees it. Types, and the names of
// their options; the code is in local-copy.ts.

import type { Names } from "../client/arguments.ts";
import type { ChangeListener } from "./follow-changes.ts";

/** A string is sent as UTF-8. */
export type CopyKey = string | Uint8Array;

/**
 * `connected`: the leader's changes arrive. `syncing`: a snapshot is loading. `connecting`: there
 * is no link at the moment. `closed`: by close(), or by a fault.
 */
export type CopyState = "connecting" | "syncing" | "connected" | "closed";

/** How far a copy may be behind its leader. */
export interface CopyLag {
  /**
   * The copy shows all that the leader had this long ago: with `maxStaleness`, several addresses or
   * `sentinel`. Otherwise the time since the leader was heard, which may have been slow to say it.
   */
  readonly ms: number;
  /** Received and not applied: the beginning of a command, or of a transaction. */
  readonly bytes: number;
}

export interface WaitOptions {
  /** In milliseconds. Default Infinity. */
  timeout?: number | undefined;
}

/** @internal */
export const waitNames: Names<WaitOptions> = { timeout: true };

/**
 * A copy of a leader's strings in this process, kept up to date by replication.
 *
 * Each read answers with a value, with `null` (the leader has no string under that key), or with
 * `undefined`: not known. That is so if the key is outside the prefix, was evicted or had no room,
 * if the copy may be older than `maxStaleness`, or while no whole snapshot is there. A read throws
 * a ClosedError after close(), and a FollowFaultError after a fault.
 */
export interface LocalCopy extends AsyncDisposable, Disposable, Iterable<[string, string]> {
  /**
   * The value as a string. Expired items count as absent at once.
   *
   * @example const name = copy.get("name") ?? (await client.get("name"));
   */
  get(key: CopyKey): string | null | undefined;
  /**
   * The value as bytes, which are the caller's.
   *
   * @example const bytes = copy.getBytes("name");
   */
  getBytes(key: CopyKey): Uint8Array | null | undefined;
  /**
   * Whether the leader has a string under this key.
   *
   * @example console.log(copy.has("name")); // true
   */
  has(key: CopyKey): boolean | undefined;
  /**
   * Milliseconds until the key expires, Infinity if it does not.
   *
   * @example console.log(copy.ttl("name")); // Infinity
   */
  ttl(key: CopyKey): number | null | undefined;
  /**
   * The keys that are held, in no order; none while reads know nothing.
   *
   * @example for (const key of copy.keys()) if (key.startsWith("user:")) copy.get(key);
   */
  keys(): IterableIterator<string>;
  /**
   * Keys and values that are held, in no order; none while reads know nothing.
   *
   * @example const all = new Map(copy.entries());
   */
  entries(): IterableIterator<[key: string, value: string]>;
  /** The number of keys that are held, with expired ones that the leader has not removed yet. */
  readonly size: number;
  /** Whether every key of the leader under the prefix is held, so that no read is `undefined`. */
  readonly complete: boolean;
  readonly state: CopyState;
  /** The place in the leader's history that the copy shows; -1 while it shows none. */
  readonly offset: number;
  readonly lag: CopyLag;
  /**
   * Resolves when the copy has reached that offset of its leader (`master_repl_offset` of INFO).
   * Rejects with a BehindError after `timeout`, and with a ClosedError when the copy is closed.
   *
   * @example await copy.waitFor(copy.offset, { timeout: 1_000 });
   */
  waitFor(offset: number, options?: WaitOptions): Promise<void>;
  /**
   * Calls the listener after each change, in order, until the returned function is called. It hears
   * of a transaction when the whole of it is applied. After a new snapshot it is called once with
   * `(null, "flushed")`. What it throws goes to `onError`.
   *
   * @example
   * const stop = copy.onChange((key, kind) => console.log(key, kind));
   * stop();
   */
  onChange(listener: ChangeListener): () => void;
  /**
   * Ends the link and frees the memory. Never fails; the second call does nothing.
   *
   * @example copy.close();
   */
  close(): void;
}
