// The counts of the miss curve over the last minutes: what the sample has shown, and what the store
// has counted meanwhile. A sample of keys has too many or too few lookups, mostly because of a few
// hot keys, which every miniature holds: so the misses of the sample are taken for those of all
// lookups, and what the sample has too much or too little of counts as hits (SHARDS-adj). It has no
// clock: next() begins another part of the window.
// Invariant: a count is in one part, and the oldest part goes as a whole.

/** A window has so many parts. */
export const windowParts = 20;
/** Each key belongs to one group: how much these differ says how far the sample may be off. */
export const keyGroups = 16;

interface Part {
  /** In the sample. */
  samples: number;
  /** The rest: for all keys, that is multiplied by how many keys stand for one of the sample. */
  lookups: number;
  excluded: number;
  /** By miniature and group of keys. */
  readonly misses: Float64Array;
  /** As the store has counted them. */
  allLookups: number;
  allHits: number;
}

export interface Estimate {
  /** 0 to 1. */
  readonly hitRatio: number;
  /** Two standard deviations, by chance of which keys are in the sample. */
  readonly error: number;
}

export class CurveWindow {
  /** How many keys one of the sample stands for. */
  weight = 1;
  private readonly miniatures: number;
  private readonly parts: Part[] = [];
  private current: Part;

  constructor(miniatures: number) {
    this.miniatures = miniatures;
    this.current = this.next();
  }

  next(): Part {
    const misses = new Float64Array(this.miniatures * keyGroups);
    const part = { samples: 0, lookups: 0, excluded: 0, misses, allLookups: 0, allHits: 0 };
    this.parts.push(part);
    if (this.parts.length > windowParts) this.parts.shift();
    this.current = part;
    return part;
  }

  lookedUp(): void {
    this.current.samples++;
    this.current.lookups += this.weight;
  }

  /** A lookup that says nothing. */
  exclude(): void {
    this.current.excluded += this.weight;
  }

  missed(miniature: number, group: number): void {
    this.current.misses[miniature * keyGroups + group] += this.weight;
  }

  /** What the store has counted since the last call. */
  counted(lookups: number, hits: number): void {
    this.current.allLookups += lookups;
    this.current.allHits += hits;
  }

  private sum(count: (part: Part) => number): number {
    return this.parts.reduce((total, part) => total + count(part), 0);
  }

  get samples(): number {
    return this.sum(({ samples }) => samples);
  }

  get lookups(): number {
    return this.sum(({ allLookups }) => allLookups);
  }

  /** As the store has counted; null before a lookup. */
  get measuredHitRatio(): number | null {
    const { lookups } = this;
    return lookups === 0 ? null : this.sum(({ allHits }) => allHits) / lookups;
  }

  /** For each miniature its hit ratio and how far that may be off; null before a lookup. */
  estimates(): Estimate[] | null {
    const told = this.lookups - this.sum(({ excluded }) => excluded);
    // There may be so few lookups that the sample, by chance, has more of them.
    const base = told > 0 ? told : this.sum(({ lookups }) => lookups);
    if (this.samples === 0 || base <= 0) return null;
    return Array.from({ length: this.miniatures }, (_, i) => {
      const groups = Array.from({ length: keyGroups }, (_, group) =>
        this.sum(({ misses }) => misses[i * keyGroups + group]),
      );
      const misses = groups.reduce((total, each) => total + each, 0);
      const hitRatio = Math.min(1, Math.max(0, 1 - misses / base));
      return { hitRatio, error: Math.min(1, (2 * deviationOfSum(groups)) / base) };
    });
  }
}

/** The standard deviation of the sum of equal parts, as these differ. */
function deviationOfSum(parts: readonly number[]): number {
  const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
  const squares = parts.reduce((sum, part) => sum + (part - mean) ** 2, 0);
  return Math.sqrt((squares / (parts.length - 1)) * parts.length);
}
