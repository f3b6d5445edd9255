// The databases as commands see them: which one the calls of this thread's store are about, how
// many keys each has, and what happens to a whole one. database-table.ts has the identities.
// A change of the table takes the locks of all shards. With several threads, a thread learns of it
// when it has taken a lock, and looks its database up again (refresh()).
// Invariant: while this thread holds the lock of a shard, the selected identity is the database's.

import { assert } from "../base/errors.ts";
import type { Attachment } from "./attachment.ts";
import type { DatabaseTable } from "./database-table.ts";
import type { Halves } from "./halves.ts";
import { CLEARS } from "./memory.ts";
import type { Swept, Walker } from "./walker.ts";

/** The store whose databases these are. */
interface Owner {
  readonly allShards: number;
  lockShards(mask: number): number;
  unlockShards(taken: number): void;
  forget(): void;
  clear(): void;
}

/** A database with items. */
export interface DatabaseReport {
  readonly number: number;
  /** What its items have in common, until it is swapped or flushed. */
  readonly identity: number;
  /** Changes when the identity is given to other items. */
  readonly life: number;
  readonly items: number;
  readonly expiringItems: number;
}

export class StoreDatabases {
  /** The number of the selected database. */
  selected: number;
  /** Grows when a key may have got another hash: by select() and by refresh(). */
  selections: number;
  /** Called then. */
  onSelect: (() => void) | null;
  private readonly owner: Owner;
  private readonly attachment: Attachment;
  private readonly halves: Halves;
  private readonly walker: Walker;
  private readonly table: DatabaseTable;
  /** Of the table, when the selected number was looked up. */
  private mapping: number;

  constructor(owner: Owner, attachment: Attachment, halves: Halves, walker: Walker) {
    this.owner = owner;
    this.attachment = attachment;
    this.halves = halves;
    this.walker = walker;
    this.table = attachment.databases;
    this.selected = 0;
    this.selections = 0;
    this.onSelect = null;
    this.mapping = this.table.mapping;
    attachment.select(this.table.identityOf(0));
  }

  get count(): number {
    return this.table.count;
  }

  /** The calls that follow are about this database. */
  select(number: number): void {
    if (number === this.selected) return;
    this.selected = number;
    this.refresh();
  }

  /** Whether the table has changed since the selected number was looked up. */
  get isStale(): boolean {
    return this.table.mapping !== this.mapping;
  }

  refresh(): void {
    this.mapping = this.table.mapping;
    this.selections++;
    this.attachment.select(this.table.identityOf(this.selected));
    this.owner.forget();
    this.onSelect?.();
  }

  /** Of the selected database, for a caller that holds no lock. */
  get identity(): number {
    return this.table.identityOf(this.selected);
  }

  identityOf(number: number): number {
    return this.table.identityOf(number);
  }

  // ---- reports ----------------------------------------------------------------------------------

  /** A number that changes when the selected database gets another identity. */
  get generation(): number {
    return this.table.generationOf(this.selected);
  }

  /** How often all items were replaced by others or by none: a part of every version. */
  get clears(): number {
    return this.attachment.global[CLEARS];
  }

  /** How often databases were swapped. */
  get swaps(): number {
    return this.table.swaps;
  }

  /** Whether items with the identity of a report are still those of its database, or dead. */
  isSame({ identity, life }: DatabaseReport): boolean {
    return this.table.lifeOf(identity) === life;
  }

  get hasDead(): boolean {
    return this.table.hasDead;
  }

  /** What the sweeps of this thread have met, in all databases. */
  get swept(): Swept {
    return this.walker.swept;
  }

  /** Items of a database, including expired ones that were not removed yet. */
  size(number: number): number {
    return this.itemsOf(this.table.identityOf(number));
  }

  /** The same of all databases. */
  total(): number {
    let items = 0;
    for (let number = 0; number < this.count; number++) items += this.size(number);
    return items;
  }

  /** Those that have items, in order. */
  reports(): DatabaseReport[] {
    const reports: DatabaseReport[] = [];
    for (let number = 0; number < this.count; number++) {
      const identity = this.table.identityOf(number);
      const items = this.itemsOf(identity);
      if (items === 0) continue;
      let expiringItems = 0;
      for (const shard of this.halves.serving) expiringItems += shard.expiringOf(identity);
      const life = this.table.lifeOf(identity);
      reports.push({ number, identity, life, items, expiringItems });
    }
    return reports;
  }

  private itemsOf(identity: number): number {
    let items = 0;
    for (const shard of this.halves.serving) items += shard.itemsOf(identity);
    return items;
  }

  // ---- changes: they lock all shards ------------------------------------------------------------

  /** SWAPDB. */
  swap(one: number, other: number): void {
    const taken = this.owner.lockShards(this.owner.allShards);
    this.table.swap(one, other);
    this.refresh();
    this.owner.unlockShards(taken);
  }

  /** FLUSHDB of the selected database. Its items are not visited: bury() removes them later. */
  clear(): void {
    const { owner, selected } = this;
    const taken = owner.lockShards(owner.allShards);
    const items = this.size(selected);
    if (items > 0 && items === this.total()) owner.clear();
    else if (items > 0 && !this.table.renew(selected)) this.renewAfterAll(selected);
    this.refresh();
    owner.unlockShards(taken);
  }

  /** All identities are in use, most of them by dead items: these must be visited now. */
  private renewAfterAll(number: number): void {
    while (this.hasDead) this.bury(Number.POSITIVE_INFINITY);
    assert(this.table.renew(number), "there are more identities than databases");
  }

  /** The store was emptied: the caller holds all shards. */
  reset(): void {
    this.table.reset();
    this.refresh();
  }

  /** Removes items of flushed databases from some buckets, and returns their number. */
  bury(budgetBuckets: number): number {
    if (!this.hasDead) return 0;
    const removed = this.walker.bury(budgetBuckets);
    if (this.walker.unused().length === 0) return removed;
    const taken = this.owner.lockShards(this.owner.allShards);
    for (const identity of this.walker.unused()) this.table.release(identity);
    this.owner.unlockShards(taken);
    return removed;
  }
}
