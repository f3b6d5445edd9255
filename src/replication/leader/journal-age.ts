// How many seconds of writes the journal holds. The journal knows no time, so its offset is sampled
// every second: exact to a second for the recent past, coarser for a longer one.
// Invariant: samples are in order of time and of offset, and there are never more than
// `samplesMax`.

/** The journal ended at `offset` at that time; later bytes were written later. */
interface Sample {
  atMs: number;
  readonly offset: number;
}

/** At this number, every second sample is dropped, and new ones are taken half as often. */
const samplesMax = 512;
/** With so few, every one is wanted again. */
const samplesFew = 64;

export class JournalAge {
  private samples: Sample[] = [];
  private spacingMs = 0;

  /** Notes where the journal ends now, and forgets what it holds no longer. */
  note(atMs: number, first: number, offset: number): void {
    if ((this.samples.at(-1)?.offset ?? 0) > offset) this.forget(); // another history
    // What was written before the first sample counts as written then.
    if (this.samples.length === 0) this.samples.push({ atMs, offset: first });
    const last = this.samples.at(-1);
    if (last?.offset === offset) last.atMs = atMs;
    else if (last === undefined || atMs - last.atMs >= this.spacingMs) this.add({ atMs, offset });
    // The last sample before the oldest byte stays: it bounds the age of that byte.
    while (this.samples.length > 1 && this.samples[1].offset <= first) this.samples.shift();
    if (this.samples.length < samplesFew) this.spacingMs = 0;
  }

  private add(sample: Sample): void {
    this.samples.push(sample);
    if (this.samples.length <= samplesMax) return;
    const span = sample.atMs - this.samples[0].atMs;
    this.spacingMs = Math.ceil((2 * span) / samplesMax);
    this.samples = this.samples.filter((_, i) => i % 2 === 0);
  }

  forget(): void {
    this.samples = [];
  }

  /** Seconds since the oldest byte was written. */
  seconds(nowMs: number): number {
    const oldest = this.samples.at(0);
    return oldest === undefined ? 0 : Math.max(0, Math.floor((nowMs - oldest.atMs) / 1000));
  }
}
