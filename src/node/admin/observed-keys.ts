// What /v1/observe/ tells of keys: the hottest of a moment, and the biggest values of a walk, each
// with how much was looked at. Both are samples; hot-keys.ts and big-values.ts take them.

import { latin1Bytes } from "../../base/bytes.ts";
import type { Store } from "../../store/store.ts";
import { BigValues } from "./big-values.ts";
import type { DoorConnection } from "./command-door.ts";
import type { Moment } from "./hot-keys.ts";
import type { BiggestList, HottestList } from "./observations.ts";
import { textOf } from "./reply-json.ts";

/** Of a request: how many rows, how many items to look at, and in which database. */
export interface Wanted {
  readonly count: number;
  readonly items: number;
  readonly database: number;
}

export function hottestKeys(
  { ms, commands, counts }: Moment,
  { count, database }: Wanted,
): HottestList {
  const found = [...(counts.get(database) ?? [])].sort(([, a], [, b]) => b - a);
  const keys = found.slice(0, count).map(([key, times]) => ({
    key: textOf(latin1Bytes(key)),
    times,
    perSecond: Math.round(times / (ms / 1000)),
  }));
  return { lookedMs: Math.round(ms), commands, keys };
}

/** The values of which this user may know the size: MEMORY USAGE says. */
export async function biggestValues(
  store: Store,
  door: DoorConnection,
  wanted: Wanted,
): Promise<BiggestList> {
  const report = store.databases.reports().find(({ number }) => number === wanted.database);
  if (report === undefined) return { items: 0, looked: 0, share: 1, values: [] };
  const { count: most, items } = wanted;
  const start = report.items <= items ? 0 : Math.random();
  const { looked, isWhole, values } = await BigValues.sample(store, report, { most, items, start });
  const usages = await door.runAll(values.map(({ key }) => ["MEMORY", "USAGE", key]));
  const rows = values.flatMap(({ key, valueBytes, ttlMs }, i) => {
    const memoryBytes = usages[i];
    if (typeof memoryBytes !== "number") return []; // it is gone, or not for this user
    return [{ key: textOf(key), valueBytes, memoryBytes, ttlMs: ttlMs < 0 ? null : ttlMs }];
  });
  const share = isWhole ? 1 : Math.min(1, looked / report.items);
  return { items: report.items, looked, share, values: rows };
}
