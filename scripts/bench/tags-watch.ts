// The second process of the benchmark `tags`: reads entries of the tags that expire, over and over,
// until its input ends, and prints how many it read and how many it got as JSON.
// Invariant: before each read it asks whether the expiry of the tag was acknowledged; an entry that
// it gets all the same is an error.

import { connect, createCache } from "../../src/index.ts";
import { entryOf, expireCount, prefix, tagOf } from "./tags-names.ts";

const [addr = "", sizes = "{}"] = process.argv.slice(2);
const { entries, tags } = JSON.parse(sizes) as { entries: number; tags: number };
const watched = expireCount(tags);

await using client = await connect(addr, { requestTimeoutMs: 60_000 });
const cache = createCache({ client, prefix, serverTimeout: 60_000, failOpen: false });
let reads = 0;
let hits = 0;
let isEnded = false;

await read(0);
console.log("ready");
Bun.stdin
  .text()
  .then(() => {
    isEnded = true;
  })
  .catch(fail);
await Promise.all(Array.from({ length: 4 }, readAll));
console.log(JSON.stringify({ reads, hits }));
process.exit(0);

async function readAll(): Promise<void> {
  while (!isEnded) for (let tag = 0; tag < watched; tag++) await read(tag);
}

async function read(tag: number): Promise<void> {
  const wasExpired = (await client.get(`expired:${tag}`)) !== null;
  const entry = Math.floor((Math.random() * entries) / tags) * tags + tag;
  const isThere = await cache.has(entryOf(entry));
  reads++;
  if (isThere) hits++;
  if (isThere && wasExpired) fail(`an entry of ${tagOf(tag)} was served after its expiry`);
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
