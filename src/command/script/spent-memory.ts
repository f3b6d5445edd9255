// The memory of VMs that were replaced, hundreds of megabytes that only a collection gives back,
// which takes 20 ms: it has a turn of its own, before that of the next script, which may want as
// much.
// Invariant: at most one VM waits for its collection; a second one, of the same EXEC, is collected
// with it at once.

export class SpentMemory {
  private isWaiting = false;

  /** Called when nothing refers to a VM any more. */
  release(): void {
    if (this.isWaiting) Bun.gc(true);
    else setImmediate(() => this.collect());
    this.isWaiting = true;
  }

  private collect(): void {
    this.isWaiting = false;
    Bun.gc(true);
  }
}
