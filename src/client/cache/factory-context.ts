// What a factory is told, and what it may say of its result: another lifetime, more tags, or that
// it is not to be stored. Types alone.

import type { SignalLike } from "../routing/request-scope.ts";
import type { CacheSetOptions } from "./cache-options.ts";

/** An AbortSignal, which fetch() takes, where the project declares the class. */
export type FactorySignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : SignalLike;

/** The argument of a factory. */
export interface FactoryContext {
  /** The key, without the namespaces. */
  readonly key: string;
  /** Is aborted when the factory has taken longer than `timeout.hard`. */
  readonly signal: FactorySignal;
  /** The value that the new one replaces, if it may still be served; otherwise undefined. */
  readonly staleValue: unknown;
  /**
   * Adds tags, and changes the lifetimes, in milliseconds. An entry with a tag that is only known
   * here is stored only if it is certain that the tag was not invalidated since the factory began.
   */
  readonly set: (options: CacheSetOptions) => void;
  /** The value is returned and not stored. */
  readonly skip: () => void;
}

/** The second argument of the factory of getOrSetMany(). */
export interface BatchContext {
  /** Is aborted when all keys of the call are out of time. */
  readonly signal: FactorySignal;
  /**
   * As `set` of a single factory, for one of the keys, or for all of them.
   *
   * @example
   * const users = await cache.getOrSetMany(ids, (keys, { set }) => {
   *   set({ ttl: 1_000 }, keys[0]);
   *   return loadUsers(keys);
   * });
   */
  set(options: CacheSetOptions, key?: string): void;
  /**
   * This key's value, or every value, is returned and not stored.
   *
   * @example
   * const users = await cache.getOrSetMany(ids, (keys, { skip }) => {
   *   skip(keys[0]);
   *   return loadUsers(keys);
   * });
   */
  skip(key?: string): void;
}

/** Computes the values of these keys: an array in their order. */
export type BatchFactory<T> = (
  keys: readonly string[],
  context: BatchContext,
) => readonly T[] | Promise<readonly T[]>;
