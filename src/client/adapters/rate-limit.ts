// mscache/rate-limit: a sliding-window limiter without Lua. A window is cut into segments, each a
// counter with a lifetime; INCREX bounds the newest by what the others leave free. Redis before 8.8
// has no INCREX: there INCRBY counts, and what went too far is taken back.
// Invariant: a take is allowed only if, in the transaction that counted it, the counters of its
// window together stayed within the limit; no interleaving of processes can break that.

import { wallClockMs } from "../../base/clock.ts";
import {
  argumentFault,
  checkBag,
  checkClient,
  isArgument,
  type Names,
  wrongKind,
} from "../arguments.ts";
import type { Client } from "../client.ts";
import { InvalidArgumentError, ServerError } from "../client-errors.ts";
import type { CommandCall } from "../commands/call-list.ts";
import type { CommandReply } from "../commands/command-values.ts";

/** What a limiter allows. */
export interface RateLimiterOptions {
  /** A connected client, over MSCache or Redis. */
  client: Client;
  /** How much may be taken in any window, a whole number from 1 to 2^53 - 1. */
  limit: number;
  /** The length of the window in milliseconds, a whole number from 1 to 366 days. */
  window: number;
  /**
   * Into how many counters a window is cut, 1 to 60. More are more exact and read more. Default 10.
   */
  segments?: number | undefined;
  /** What the keys begin with. Default "limit:". */
  prefix?: string | undefined;
  /** The clock, for tests. @internal */
  now?: () => number;
}

const limiterNames: Names<RateLimiterOptions> = {
  ...{ client: true, limit: true, window: true, segments: true, prefix: true, now: "internal" },
};

/** What became of a take. Durations are milliseconds. */
export interface RateLimitResult {
  /** Whether it was within the limit. What is refused counts for nothing. */
  allowed: boolean;
  /** How much more may be taken now. */
  remaining: number;
  /** How long until as much is free as was asked for; 0 if it was allowed. */
  retryAfter: number;
  /** How long until everything is free again. */
  resetAfter: number;
}

/**
 * Allows `limit` in any window of `window` milliseconds, in all processes together. What was taken
 * stays counted for at least a window and at most one segment longer (`window / segments`): never
 * too much is allowed, and a place comes back at most a segment late. Each process stamps with its
 * own clock; if two differ, a window across them is shorter by the difference.
 *
 * A take is one round trip if it is refused and two if it is allowed. If two takes race over the
 * border of a segment for the last place, both may be refused. If a connection is lost, what was
 * taken may stay counted. Methods reject as those of the client do.
 *
 * @example
 * const limiter = new RateLimiter({ client, limit: 100, window: 60_000 });
 * const { allowed, remaining } = await limiter.take("user:1");
 * console.log(allowed, remaining); // true 99
 */
export class RateLimiter {
  private readonly client: Client;
  private readonly limit: number;
  private readonly segments: number;
  private readonly segmentMs: number;
  private readonly prefix: string;
  private readonly now: () => number;
  /** Whether the server has INCREX; it is taken to have it until it says otherwise. */
  private hasIncrex = true;

  /** Throws InvalidArgumentError for a limit, window or number of segments out of range. */
  constructor(options: RateLimiterOptions) {
    checkBag("options", options, limiterNames);
    checkClient(options.client);
    const { client, limit, window, segments = 10, prefix = "limit:", now = wallClockMs } = options;
    this.client = client;
    this.limit = wholeNumber("limit", limit, Number.MAX_SAFE_INTEGER);
    this.segments = wholeNumber("segments", segments, segmentsMax);
    this.segmentMs = wholeNumber("window", window, windowMsMax) / this.segments;
    if (!isArgument(prefix)) throw argumentFault("prefix", prefix);
    this.prefix = prefix;
    this.now = now;
  }

  /**
   * Takes `cost` of what `id` may take, or nothing if that would pass the limit: a whole number
   * from 1 to the limit, default 1. Rejects with InvalidArgumentError for another cost, and as
   * requests of the client do.
   *
   * @example const { allowed, remaining } = await limiter.take("10.0.0.1");
   */
  async take(id: string, cost = 1): Promise<RateLimitResult> {
    if (typeof id !== "string" || !isArgument(id)) throw wrongKind("id", "a string", id);
    wholeNumber("cost", cost, this.limit);
    const view = new View(this.now(), this.segmentMs, this.segments);
    const keys = view.numbers.map((number) => this.key(id, number));
    const [counters] = await this.run([["MGET", ...keys]]);
    view.learn(counters);
    if (view.total + cost > this.limit) return this.refused(view, cost);
    return this.count(view, keys, cost);
  }

  /**
   * Forgets what `id` has taken.
   *
   * @example await limiter.reset("user:1");
   */
  async reset(id: string): Promise<void> {
    if (typeof id !== "string" || !isArgument(id)) throw wrongKind("id", "a string", id);
    const { numbers } = new View(this.now(), this.segmentMs, this.segments);
    await this.client.deleteMany(numbers.map((number) => this.key(id, number)));
  }

  // --- internal ---

  /** The braces keep all counters of an id on one shard. */
  private key(id: string, segment: number): string {
    return `${this.prefix}{${id}}:${segment}`;
  }

  private async count(view: View, keys: string[], cost: number): Promise<RateLimitResult> {
    const key = keys[view.newest] as string;
    const [counted, counters] = await this.add(key, cost, this.limit - view.others, keys);
    view.learn(counters);
    const isCounted = !Array.isArray(counted) || Number(counted[1]) === cost;
    if (isCounted && view.total > this.limit) {
      await this.run([["DECRBY", key, cost]]);
      view.takeBack(cost);
    } else if (isCounted) {
      return this.result(view, 0);
    }
    return this.refused(view, cost);
  }

  /** Counts at the key, and reads all counters in the same transaction. */
  private async add(
    key: string,
    cost: number,
    bound: number,
    keys: string[],
  ): Promise<CommandReply[]> {
    const lifetimeMs = Math.ceil((this.segments + 2) * this.segmentMs);
    const read: CommandCall = ["MGET", ...keys];
    if (this.hasIncrex) {
      const words = ["BYINT", cost, "UBOUND", bound, "PX", lifetimeMs];
      try {
        return await this.run([["INCREX", key, ...words], read]);
      } catch (error) {
        if (!isUnknownCommand(error)) throw error;
        this.hasIncrex = false;
      }
    }
    const [sum, , counters] = await this.run([
      ["INCRBY", key, cost],
      ["PEXPIRE", key, lifetimeMs],
      read,
    ]);
    return [sum ?? null, counters ?? null];
  }

  private async run(calls: readonly CommandCall[]): Promise<CommandReply[]> {
    const results: CommandReply[] = await this.client.transaction(calls);
    for (const result of results) if (result instanceof ServerError) throw result;
    return results;
  }

  private refused(view: View, cost: number): RateLimitResult {
    return this.result(view, view.freeAfter(view.total + cost - this.limit));
  }

  private result(view: View, retryAfter: number): RateLimitResult {
    return {
      allowed: retryAfter === 0,
      remaining: Math.max(0, this.limit - view.total),
      retryAfter,
      resetAfter: view.freeAfter(view.total),
    };
  }
}

// --- internal ---

const segmentsMax = 60;
/** A year. */
const windowMsMax = 366 * 86_400_000;

/** The counters that overlap the window which ends now, and the next, of who is a little ahead. */
class View {
  /** The segments, the oldest first. */
  readonly numbers: readonly number[];
  /** Where the present segment is among them. */
  readonly newest: number;
  private counts: number[] = [];
  private readonly now: number;
  private readonly segmentMs: number;

  constructor(now: number, segmentMs: number, segments: number) {
    const first = Math.floor(now / segmentMs) - segments;
    this.numbers = Array.from({ length: segments + 2 }, (_, index) => first + index);
    this.newest = segments;
    this.now = now;
    this.segmentMs = segmentMs;
  }

  learn(counters: CommandReply | undefined): void {
    this.counts = Array.isArray(counters) ? counters.map(Number) : [];
  }

  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** What is counted beside the present segment. */
  get others(): number {
    return this.total - (this.counts[this.newest] ?? 0);
  }

  takeBack(cost: number): void {
    this.counts[this.newest] = (this.counts[this.newest] ?? 0) - cost;
  }

  /** Milliseconds until this much of what is counted now has left the window; 0 for nothing. */
  freeAfter(amount: number): number {
    let left = amount;
    for (let index = 0; left > 0 && index < this.counts.length; index++) {
      left -= this.counts[index] ?? 0;
      if (left > 0) continue;
      const leaves = ((this.numbers[index] ?? 0) + this.newest + 1) * this.segmentMs;
      return Math.max(1, Math.ceil(leaves - this.now));
    }
    // Who raced for the last place and has lost it may find it free again at once.
    return amount === 0 ? 0 : 1;
  }
}

function isUnknownCommand(error: unknown): boolean {
  return error instanceof ServerError && /unknown command/i.test(error.message);
}

function wholeNumber(name: string, value: unknown, max: number): number {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new InvalidArgumentError(`${name} must be a whole number from 1 to ${max}: ${value}`);
}
