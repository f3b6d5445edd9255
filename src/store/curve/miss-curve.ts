// The miss curve: what the hit ratio would be with half, once, twice and four times the memory.
// Four miniatures (miniature.ts) are fed what clients do with the keys of a sample, chosen by their
// hash: all that happens to a key, or nothing (SHARDS, Waldspurger and others, FAST 2015). A
// miniature has the memory that it stands for times the rate of the sample. If the keys of the
// sample become too many, the rate is halved, and half of them are dropped.
// Invariant: no more than `slots` keys are known, whatever the store holds.

import { CurveWindow, type Estimate, keyGroups } from "./curve-window.ts";
import { Miniature } from "./miniature.ts";
import {
  GONE,
  HIT,
  MISS,
  RETIMED,
  type Sample,
  STORED,
  sampledMask,
  wholeBound,
} from "./sample-ring.ts";
import { NO_SLOT, SampledKeys } from "./sampled-keys.ts";

/** The memory of each miniature, as a multiple of the store's. */
export const memoryFactors: readonly number[] = [0.5, 1, 2, 4];

/** At first one key in eight is in the sample; README.md has what that costs. */
const rateDefault = 1 / 8;
const slotsDefault = 32_768;
/** More samples in each of several turns halve the rate: it bounds what the curve costs. */
const samplesPerTurnMax = 50_000;
const busyTurnsMax = 3;
/** Slots that each turn looks at for expired keys. */
const sweepPerTurn = 4_096;
/** Changes of a size that are not worth a new place: the overhead of an item grows and shrinks. */
const sizeStep = 8;

/** What the miniatures must know of the store, at each turn. */
export interface StoreFacts {
  readonly limitBytes: number;
  /** The share of the limit that items can have: not dead, and no unused end of a segment. */
  readonly usableShare: number;
  /** What index and ghosts take for each item. */
  readonly overheadBytes: number;
  /** Lookups and hits of all keys, since the start. */
  readonly lookups: number;
  readonly hits: number;
}

/** What one miniature says. */
export interface CurvePoint extends Estimate {
  /** A multiple of the store's memory. */
  readonly memory: number;
  /** Whether it was ever full; if not, all that was seen so far would fit. */
  readonly isFilled: boolean;
}

export class MissCurve {
  window: CurveWindow;
  /** A key belongs to the sample if the sampled bits of its hash are below this. */
  below: number;
  private readonly keys: SampledKeys;
  private readonly miniatures: readonly Miniature[];
  private facts: StoreFacts | null = null;
  private sweepAt = 0;
  private samplesInTurn = 0;
  private busyTurns = 0;

  /** `rate`: the share of keys in the sample at first, a power of two. */
  constructor(rate = rateDefault, slots = slotsDefault) {
    this.below = rate * wholeBound;
    this.keys = new SampledKeys(slots);
    this.miniatures = memoryFactors.map(() => new Miniature(this.keys));
    this.window = this.newWindow();
  }

  private newWindow(): CurveWindow {
    const window = new CurveWindow(memoryFactors.length);
    window.weight = 1 / this.rate;
    return window;
  }

  /** The share of keys that are in the sample. */
  get rate(): number {
    return this.below / wholeBound;
  }

  get sampledKeys(): number {
    return this.keys.count;
  }

  // ---- what happens to a key --------------------------------------------------------------------

  take({ kind, hash, bytes, expiresAt }: Sample, now: number): void {
    if ((hash & sampledMask) >= this.below) return; // it is from before the rate was halved
    this.samplesInTurn++;
    if (kind === HIT) this.hit(hash, bytes, expiresAt, now);
    else if (kind === MISS) this.missed(hash, now);
    else if (kind === STORED) this.stored(hash, bytes, expiresAt, now);
    else if (kind === GONE) this.gone(hash);
    else if (kind === RETIMED) this.retimed(hash, expiresAt);
  }

  /**
   * The store has it. Where a miniature has not, the client would have missed and filled it. A key
   * that was never seen entered the store before the curve began: it says nothing of any of them.
   */
  private hit(hash: number, bytes: number, expiresAt: number, now: number): void {
    const known = this.keys.find(hash);
    const slot = known === NO_SLOT ? this.slotFor(hash) : known;
    if (slot === NO_SLOT) return;
    this.update(slot, bytes, expiresAt, now);
    if (known === NO_SLOT) this.window.exclude();
    else this.window.lookedUp();
    const { miniatures } = this;
    for (let i = 0; i < miniatures.length; i++) {
      if (miniatures[i].holds(slot)) miniatures[i].use(slot);
      else {
        if (known !== NO_SLOT) this.window.missed(i, groupOf(hash));
        miniatures[i].enter(slot, now);
      }
    }
  }

  private missed(hash: number, now: number): void {
    const { miniatures } = this;
    const slot = this.keys.find(hash);
    this.window.lookedUp();
    if (slot === NO_SLOT || this.keys.hasExpired(slot, now)) {
      for (let i = 0; i < miniatures.length; i++) this.window.missed(i, groupOf(hash));
      if (slot !== NO_SLOT) this.gone(hash);
      return;
    }
    this.keys.isMissed[slot] = 1;
    for (let i = 0; i < miniatures.length; i++) {
      if (miniatures[i].holds(slot)) miniatures[i].use(slot);
      else this.window.missed(i, groupOf(hash));
    }
  }

  /**
   * After a miss of the store a write fills the key again; a miniature that had the key would not
   * have been written to.
   */
  private stored(hash: number, bytes: number, expiresAt: number, now: number): void {
    const known = this.keys.find(hash);
    const slot = known === NO_SLOT ? this.slotFor(hash) : known;
    if (slot === NO_SLOT) return;
    const isFill = this.keys.isMissed[slot] === 1;
    this.keys.isMissed[slot] = 0;
    this.update(slot, bytes, expiresAt, now);
    for (const miniature of this.miniatures) {
      if (!miniature.holds(slot)) miniature.enter(slot, now);
      else if (!isFill) miniature.use(slot);
    }
  }

  private gone(hash: number): void {
    const slot = this.keys.find(hash);
    if (slot === NO_SLOT) return;
    this.keys.hold(slot);
    for (const miniature of this.miniatures) miniature.remove(slot);
    this.keys.release(slot);
  }

  private retimed(hash: number, expiresAt: number): void {
    const slot = this.keys.find(hash);
    if (slot !== NO_SLOT) this.keys.expiresAt[slot] = expiresAt;
  }

  /** Size and expiry as the store has them. */
  private update(slot: number, itemBytes: number, expiresAt: number, now: number): void {
    const before = this.keys.bytes[slot];
    const bytes = itemBytes + (this.facts?.overheadBytes ?? 0);
    this.keys.expiresAt[slot] = expiresAt;
    if (Math.abs(bytes - before) < sizeStep) return;
    this.keys.bytes[slot] = bytes;
    for (const miniature of this.miniatures) miniature.resize(slot, before, now);
  }

  private slotFor(hash: number): number {
    if (this.keys.isFull) this.halve();
    const isSampled = (hash & sampledMask) < this.below;
    return isSampled && !this.keys.isFull ? this.keys.add(hash) : NO_SLOT;
  }

  // ---- turns ------------------------------------------------------------------------------------

  /** Called once a second, behind what has happened until then. */
  turn(facts: StoreFacts, now: number): void {
    const before = this.facts;
    this.facts = facts;
    this.busyTurns = this.samplesInTurn > samplesPerTurnMax ? this.busyTurns + 1 : 0;
    this.samplesInTurn = 0;
    if (this.busyTurns === busyTurnsMax) this.halve();
    this.fit(now);
    this.sweep(now);
    if (before !== null && facts.lookups >= before.lookups) {
      this.window.counted(facts.lookups - before.lookups, Math.max(0, facts.hits - before.hits));
    }
  }

  /** Forgets what was counted, and not which keys the miniatures have. */
  reset(): void {
    this.window = this.newWindow();
    this.facts = this.facts && { ...this.facts, lookups: 0, hits: 0 };
  }

  private fit(now: number): void {
    if (this.facts === null) return;
    const { limitBytes, usableShare } = this.facts;
    for (const [i, miniature] of this.miniatures.entries()) {
      miniature.capacity = limitBytes * memoryFactors[i] * usableShare * this.rate;
      miniature.fit(now);
    }
  }

  /** Expired keys leave, as the store's sweeper sees to it. */
  private sweep(now: number): void {
    const { keys } = this;
    for (let i = 0; i < sweepPerTurn; i++) {
      const slot = this.sweepAt++ % keys.slots;
      if (!keys.hasExpired(slot, now)) continue;
      for (const miniature of this.miniatures) miniature.drop(slot);
    }
  }

  private halve(): void {
    this.busyTurns = 0;
    this.below = Math.max(1, this.below >>> 1);
    this.window.weight = 1 / this.rate;
    for (const [hash, slot] of this.keys.all()) {
      if ((hash & sampledMask) < this.below) continue;
      for (const miniature of this.miniatures) miniature.drop(slot);
    }
    for (const miniature of this.miniatures) miniature.capacity /= 2;
  }

  // ---- what it says -----------------------------------------------------------------------------

  /** Over the window; null before the first lookup. */
  points(): CurvePoint[] | null {
    const estimates = this.window.estimates();
    if (estimates === null) return null;
    return memoryFactors.map((memory, i) => {
      return { memory, ...estimates[i], isFilled: this.miniatures[i].hasEvicted };
    });
  }
}

/** By bits that choose neither the sample nor, in most stores, the shard. */
function groupOf(hash: number): number {
  return hash & (keyGroups - 1);
}
