// The databases of a store: which identity the items of each number have. An item of identity 0
// carries nothing; any other carries its identity, a byte, with its key (item.ts). So two databases
// are exchanged by exchanging two words here, and one is emptied at once by giving its number a
// fresh identity: what has the old one is dead, is never found, and is removed soon (walker.ts).
// It knows no items; the shards count them by identity.
// Invariants: a live identity has one number, and a number one live identity; the table changes
// only under the locks of all shards, so whoever holds the lock of one shard may rely on it; no
// item has an identity that is free.

import { assert } from "../base/errors.ts";
import { databasesMax } from "../base/limits.ts";

/** The values of a byte. */
export const identities = 256;

/** What numberOf() returns for an identity without a number. */
const FREE = -1;
const DEAD = -2;

// ---- words of the table -------------------------------------------------------------------------

/** Counts the changes of the table. All threads read it: what is written often is far from it. */
const MAPPING = 0;
const IDENTITY = 1;
const NUMBER = 128;
/** How often a number got another identity. */
const GENERATION = 384;
const DEAD_COUNT = 448;
const SWAPS = 449;
/** How often an identity was given out. */
const LIVES = 512;
/** Where the removal of dead items goes on: a shard, and a bucket of it. */
export const DEAD_SHARD = 464;
export const DEAD_POSITION = 465;
const tableWords = 768;

assert(IDENTITY + databasesMax <= NUMBER && NUMBER + identities <= GENERATION, "parts are apart");
assert(GENERATION + databasesMax <= DEAD_COUNT, "parts are apart");

/** The table in which database n has identity n. */
export function reserveDatabases(count: number): SharedArrayBuffer {
  assert(count >= 1 && count <= databasesMax, `a store has 1 to ${databasesMax} databases`);
  const memory = new SharedArrayBuffer(tableWords * 4);
  layOut(new Int32Array(memory), count);
  return memory;
}

function layOut(words: Int32Array, count: number): void {
  words.fill(FREE, NUMBER, NUMBER + identities);
  for (let number = 0; number < count; number++) {
    words[IDENTITY + number] = number;
    words[NUMBER + number] = number;
  }
  words[DEAD_COUNT] = 0;
}

export class DatabaseTable {
  readonly count: number;
  readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer, count: number) {
    this.count = count;
    this.words = new Int32Array(memory);
  }

  /** A number that changes with the table. */
  get mapping(): number {
    return this.words[MAPPING];
  }

  identityOf(number: number): number {
    return this.words[IDENTITY + number];
  }

  /** The database of an identity; negative if it has none. */
  numberOf(identity: number): number {
    return this.words[NUMBER + identity];
  }

  isDead(identity: number): boolean {
    return this.words[NUMBER + identity] === DEAD;
  }

  get hasDead(): boolean {
    return this.words[DEAD_COUNT] !== 0;
  }

  /** A number that changes when the database becomes another set of items. */
  generationOf(number: number): number {
    return this.words[GENERATION + number];
  }

  /** A number that changes when an identity is given to other items than before. */
  lifeOf(identity: number): number {
    return this.words[LIVES + identity];
  }

  get swaps(): number {
    return this.words[SWAPS];
  }

  // ---- changes, under the locks of all shards ---------------------------------------------------

  swap(one: number, other: number): void {
    const first = this.identityOf(one);
    const second = this.identityOf(other);
    this.assign(one, second);
    this.assign(other, first);
    this.words[SWAPS]++;
    this.words[MAPPING]++;
  }

  /** Gives the database a fresh identity, and the old one up; false if none is free. */
  renew(number: number): boolean {
    const fresh = this.freeIdentity(number);
    if (fresh < 0) return false;
    this.words[NUMBER + this.identityOf(number)] = DEAD;
    this.words[DEAD_COUNT]++;
    this.assign(number, fresh);
    this.words[LIVES + fresh]++;
    this.words[MAPPING]++;
    return true;
  }

  /** For a store without items: as at the start. */
  reset(): void {
    const { words, count } = this;
    for (let number = 0; number < count; number++) {
      if (words[IDENTITY + number] === number) continue;
      words[GENERATION + number]++;
      words[LIVES + number]++;
    }
    layOut(words, count);
    this.words[MAPPING]++;
  }

  /** The last item of a dead identity has gone. */
  release(identity: number): void {
    assert(this.isDead(identity), `identity ${identity} is not dead`);
    this.words[NUMBER + identity] = FREE;
    this.words[DEAD_COUNT]--;
  }

  private assign(number: number, identity: number): void {
    this.words[IDENTITY + number] = identity;
    this.words[NUMBER + identity] = number;
    this.words[GENERATION + number]++;
  }

  /** Identity 0, which costs nothing, is kept for database 0. */
  private freeIdentity(number: number): number {
    for (let identity = number === 0 ? 0 : 1; identity < identities; identity++) {
      if (this.words[NUMBER + identity] === FREE) return identity;
    }
    return -1;
  }
}
