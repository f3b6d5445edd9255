// The scripts of a node as all of its threads see them: a list in shared memory, to which the
// control thread alone adds. SCRIPT FLUSH begins it anew, as a new generation, and so does a list
// that is full; the other threads then read it again. With one data thread there is no such list.
//
//   | generation | end | entries: text length, SHA1 as 40 digits, text |
//
// Invariant: the generation is odd while the list is begun anew; what was read is used only if it
// is the same and even before and after.

import { latin1, latin1Bytes } from "../../base/bytes.ts";
import { scriptCacheBytesMax } from "../../base/limits.ts";

const GENERATION = 0;
const END = 1;
const headBytes = 8;
const shaBytes = 40;
const lengthBytes = 4;
/** Room for removed scripts beside those that are there. */
const spareBytes = 8 * 1024 * 1024;

type Visit = (sha: string, text: Uint8Array) => void;

export class SharedScripts {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** Up to where this thread has read, and of which generation. */
  private readUpTo: number;
  private readGeneration: number;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, headBytes / Int32Array.BYTES_PER_ELEMENT);
    this.bytes = new Uint8Array(memory, headBytes);
    this.view = new DataView(memory, headBytes);
    this.readUpTo = 0;
    this.readGeneration = 0;
  }

  static reserve(): SharedArrayBuffer {
    return new SharedArrayBuffer(headBytes + scriptCacheBytesMax + spareBytes);
  }

  // ---- the control thread ----------------------------------------------------------------------

  /** False if the list is full: then it must be begun anew. */
  append(sha: string, text: Uint8Array): boolean {
    const at = this.words[END];
    const end = at + lengthBytes + shaBytes + text.length;
    if (end > this.bytes.length) return false;
    this.view.setInt32(at, text.length);
    this.bytes.set(latin1Bytes(sha), at + lengthBytes);
    this.bytes.set(text, at + lengthBytes + shaBytes);
    Atomics.store(this.words, END, end);
    return true;
  }

  /** Begins the list anew; `fill` appends what stays. */
  renew(fill: () => void): void {
    Atomics.add(this.words, GENERATION, 1);
    Atomics.store(this.words, END, 0);
    fill();
    Atomics.add(this.words, GENERATION, 1);
  }

  // ---- the other threads -----------------------------------------------------------------------

  /** Whether there is something to read. Usually not. */
  get hasChanged(): boolean {
    const isSame = Atomics.load(this.words, GENERATION) === this.readGeneration;
    return !isSame || Atomics.load(this.words, END) !== this.readUpTo;
  }

  /** Reads what is new. `forget` is called before the entries of another generation. */
  read(forget: () => void, visit: Visit): void {
    const generation = Atomics.load(this.words, GENERATION);
    if ((generation & 1) !== 0) return forget(); // soon there will be something to read
    if (generation !== this.readGeneration) {
      forget();
      this.readGeneration = generation;
      this.readUpTo = 0;
    }
    const end = Atomics.load(this.words, END);
    const found: [string, Uint8Array][] = [];
    for (let at = this.readUpTo; at < end; ) {
      const textAt = at + lengthBytes + shaBytes;
      const textEnd = textAt + this.view.getInt32(at);
      if (textEnd > end) break; // of a new generation
      found.push([latin1(this.bytes, at + lengthBytes, textAt), this.bytes.slice(textAt, textEnd)]);
      at = textEnd;
    }
    if (Atomics.load(this.words, GENERATION) !== generation) {
      this.readGeneration = -1;
      return forget();
    }
    for (const [sha, text] of found) visit(sha, text);
    this.readUpTo = end;
  }
}
