// A hit in the memory of the process: our near cache and our follower beside the caches that
// JavaScript has, in nanoseconds for a 100-byte value over ten thousand keys. Some do less than
// ours: the column `keeps` says what bounds them and what they check. Only three are told by a
// server what has changed, and only the follower makes a string anew for each hit.
// Invariant: every round measures each subject in a fresh process, in an order that turns round.

import { join } from "node:path";
import { connect } from "../../src/index.ts";
import { entries, subjects } from "./inprocess-subjects.ts";
import { startServer } from "./servers.ts";
import { alternate, type Benchmark, type Cell, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

interface Sample {
  readonly name: string;
  readonly way: string;
  readonly nanoseconds: number;
}

export const inprocess: Benchmark = {
  name: "inprocess",
  summary: "a hit of the near cache and of a follower beside caches in JavaScript",
  async run(context) {
    const spec = context.servers.find(({ name }) => name !== "memcached");
    if (spec === undefined) throw new Error("inprocess needs a server that speaks RESP");
    await using server = await startServer(spec, { maxMemoryBytes: 256 * MiB });
    const { host, port } = server.target as { host: string; port: number };
    const addr = `${host}:${port}`;
    await using client = await connect(addr);
    const { keys, value } = entries;
    await Promise.all(keys.map((key) => client.set(key, value)));
    const samples: Sample[] = [];
    const chosen = subjects.filter(({ name }) => name.includes(context.only));
    for (let round = 0; round < context.rounds; round++) {
      context.say(`inprocess: round ${round + 1}`);
      for (const { name } of alternate(chosen, round)) {
        samples.push(...measure(name, addr, context.smoke ? 20 : 500));
      }
    }
    return [tableOf("a call that returns", false, samples), tableOf("an await", true, samples)];
  },
};

function measure(name: string, addr: string, millis: number): Sample[] {
  const file = join(import.meta.dir, "inprocess-run.ts");
  const child = Bun.spawnSync([process.execPath, file, name, addr, `${millis}`]);
  if (child.exitCode !== 0) throw new Error(`inprocess, ${name}: ${child.stderr}`.trim());
  const result = JSON.parse(`${child.stdout}`) as Record<string, number>;
  return Object.entries(result).map(([way, nanoseconds]) => ({ name, way, nanoseconds }));
}

function tableOf(what: string, isAwaited: boolean, all: readonly Sample[]): Table {
  const samples = all.filter(({ way }) => way.startsWith("await") === isAwaited);
  const rows = subjects.flatMap(({ name, keeps }) => {
    const own = samples.filter((sample) => sample.name === name);
    return [...new Set(own.map(({ way }) => way))].map((way) => {
      const raw = own.filter((sample) => sample.way === way).map((s) => s.nanoseconds);
      return { name, keeps, way, raw, middle: median(raw) };
    });
  });
  rows.sort((a, b) => a.middle - b.middle);
  const cells = rows.map(({ name, keeps, way, raw, middle }): Cell[] => [
    ...[name, way, fixed(middle, 0), raw.map((one) => fixed(one, 0)).join(" "), keeps],
  ]);
  return {
    title: `A hit in the process by ${what}: nanoseconds`,
    columns: ["", "by", "median", "rounds", "keeps"],
    rows: cells,
    notes: [`${rows[0]?.name ?? "nobody"} wins`],
    raw: samples,
  };
}
