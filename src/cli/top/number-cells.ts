// Numbers in few columns: counts, bytes, times, each at most six characters, so that a column keeps
// its width while its values change. Null, for what a server does not tell, is a dash.

export const dash = "-";

/** "0", "0.4", "950", "12345", "123k", "1.20M": at most six characters. */
export function countCell(value: number | null): string {
  if (value === null) return dash;
  if (value < 9.95) return value === Math.round(value) ? `${value}` : value.toFixed(1);
  if (value < 99_999.5) return `${Math.round(value)}`;
  return scaled(value, 1_000, ["", "k", "M", "G", "T", "P"]);
}

/** "0", "512", "1.50K", "13.7M", "64.0G": powers of 1,024. */
export function bytesCell(value: number | null): string {
  if (value === null) return dash;
  if (value < 1_000) return `${Math.round(value)}`;
  return scaled(value, 1_024, ["", "K", "M", "G", "T", "P"]);
}

/** A share of 1 as "98.7%", and "100%" only when nothing is missing. */
export function shareCell(value: number | null): string {
  if (value === null) return dash;
  if (value >= 1) return "100%";
  return `${Math.min(99.9, value * 100).toFixed(1)}%`;
}

/** Microseconds as "850us", "1.20ms", "15.3ms", "2.50s". */
export function microsecondsCell(value: number | null): string {
  if (value === null) return dash;
  if (value < 999.5) return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}us`;
  if (value < 999_500) return `${threeDigits(value / 1_000)}ms`;
  return `${threeDigits(value / 1_000_000)}s`;
}

/** Seconds as people say a duration: "12s", "5m", "3h", "12d". */
export function ageCell(seconds: number | null): string {
  if (seconds === null) return dash;
  if (seconds < 120) return `${Math.round(seconds)}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

// --- internal ---

function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  return `${threeDigits(rest)}${units[unit]}`;
}

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}
