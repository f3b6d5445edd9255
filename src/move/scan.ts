// A walk over the keys of a server by SCAN, for a client that may not ask for a snapshot. A key
// that is written meanwhile may or may not be met, and a key may come twice.
// Bound: one batch of keys, and of their values groupBytesMax or one value, are in memory.

import type { Reply } from "../protocol/resp/reply-parser.ts";
import { MoveError } from "./move-error.ts";
import type { ServerLink } from "./server-link.ts";

const keysPerScan = "1000";
const groupBytesMax = 16 * 1024 * 1024;

/** The keys of the selected database that match, some at a time. */
export async function* scan(link: ServerLink, pattern?: string): AsyncGenerator<Uint8Array[]> {
  const matching = pattern === undefined ? [] : ["MATCH", pattern];
  let cursor = "0";
  do {
    const reply = await link.demand("SCAN", cursor, ...matching, "COUNT", keysPerScan);
    const [next, keys] = Array.isArray(reply) ? reply : [];
    if (!(next instanceof Uint8Array) || !Array.isArray(keys)) {
      throw new MoveError(`${link.name} answered SCAN with something else than keys`);
    }
    cursor = Buffer.from(next).toString();
    yield keys.filter((key) => key instanceof Uint8Array);
  } while (cursor !== "0");
}

/** One command for each key, in one pipeline. */
export async function askAll(
  link: ServerLink,
  commands: readonly (readonly (string | Uint8Array)[])[],
): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const command of commands) link.send(command, (reply) => replies.push(reply));
  await link.settled();
  return replies;
}

/** The keys in groups whose values fit into memory together. */
export async function* groupsOf(
  link: ServerLink,
  keys: readonly Uint8Array[],
): AsyncGenerator<Uint8Array[]> {
  const lengths = await askAll(
    link,
    keys.map((key) => ["STRLEN", key]),
  );
  let group: Uint8Array[] = [];
  let bytes = 0;
  for (const [i, key] of keys.entries()) {
    const length = lengths[i];
    const more = typeof length === "number" ? length : 0; // of another type
    if (group.length > 0 && bytes + more > groupBytesMax) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(key);
    bytes += more;
  }
  if (group.length > 0) yield group;
}

/** The databases that have keys, with their number, from the text of INFO keyspace. */
export function usedDatabases(info: string): Map<number, number> {
  const rows = [...info.matchAll(/^db(\d+):keys=(\d+)/gm)];
  return new Map(rows.map(([, number, keys]) => [Number(number), Number(keys)]));
}
