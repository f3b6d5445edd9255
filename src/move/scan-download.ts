// Gets the strings of a server by a walk over its keys, for servers that give clients no snapshot,
// as hosted ones do not. Each item is as it was when it was asked for, so the items are not all of
// one moment.
// Bound: one group of values is in memory (scan.ts).

import { wallClockMs } from "../base/clock.ts";
import { type Reply, ReplyError } from "../protocol/resp/reply-parser.ts";
import type { Download } from "./download.ts";
import { askAll, groupsOf, scan, usedDatabases } from "./scan.ts";
import type { ServerLink } from "./server-link.ts";
import type { SnapshotWriter } from "./snapshot-writers.ts";
import type { Spout } from "./spout.ts";

export interface ScanParts {
  readonly link: ServerLink;
  readonly writer: SnapshotWriter;
  readonly spout: Spout;
  readonly pattern?: string | undefined;
  /** Undefined: all that have keys. */
  readonly database?: number | undefined;
  /** Keys met so far, and expected. */
  progress(keys: number, total: number): void;
}

export async function scanDownload(parts: ScanParts): Promise<Download> {
  const { link, writer, spout } = parts;
  const used = usedDatabases(await link.text("INFO", "keyspace"));
  const databases = parts.database === undefined ? [...used.keys()] : [parts.database];
  const total = databases.reduce((sum, database) => sum + (used.get(database) ?? 0), 0);
  let items = 0;
  let others = 0;
  let met = 0;
  for (const database of databases) {
    await link.demand("SELECT", database);
    writer.select(database);
    for await (const keys of scan(link, parts.pattern)) {
      for await (const group of groupsOf(link, keys)) {
        const written = await write(parts, group);
        items += written.items;
        others += written.others;
        await spout.drained();
      }
      met += keys.length;
      parts.progress(met, total);
    }
  }
  writer.end();
  await spout.drained();
  const skipped = new Map(others === 0 ? [] : [["of other types", others]]);
  return { bytes: spout.total, items, refused: 0, skipped };
}

async function write(
  { link, writer }: ScanParts,
  keys: readonly Uint8Array[],
): Promise<{ readonly items: number; readonly others: number }> {
  const replies = await askAll(
    link,
    keys.flatMap((key) => [
      ["GET", key],
      ["PTTL", key],
    ]),
  );
  let [items, others] = [0, 0];
  for (const [i, key] of keys.entries()) {
    const value = replies[2 * i];
    if (value instanceof Uint8Array) {
      items++;
      writer.put(key, 0, key.length, value, 0, value.length, expiryOf(replies[2 * i + 1]));
    } else if (value instanceof ReplyError) others++;
  }
  return { items, others };
}

/** PTTL and not PEXPIRETIME, which is of Redis 7: the moment is right within a round trip. */
function expiryOf(leftMs: Reply | undefined): number {
  return typeof leftMs === "number" && leftMs >= 0 ? wallClockMs() + Math.max(1, leftMs) : 0;
}
