// The keys that begin with a prefix, for the adapters that list or clear theirs. A scan of the
// whole database: it takes as long as there are keys in it, whoever they belong to.
// Invariant: a key that is there from the beginning to the end is found. The leader is asked; if
// it is lost meanwhile, the scan rejects.

import type { Client } from "../client.ts";
import { ShardedClient } from "../shards/sharded-client.ts";

/**
 * Keys by steps of about a thousand, of all shards. Keys that come or go meanwhile may be found or
 * not, and one may be found twice. A copy where a key was before another shard took it is no key.
 */
export async function* keysUnder(
  client: Client,
  prefix: string,
): AsyncGenerator<string[], void, undefined> {
  for (const [part, isOwn] of partsOf(client)) {
    for await (const keys of keysLike(part, prefix)) yield keys.filter(isOwn);
  }
}

/** Deletes the keys that begin with the prefix, old copies in other shards included. */
export async function deleteUnder(client: Client, prefix: string): Promise<void> {
  for (const [part] of partsOf(client)) {
    for await (const keys of keysLike(part, prefix)) await part.deleteMany(keys);
  }
}

export function textOf(bytes: unknown): string {
  return typeof bytes === "string" ? bytes : decoder.decode(bytes as Uint8Array);
}

// --- internal ---

type Part = readonly [client: Client, isOwn: (key: string) => boolean];

function partsOf(client: Client): Part[] {
  if (!(client instanceof ShardedClient)) return [[client, () => true]];
  return client.shards.map((name) => [client.shard(name), (key) => client.shardOf(key) === name]);
}

async function* keysLike(
  client: Client,
  prefix: string,
): AsyncGenerator<string[], void, undefined> {
  const match = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
  let step: string[] = [];
  for await (const key of client.scan({ match, count: stepKeys, reads: "leader" })) {
    step.push(key);
    if (step.length < stepKeys) continue;
    yield step;
    step = [];
  }
  if (step.length > 0) yield step;
}

/** Keys of a step, and about how many the server looks at for one request. */
const stepKeys = 1000;

const decoder = new TextDecoder();
