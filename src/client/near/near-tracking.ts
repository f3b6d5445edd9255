// Keeps a near cache right: turns CLIENT TRACKING on for each new connection before anything is
// read by it, passes on what the server says has changed, and knows until when what is held may be
// served. It holds no values.
// Invariant: before `vouchedUntil` nothing is held that the server has not vouched for within the
// bounds: it was told of every change up to `lastProof`, or what it missed was dropped.
//
//   down -> opening     a new connection is logged in; CLIENT TRACKING is sent
//   opening -> behind   our server goes on from the last number; what was missed is on its way
//   opening -> right    nothing was kept, so nothing was missed
//   behind -> right     the last of what was missed has arrived
//   any -> down         the connection was lost
//
// A reply on the connection of the invalidations proves that all earlier ones have arrived, so an
// answered question proves that what is held was right when it was asked.

import { monotonicMs } from "../../base/clock.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { type MSCacheError, ServerError } from "../client-errors.ts";
import type { PushListener, Send } from "../link/push-link.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Argument, Command } from "../wire/command-writer.ts";
import { text } from "../wire/shapes.ts";
import type { NearSettings } from "./near-options.ts";

/** Whoever holds what is tracked. */
export interface Holdings {
  /** Drops a key and outdates a read of it that is under way. Whether either was there. */
  forget(key: string): boolean;
  /** The same for all keys. */
  forgetAll(): void;
  /** Outdates the reads under way, whose replies were lost. */
  outdateReads(): void;
}

/** Where the numbers of invalidations stand. They mean something to one run of one node. */
interface Place {
  readonly runId: string;
  sequence: number;
}

export class NearTracking implements PushListener {
  /** By monotonicMs(). From then on nothing that is held may be served. */
  vouchedUntil = Number.NEGATIVE_INFINITY;
  /** Keys that the server named and that were held. */
  invalidations = 0;
  /** How often everything was dropped. */
  drops = 0;
  /** How often a new connection went on where the one before it ended. */
  resumed = 0;
  private readonly settings: NearSettings;
  private readonly holdings: Holdings;
  /** What is held was right at this moment. */
  private lastProof = Number.NEGATIVE_INFINITY;
  /** Null: the server does not number what it tells. */
  private place: Place | null = null;
  /** When what an earlier connection missed has all been told, it was right at `askedAt`. */
  private behind: { readonly from: number; readonly askedAt: number } | null = null;

  constructor(settings: NearSettings, holdings: Holdings) {
    this.settings = settings;
    this.holdings = holdings;
  }

  // ---- what the link reports --------------------------------------------------------------------

  async up(send: Send): Promise<void> {
    const askedAt = monotonicMs();
    const { isBroadcast } = this.settings;
    const isNumbered = isBroadcast && (await this.turnOnNumbered(send, askedAt));
    const words = isBroadcast ? broadcastWords(this.settings) : trackingOn;
    if (!isNumbered) await send(words, text);
    // Who may track keys but not ask this would never be vouched for; better to fail at once.
    await send(trackingInfo, tracks);
    if (!isNumbered) this.beginAnew(null, askedAt);
  }

  down(): void {
    const { maxStalenessMs } = this.settings;
    this.behind = null;
    this.vouchedUntil = maxStalenessMs > 0 ? this.lastProof + maxStalenessMs : 0;
    this.holdings.outdateReads();
  }

  ended(_: MSCacheError): void {
    this.vouchedUntil = Number.NEGATIVE_INFINITY;
    this.holdings.forgetAll();
  }

  push(items: readonly Reply[]): void {
    const [kind, keys, number] = items;
    if (textOf(kind) !== "invalidate") return;
    if (keys === null) this.dropAll();
    else if (Array.isArray(keys)) this.forget(keys);
    if (typeof number !== "number") return;
    const isLast = !Array.isArray(keys) || keys.length === 0;
    this.numbered(number, isLast);
  }

  // ---- beginning --------------------------------------------------------------------------------

  /** False: the server is not ours, and nothing is turned on. */
  private async turnOnNumbered(send: Send, askedAt: number): Promise<boolean> {
    const from = this.place === null ? [] : ["FROM", this.place.runId, this.place.sequence];
    const shape: Shape<Numbered> = {
      ...numbered,
      // At once, as what was missed may arrive in one piece with the reply.
      read: (reply) => {
        const now = numbered.read(reply);
        if (now?.isResumed) this.behind = { from: now.sequence, askedAt };
        else if (now !== undefined) this.beginAnew(now, askedAt);
        return now;
      },
    };
    try {
      await send([...broadcastWords(this.settings), "NUMBERED", ...from], shape);
      return true;
    } catch (cause) {
      if (cause instanceof ServerError && cause.serverCode === "ERR") return false;
      throw cause;
    }
  }

  private beginAnew(place: Place | null, askedAt: number): void {
    this.behind = null;
    this.place = place === null ? null : { runId: place.runId, sequence: place.sequence };
    if (this.lastProof !== Number.NEGATIVE_INFINITY) this.dropAll();
    this.prove(askedAt);
  }

  // ---- being right ------------------------------------------------------------------------------

  /** Asks the server, and what is held is right when it answers. */
  async beat(send: Send): Promise<void> {
    const askedAt = monotonicMs();
    await send(trackingInfo, tracks);
    if (this.behind === null) this.prove(askedAt);
  }

  private prove(askedAt: number): void {
    const { maxSilenceMs, maxStalenessMs } = this.settings;
    this.lastProof = askedAt;
    this.vouchedUntil = askedAt + Math.max(maxSilenceMs, maxStalenessMs);
  }

  private forget(keys: readonly Reply[]): void {
    for (const key of keys) {
      const name = textOf(key);
      if (name !== null && this.holdings.forget(name)) this.invalidations++;
    }
  }

  private dropAll(): void {
    this.drops++;
    this.holdings.forgetAll();
  }

  /** Of the messages about what was missed only the last has a new number, or no keys. */
  private numbered(sequence: number, isLast: boolean): void {
    const { behind, place } = this;
    if (place !== null) place.sequence = Math.max(place.sequence, sequence);
    if (behind === null || !(isLast || sequence > behind.from)) return;
    this.behind = null;
    this.resumed++;
    this.prove(behind.askedAt);
  }
}

// --- internal ---

interface Numbered extends Place {
  /** What it has missed will be told; else it must drop everything. */
  readonly isResumed: boolean;
}

const trackingOn: Command = ["CLIENT", "TRACKING", "ON"];
const trackingInfo: Command = ["CLIENT", "TRACKINGINFO"];

/** The reply to TRACKINGINFO of a connection that tracks. */
const tracks: Shape<true> = {
  expected: "that the connection tracks keys",
  asBytes: false,
  read(reply) {
    const flags = reply instanceof Map ? reply.get("flags") : undefined;
    if (flags instanceof Set) return flags.has("on") || undefined;
    return (Array.isArray(flags) && flags.includes("on")) || undefined;
  },
};

/** The reply to CLIENT TRACKING ON ... NUMBERED. */
const numbered: Shape<Numbered> = {
  expected: "a run id, a number and whether it goes on",
  asBytes: false,
  read(reply) {
    const [runId, sequence, isResumed] = Array.isArray(reply) ? reply : [];
    if (typeof runId !== "string" || typeof sequence !== "number") return undefined;
    return { runId, sequence, isResumed: isResumed === 1 };
  },
};

function broadcastWords({ prefixes }: NearSettings): Argument[] {
  return [...trackingOn, "BCAST", ...prefixes.flatMap((prefix) => ["PREFIX", prefix])];
}

function textOf(word: Reply | undefined): string | null {
  if (typeof word === "string") return word;
  if (!(word instanceof Uint8Array)) return null;
  return Buffer.from(word.buffer, word.byteOffset, word.length).toString("utf8");
}
