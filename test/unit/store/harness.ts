// Helpers of the store's tests: a store with small defaults, and its calls in terms of strings and
// whole arrays. Hides no behavior: every helper is one call of the store.
// Invariant: callers pass `now`; nothing here reads a clock or is random.

import { hashKeyOf } from "../../../src/store/hash.ts";
import { reserveStore, type StoreOptions } from "../../../src/store/memory.ts";
import { type ItemVisitor, Store } from "../../../src/store/store.ts";

export const KiB = 1024;
export const MiB = 1024 * KiB;

export function storeOptions(overrides: Partial<StoreOptions> = {}): StoreOptions {
  const memoryLimitBytes = overrides.memoryLimitBytes ?? 4 * MiB;
  return {
    memoryLimitBytes,
    reserveBytes: 2 * memoryLimitBytes,
    valueBytesMax: 64 * MiB,
    eviction: "s3fifo",
    hashKey: hashKeyOf(0x1234567, 0),
    concurrent: false,
    ...overrides,
  };
}

export function openStore(overrides: Partial<StoreOptions> = {}): Store {
  return new Store(reserveStore(storeOptions(overrides)), 0);
}

export type Bytes = string | Uint8Array;

export function toBytes(bytes: Bytes): Uint8Array {
  return typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
}

export interface Extra {
  expiresAt?: number;
  clientFlags?: number;
}

/** set() alone, as within a command that has made room before. */
export function put(store: Store, key: Bytes, value: Bytes, extra: Extra = {}): number {
  const k = toBytes(key);
  const v = toBytes(value);
  const { expiresAt = 0, clientFlags = 0 } = extra;
  return store.set(k, 0, k.length, v, 0, v.length, expiresAt, clientFlags);
}

/** makeRoom() and set(), as a command does it; -1 if there is no room. */
export function write(store: Store, key: Bytes, value: Bytes, now = 0, extra: Extra = {}): number {
  const k = toBytes(key);
  if (!store.makeRoom(k, 0, k.length, k.length + value.length, now)) return -1;
  return put(store, k, value, extra);
}

export function currentValue(store: Store): Uint8Array {
  const value = new Uint8Array(store.valueLength);
  store.copyTo(value, 0, 0, value.length);
  return value;
}

/** The value, found without counting a use; null if there is none. */
export function get(store: Store, key: Bytes, now = 0): Uint8Array | null {
  const k = toBytes(key);
  return store.find(k, 0, k.length, now) ? currentValue(store) : null;
}

export function getText(store: Store, key: Bytes, now = 0): string | null {
  const value = get(store, key, now);
  return value === null ? null : new TextDecoder().decode(value);
}

export function read(store: Store, key: Bytes, now = 0): boolean {
  const k = toBytes(key);
  return store.read(k, 0, k.length, now);
}

export function remove(store: Store, key: Bytes, now = 0): boolean {
  const k = toBytes(key);
  return store.delete(k, 0, k.length, now);
}

export function expire(store: Store, key: Bytes, expiresAt: number): boolean {
  const k = toBytes(key);
  return store.setExpiry(k, 0, k.length, expiresAt);
}

export function writeRange(
  store: Store,
  key: Bytes,
  offset: number,
  bytes: Bytes,
  now = 0,
): number {
  const k = toBytes(key);
  const b = toBytes(bytes);
  return store.setRange(k, 0, k.length, offset, b, 0, b.length, now);
}

export function currentKey(store: Store): string {
  return new TextDecoder("latin1").decode(store.keyBytes.slice(store.keyStart, store.keyEnd));
}

/** Every key that a whole scan visits, in order. */
export function scanKeys(store: Store, now = 0): string[] {
  const keys: string[] = [];
  const visitor: ItemVisitor = { visit: (visited) => keys.push(currentKey(visited)) };
  let cursor = 0;
  do cursor = store.scan(cursor, now, visitor);
  while (cursor !== 0);
  return keys;
}

/** The same; throws if the scan visited one of them twice. */
export function keysMetOnce(store: Store, now = 0): Set<string> {
  const met = new Set<string>();
  for (const key of scanKeys(store, now)) {
    if (met.has(key)) throw new Error(`a scan met ${key} twice`);
    met.add(key);
  }
  return met;
}

/** Bytes that depend on position and seed, so that a torn or shifted value is noticed. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // The high bits are the random ones.
    words[i] = state ^ (state >>> 16);
  }
  return new Uint8Array(words.buffer, 0, length);
}
