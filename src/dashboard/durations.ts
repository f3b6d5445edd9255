// A time to live as people type it: "90", "5 min", "1.5h", "2 d". The other way is in figures.ts.
// Pure.

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds; seconds without a unit; null if it is no duration above 0. */
export function durationMs(text: string): number | null {
  const [, amount = "", unit = "s"] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)?\s*$/i.exec(text) ?? [];
  const ms = Math.round(Number(amount || Number.NaN) * (unitMs[unit.toLowerCase()] ?? Number.NaN));
  return ms > 0 ? ms : null;
}
