// Tells the listeners of a copy what has changed in it. Changes are kept until a chunk of the
// leader's stream is applied, so that a listener never sees the middle of a transaction. It knows
// neither the store nor the stream.
// Invariant: a listener that throws stops nobody: its error goes to the owner.

import { latin1 } from "../base/bytes.ts";

/**
 * What became of a key: it has a new value or time, or it is gone. `flushed`, with no key: all of
 * them may have changed.
 */
export type ChangeKind = "set" | "deleted" | "expired" | "flushed";

/** `key` is null if `kind` is "flushed". */
export type ChangeListener = (key: string | null, kind: ChangeKind) => void;

interface Change {
  readonly key: string | null;
  readonly kind: ChangeKind;
}

export class Changes {
  private readonly listeners = new Set<ChangeListener>();
  private readonly failed: (error: unknown) => void;
  private waiting: Change[] = [];

  constructor(failed: (error: unknown) => void) {
    this.failed = failed;
  }

  get areWanted(): boolean {
    return this.listeners.size > 0;
  }

  /** Returns what ends it. */
  listen(listener: ChangeListener): () => void {
    const own: ChangeListener = (key, kind) => listener(key, kind);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  happened(key: Uint8Array, start: number, end: number, kind: ChangeKind): void {
    if (!this.areWanted) return;
    this.waiting.push({ key: Buffer.from(latin1(key, start, end), "latin1").toString(), kind });
  }

  flushed(): void {
    if (this.areWanted) this.waiting.push({ key: null, kind: "flushed" });
  }

  /** Tells all that has happened. A listener may end the copy. */
  deliver(): void {
    if (this.waiting.length === 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const { key, kind } of waiting) {
      for (const listener of this.listeners) {
        try {
          listener(key, kind);
        } catch (error) {
          this.failed(error);
        }
      }
    }
  }

  close(): void {
    this.listeners.clear();
    this.waiting = [];
  }
}
