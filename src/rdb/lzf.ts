// Decompresses LZF, in which Redis stores strings. There is no compressor: our files hold plain
// bytes, which every reader accepts. The input is not trusted: nothing outside the given range is
// used, and nothing beyond the announced length is written.
//
// The format is a sequence of instructions. If the first byte c is below 32, c + 1 literal bytes
// follow. Otherwise it is a back reference: its length is the upper three bits, plus one more byte
// if they are 7, plus 2; its distance is the lower five bits and the next byte, plus 1.

const literalBound = 32;
const longLength = 7;

/** The plain bytes, or null if the input does not decompress to exactly `length` bytes. */
export function decompress(
  input: Uint8Array,
  start: number,
  end: number,
  length: number,
): Uint8Array | null {
  const output = new Uint8Array(length);
  let from = start;
  let to = 0;
  while (from < end) {
    const control = input[from++];
    if (control < literalBound) {
      const count = control + 1;
      if (from + count > end || to + count > length) return null;
      output.set(input.subarray(from, from + count), to);
      from += count;
      to += count;
      continue;
    }
    let count = (control >> 5) + 2;
    if (control >> 5 === longLength) count += input[from++];
    const reference = to - ((control & 31) << 8) - input[from++] - 1;
    if (from > end || reference < 0 || to + count > length) return null;
    // The ranges may overlap, so bytes are copied one by one, from low to high.
    for (let i = 0; i < count; i++) output[to + i] = output[reference + i];
    to += count;
  }
  return to === length ? output : null;
}
