// Dictionaries for zstd, one for each namespace that asks for them: what values have in common is
// not in each of them again. The first values that are written make it up; nobody trains one by
// hand. They are in the server, and in each process that has met them.
// Invariants: a dictionary has the hash of its bytes as its id, so an entry is never read with
// another one; and it is in the server before the first entry that needs it. It may be evicted:
// then these entries are misses, and whoever writes with it puts it back.
//
//   prefix d:ID     a dictionary      prefix n:ROOT   the id of the one of a namespace

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { wallClockMs } from "../../base/clock.ts";
import { cacheDictionariesMax, cacheDictionaryBytesMax } from "../../base/limits.ts";
import type { CommandReply } from "../commands/command-values.ts";
import type { CacheServer } from "./cache-server.ts";
import type { Envelope } from "./envelope.ts";

export interface Dictionary {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A dictionary lives this long at least after an entry that needs it was written. */
const lifeMsMin = 7 * 86_400_000;
const lifeMsMax = 1e14;
/** A namespace has its dictionary for so long; then the values of that time make up a new one. */
const reignMs = 86_400_000;
/** How often a process asks whether the dictionary that it writes with is still the right one. */
const checkMs = 60_000;
/** The part of a value that can get into a dictionary. */
const sampleBytesMax = 2_048;
/** So many make a dictionary, however short they are: each is compared with those before it. */
const samplesMax = 64;
const level = 1;

export class Dictionaries {
  private readonly server: CacheServer;
  private readonly prefix: string;
  /** The clock of this process, milliseconds since 1970. */
  readonly now: () => number;
  private readonly known = new Map<string, Dictionary>();
  private readonly books = new Map<string, DictionaryBook>();
  /** Until when a dictionary lives at least. */
  private readonly lives = new Map<string, number>();

  constructor(server: CacheServer, prefix: string, now = wallClockMs) {
    this.server = server;
    this.prefix = prefix;
    this.now = now;
  }

  /** The dictionary of the namespace whose paths begin so. */
  book(root: string): DictionaryBook {
    const book = this.books.get(root);
    if (book !== undefined) return book;
    const made = new DictionaryBook(this, root);
    remember(this.books, root, made);
    return made;
  }

  /** Reads those that this process has not met, so that expand() finds them. */
  async meet(ids: Iterable<string>): Promise<void> {
    const missing = [...ids].filter((id) => !this.known.has(id));
    if (missing.length === 0) return;
    const keys = missing.map((id) => this.key(id));
    const read = (await this.server.ask("MGET", ...keys)) as CommandReply[];
    missing.forEach((id, i) => {
      const bytes = read[i];
      if (bytes instanceof Uint8Array && idOf(bytes) === id) this.learn({ id, bytes });
    });
  }

  /** The entry with its payload as it was before it was compressed; null if it cannot be read. */
  expand(entry: Envelope): Envelope | null {
    const dictionary = this.known.get(entry.dictionary ?? "");
    if (dictionary === undefined) return null;
    try {
      const payload = zstdDecompressSync(entry.payload, { dictionary: dictionary.bytes });
      return { ...entry, payload, isCompressed: false, dictionary: null };
    } catch {
      return null; // not what an entry of ours holds: a miss
    }
  }

  /** Keeps a dictionary in the server for longer than an entry that is written with it now. */
  keep(id: string | null, lifetimeMs: number): void {
    const dictionary = this.known.get(id ?? "");
    if (dictionary === undefined) return;
    const now = this.now();
    if ((this.lives.get(dictionary.id) ?? 0) >= now + Math.min(lifetimeMs, lifeMsMax)) return;
    // If it fails, entries may be misses before their time.
    this.extend(dictionary, lifeOf(lifetimeMs)).catch(() => undefined);
  }

  /** The dictionary that all processes write with now: `own` if there is none yet. */
  async crown(root: string, own: Uint8Array): Promise<Dictionary> {
    const dictionary = { id: idOf(own), bytes: own };
    await this.server.ask("SET", this.key(dictionary.id), own, "PX", lifeMsMin);
    this.learn(dictionary);
    const words = [this.crownKey(root), dictionary.id, "NX", "GET", "PX", reignMs];
    const before = await this.server.ask("SET", ...words);
    const other = before === null ? null : await this.found(before);
    if (before === null || other !== null) return other ?? dictionary;
    // The one of before was evicted, and nobody who knows it has put it back.
    await this.server.ask("SET", this.crownKey(root), dictionary.id, "PX", reignMs);
    return dictionary;
  }

  /** The dictionary of the namespace, put back if the server has lost it; null: there is none. */
  async crowned(root: string): Promise<Dictionary | null> {
    const id = await this.server.ask("GET", this.crownKey(root));
    const dictionary = id === null ? null : await this.found(id);
    if (dictionary !== null) await this.extend(dictionary, lifeMsMin);
    return dictionary;
  }

  // --- internal ---

  private async found(reply: CommandReply): Promise<Dictionary | null> {
    const id = reply instanceof Uint8Array ? Buffer.from(reply).toString("latin1") : String(reply);
    await this.meet([id]);
    return this.known.get(id) ?? null;
  }

  private async extend({ id, bytes }: Dictionary, ms: number): Promise<void> {
    const key = this.key(id);
    const least = this.now() + ms;
    if ((this.lives.get(id) ?? 0) < least) remember(this.lives, id, least);
    const left = Math.max(ms, Math.ceil((this.lives.get(id) ?? 0) - this.now()));
    const isThere = await this.server.ask("PEXPIRE", key, left);
    if (Number(isThere) === 0) await this.server.ask("SET", key, bytes, "PX", left);
  }

  private learn(dictionary: Dictionary): void {
    remember(this.known, dictionary.id, dictionary);
  }

  private key(id: string): string {
    return `${this.prefix}d:${id}`;
  }

  private crownKey(root: string): string {
    return `${this.prefix}n:${root}`;
  }
}

/** What one namespace writes with: samples at first, then a dictionary. */
export class DictionaryBook {
  /** What values are compressed with; null: there is none yet. */
  present: Dictionary | null = null;
  private readonly dictionaries: Dictionaries;
  private readonly root: string;
  private samples: Uint8Array[] = [];
  private sampleBytes = 0;
  /** When the server is asked for the dictionary again, and when one may be made again. */
  private checkAt = 0;
  private crownAt = 0;
  private isBusy = false;

  constructor(dictionaries: Dictionaries, root: string) {
    this.dictionaries = dictionaries;
    this.root = root;
  }

  /** Compresses a value that is written. Null: there is no dictionary yet. */
  compress(value: Uint8Array): Uint8Array | null {
    this.see(value);
    if (this.present === null) return null;
    const params = { [constants.ZSTD_c_compressionLevel]: level };
    return zstdCompressSync(value, { params, dictionary: this.present.bytes });
  }

  // --- internal ---

  /** Takes a sample if there is no dictionary, and asks now and then which is the right one. */
  private see(value: Uint8Array): void {
    if (this.present === null && !this.hasEnough) this.sample(value);
    const now = this.dictionaries.now();
    const mayCrown = this.hasEnough && now >= this.crownAt;
    if (this.isBusy || (now < this.checkAt && !mayCrown)) return;
    this.isBusy = true;
    this.checkAt = now + checkMs;
    if (this.hasEnough) this.crownAt = this.checkAt;
    this.settle()
      .catch(() => undefined) // the server has told it by an event; it is asked again later
      .finally(() => {
        this.isBusy = false;
      });
  }

  private get hasEnough(): boolean {
    return this.sampleBytes >= cacheDictionaryBytesMax || this.samples.length >= samplesMax;
  }

  private sample(value: Uint8Array): void {
    const part = Buffer.from(value.subarray(0, sampleBytesMax)); // a copy
    if (this.samples.some((one) => part.equals(one))) return;
    this.samples.push(part);
    this.sampleBytes += part.length;
  }

  private async settle(): Promise<void> {
    const { dictionaries, root } = this;
    const crowned = await dictionaries.crowned(root);
    if (crowned === null && this.present !== null) {
      this.present = null; // its time is over: new samples make up the next one
      return;
    }
    if (crowned === null && !this.hasEnough) return;
    this.present = crowned ?? (await dictionaries.crown(root, joined(this.samples)));
    this.samples = [];
    this.sampleBytes = 0;
  }
}

// --- internal ---

/** A first byte of 0, as zstd takes what begins with a certain number for another kind. */
function joined(samples: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Buffer.of(0), ...samples]).subarray(0, cacheDictionaryBytesMax);
}

function idOf(bytes: Uint8Array): string {
  return Bun.hash.xxHash64(bytes).toString(16).padStart(16, "0");
}

function lifeOf(lifetimeMs: number): number {
  return Math.max(lifeMsMin, Math.min(lifeMsMax, Math.ceil(lifetimeMs * 2)));
}

function remember<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.size >= cacheDictionariesMax && !map.has(name)) map.clear();
  map.set(name, value);
}
