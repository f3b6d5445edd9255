// Compares a value with what it was, and finds the runs of bytes that differ, so that the effect of
// a change is those bytes and not 12 KiB of registers. Pure. Words of 32 bits are compared, which
// makes a run up to 6 bytes longer than it must be.
// Invariant: the runs are ascending and within the value, and contain all that differs.

const wordShift = 2;
/** Runs that are closer than this, in words, are one: an effect of its own is longer. */
const gapWordsMax = 8;
/** More changes than this are sent as a whole value. */
export const runsMax = 16;

/** Pairs of the first byte of a run and the byte behind it. */
export type Runs = Uint32Array;

export function makeRuns(): Runs {
  return new Uint32Array(2 * runsMax);
}

/**
 * Finds the runs in the first `length` bytes of `after`. Behind `lengthBefore` everything differs.
 * Returns their number, or -1 if there are too many.
 */
export function findRuns(
  before: Int32Array,
  lengthBefore: number,
  after: Int32Array,
  length: number,
  runs: Runs,
): number {
  const shared = lengthBefore >>> wordShift;
  const end = (length + 3) >>> wordShift;
  let count = 0;
  let last = -1;
  for (let word = 0; word < end; word++) {
    if (word < shared && before[word] === after[word]) continue;
    if (count === 0 || word - last > gapWordsMax) {
      if (count === runsMax) return -1;
      runs[2 * count++] = word << wordShift;
    }
    last = word;
    runs[2 * count - 1] = Math.min(length, (word + 1) << wordShift);
  }
  return count;
}
