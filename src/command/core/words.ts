// The one way to compare an argument with a keyword: bytes in place, in any case, without a string.
// It knows no command's options. Hot path: SET compares each of its options by it.

import type { Request } from "../../protocol/request.ts";

/** Is buf[start..end) this word, in any case? The word must consist of letters only. */
export function isWord(buf: Uint8Array, start: number, end: number, word: string): boolean {
  const length = word.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) {
    // Bit 5 folds the case, and no byte but the two forms of a letter becomes that letter by it.
    if ((buf[start + i] | 0x20) !== (word.charCodeAt(i) | 0x20)) return false;
  }
  return true;
}

export function argumentIs(request: Request, index: number, word: string): boolean {
  return isWord(request.buf, request.start[index], request.end[index], word);
}
