// The bound of every wait in a test, for the harness and for what it is made of. It is not a time
// that anything is measured by.

/**
 * The longest wait for one thing. What takes milliseconds on a quiet machine takes many seconds on
 * one that others load as well, and this is a bound for what never comes, not a measurement.
 */
export const patienceMs = 60_000;
