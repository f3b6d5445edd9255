// The keys that begin with a prefix, for the adapters that list or clear theirs. A scan of the
// whole database: it takes as long as there are keys in it, whoever they belong to.
// Invariant: a key that is there from the beginning to the end is found. The leader is asked; if
// it is lost meanwhile, the scan rejects.

import type { Client } from "../client.ts";
import { inSteps } from "../commands/key-scan.ts";
import { ShardedClient } from "../shards/sharded-client.ts";

/**
 * Keys by steps of a thousand, of all shards. Keys that come or go meanwhile may be found or not,
 * and one may be found twice.
 */
export function keysUnder(
  client: Client,
  prefix: string,
): AsyncGenerator<string[], void, undefined> {
  const match = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
  return inSteps(client.scan({ match, count: stepKeys, reads: "leader" }), stepKeys);
}

/** Deletes the keys that begin with the prefix, misplaced copies in other shards included. */
export async function deleteUnder(client: Client, prefix: string): Promise<void> {
  const shards =
    client instanceof ShardedClient ? client.shards.map((name) => client.shard(name)) : [client];
  for (const shard of shards) {
    for await (const keys of keysUnder(shard, prefix)) await shard.deleteMany(keys);
  }
}

export function textOf(bytes: unknown): string {
  return typeof bytes === "string" ? bytes : decoder.decode(bytes as Uint8Array);
}

// --- internal ---

/** Keys of a step, and about how many the server looks at for one request. */
const stepKeys = 1000;

const decoder = new TextDecoder();
