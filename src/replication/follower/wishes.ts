// A count of those who want something to stand still, such as a leader's stream. It does not know
// what stands still: whoever owns it looks at the count when it changes.
// Invariant: a wish is taken back once, however often that is tried.

export class Wishes {
  count = 0;
  private readonly changed: () => void;

  constructor(changed: () => void) {
    this.changed = changed;
  }

  /** Adds one, until the returned function is called. */
  make(): () => void {
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
