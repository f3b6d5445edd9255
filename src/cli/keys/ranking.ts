// The keys with the largest values of something, out of any number that are offered. It keeps only
// those that may still be in the list.
// Invariant: at most `size` keys are kept, none twice, largest first.

export interface Ranked {
  readonly database: number;
  readonly key: Uint8Array;
  readonly value: number;
  /** What else is known of the key. */
  readonly others: Readonly<Record<string, number | null>>;
}

export class Ranking {
  private readonly size: number;
  private readonly kept: Ranked[] = [];

  constructor(size: number) {
    this.size = size;
  }

  get list(): readonly Ranked[] {
    return this.kept;
  }

  offer(candidate: Ranked): void {
    const { kept, size } = this;
    const smallest = kept[kept.length - 1];
    if (kept.length === size && smallest !== undefined && candidate.value <= smallest.value) return;
    // SCAN may give a key twice, and its value may have changed meanwhile: the later one counts.
    const before = kept.findIndex((one) => isSame(one, candidate));
    if (before >= 0) kept.splice(before, 1);
    const at = kept.findIndex(({ value }) => value < candidate.value);
    kept.splice(at < 0 ? kept.length : at, 0, candidate);
    if (kept.length > size) kept.pop();
  }
}

function isSame(one: Ranked, other: Ranked): boolean {
  return one.database === other.database && Buffer.compare(one.key, other.key) === 0;
}
