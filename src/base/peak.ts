// The highest value of the last few seconds, in two numbers: it is forgotten when it is older than
// the window, and the value that is noted then takes its place. It does not watch anything itself.
// Invariant: it tells no value that was noted longer ago than the window.

/** As long as Redis keeps the peak of a client's reply buffer. */
const windowMs = 5_000;

export class Peak {
  private value = 0;
  private atMs = Number.NEGATIVE_INFINITY;

  note(value: number, nowMs: number): void {
    if (value < this.value && nowMs - this.atMs <= windowMs) return;
    this.value = value;
    this.atMs = nowMs;
  }

  /** At least `present`, which is the value now. */
  at(nowMs: number, present: number): number {
    return nowMs - this.atMs > windowMs ? present : Math.max(present, this.value);
  }
}
