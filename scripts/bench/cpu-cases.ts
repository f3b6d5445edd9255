// The loads of the cpu benchmark: groups that share running servers and their data, and the cases
// in a group. By default one dimension varies at a time around 100-byte values; `--matrix` runs
// every combination, `--quick` only SET and GET of plain values. It measures nothing.
// Invariant: a group's name and a case's name together fully describe a load.

import type { Context } from "./suite.ts";
import { MiB } from "./units.ts";

export interface LoadGroup {
  readonly name: string;
  /** If memory is full: the name of the group that differs only in that. */
  readonly plainName: string | null;
  readonly valueBytes: number;
  readonly ttlSeconds: number;
  readonly keys: number;
  readonly maxMemoryBytes: number;
}

export interface LoadCase {
  readonly group: LoadGroup;
  readonly name: string;
  readonly depth: number;
  readonly gets: number;
  readonly sets: number;
}

/** The row of the load that puts the keys there, one SET for each; it is measured, too. */
export const loadRow = "depth 64, SET of new keys";

const keyCount = 1_000_000;
const dataBytesMax = 512 * MiB;
const roomyBytes = 4096 * MiB;
const daySeconds = 86_400;
/** With full memory, how much of the data does not fit. */
const overflow = 4;

const mixes = [
  { name: "SET", gets: 0, sets: 1 },
  { name: "GET", gets: 1, sets: 0 },
  { name: "GET:SET 10:1", gets: 10, sets: 1 },
] as const;

export function groupsOf(context: Context): LoadGroup[] {
  return allGroups(context).filter((group) => casesOf(context, group).length > 0);
}

function allGroups({ smoke, quick, matrix }: Context): LoadGroup[] {
  if (smoke) return quick ? smokeGroups().slice(0, 1) : smokeGroups();
  if (quick) return [group(100, 0, false)];
  return matrix ? matrixGroups() : usualGroups();
}

/** The names of a group's rows, in order. */
export function rowsOf(context: Context, group: LoadGroup): string[] {
  return [loadRow, ...casesOf(context, group).map((one) => one.name)];
}

export function casesOf(context: Context, group: LoadGroup): LoadCase[] {
  const depths = context.smoke ? [1, 16] : [1, 16, 64];
  const cases = depths.flatMap((depth) =>
    mixesOf(context).map(({ name, gets, sets }) => ({
      ...{ group, depth, gets, sets },
      name: `depth ${depth}, ${name}`,
    })),
  );
  return cases.filter((one) => `${group.name}: ${one.name}`.includes(context.only));
}

/** `--quick` leaves out the mixture, whose cost follows from its parts. */
function mixesOf({ quick }: Context) {
  return quick ? mixes.filter(({ gets, sets }) => gets === 0 || sets === 0) : mixes;
}

function usualGroups(): LoadGroup[] {
  return [
    group(100, 0, false),
    group(100, daySeconds, false),
    group(100, 0, true),
    group(32, 0, false),
    group(1000, 0, false),
    group(10_000, 0, false),
  ];
}

function matrixGroups(): LoadGroup[] {
  const values = [32, 100, 1000, 10_000];
  return values.flatMap((bytes) =>
    [0, daySeconds].flatMap((ttl) => [group(bytes, ttl, false), group(bytes, ttl, true)]),
  );
}

function smokeGroups(): LoadGroup[] {
  const plain = { ...group(100, daySeconds, false), keys: 2000 };
  const evicting = { ...group(100, daySeconds, true), keys: 40_000, maxMemoryBytes: 4 * MiB };
  return [plain, evicting];
}

function group(valueBytes: number, ttlSeconds: number, evicting: boolean): LoadGroup {
  const keys = Math.min(keyCount, Math.floor(dataBytesMax / valueBytes));
  const data = keys * (valueBytes + 20);
  const plainName = `${valueBytes}-byte values${ttlSeconds > 0 ? ", with TTL" : ""}`;
  return {
    name: evicting ? `${plainName}, memory full and evicting` : plainName,
    plainName: evicting ? plainName : null,
    ...{ valueBytes, ttlSeconds },
    // The evicting load has more keys, and a limit that fits the plain load's data.
    keys: evicting ? keys * overflow : keys,
    maxMemoryBytes: evicting ? Math.ceil(data / MiB) * MiB : roomyBytes,
  };
}
