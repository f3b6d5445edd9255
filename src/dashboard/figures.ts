// Numbers as people read them, in forms of steady width, so that a figure that changes each second
// does not jump: three significant digits, one unit, a space that does not break. Pure functions.

const space = "\u00a0";
const none = "–";

/** 1234 -> "1.23 k", 87 -> "87": for rates and counts that change. */
export function compact(value: number): string {
  if (!Number.isFinite(value)) return none;
  const [scaled, prefix] = scale(Math.abs(value), 1000, ["", "k", "M", "G", "T"]);
  const digits = prefix === "" ? (scaled < 10 && scaled % 1 !== 0 ? 1 : 0) : digitsFor(scaled);
  return `${value < 0 ? "−" : ""}${scaled.toFixed(digits)}${prefix && space + prefix}`;
}

/** 1234567 -> "1 234 567": for counts that are looked at one by one. */
export function whole(value: number): string {
  if (!Number.isFinite(value)) return none;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** (1, "key") -> "1 key", (1234, "key") -> "1 234 keys" */
export function counted(value: number, noun: string): string {
  return `${whole(value)}${space}${noun}${value === 1 ? "" : "s"}`;
}

/** 1536 -> "1.50 KiB" */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return none;
  const [scaled, unit] = scale(Math.max(0, value), 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
  return `${scaled.toFixed(unit === "B" ? 0 : digitsFor(scaled))}${space}${unit}`;
}

/** 0.98765 -> "98.8 %" */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return none;
  const hundred = share * 100;
  // Nothing that is not all is called all.
  const shown = hundred < 100 ? Math.min(hundred, 99.9) : 100;
  return `${shown.toFixed(shown === 100 ? 0 : 1)}${space}%`;
}

/** Microseconds: 1234 -> "1.23 ms" */
export function micros(value: number): string {
  if (!Number.isFinite(value)) return none;
  const [scaled, unit] = scale(Math.max(0, value), 1000, ["µs", "ms", "s"]);
  return `${scaled.toFixed(unit === "µs" && scaled >= 10 ? 0 : digitsFor(scaled))}${space}${unit}`;
}

/** Seconds: 93784 -> "1 d 2 h" */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return none;
  if (seconds === 0) return `0${space}s`;
  if (seconds < 1) return `${Math.round(seconds * 1000)}${space}ms`;
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  const told = parts.slice(first, first + 2).filter(([amount]) => amount > 0);
  return told.map(([amount, unit]) => `${amount}${space}${unit}`).join(" ");
}

/** Seconds since 1970 -> "13:05:09" of this browser's zone. */
export function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

function scale(
  value: number,
  base: number,
  units: readonly string[],
): readonly [scaled: number, unit: string] {
  let scaled = value;
  let index = 0;
  // What would round up to the base is already one of the next unit.
  while (scaled >= base - 0.5 && index < units.length - 1) {
    scaled /= base;
    index++;
  }
  return [scaled, units[index] ?? ""];
}

function digitsFor(scaled: number): number {
  if (scaled >= 99.95) return 0;
  return scaled >= 9.995 ? 1 : 2;
}
