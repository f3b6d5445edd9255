// Lengths and expiry times as decimal text, written by hand straight into a buffer. Only integers from
// zero up to 2^53, which is all that the journal carries. It is the journal's own, small copy of what
// the protocols do: leaves do not import each other.
// Hot path: no strings, no allocation.

const ZERO = 0x30;

export function digitCount(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound; bound *= 10) count++;
  return count;
}

/** Writes `value` so that its last digit is just before `end`. */
export function writeDigits(target: Uint8Array, end: number, value: number): void {
  let at = end;
  let rest = value;
  while (rest > 0x7fffffff) {
    const next = Math.floor(rest / 10);
    target[--at] = ZERO + (rest - next * 10);
    rest = next;
  }
  let small = rest | 0;
  do {
    const next = (small / 10) | 0;
    target[--at] = ZERO + (small - next * 10);
    small = next;
  } while (small > 0);
}
