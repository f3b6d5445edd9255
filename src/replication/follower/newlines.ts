// The bare newlines that a leader sends while it prepares a snapshot: signs of life, between the
// lines of the handshake and before the head of the snapshot. Skipped without a text for each, as
// a leader may send millions.

const CR = 0x0d;
const LF = 0x0a;

/** Where the next line begins. */
export function skipNewlines(chunk: Uint8Array, start: number): number {
  let at = start;
  while (at < chunk.length && (chunk[at] === LF || chunk[at] === CR)) at++;
  return at;
}
