// The only reader of time in the source. Everything else, the pure rooms above all, gets `now` as
// an argument, so that a test can hand in any moment it likes. Nothing here sleeps or schedules.

/** Milliseconds since 1970 by the system's clock, which may jump: for expiry times and INFO. */
export function wallClockMs(): number {
  return Date.now();
}

/** Milliseconds since some fixed moment, never backwards: for durations and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}
