// Where the items of a leader's snapshot go until it is complete: beside the data that the node
// has, which stay readable, or in their place. Whether both fit is not estimated but tried.
// follower.ts changes journal, history and LOADING.
// Invariant: a part of a snapshot is never read as if it were whole. Until complete(), the store
// has the old data, or `discarded` was called with a reason and its owner hides the store.
//
//   waiting --begin(), and the node has data--> beside --an item does not fit--> instead
//   waiting --begin(), and it has none--> instead
//   beside --discard(), complete()--> instead
//   any --end(), abandon()--> over

import { assert } from "../../base/errors.ts";
import type { Keyspace } from "../../keyspace/keyspace.ts";
import { type Replacement, STORED, type Store } from "../../store/store.ts";
import { type LibraryData, LibraryTexts, noLibraries } from "../library-data.ts";
import type { Selection } from "./follower-parts.ts";
import type { SnapshotSink } from "./snapshot-receiver.ts";

/**
 * Called once, right before the old data are removed: with a reason, or because the new ones are
 * complete.
 */
export type Discarded = (reason: string, isComplete: boolean) => void;

type Item = Parameters<Replacement["set"]>;

export class SnapshotLoad implements SnapshotSink {
  state: "waiting" | "beside" | "instead" | "over" = "waiting";
  /** The items are a state of the leader's with the stream up to this offset; 0: as they are. */
  settlesAt = 0;
  private readonly store: Store;
  private readonly keyspace: Keyspace;
  private readonly discarded: Discarded;
  private readonly libraries: LibraryData;
  private readonly selection: Selection | undefined;
  private readonly texts = new LibraryTexts();
  private replacement: Replacement | null = null;
  /** Of the items that come next. */
  private database = 0;

  constructor(
    store: Store,
    keyspace: Keyspace,
    discarded: Discarded,
    libraries: LibraryData = noLibraries,
    selection?: Selection,
  ) {
    this.selection = selection;
    this.libraries = libraries;
    this.store = store;
    this.keyspace = keyspace;
    this.discarded = discarded;
  }

  begin(): void {
    this.replacement = this.keyspace.beginReplacement();
    this.state = "beside";
    this.selection?.begin();
    if (this.store.databases.total() === 0) this.discard("this node has no data");
  }

  select(database: number): void {
    this.database = database;
  }

  /** Leaves its database selected: rest() ends that. */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): boolean {
    const replacement = this.replacement;
    assert(replacement !== null, "items come after begin()");
    if (this.selection?.takes(key, keyStart, keyEnd, this.database) === false) return true;
    this.keyspace.select(this.database);
    const item = [key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt, 0] as Item;
    const bytes = keyEnd - keyStart + valueEnd - valueStart;
    const fits = this.state !== "beside" || replacement.fits(bytes);
    if (fits && this.take(replacement, item, bytes)) return true;
    if (this.state === "beside") {
      // An item below the limit may be refused here: the reserve may be no larger than the limit.
      this.discard("the old data and the new do not fit side by side");
      if (this.take(replacement, item, bytes)) return true;
    }
    this.lacks(key, keyStart, keyEnd);
    return false;
  }

  settles(offset: number): void {
    this.settlesAt = offset;
  }

  lacks(key: Uint8Array, keyStart: number, keyEnd: number): void {
    if (this.selection?.takes(key, keyStart, keyEnd, this.database) === true) {
      this.selection.lacks(key, keyStart, keyEnd);
    }
  }

  private take(replacement: Replacement, item: Item, bytes: number): boolean {
    const [key, keyStart, keyEnd] = item;
    if (this.state !== "beside") this.selection?.makeRoom(key, keyStart, keyEnd, bytes);
    return replacement.set(...item) === STORED;
  }

  /** Keeps a library until the snapshot is complete. */
  library(bytes: Uint8Array, start: number, end: number): boolean {
    return this.texts.add(bytes, start, end);
  }

  /** No more items come in this turn. */
  rest(): void {
    this.keyspace.select(0);
  }

  /**
   * The snapshot is complete: the store has its items from now on, and no old data. Returns why
   * libraries of it cannot be loaded, if any.
   */
  complete(): readonly string[] {
    if (this.state === "beside") this.replace("the new data are complete", true);
    return this.libraries.replaceAll(this.texts.texts);
  }

  /** What is there is served, and abandon() changes nothing any more. */
  end(): void {
    this.state = "over";
  }

  /** The old data go before the new ones are complete. */
  discard(reason: string): void {
    this.replace(reason, false);
  }

  /** Drops a part of a snapshot: the old data remain, or none. */
  abandon(): void {
    if (this.state === "beside") this.replacement?.abandon();
    else if (this.state === "instead") this.keyspace.clear();
    this.state = "over";
  }

  private replace(reason: string, isComplete: boolean): void {
    this.state = "instead";
    this.discarded(reason, isComplete);
    this.replacement?.takeOver();
    this.keyspace.replaced();
  }
}
