// A process with a cache: cache-processes.test.ts starts several with the address of a server, a
// mode and a number of callers. It counts the runs of its factory in the server, and prints what
// its callers got.

import { connect, createCache } from "../../src/index.ts";

/** How long the factory takes. */
const factoryMs = 200;
const [address = "", mode = "", callers = "1"] = process.argv.slice(2);

await using client = await connect(address, { requestTimeoutMs: 120_000 });
/** On a busy machine no process computes by itself, or takes another for dead. */
const patient = { serverTimeout: 60_000, lease: 60_000 };
if (mode === "expiring") await askForAll(Number(callers));
const lease = mode === "hold" ? 1_000 : patient.lease;
const cache = createCache({ client, prefix: "p:", ...patient, lease });
await client.incr("ready");
console.log("ready");
await Bun.stdin.stream().getReader().read(); // the test says when all are there

const values = await Promise.all(
  Array.from({ length: Number(callers) }, () => cache.getOrSet("cold", factory)),
);
console.log(JSON.stringify([...new Set(values)]));
process.exit(0);

/**
 * Asks for so many keys over and over, each time in another order, while they are still fresh and
 * until all of them have been computed anew. The origin counts its calls in the server.
 */
async function askForAll(count: number): Promise<never> {
  const keys = createCache({
    ...{ client, prefix: "many:", ttl: 300_000, timeout: 300_000, ...patient },
  });
  const names = Array.from({ length: count }, (_, i) => `k${i}`);
  const origin = async ({ key }: { key: string }) => {
    await client.incr(`calls:${key}`);
    return "new";
  };
  console.log("ready");
  await Bun.stdin.stream().getReader().read();
  let isAllNew = false;
  while (!isAllNew) {
    names.sort(() => Math.random() - 0.5);
    let next = 0;
    isAllNew = true;
    const ask = async () => {
      for (let name = names[next++]; name !== undefined; name = names[next++]) {
        if ((await keys.getOrSet(name, origin)) !== "new") isAllNew = false;
      }
    };
    await Promise.all(Array.from({ length: 200 }, ask));
  }
  console.log(JSON.stringify(keys.stats()));
  process.exit(0);
}

async function factory(): Promise<string> {
  const run = await client.incr("runs");
  console.log("running");
  if (mode === "hold") await new Promise(() => undefined); // until this process is killed
  await Bun.sleep(factoryMs); // the work of the origin
  return `run ${run}`;
}
