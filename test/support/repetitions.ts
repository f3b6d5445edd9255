/**
 * How often a test repeats what chance decides: a few times in `bun run test`, which is run after
 * every change, and many times in `bun run test:long`, which CI runs as well. The assertions are
 * the same.
 * Invariant: a file that uses this is run again by `test:long`; no other file is
 * (scripts/run-tests.ts).
 */

/** Set by `bun run test:long`. */
const isLong = process.env.MSCACHE_TEST_LONG === "1";

/** Registers a case in long runs alone: a whole benchmark, of which `bun run test` has a part. */
export function whenLong(register: () => void): void {
  if (isLong) register();
}

/**
 * Registers cases in short runs alone: those that repeat nothing, in a file that is run again for
 * others that do.
 */
export function whenShort(register: () => void): void {
  if (!isLong) register();
}

/**
 * Those of a case that a change hardly breaks one alone, as one data thread and two, or that no
 * change of ours breaks, as a redis-server that is judged as our nodes are: some in short runs, the
 * others, or all of them larger, in long ones.
 */
export function variants<T>(short: readonly T[], long: readonly T[]): T[] {
  return [...(isLong ? long : short)];
}

export function repetitions(few: number, many: number): number {
  return isLong ? many : few;
}
