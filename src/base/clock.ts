// The only reader of time in the source. Everything else, the pure rooms above all, gets `now` as
// an argument, so that a test can hand in any moment it likes. Nothing here sleeps or schedules.

/** Time as it is handed to whoever does not read it here. */
export interface Clock {
  /** Milliseconds since 1970: expiry times and `now` for the store. */
  wallMs(): number;
  /** Milliseconds that never go backwards: durations. */
  monotonicMs(): number;
}

/** Milliseconds since 1970 by the system's clock, which may jump: for expiry times and INFO. */
export function wallClockMs(): number {
  return Date.now();
}

/** When this thread began: a Worker's performance.now() counts from its own start. */
const originMs = performance.timeOrigin;

/**
 * Milliseconds since some fixed moment, never backwards, and the same in all threads of a process: for
 * durations and deadlines. A step of the system's clock does not touch it.
 */
export function monotonicMs(): number {
  return originMs + performance.now();
}
