// A snapshot of a living store as a sequence of byte slices: the walk goes on a little at a time while
// writes are executed in between. There is no fork and no copy of the store.
// Invariant: every item that lives from the walk's start to its end is in the snapshot, at its value of
// some moment in between, and no key is there twice. It is a state of the store only together with the
// effects that were journaled since the walk began, which are absolute and may be applied again.

import { RdbWriter, type SnapshotHeader } from "../rdb/writer.ts";
import type { Clock, ReplicatedStore, StoreVisitor } from "./ports.ts";

/** Longest time that one slice keeps the thread from other work. */
const sliceMs = 1.5;
/** A slice ends when it has gathered so much, so that it fits a socket's buffer about once. */
const sliceBytes = 192 * 1024;
/** Buckets between two looks at the clock. */
const stride = 16;
/**
 * The moment for which the walk asks: before any expiry. What has expired and was not deleted yet is
 * a part of the history. An APPEND that was journaled while it lived would else create it anew on a
 * follower that never had it, as something that never expires, until its DEL comes.
 */
const withExpired = 0;

export class Snapshot implements StoreVisitor {
  readonly #writer = new RdbWriter();
  readonly #store: ReplicatedStore;
  readonly #clock: Clock;
  #cursor = 0;
  #begun = false;
  #finished = false;

  constructor(
    store: ReplicatedStore,
    clock: Clock,
    history: Pick<SnapshotHeader, "replid" | "offset" | "streamDatabase" | "isCleanShutdown">,
    serverVersion: string,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#writer.header({
      ...history,
      serverVersion,
      usedMemoryBytes: store.memoryUsed(),
      createdAtMs: clock.wallMs(),
      items: store.count(),
      expiringItems: 0, // a hint only, and the store would have to be asked to count
    });
  }

  /** The next bytes, valid until the next call; null after the last. */
  next(): Uint8Array | null {
    if (this.#begun) this.#writer.clear(); // the header is still in it
    this.#begun = true;
    if (this.#finished) return null;
    this.#walk();
    this.#writer.sum();
    return this.#writer.output.view();
  }

  #walk(): void {
    const deadline = this.#clock.monotonicMs() + sliceMs;
    const { output } = this.#writer;
    do {
      for (let i = 0; i < stride && output.length < sliceBytes; i++) {
        this.#cursor = this.#store.scan(this.#cursor, withExpired, this);
        if (this.#cursor === 0) {
          this.#finished = true;
          this.#writer.end();
          return;
        }
      }
    } while (output.length < sliceBytes && this.#clock.monotonicMs() < deadline);
  }

  /** Called by the store for each item of the walk. */
  visit(store: ReplicatedStore): void {
    const { keyBytes, keyStart, keyEnd, valueLength, expiresAt } = store;
    this.#writer.item(keyBytes, keyStart, keyEnd, store, valueLength, expiresAt);
  }
}
