// The example client: connects to a node, stores a number of keys, reads them back, checks them,
// deletes them and reports each step. Equivalent to the former Go example, with `--serveraddr
// ADDR`; exit status 0 if every value came back unchanged, else 1. The node may be the leader or a
// follower.

import { parseArgs } from "node:util";
import { type Client, connect, MSCacheError } from "../src/index.ts";

const keyCount = 10;
const ttl = 60_000;
const replicationMsMax = 5_000;

const keys = Array.from({ length: keyCount }, (_, index) => `example_key_${index}`);
const exampleValue = (key: string): string => `value of ${key}`;

async function store(client: Client): Promise<void> {
  await Promise.all(keys.map((key) => client.set(key, exampleValue(key), { ttl })));
  console.log(`stored ${keys.length} keys for ${ttl / 1_000} seconds`);
}

/** A follower gets a write a moment after the leader, so the values may be read more than once. */
async function check(client: Client): Promise<void> {
  const deadline = performance.now() + replicationMsMax;
  for (;;) {
    const values = await client.mget(keys);
    const wrong = keys.find((key, index) => values[index] !== exampleValue(key));
    if (wrong === undefined) break;
    if (performance.now() > deadline) throw new Error(`${wrong} did not come back unchanged`);
    await Bun.sleep(10);
  }
  for (const key of keys) console.log(`${key} = ${JSON.stringify(await client.get(key))}`);
  const left = await client.ttl(keys[0]);
  console.log(`${keys[0]} has ${left} ms left`);
}

async function remove(client: Client): Promise<void> {
  for (const key of keys) {
    if (!(await client.delete(key))) throw new Error(`${key} did not exist when it was deleted`);
  }
  console.log(`deleted ${keys.length} keys`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { serveraddr: { type: "string", default: "127.0.0.1:5000" } },
  });
  await using client = await connect(values.serveraddr);
  console.log(`connected to ${client.address}`);
  await store(client);
  await check(client);
  await remove(client);
}

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(error instanceof MSCacheError ? `${error.code}: ${message}` : message);
  process.exitCode = 1;
}
