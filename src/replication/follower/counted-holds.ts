// Counts who holds something still at present, such as the stream of a leader. It does not know
// what is held: whoever owns that looks at the count when it changes.
// Invariant: a hold is released once, however often its release is called.

export class CountedHolds {
  count = 0;
  private readonly changed: () => void;

  constructor(changed: () => void) {
    this.changed = changed;
  }

  /** Adds a hold and returns its release. */
  take(): () => void {
    this.count++;
    this.changed();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.count--;
      this.changed();
    };
  }
}
