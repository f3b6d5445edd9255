// MurmurHash3 x86_32 of Austin Appleby, as every language has it: of text (its UTF-8 bytes) or of
// bytes, with a seed. Not for anything that an attacker must not foresee.
// Invariant: the same bytes and the same seed give the same hash for ever, as places of keys depend
// on it.
// Hot path: a key of 20 ASCII characters is hashed without being encoded, in about 25 ns.

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/** The hash as an unsigned number of 32 bits, of the part from `start` up to `end`. */
export function murmur3(
  data: string | Uint8Array,
  seed: number,
  start = 0,
  end = data.length,
): number {
  if (typeof data !== "string") return ofBytes(data, seed, start, end);
  let h = seed;
  let seen = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = data.charCodeAt(at);
    const b = data.charCodeAt(at + 1);
    const c = data.charCodeAt(at + 2);
    const d = data.charCodeAt(at + 3);
    seen |= a | b | c | d;
    h = withBlock(h, a | (b << 8) | (c << 16) | (d << 24));
  }
  let rest = 0;
  for (let i = end - 1; i >= at; i--) {
    const code = data.charCodeAt(i);
    seen |= code;
    rest = (rest << 8) | code;
  }
  if (seen > 0x7f) return ofText(data, seed, start, end);
  return finish(h ^ mixed(rest), end - start);
}

/** The hash of the four bytes of a number, the lowest first. */
export function murmur3OfNumber(value: number, seed: number): number {
  return finish(withBlock(seed, value), 4);
}

// --- internal ---

function ofText(text: string, seed: number, start: number, end: number): number {
  const bytes = Buffer.from(text.slice(start, end), "utf8");
  return ofBytes(bytes, seed, 0, bytes.length);
}

function ofBytes(bytes: Uint8Array, seed: number, start: number, end: number): number {
  let h = seed;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
    h = withBlock(h, low | (high << 16));
  }
  let rest = 0;
  for (let i = end - 1; i >= at; i--) rest = (rest << 8) | (bytes[i] as number);
  return finish(h ^ mixed(rest), end - start);
}

/** 0 for 0, so that a missing rest changes nothing. */
function mixed(block: number): number {
  const k = Math.imul(block, c1);
  return Math.imul((k << 15) | (k >>> 17), c2);
}

function withBlock(hash: number, block: number): number {
  const h = hash ^ mixed(block);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, byteLength: number): number {
  let h = hash ^ byteLength;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
