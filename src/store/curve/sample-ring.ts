// How one thread reports to the miss curve what happens to the keys of the sample: a ring in
// shared memory that the thread writes and the control thread reads. Neither waits for the other.
// While the ring is full, reports are dropped and counted.
// Hot path: write(), for the keys of the sample only.
// Invariant: the words of a sample are written before the position that shows them.

/** The bits of a hash that choose: the index goes by them, and the shard by others. */
const sampledBits = 26;
export const sampledMask = 2 ** sampledBits - 1;
/** Below it, all keys are in the sample. */
export const wholeBound = 2 ** sampledBits;

// What happened to the key.
export const HIT = 1;
export const MISS = 2;
export const STORED = 3;
export const GONE = 4;
/** It has another expiry. */
export const RETIMED = 5;

export interface Sample {
  kind: number;
  /** Of the key. */
  hash: number;
  /** Of the item, in its segment. */
  bytes: number;
  /** Milliseconds since 1970, 0 = never. */
  expiresAt: number;
}

/** What the threads of a node share for the miss curve. */
export interface CurveMemory {
  /** One word: a key is in the sample if the sampled bits of its hash are below it. */
  readonly bound: SharedArrayBuffer;
  /** By thread. */
  readonly rings: readonly SharedArrayBuffer[];
}

/** A reader that is called ten times a second keeps up with 160,000 samples a second. */
const samplesMax = 16_384;
const wordsPerSample = 4;

/** Words before the samples: positions that only grow, modulo 2^32, and what was not told. */
const WRITTEN = 0;
const READ = 1;
const DROPPED = 2;
const headWords = 16;

const bytesPerKind = 2 ** 29;

/** For threads with the numbers from 0 up to `threads`. */
export function reserveCurve(threads: number): CurveMemory {
  const ringBytes = (headWords + samplesMax * wordsPerSample) * 4;
  const rings = Array.from({ length: threads }, () => new SharedArrayBuffer(ringBytes));
  return { bound: new SharedArrayBuffer(4), rings };
}

export class SampleRing {
  private readonly words: Int32Array;
  private readonly next: Sample = { kind: 0, hash: 0, bytes: 0, expiresAt: 0 };

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  write(kind: number, hash: number, bytes: number, expiresAt: number): void {
    const { words } = this;
    const written = words[WRITTEN];
    if (((written - Atomics.load(words, READ)) | 0) >= samplesMax) {
      words[DROPPED]++;
      return;
    }
    const at = headWords + (written & (samplesMax - 1)) * wordsPerSample;
    words[at] = hash;
    words[at + 1] = kind * bytesPerKind + Math.min(bytes, bytesPerKind - 1);
    words[at + 2] = expiresAt;
    words[at + 3] = Math.floor(expiresAt / 2 ** 32);
    Atomics.store(words, WRITTEN, (written + 1) | 0);
  }

  /** Passes on all that was written until now. The object that `take` gets is used again. */
  drain(take: (sample: Sample) => void): void {
    const { words, next } = this;
    const end = Atomics.load(words, WRITTEN);
    for (let read = words[READ]; read !== end; read = (read + 1) | 0) {
      const at = headWords + (read & (samplesMax - 1)) * wordsPerSample;
      next.hash = words[at];
      next.kind = words[at + 1] >>> 29;
      next.bytes = words[at + 1] & (bytesPerKind - 1);
      next.expiresAt = words[at + 3] * 2 ** 32 + (words[at + 2] >>> 0);
      take(next);
    }
    Atomics.store(words, READ, end);
  }

  /** Since the start. */
  get dropped(): number {
    return this.words[DROPPED] >>> 0;
  }
}
