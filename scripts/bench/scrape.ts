// What a scrape of /metrics costs a node that has used many commands, so that each has its
// histogram: CPU of the server for each, over batches of scrapes.
// Invariant: every scrape is answered with the histogram of each command that has been called.

import { commands } from "../../src/command/table.ts";
import { Exchange, encode } from "./exchange.ts";
import { freePort, type RunningServer, startServer } from "./servers.ts";
import { type Benchmark, type Context, fixed, median } from "./suite.ts";
import { MiB } from "./units.ts";

/** They would end the connection, take it over, stop the node, or change what it is asked. */
const unasked: ReadonlySet<string> = new Set([
  ...["shutdown", "quit", "monitor", "psync", "sync", "join", "subscribe", "psubscribe"],
  ...["ssubscribe", "multi", "reset", "hello", "replicaof", "slaveof", "failover", "debug"],
]);

interface Sample {
  readonly cpuMs: number;
  readonly bytes: number;
  readonly commands: number;
}

export const scrape: Benchmark = {
  name: "scrape",
  summary: "server CPU of a scrape of /metrics",
  async run(context) {
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      context.say(`scrape: round ${round + 1} of ${context.rounds}`);
      samples.push(...(await measureRound(context)));
    }
    const costs = samples.map(({ cpuMs }) => cpuMs);
    const [{ bytes, commands: called }] = samples;
    return [
      {
        title: "A scrape of /metrics, ms of the server's CPU",
        columns: ["commands used", "bytes", "median", "least", "most"],
        rows: [
          [
            ...[called, bytes, fixed(median(costs), 2)],
            ...[fixed(Math.min(...costs), 2), fixed(Math.max(...costs), 2)],
          ],
        ],
        raw: samples,
      },
    ];
  },
};

/** Ten batches: the kernel counts CPU in ticks of 10 ms. */
async function measureRound({ servers, smoke }: Context): Promise<Sample[]> {
  const [ours] = servers.filter(({ name }) => name === "mscache");
  if (ours === undefined) throw new Error("mscache is not among the servers");
  const port = freePort();
  const spec = {
    ...ours,
    command: (...given: Parameters<typeof ours.command>) => {
      return [...ours.command(...given), "--http", `127.0.0.1:${port}`];
    },
  };
  await using server = await startServer(spec, { maxMemoryBytes: 64 * MiB });
  await callEach(server);
  const url = `http://127.0.0.1:${port}/metrics`;
  const [batches, each] = smoke ? [1, 5] : [10, 100];
  for (let i = 0; i < each; i++) await (await fetch(url)).text(); // until its code is compiled
  const samples: Sample[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const before = server.cpuSeconds();
    let text = "";
    for (let i = 0; i < each; i++) text = await (await fetch(url)).text();
    const cpuMs = ((server.cpuSeconds() - before) * 1000) / each;
    const called = text.match(/^mscache_command_duration_seconds_count\{/gm)?.length ?? 0;
    samples.push({ cpuMs, bytes: text.length, commands: called });
  }
  return samples;
}

/** With one argument: what has too few ends with an error, which is counted as well. */
async function callEach({ target }: RunningServer): Promise<void> {
  const { port } = target as { port: number };
  const exchange = await Exchange.connect(port);
  const calls = commands
    .filter(({ name }) => !unasked.has(name) && /^[a-z_]+$/.test(name))
    .map(({ name }) => encode(name, "key"));
  await exchange.ask(Buffer.concat([encode("PING"), ...calls]));
  exchange.close();
}
