// Compares an argument with a keyword: in place, in any case, without creating a string. It does
// not know the options of any command.
// Hot path: SET compares each of its options this way.

import type { Request } from "../../protocol/request.ts";

/** Whether buf[start..end) is this word in any case. The word must consist of letters only. */
export function isWord(buf: Uint8Array, start: number, end: number, word: string): boolean {
  const length = word.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) {
    // Bit 5 folds the case. Only the two forms of a letter become that letter.
    if ((buf[start + i] | 0x20) !== (word.charCodeAt(i) | 0x20)) return false;
  }
  return true;
}

export function argumentIs(request: Request, index: number, word: string): boolean {
  return isWord(request.buf, request.start[index], request.end[index], word);
}
