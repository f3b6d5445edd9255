// Hot path: values of a store as the strings that they were read as, so that a key that is read
// again and again is not looked up, compared and decoded each time. It answers nothing that the
// store would not: each string is held to the version of its key, which every write, removal and
// replacement changes. Bounded in bytes; when it is full it begins anew.
// Invariant: what find() returns is what the store has under that key now. The caller has selected
// the database, always the same.

import { wallClockMs } from "../base/clock.ts";
import type { Store } from "../store/store.ts";

interface RecentText {
  readonly text: string;
  readonly hash: number;
  /** Of the key and of the database, when the text was read. */
  readonly version: number;
  readonly generation: number;
  /** Milliseconds since 1970, 0 for never. */
  readonly expiresAt: number;
  /** What it counts against the bound. */
  readonly bytes: number;
}

/** An entry beside its characters: object, index, heads of two strings (estimated). */
const entryBytes = 240;
/** Longer ones would take much memory, and gain little. */
const keyCharactersMax = 256;
const valueBytesMax = 1024;
/** One of so many reads is kept: a scan of many keys costs little, and a hot key comes soon. */
const readsPerEntry = 4;
/** Where most reads find nothing, keeping texts costs more than it saves: it rests for longer. */
const restFactor = 32;
/** While more of the store's memory is in use, it may evict, and has to learn of every use. */
const crowdedShare = 7 / 8;

export class RecentTexts {
  private readonly store: Store;
  private readonly bytesMax: number;
  private readonly crowdedBytes: number;
  private readonly texts = new Map<string, RecentText>();
  private bytes = 0;
  /** Reads since it began, by what find() said. */
  private found = 0;
  private missed = 0;
  /** Reads until it begins again. */
  private rest = 0;

  constructor(store: Store, bytesMax: number) {
    this.store = store;
    this.bytesMax = bytesMax;
    this.crowdedBytes = store.limitBytes * crowdedShare;
  }

  /** Undefined: ask the store. */
  find(key: string): string | undefined {
    const { store } = this;
    const recent = this.rest > 0 ? undefined : this.texts.get(key);
    if (recent === undefined) return undefined;
    if (recent.version !== store.versionOf(recent.hash)) return undefined;
    if (recent.generation !== store.databases.generation) return undefined;
    if (recent.expiresAt !== 0 && recent.expiresAt <= wallClockMs()) return undefined;
    if (store.memoryUsed() > this.crowdedBytes) return undefined;
    this.found++;
    return recent.text;
  }

  /** The text of the store's current item; `length` of the bytes are the key in UTF-8. */
  note(key: string, keyBytes: Uint8Array, length: number, text: string): void {
    const { store } = this;
    if (this.rest > 0) {
      this.rest--;
      return;
    }
    if (++this.missed % readsPerEntry !== 0) return;
    if (length > keyCharactersMax || store.valueLength > valueBytesMax) return;
    if (store.memoryUsed() > this.crowdedBytes) return;
    const hash = store.hash(keyBytes, 0, length);
    // A string of its own, as a part of a larger one would keep that. What is no Unicode differs.
    const name = Buffer.from(keyBytes.buffer, keyBytes.byteOffset, length).toString();
    if (name !== key) return;
    const characterBytes = text.length === store.valueLength ? 1 : 2;
    const bytes = entryBytes + length + text.length * characterBytes;
    this.bytes += bytes - (this.texts.get(name)?.bytes ?? 0);
    if (this.bytes > this.bytesMax) return this.beginAnew();
    const { generation } = store.databases;
    const { expiresAt } = store;
    const version = store.versionOf(hash);
    this.texts.set(name, { text, hash, version, generation, expiresAt, bytes });
  }

  private beginAnew(): void {
    const { found, missed } = this;
    if (found < missed) this.rest = restFactor * (found + missed);
    this.found = 0;
    this.missed = 0;
    this.clear();
  }

  clear(): void {
    this.texts.clear();
    this.bytes = 0;
  }
}
