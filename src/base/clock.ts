// The only code that reads the time, beside recent-time.ts. Everything else, and above all the
// pure rooms, gets `now` as an argument, so that a test can pass any moment it likes. Nothing here
// sleeps or schedules.

/** The clock as a parameter, for code that must run on a test's clock. */
export interface Clock {
  /** Milliseconds since 1970: expiry times and `now` for the store. */
  wallMs(): number;
  /** Milliseconds that never go backwards: durations. */
  monotonicMs(): number;
}

/** Milliseconds since 1970 by the system clock, which may jump: for expiry times and INFO. */
export function wallClockMs(): number {
  return Date.now();
}

/** When this thread started: a Worker's performance.now() counts from its own start. */
const originMs = performance.timeOrigin;

/** When this thread started, in milliseconds since 1970: the same whenever it is asked. */
export function startedAtMs(): number {
  return originMs;
}

/**
 * Milliseconds since some fixed moment, for durations and deadlines. It never goes backwards,
 * agrees in all threads of a process, and ignores steps of the system clock.
 */
export function monotonicMs(): number {
  return originMs + performance.now();
}
