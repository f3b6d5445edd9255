// A hit in the memory of the process: our near cache and our follower beside the caches that
// JavaScript has, in nanoseconds for a 100-byte value over ten thousand keys. Many do less than
// ours, and the table says what: by what they are bounded, whether lifetimes end in time, and what
// a writer of an object that he was given does to the others. Only three are told by a server what
// has changed, and only getBytes() of the follower makes a value anew for each hit.
// Invariant: every round measures each subject in a fresh process, in an order that turns round.

import { join } from "node:path";
import { connect } from "../../src/index.ts";
import { keys, type Subject, values } from "./inprocess-entries.ts";
import type { Facts } from "./inprocess-facts.ts";
import type { RunResult, WayTiming } from "./inprocess-run.ts";
import { subjects } from "./inprocess-subjects.ts";
import { startServer } from "./servers.ts";
import { alternate, type Benchmark, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

interface Sample extends WayTiming {
  readonly name: string;
  readonly way: string;
}

interface Row {
  readonly subject: Subject;
  readonly way: string;
  readonly medians: readonly number[];
  readonly best: number;
  /** What the reader's own loop took, the median of the rounds' medians. */
  readonly reader: number;
  readonly facts: Facts;
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
    await using client = await connect(addr, { requestTimeoutMs: 60_000 });
    await Promise.all(keys.map((key, i) => client.set(key, values[i])));
    const samples: Sample[] = [];
    const facts = new Map<string, Facts>();
    const chosen = subjects.filter(({ name }) => name.includes(context.only));
    for (let round = 0; round < context.rounds; round++) {
      context.say(`inprocess: round ${round + 1}`);
      for (const { name } of alternate(chosen, round)) {
        const result = measure(name, addr, context.smoke ? 20 : 500, round === 0);
        for (const [way, timing] of Object.entries(result.ways)) {
          samples.push({ name, way, ...timing });
        }
        if (result.facts !== null) facts.set(name, result.facts);
      }
    }
    const rows = rowsOf(samples, facts);
    return [
      tableOf(
        "a call that returns",
        rows.filter(({ way }) => !isAwaited(way)),
        samples,
      ),
      tableOf(
        "an await",
        rows.filter(({ way }) => isAwaited(way)),
        samples,
      ),
    ];
  },
};

function measure(name: string, addr: string, millis: number, tries: boolean): RunResult {
  const file = join(import.meta.dir, "inprocess-run.ts");
  const given = [name, addr, `${millis}`, ...(tries ? ["tries"] : [])];
  const child = Bun.spawnSync([process.execPath, file, ...given]);
  if (child.exitCode !== 0) throw new Error(`inprocess, ${name}: ${child.stderr}`.trim());
  return JSON.parse(`${child.stdout}`) as RunResult;
}

function isAwaited(way: string): boolean {
  return way.startsWith("await");
}

/** Quickest first, by what a busy machine disturbs least. */
function rowsOf(samples: readonly Sample[], facts: ReadonlyMap<string, Facts>): Row[] {
  const rows = subjects.flatMap((subject): Row[] => {
    const own = samples.filter(({ name }) => name === subject.name);
    const known = facts.get(subject.name);
    if (known === undefined) return [];
    return [...new Set(own.map(({ way }) => way))].map((way) => {
      const timings = own.filter((sample) => sample.way === way);
      const best = Math.min(...timings.map((timing) => timing.best));
      const reader = median(timings.map((timing) => timing.reader.median));
      const medians = timings.map((timing) => timing.median);
      return { subject, way, medians, best, reader, facts: known };
    });
  });
  return rows.sort((a, b) => a.best - b.best);
}

function tableOf(what: string, rows: readonly Row[], raw: readonly Sample[]): Table {
  const ours = rows.filter(({ subject }) => subject.name.startsWith("mscache"));
  return {
    title: `A hit in the process by ${what}: nanoseconds`,
    columns: [
      ...["", "by", "median", "best", "reader", "medians of rounds"],
      ...["bounded by", "lifetimes", "an object is"],
    ],
    rows: rows.map(({ subject, way, medians, best, reader, facts }) => [
      ...[subject.name, way, fixed(median(medians), 0), fixed(best, 0), fixed(reader, 0)],
      medians.map((one) => fixed(one, 0)).join(" "),
      ...[subject.bound, facts.life, facts.objects],
    ]),
    notes: [...legend, ...ours.map((row) => standing(row, rows))],
    raw,
  };
}

const legend: readonly string[] = [
  "best: a pass of the best of each 500 reads, which nothing has interrupted",
  "reader: what the median has of the loop that asks, and that compares what it got",
  "lifetimes: exact (over at once), late (when timers have run) or none",
  "a shared object is changed for all by whoever writes to it",
  "less work: no bound in bytes, no exact lifetimes, or shared objects",
];

/** Who is quicker than one of ours, and whether it does as much. */
function standing(ours: Row, rows: readonly Row[]): string {
  const quicker = rows
    .slice(0, rows.indexOf(ours))
    .filter(({ subject }) => !subject.name.startsWith("mscache"));
  const names = (some: readonly Row[]) => some.map(({ subject }) => subject.name).join("; ");
  const equals = names(quicker.filter(doesAsMuch)) || "nobody";
  const lesser = names(quicker.filter((row) => !doesAsMuch(row))) || "nobody";
  const what = `${ours.subject.name} by ${ours.way}`;
  return `quicker than ${what} with as much work: ${equals}; with less: ${lesser}`;
}

/** A bound in bytes, lifetimes that end in time, and objects that no reader can change. */
function doesAsMuch({ subject, facts }: Row): boolean {
  return subject.bound === "bytes" && facts.life === "exact" && facts.objects !== "shared";
}
