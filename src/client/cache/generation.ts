// Generations: what a tag or a prefix is known by between two invalidations. An entry remembers the
// generation of everything that it depends on, and an invalidation is one SET, however many entries
// there are. They are text of a fixed length, made and compared here; reading and writing is not.
// Invariant: a generation never comes twice. It starts with the time and ends with chance, because
// it lives in a cache that evicts; counted from zero, it would come again.
//
//   |<- 16 digits: number ->|<- 4: chance ->|<- 16 digits: number ->|<- 4: chance ->|
//   |   changes when the entries are gone   |  changes when they are gone or stale  |

export const generationLength = 40;
const half = generationLength / 2;
const numberDigits = 16;

/** What has become of an entry since it was written. */
export type Standing = "valid" | "stale" | "gone";

/** A generation by this number, of which all processes have an order. */
export function mintGeneration(number: number, random: () => number = Math.random): string {
  const one = `${String(number).padStart(numberDigits, "0")}${chance(random)}`;
  return one + one;
}

/** Four characters. */
export function chance(random: () => number = Math.random): string {
  return Math.floor(random() * 36 ** 4)
    .toString(36)
    .padStart(4, "0");
}

/** The first number of a series that is new: microseconds since 1970. */
export function firstNumber(nowMs: number, random: () => number = Math.random): number {
  return Math.floor(nowMs) * 1_000 + Math.floor(random() * 1_000);
}

export function isGeneration(text: string | null | undefined): text is string {
  return typeof text === "string" && text.length === generationLength;
}

/**
 * The standing of an entry that remembers one and finds another. A generation that is missing was
 * evicted, and an invalidation may have gone with it.
 */
export function judge(remembered: string, present: string | null | undefined): Standing {
  if (remembered === present) return "valid";
  if (!isGeneration(present)) return "gone";
  return remembered.slice(0, half) === present.slice(0, half) ? "stale" : "gone";
}

/** The number of the last invalidation of either kind. */
export function numberOf(generation: string): number {
  const first = Number(generation.slice(0, numberDigits));
  return Math.max(first, Number(generation.slice(half, half + numberDigits)));
}
