// The locks that this process holds while its factories run: one timer extends them all, so that
// they last as long as the process lives and a short time after its death.
// Invariant: the timer runs while a lock is held.

import type { EntryStore } from "./entry-store.ts";

/** How often a lock is extended in the time that it lasts. */
const extensionsPerLease = 3;

export class HeldLocks {
  readonly leaseMs: number;
  private readonly store: EntryStore;
  private readonly tokens = new Map<string, string>();
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(store: EntryStore, leaseMs: number) {
    this.store = store;
    this.leaseMs = leaseMs;
  }

  hold(path: string, token: string): void {
    this.tokens.set(path, token);
    this.timer ??= setInterval(() => this.extendAll(), this.leaseMs / extensionsPerLease);
  }

  drop(path: string, token: string): void {
    if (this.tokens.get(path) === token) this.tokens.delete(path);
    if (this.tokens.size > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
  }

  private extendAll(): void {
    for (const [path, token] of this.tokens) {
      // If it fails, another process may run the factory as well; no value becomes wrong by that.
      this.store.extendLock(path, token, this.leaseMs).catch(() => undefined);
    }
  }
}
