// Copies that stayed behind: keys that are in one shard and belong to another, since the list of
// shards has changed. They are deleted, not moved: a copy may be older than what the right shard
// has, or has deleted.
// Invariant: a key that is in its own shard is never deleted.

import type { Client } from "../client.ts";
import type { Key } from "../commands/command-values.ts";
import { inSteps } from "../commands/key-scan.ts";
import { everyResult } from "./every-result.ts";
import type { ShardMap } from "./shard-map.ts";

/** Keys that are deleted by one command, and about how many the server looks at for one. */
const stepKeys = 1000;

/** Deletes the misplaced keys that match in all shards, given in the order of the map. */
export async function deleteMisplaced(
  shards: readonly Client[],
  map: ShardMap,
  match: Key,
): Promise<number> {
  const counts = await everyResult(
    shards.map((shard, index) => deleteFrom(shard, match, (key) => !map.isAt(index, key))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

// --- internal ---

async function deleteFrom(
  shard: Client,
  match: Key,
  isMisplaced: (key: Key) => boolean,
): Promise<number> {
  let count = 0;
  const found = shard.scan({ match, count: stepKeys, reads: "leader", bytes: true });
  for await (const keys of inSteps(found, stepKeys)) {
    const [first, ...more] = keys.filter(isMisplaced);
    if (first !== undefined) count += await shard.command("UNLINK", first, ...more);
  }
  return count;
}
