// The miss curve as it is shown, by INFO and in the page of the dashboard. Types, and nothing else;
// browsers have them, so this file imports nothing.

export interface MissCurveReport {
  /** How far back it looks. */
  readonly windowSeconds: number;
  /** Of all keys, as the store has counted them. */
  readonly lookups: number;
  readonly hitRatio: number | null;
  readonly limitBytes: number;
  /** The share of keys in the sample, how many there are now, and their lookups. */
  readonly rate: number;
  readonly keys: number;
  readonly samples: number;
  /** What the threads could not tell, since the start. */
  readonly dropped: number;
  /** Null before a lookup. */
  readonly points: readonly CurvePoint[] | null;
}

export interface CurvePoint {
  /** A multiple of the present limit. */
  readonly memory: number;
  readonly hitRatio: number;
  /** Two standard deviations. */
  readonly error: number;
  /** Whether it was ever full; if not, all that was seen so far would fit. */
  readonly isFilled: boolean;
}
