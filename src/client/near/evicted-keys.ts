// Fingerprints of the keys that left the small queue of an S3-FIFO lately ("ghosts"): a key that
// comes back soon goes straight to the main queue. It keeps no keys and no values; a bucket of
// eight overwrites its oldest. A false match only puts an entry into the other queue.
// Invariant: the newest eight of a bucket are there, newest first; 0 marks a free place.

const bucketWays = 8;
const bucketsMin = 8;

export class EvictedKeys {
  /** Four bytes for each key; eight keys are a bucket, whose number is a power of two. */
  private fingerprints = new Uint32Array(bucketWays * bucketsMin);

  /** How many keys it can remember; with reserve() about as many as the cache has entries. */
  get capacity(): number {
    return this.fingerprints.length;
  }

  /** Makes place for the ghosts of a cache with that many entries. */
  reserve(entries: number): void {
    if (entries <= this.fingerprints.length) return;
    const before = this.fingerprints;
    this.fingerprints = new Uint32Array(before.length * 2);
    // A bucket's are written oldest first, so that they keep their order.
    for (let bucket = 0; bucket < before.length; bucket += bucketWays) {
      for (let i = bucketWays - 1; i >= 0; i--) this.insert(before[bucket + i] as number);
    }
  }

  remember(key: string): void {
    this.insert(fingerprintOf(key));
  }

  /** Whether the key was remembered; if so, it is forgotten. */
  recall(key: string): boolean {
    const fingerprint = fingerprintOf(key);
    const { fingerprints } = this;
    const start = this.bucketOf(fingerprint);
    for (let i = start; i < start + bucketWays; i++) {
      if (fingerprints[i] !== fingerprint) continue;
      fingerprints.copyWithin(i, i + 1, start + bucketWays);
      fingerprints[start + bucketWays - 1] = 0;
      return true;
    }
    return false;
  }

  clear(): void {
    this.fingerprints = new Uint32Array(bucketWays * bucketsMin);
  }

  private insert(fingerprint: number): void {
    if (fingerprint === 0) return;
    const start = this.bucketOf(fingerprint);
    this.fingerprints.copyWithin(start + 1, start, start + bucketWays - 1);
    this.fingerprints[start] = fingerprint;
  }

  private bucketOf(fingerprint: number): number {
    return (fingerprint & (this.fingerprints.length / bucketWays - 1)) * bucketWays;
  }
}

function fingerprintOf(key: string): number {
  return Bun.hash.xxHash32(key) || 1;
}
