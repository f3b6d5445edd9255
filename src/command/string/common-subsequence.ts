// The longest common subsequence of two strings, for LCS. Redis fills a table of four bytes for
// each pair of positions. Here a row of the table is one bit for each position of the second
// string: 0 where the length grows from the position before. A row follows from the one before it
// by an addition, 32 positions at a time (the bit-parallel method of Hyyro), and the way back asks
// for nothing but those bits, so it takes the same turns as in Redis.
// It does not bound its memory: n * m / 8 bytes for the rows, and at most that for the masks.
// Hot path of LCS: makeRow(), which takes one step for 32 pairs.

import { freeBytes } from "../../base/buffer-pool.ts";

/** A range that both strings have, in the order in which the way back meets them. */
export interface CommonRange {
  readonly first: number;
  readonly second: number;
  readonly length: number;
}

export class CommonSubsequence {
  readonly length: number;
  private readonly first: Uint8Array;
  private readonly second: Uint8Array;
  /** Words of a row. */
  private readonly words: number;
  /** All rows from the empty one on, or only the last. */
  private readonly rows: Int32Array;

  /** Without `keepsRows`, only the length is available. */
  constructor(first: Uint8Array, second: Uint8Array, keepsRows: boolean) {
    this.first = first;
    this.second = second;
    this.words = Math.ceil(second.length / 32);
    this.rows = new Int32Array(this.words * (keepsRows ? first.length + 1 : 1));
    this.rows.fill(-1, 0, this.words);
    const last = this.fill(keepsRows ? this.words : 0);
    this.length = zeroBits(this.rows, last, last + this.words);
  }

  /** Returns the position of the last row. */
  private fill(step: number): number {
    const { first, second, words, rows } = this;
    const kinds = kindsOf(first);
    const masks = masksOf(second, kinds, words);
    let from = 0;
    for (let i = 0; i < first.length; i++, from += step) {
      makeRow(rows, from, from + step, masks, kinds[first[i]] * words, words);
    }
    freeBytes(new Uint8Array(masks.buffer));
    return from;
  }

  /** The memory of the rows; the object must not be used afterwards. */
  release(): void {
    freeBytes(new Uint8Array(this.rows.buffer));
  }

  text(): Uint8Array {
    const text = new Uint8Array(this.length);
    let at = this.length;
    this.walkBack((i) => {
      text[--at] = this.first[i];
    });
    return text;
  }

  ranges(): CommonRange[] {
    const ranges: { first: number; second: number; length: number }[] = [];
    this.walkBack((i, j) => {
      const open = ranges.at(-1);
      if (open !== undefined && open.first === i + 1 && open.second === j + 1) {
        open.first = i;
        open.second = j;
        open.length++;
      } else {
        ranges.push({ first: i, second: j, length: 1 });
      }
    });
    return ranges;
  }

  /** Visits the pairs of positions of the common subsequence from its end. */
  private walkBack(visit: (i: number, j: number) => void): void {
    const { first, second, rows, words } = this;
    let i = first.length;
    let j = second.length;
    while (i > 0 && j > 0) {
      if (first[i - 1] === second[j - 1]) {
        visit(--i, --j);
      } else if (((rows[i * words + ((j - 1) >>> 5)] >>> (j - 1)) & 1) === 0) {
        i--; // the length grows at j, so it is the row above that has it as well
      } else {
        j--;
      }
    }
  }
}

/** A number from 0 on for each byte that occurs in `bytes`, -1 for the others. */
function kindsOf(bytes: Uint8Array): Int16Array {
  const kinds = new Int16Array(256).fill(-1);
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (kinds[bytes[i]] < 0) kinds[bytes[i]] = count++;
  return kinds;
}

/** For each kind of byte, a bit for each of its positions in `bytes`. */
function masksOf(bytes: Uint8Array, kinds: Int16Array, words: number): Int32Array {
  const count = kinds.reduce((most, kind) => Math.max(most, kind + 1), 0);
  const masks = new Int32Array(count * words);
  for (let i = 0; i < bytes.length; i++) {
    const kind = kinds[bytes[i]];
    if (kind >= 0) masks[kind * words + (i >>> 5)] |= 1 << (i & 31);
  }
  return masks;
}

/** Makes the row at `to` from the one at `from`, for a byte with the mask at `mask`. */
function makeRow(
  rows: Int32Array,
  from: number,
  to: number,
  masks: Int32Array,
  mask: number,
  words: number,
): void {
  let carry = 0;
  for (let word = 0; word < words; word++) {
    const row = rows[from + word];
    const met = row & masks[mask + word];
    const sum = (row + met + carry) | 0;
    carry = (met | (row & ~sum)) >>> 31; // `met` is a part of `row`
    rows[to + word] = sum | (row & ~met);
  }
}

function zeroBits(words: Int32Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) {
    for (let bits = ~words[at]; bits !== 0; bits &= bits - 1) count++;
  }
  return count;
}
