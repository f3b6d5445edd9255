// One computation of one entry: takes the lock, or waits until whoever has it is done, runs the
// factory, and stores what it returned. Callers of this process share it.
// Invariant: a caller gets no value older than an invalidation that was acknowledged before its
// call. Each read of the server and each run of the factory is a step, and a caller that joined
// during step n is served only by what began after n, or was found valid after n:
//
//   joined 0:  step 1 read ... step 2 factory ... step 3 stored and found valid -> serves all
//   joined 2:  somebody invalidated meanwhile: step 3 fails -> serves those who joined before 2
//
// The others fly again, all of them in one flight, which begins after the last has joined.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { cacheReasonCharsMax } from "../../base/limits.ts";
import { reasonOf } from "../../base/reason.ts";
import { FactoryFailedError, FactoryTimeoutError } from "./cache-errors.ts";
import type { CacheEvents } from "./cache-events.ts";
import type { EntrySettings, NamespaceSettings } from "./cache-options.ts";
import type { Dictionaries } from "./dictionaries.ts";
import type { EntryStore, Look } from "./entry-store.ts";
import { encodeEnvelope } from "./envelope.ts";
import { FactoryRun } from "./factory-run.ts";
import type { HeldLocks } from "./held-locks.ts";
import type { LookBatch } from "./look-batch.ts";
import { packValue, unpackValue, unreadable } from "./value-codec.ts";
import type { WakeUps } from "./wake-ups.ts";

/** What all flights of a cache share. */
export interface FlightDeck {
  readonly store: EntryStore;
  readonly dictionaries: Dictionaries;
  readonly looks: LookBatch;
  readonly locks: HeldLocks;
  readonly wakeUps: WakeUps;
  readonly events: CacheEvents;
  readonly failOpen: boolean;
  readonly retryDelay: number;
}

/** What to compute. */
export interface Job {
  readonly path: string;
  readonly key: string;
  readonly settings: NamespaceSettings;
  /** What the entry depends on as far as it is known before the factory runs. */
  readonly dependencies: readonly string[];
  readonly factory: (run: FactoryRun) => unknown;
  /** Is called when it is decided that the factory does not run now, and at the end in any case. */
  readonly passed?: () => void;
}

/** What a flight came to. */
export interface Outcome {
  readonly value: unknown;
  /** Serves callers that joined before this step. */
  readonly step: number;
}

/** What of an entry the flight is to replace: an entry that is written at another time is new. */
export interface Replaced {
  readonly writtenAt: number;
  readonly value: unknown;
}

/** The most that a process whose refresh is done by another looks away, in milliseconds. */
const lookAwayMsMax = 100;
/** Without a subscription it looks again after this time, in milliseconds. */
const blindWaitMs = 250;
/** Added by chance to the end of a lock, so that not all take it at once, in milliseconds. */
const jitterMs = 50;

export class Flight {
  readonly result: Promise<Outcome | null>;
  private readonly deck: FlightDeck;
  private readonly job: Job;
  private readonly replaced: Replaced | null;
  private readonly token = crypto.randomUUID();
  private readonly deadline: number;
  private step = 0;
  private hasLateCallers = false;

  /** A background flight that finds the lock taken comes to null. */
  constructor(deck: FlightDeck, job: Job, replaced: Replaced | null, isBackground: boolean) {
    this.deck = deck;
    this.job = job;
    this.replaced = replaced;
    this.deadline = monotonicMs() + job.settings.hard;
    // Not at once: callers of the same turn join before the first step.
    this.result = Promise.resolve().then(() => this.fly(isBackground));
  }

  /** The step during which this caller comes. */
  join(): number {
    if (this.step > 0) this.hasLateCallers = true;
    return this.step;
  }

  private async fly(isBackground: boolean): Promise<Outcome | null> {
    try {
      const outcome = await this.takeOff(isBackground);
      return outcome === "lost" ? await this.computeAlone() : outcome;
    } finally {
      this.job.passed?.();
    }
  }

  /** "lost": the server does not answer, and the factory has not run. */
  private async takeOff(isBackground: boolean): Promise<Outcome | null | "lost"> {
    let attempt: Attempt;
    try {
      attempt = await this.attempt();
      if (attempt.outcome !== null) return attempt.outcome;
      if (!attempt.isOurs && isBackground) return await this.lookAway();
      if (!attempt.isOurs) attempt = await this.waitForOthers();
      if (attempt.outcome !== null) return attempt.outcome;
    } catch (error) {
      return this.open(error);
    }
    return await this.compute(attempt.look);
  }

  /** What to do without the server. */
  private open(error: unknown): "lost" {
    const isOwn = error instanceof FactoryFailedError || error instanceof FactoryTimeoutError;
    if (isOwn || !this.deck.failOpen) throw error;
    return "lost";
  }

  // ---- the lock ---------------------------------------------------------------------------------

  /** Tries the lock and looks, in this order and in one round trip. */
  private async attempt(): Promise<Attempt> {
    const { store, locks, looks } = this.deck;
    const { path, dependencies } = this.job;
    const step = ++this.step;
    const [isOurs, look] = await Promise.all([
      store.lock(path, this.token, locks.leaseMs),
      looks.look(path, dependencies),
    ]);
    const outcome = this.found(look, step);
    if (isOurs && outcome !== null) await store.release(path, this.token, 0, "d");
    return { isOurs, look, outcome };
  }

  private found({ entry, isFresh }: Look, step: number): Outcome | null {
    if (entry === null || !isFresh || entry.writtenAt === this.replaced?.writtenAt) return null;
    const value = unpackValue(entry, this.job.settings.codec);
    return value === unreadable ? null : { value, step };
  }

  /** The end of an attempt whose lock or whose entry another process has made. */
  private async waitForOthers(): Promise<Attempt> {
    this.job.passed?.();
    const { store, locks, wakeUps, events } = this.deck;
    const channel = store.channel(this.job.path);
    const began = monotonicMs();
    const mail = new Mail();
    const hears = await wakeUps.listen(channel, mail.put);
    try {
      for (;;) {
        // The mark is set before the lock is tried: whoever has the lock then will find the mark.
        const marked = store.markWaiting(this.job.path, locks.leaseMs);
        const [attempt] = await Promise.all([this.attempt(), marked]);
        if (attempt.isOurs || attempt.outcome !== null) return attempt;
        const leftMs = (await store.lockLeftMs(this.job.path)) + Math.random() * jitterMs;
        const message = await mail.next(this.boundedMs(hears ? leftMs : blindWaitMs));
        if (message?.startsWith("f")) throw new FactoryFailedError(message.slice(1));
        if (monotonicMs() >= this.deadline) throw this.timeout();
      }
    } finally {
      wakeUps.stop(channel, mail.put);
      events.tell("wait", this.job.path, monotonicMs() - began);
    }
  }

  private boundedMs(ms: number): number {
    return Math.max(0, Math.min(ms, this.deadline - monotonicMs()));
  }

  private async lookAway(): Promise<null> {
    this.job.passed?.();
    const leftMs = await this.deck.store.lockLeftMs(this.job.path);
    await Bun.sleep(Math.min(lookAwayMsMax, leftMs));
    return null;
  }

  // ---- the factory ------------------------------------------------------------------------------

  /** Runs the factory under the lock. */
  private async compute(look: Look): Promise<Outcome | "lost"> {
    const { store, locks } = this.deck;
    const { path, dependencies, settings } = this.job;
    locks.hold(path, this.token);
    try {
      let established: [Map<string, string>, number];
      try {
        established = await store.establish(dependencies, look, settings.ttl + settings.grace);
      } catch (error) {
        return this.open(error);
      }
      return await this.keep(await this.runFactory(), ...established);
    } catch (error) {
      const hasStale = look.entry !== null || this.replaced !== null;
      const message = `f${reasonOf(error).slice(0, cacheReasonCharsMax)}`;
      const restMs = hasStale ? this.deck.retryDelay : 0;
      // Without a server the lock ends by itself.
      await store.release(path, this.token, restMs, message).catch(() => undefined);
      throw error;
    } finally {
      locks.drop(path, this.token);
    }
  }

  /** Runs the factory without the server. The value is not stored. */
  private async computeAlone(): Promise<Outcome> {
    const { value, began } = await this.runFactory();
    return { value, step: began };
  }

  private async runFactory(): Promise<Landing> {
    const { events } = this.deck;
    const { path, key, settings, factory } = this.job;
    const run = new FactoryRun(key, settings, this.replaced?.value);
    const began = ++this.step;
    const startMs = monotonicMs();
    try {
      const value = await this.beforeDeadline(Promise.try(factory, run), run);
      const costMs = monotonicMs() - startMs;
      events.tell("factory", path, costMs);
      return { value, run, began, costMs };
    } catch (error) {
      events.tell("factoryError", path, monotonicMs() - startMs, error);
      throw error;
    } finally {
      run.end();
    }
  }

  private beforeDeadline<T>(result: Promise<T>, run: FactoryRun): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = this.timeout();
      late.reject(error);
      run.abort(error);
    }, this.boundedMs(Number.POSITIVE_INFINITY));
    return Promise.race([result, late.promise]).finally(() => clearTimeout(timer));
  }

  private timeout(): FactoryTimeoutError {
    return new FactoryTimeoutError(this.job.key, this.job.settings.hard);
  }

  // ---- storing ----------------------------------------------------------------------------------

  /** Stores the value, unless it is not to be stored or may be older than an invalidation. */
  private async keep(
    landing: Landing,
    established: Map<string, string>,
    epoch: number,
  ): Promise<Outcome> {
    const { value, run, began } = landing;
    const ttl = ttlOf(value, run.entry);
    const generations = await this.withTags(run, established, epoch, ttl);
    if (run.isSkipped || ttl === 0 || generations === null) {
      // Without a server the lock ends by itself.
      await this.deck.store.release(this.job.path, this.token, 0, "d").catch(() => undefined);
      return { value, step: began };
    }
    const bytes = this.encode(landing, ttl, generations);
    const step = ++this.step;
    const isValid = await this.write(bytes, ttl + run.entry.grace, generations);
    return { value, step: isValid ? step : began };
  }

  /** The generations with those of the tags that the factory has added. */
  private async withTags(
    run: FactoryRun,
    established: Map<string, string>,
    epoch: number,
    ttl: number,
  ): Promise<Map<string, string> | null> {
    const added = [...run.tags].map((tag) => `t:${tag}`).filter((name) => !established.has(name));
    if (added.length === 0 || run.isSkipped) return established;
    try {
      const confirmed = await this.deck.store.confirm(added, epoch, ttl + run.entry.grace);
      return confirmed === null ? null : new Map([...established, ...confirmed]);
    } catch {
      return null; // the server has told it by an event; the value is served and not stored
    }
  }

  private encode({ value, run, costMs }: Landing, ttl: number, generations: Map<string, string>) {
    const { path, key, settings } = this.job;
    const { dictionaries } = this.deck;
    const { codec, compressOver } = settings;
    const root = path.slice(0, path.length - key.length);
    const book = settings.dictionary ? dictionaries.book(root) : null;
    const packed = packValue(value, codec, compressOver, book);
    dictionaries.keep(packed.dictionary, ttl + run.entry.grace);
    const now = wallClockMs();
    return encodeEnvelope({
      ...packed,
      ...{
        writtenAt: now,
        freshUntil: now + ttl,
        grace: run.entry.grace,
        cost: costMs,
        generations,
      },
    });
  }

  /**
   * Whether it was stored and is valid. The second takes a look, and matters only if callers have
   * come since the factory began.
   */
  private async write(
    bytes: Uint8Array,
    lifetimeMs: number,
    generations: Map<string, string>,
  ): Promise<boolean> {
    const { store } = this.deck;
    const names = [...generations.keys()];
    const stored = store.storeLocked(this.job.path, this.token, bytes, lifetimeMs, names);
    const present = this.hasLateCallers ? store.generations(names) : null;
    try {
      const [isStored, now] = await Promise.all([stored, present]);
      if (!isStored || now === null) return false;
      return names.every((name) => now.get(name) === generations.get(name));
    } catch {
      return false; // the server has told it by an event; the value is served all the same
    }
  }
}

// --- internal ---

interface Attempt {
  readonly isOurs: boolean;
  readonly look: Look;
  /** A value that another process has stored. */
  readonly outcome: Outcome | null;
}

/** What a factory came to. */
interface Landing {
  readonly value: unknown;
  readonly run: FactoryRun;
  /** The step in which it began. */
  readonly began: number;
  readonly costMs: number;
}

/** Messages of a channel, which may come before they are waited for. */
class Mail {
  private readonly messages: string[] = [];
  private wake: (() => void) | null = null;

  readonly put = (message: string): void => {
    this.messages.push(message);
    this.wake?.();
  };

  /** The oldest message; null if none comes in this time. */
  async next(ms: number): Promise<string | null> {
    if (this.messages.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = null;
    }
    return this.messages.shift() ?? null;
  }
}

/** The value's own lifetime; 0: it is not stored. */
function ttlOf(value: unknown, { ttl, negativeTtl }: EntrySettings): number {
  return value === null || value === undefined ? (negativeTtl ?? ttl) : ttl;
}
