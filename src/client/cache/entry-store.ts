// Entries, generations and locks in the server: the names of their keys, and what is read and
// written in which round trip. Whether to compute a value is decided elsewhere (flight.ts).
// Invariants: an entry is judged by generations that were read with it or after it, never before;
// it is written with generations that were read before its factory began.
//
//   prefix v:PATH       an entry          prefix e             the counter of invalidations
//   prefix l:PATH       its lock          prefix g:t:TAG       the generation of a tag
//   prefix w:PATH       who waits         prefix g:p:PREFIX    the generation of a prefix
//
// dictionaries.ts has more.

import { wallClockMs } from "../../base/clock.ts";
import { cacheNotesMax } from "../../base/limits.ts";
import type { CommandReply } from "../commands/command-values.ts";
import { bumpScript, extendScript, releaseScript, storeScript } from "./cache-scripts.ts";
import type { CacheServer } from "./cache-server.ts";
import type { Dictionaries } from "./dictionaries.ts";
import { decodeEnvelope, type Envelope } from "./envelope.ts";
import {
  chance,
  firstNumber,
  isGeneration,
  judge,
  mintGeneration,
  numberOf,
  type Standing,
} from "./generation.ts";

/** Generations by dependency, "t:TAG" or "p:PREFIX"; null: it was evicted, or never was. */
export type Generations = ReadonlyMap<string, string | null>;

/** An entry to read, and what it is known to depend on. */
export interface Wanted {
  readonly path: string;
  readonly dependencies: readonly string[];
}

export interface Look {
  /** Null: there is none, or none that may be served. */
  readonly entry: Envelope | null;
  readonly isFresh: boolean;
  /** The present generations of all that was asked for and of all that the entry depends on. */
  readonly generations: Generations;
  /** The counter of invalidations, NaN if it was evicted. */
  readonly epoch: number;
}

/** Entries as a cache reads them; a near cache may stand before it. */
export interface EntryReader {
  look(wanted: readonly Wanted[]): Promise<Look[]>;
}

/** A generation lives this long at least after an entry that depends on it was written. */
const generationMsMin = 7 * 86_400_000;
/** More milliseconds than this do not set a limit. */
const lifetimeMsMax = 1e14;

/** The key of an entry. */
export function valueKey(prefix: string, path: string): string {
  return `${prefix}v:${path}`;
}

export class EntryStore implements EntryReader {
  private readonly server: CacheServer;
  private readonly prefix: string;
  private readonly dictionaries: Dictionaries;
  /** The tags of entries that were read, so that the next read takes one round trip. */
  private readonly tagNotes = new Map<string, readonly string[]>();
  /** Until when generations live at least. */
  private readonly lifeNotes = new Map<string, number>();

  constructor(server: CacheServer, prefix: string, dictionaries: Dictionaries) {
    this.server = server;
    this.prefix = prefix;
    this.dictionaries = dictionaries;
  }

  // ---- reading ----------------------------------------------------------------------------------

  /**
   * Reads entries and judges them: one MGET, and a second round trip if they have tags or
   * dictionaries unknown before.
   */
  async look(wanted: readonly Wanted[]): Promise<Look[]> {
    const names = new Set<string>();
    for (const { path, dependencies } of wanted) {
      for (const name of dependencies) names.add(name);
      for (const name of this.tagNotes.get(path) ?? []) names.add(name);
    }
    const keys = wanted.map(({ path }) => this.valueKey(path));
    const list = [...names];
    const read = await this.mget([
      ...keys,
      this.epochKey,
      ...list.map((n) => this.generationKey(n)),
    ]);
    const generations = new Map<string, string | null>();
    list.forEach((name, i) => {
      generations.set(name, textOf(read[keys.length + 1 + i]));
    });
    const entries = keys.map((_, i) => decodeEnvelope(read[i] ?? null));
    const ids = entries.flatMap((entry) => entry?.dictionary ?? []);
    await Promise.all([this.readUnknown(entries, generations), this.dictionaries.meet(ids)]);
    const epoch = Number(textOf(read[keys.length]) ?? Number.NaN);
    const now = wallClockMs();
    return entries.map((entry, i) => {
      this.note((wanted[i] as Wanted).path, entry);
      return this.expanded(judged(entry, generations, epoch, now));
    });
  }

  /** Without an entry whose dictionary was evicted: that is a miss. */
  private expanded(look: Look): Look {
    if (look.entry === null || look.entry.dictionary === null) return look;
    const entry = this.dictionaries.expand(look.entry);
    return { ...look, entry, isFresh: look.isFresh && entry !== null };
  }

  /** The present generations. */
  async generations(names: readonly string[]): Promise<Map<string, string | null>> {
    const read = await this.mget(names.map((name) => this.generationKey(name)));
    return new Map(names.map((name, i) => [name, textOf(read[i])]));
  }

  /** Adds the generations of what entries depend on and was not asked for. */
  private async readUnknown(
    entries: readonly (Envelope | null)[],
    into: Map<string, string | null>,
  ): Promise<void> {
    const unknown = new Set<string>();
    for (const entry of entries) {
      if (entry === null) continue;
      for (const name of entry.generations.keys()) if (!into.has(name)) unknown.add(name);
    }
    if (unknown.size === 0) return;
    for (const [name, generation] of await this.generations([...unknown])) {
      into.set(name, generation);
    }
  }

  private note(path: string, entry: Envelope | null): void {
    if (entry === null) return;
    const tags = [...entry.generations.keys()].filter((name) => name.startsWith("t:"));
    if (tags.length > 0) remember(this.tagNotes, path, tags);
    else this.tagNotes.delete(path);
  }

  // ---- generations ------------------------------------------------------------------------------

  /**
   * Generations to write an entry with, before its factory begins: those that were read, and new
   * ones for what has none. The second result is the counter of invalidations.
   */
  async establish(
    names: readonly string[],
    { generations, epoch }: Pick<Look, "generations" | "epoch">,
    lifetimeMs: number,
  ): Promise<[Map<string, string>, number]> {
    const number = Number.isNaN(epoch) ? await this.startCounting() : epoch;
    const whole = new Map<string, string>();
    const missing: Promise<void>[] = [];
    for (const name of names) {
      const known = generations.get(name);
      if (isGeneration(known)) whole.set(name, known);
      else missing.push(this.create(name, number, lifetimeMs).then((g) => void whole.set(name, g)));
    }
    await Promise.all(missing);
    return [whole, number];
  }

  /**
   * Generations of what a factory has named while it ran, which began when the counter was at
   * `epoch`; null unless it is certain that none was invalidated since then.
   */
  async confirm(
    names: readonly string[],
    epoch: number,
    lifetimeMs: number,
  ): Promise<Map<string, string> | null> {
    const keys = names.map((name) => this.generationKey(name));
    const [counter, ...read] = await this.mget([this.epochKey, ...keys]);
    const now = Number(textOf(counter) ?? Number.NaN);
    if (!(now >= epoch)) return null; // the counter was evicted, and the generations may have been
    const generations = new Map(names.map((name, i) => [name, textOf(read[i])]));
    const [whole] = await this.establish(names, { generations, epoch: now }, lifetimeMs);
    for (const name of names) {
      if (isGeneration(generations.get(name))) {
        if (numberOf(generations.get(name) as string) > epoch) return null;
      } else if (now > epoch || numberOf(whole.get(name) as string) > epoch) return null;
    }
    return whole;
  }

  /** Gives all of them a new generation: entries are gone, or stale. One command. */
  async bump(names: readonly string[], verb: "expire" | "invalidate"): Promise<void> {
    const keys = [this.epochKey, ...names.map((name) => this.generationKey(name))];
    const first = String(firstNumber(wallClockMs()));
    const rest = [first, verb, chance(), generationMsMin];
    await this.server.insist("EVAL", bumpScript, keys.length, ...keys, ...rest);
  }

  /** Keeps generations alive for longer than an entry that is written now. */
  private extend(names: Iterable<string>, lifetimeMs: number): void {
    const now = wallClockMs();
    const least = now + Math.min(lifetimeMs, lifetimeMsMax);
    for (const name of names) {
      if ((this.lifeNotes.get(name) ?? 0) >= least) continue;
      const ms = lifeOf(lifetimeMs);
      remember(this.lifeNotes, name, now + ms);
      // If it fails, the generation is gone too early, and its entries are computed again.
      this.server.ask("PEXPIRE", this.generationKey(name), ms).catch(() => undefined);
    }
  }

  private async create(name: string, number: number, lifetimeMs: number): Promise<string> {
    const key = this.generationKey(name);
    const own = mintGeneration(number);
    const rest = ["PX", lifeOf(lifetimeMs)];
    const old = textOf(await this.server.ask("SET", key, own, "NX", "GET", ...rest));
    if (old === null || isGeneration(old)) return old ?? own;
    await this.server.ask("SET", key, own, ...rest); // not one of ours
    return own;
  }

  private async startCounting(): Promise<number> {
    const own = firstNumber(wallClockMs());
    const old = await this.server.ask("SET", this.epochKey, own, "NX", "GET");
    return Number(textOf(old) ?? own);
  }

  // ---- entries and locks ------------------------------------------------------------------------

  /** Whether the lock is ours now. */
  async lock(path: string, token: string, ms: number): Promise<boolean> {
    const reply = await this.server.ask("SET", this.lockKey(path), token, "NX", "PX", ms);
    return reply !== null;
  }

  /** Leaves a mark that somebody waits for the end of a factory, for as long as a lock lasts. */
  async markWaiting(path: string, ms: number): Promise<void> {
    await this.server.ask("SET", this.channel(path), "", "PX", ms);
  }

  /** How long the lock will last if its holder has died, in milliseconds. */
  async lockLeftMs(path: string): Promise<number> {
    return Math.max(0, Number(await this.server.ask("PTTL", this.lockKey(path))));
  }

  async extendLock(path: string, token: string, ms: number): Promise<void> {
    await this.server.ask("EVAL", extendScript, 1, this.lockKey(path), token, ms);
  }

  /** Writes an entry if the lock is still ours, and gives the lock back. */
  async storeLocked(
    path: string,
    token: string,
    bytes: Uint8Array,
    lifetimeMs: number,
    names: Iterable<string>,
  ): Promise<boolean> {
    this.extend(names, lifetimeMs);
    const px = lifetimeMs > lifetimeMsMax ? "" : Math.ceil(lifetimeMs);
    const keys = [this.lockKey(path), this.valueKey(path), this.channel(path)];
    return (await this.server.ask("EVAL", storeScript, 3, ...keys, token, bytes, px)) === 1;
  }

  /** Gives the lock back, or leaves it for `restMs`, with a message for whoever waits. */
  async release(path: string, token: string, restMs: number, message: string): Promise<void> {
    const keys = [this.lockKey(path), this.channel(path)];
    const rest = [token, Math.ceil(restMs), message];
    await this.server.ask("EVAL", releaseScript, 2, ...keys, ...rest);
  }

  /** Writes an entry, and breaks its lock: a factory that runs knows less. */
  async store(
    path: string,
    bytes: Uint8Array,
    lifetimeMs: number,
    names: Iterable<string>,
  ): Promise<void> {
    this.extend(names, lifetimeMs);
    const px = lifetimeMs > lifetimeMsMax ? [] : ["PX", Math.ceil(lifetimeMs)];
    const broken = this.server.insist("DEL", this.lockKey(path));
    await Promise.all([broken, this.server.insist("SET", this.valueKey(path), bytes, ...px)]);
  }

  /** Deletes entries and breaks their locks. Resolves with how many entries there were. */
  async remove(paths: readonly string[]): Promise<number> {
    const broken = this.server.insist("DEL", ...paths.map((path) => this.lockKey(path)));
    const values = this.server.insist("DEL", ...paths.map((path) => this.valueKey(path)));
    const [, count] = await Promise.all([broken, values]);
    return Number(count);
  }

  // ---- names ------------------------------------------------------------------------------------

  /** The channel on which the end of a factory is told, and the mark of who waits for it. */
  channel(path: string): string {
    return `${this.prefix}w:${path}`;
  }

  private valueKey(path: string): string {
    return valueKey(this.prefix, path);
  }

  private lockKey(path: string): string {
    return `${this.prefix}l:${path}`;
  }

  private generationKey(name: string): string {
    return `${this.prefix}g:${name}`;
  }

  private get epochKey(): string {
    return `${this.prefix}e`;
  }

  private async mget(keys: readonly string[]): Promise<(Uint8Array | null)[]> {
    if (keys.length === 0) return [];
    return (await this.server.ask("MGET", ...keys)) as (Uint8Array | null)[];
  }
}

// --- internal ---

/** What an entry is worth now. */
function judged(
  entry: Envelope | null,
  generations: Generations,
  epoch: number,
  now: number,
): Look {
  const none: Look = { entry: null, isFresh: false, generations, epoch };
  if (entry === null || now >= entry.freshUntil + entry.grace) return none;
  const standing = standingOf(entry, generations);
  if (standing === "valid" && now < entry.freshUntil) return { ...none, entry, isFresh: true };
  return standing === "gone" || entry.grace === 0 ? none : { ...none, entry };
}

function standingOf(entry: Envelope, generations: Generations): Standing {
  let worst: Standing = "valid";
  for (const [name, remembered] of entry.generations) {
    const standing = judge(remembered, generations.get(name));
    if (standing === "gone") return "gone";
    if (standing === "stale") worst = "stale";
  }
  return worst;
}

function lifeOf(lifetimeMs: number): number {
  return Math.max(generationMsMin, Math.min(lifetimeMsMax, Math.ceil(lifetimeMs * 2)));
}

function remember<T>(notes: Map<string, T>, name: string, value: T): void {
  if (notes.size >= cacheNotesMax && !notes.has(name)) notes.clear();
  notes.set(name, value);
}

/** Keys and generations are text; a reply of another kind is nothing. */
function textOf(reply: CommandReply | undefined): string | null {
  if (typeof reply === "string") return reply;
  if (!(reply instanceof Uint8Array)) return null;
  return Buffer.from(reply.buffer, reply.byteOffset, reply.length).toString("latin1");
}
