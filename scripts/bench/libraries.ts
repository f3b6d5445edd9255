// The libraries of scripts: server CPU of one call of a function, in a loop of Lua that calls it
// many times. Small values, as scripts have them; what a script is sent and replies costs nothing
// here, and the loop itself, which every case has, is a case of its own.
// Invariant: each case has checked its result once, within the script; an error ends the run.

import { Exchange, encode } from "./exchange.ts";
import { type RunningServer, type ServerSpec, startServer } from "./servers.ts";
import { alternate, type Benchmark, type Context, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

interface Case {
  readonly name: string;
  /** What comes before the loop. */
  readonly prepares?: string;
  readonly call: string;
  /** True of the result `r`. */
  readonly expects: string;
}

const object = `local t = {id = 17, name = "a user", tags = {"a", "b"}, ok = true}`;
const json = `local j = '{"id":17,"name":"a user","tags":["a","b"],"ok":true}'`;
const packed = 'local p = struct.pack(">I4HBs", 70000, 7, 1, "text")';

const cases: readonly Case[] = [
  { name: "an empty loop", call: "i", expects: "r > 0" },
  { name: "tonumber", prepares: 'local s = "1234"', call: "tonumber(s)", expects: "r == 1234" },
  { name: "string.format", call: 'string.format("%d:%s", i, "x")', expects: "#r > 2" },
  {
    name: "string.sub",
    prepares: 'local s = "a longer text"',
    call: "s:sub(3, 8)",
    expects: "#r == 6",
  },
  {
    name: "string.find",
    prepares: 'local s = "a longer text"',
    call: 's:find("(%w+) text")',
    expects: "r == 3",
  },
  { name: "bit.band", call: "bit.band(i, 255)", expects: "r < 256" },
  { name: "cjson.encode", prepares: object, call: "cjson.encode(t)", expects: "#r > 50" },
  { name: "cjson.decode", prepares: json, call: "cjson.decode(j)", expects: "r.tags[2] == 'b'" },
  { name: "cmsgpack.pack", prepares: object, call: "cmsgpack.pack(t)", expects: "#r > 20" },
  {
    ...{ name: "cmsgpack.unpack", prepares: `${object} local p = cmsgpack.pack(t)` },
    ...{ call: "cmsgpack.unpack(p)", expects: "r.tags[2] == 'b'" },
  },
  { name: "struct.pack", call: 'struct.pack(">I4HBs", i, 7, 1, "text")', expects: "#r == 12" },
  {
    name: "struct.unpack",
    prepares: packed,
    call: 'struct.unpack(">I4HBs", p)',
    expects: "r == 70000",
  },
];

interface Sample {
  readonly server: string;
  readonly name: string;
  readonly nanos: number;
}

export const libraries: Benchmark = {
  name: "libraries",
  summary: "server CPU of the functions that scripts call",
  async run(context) {
    const specs = context.servers.filter(({ protocol }) => protocol === "resp");
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      for (const spec of alternate(specs, round)) {
        context.say(`libraries: round ${round + 1} of ${context.rounds}, ${spec.name}`);
        samples.push(...(await measure(context, spec)));
      }
    }
    return [tableOf(specs, samples)];
  },
};

async function measure(context: Context, spec: ServerSpec): Promise<Sample[]> {
  await using server = await startServer(spec, { maxMemoryBytes: 64 * MiB });
  const { port } = server.target as { port: number };
  const exchange = await Exchange.connect(port);
  const samples: Sample[] = [];
  for (const one of cases.filter(({ name }) => name.includes(context.only))) {
    const nanos = await nanosOf(server, exchange, one, context.smoke);
    samples.push({ server: spec.name, name: one.name, nanos });
  }
  exchange.close();
  return samples;
}

/** The mean over some runs, after as many to warm up. */
async function nanosOf(
  server: RunningServer,
  exchange: Exchange,
  { prepares = "", call, expects }: Case,
  isSmoke: boolean,
): Promise<number> {
  const [count, runs] = isSmoke ? [100, 1] : [50_000, 10];
  const script = `${prepares} local r for i = 1, ${count} do r = ${call} end assert(${expects})`;
  const run = async () => {
    for (let i = 0; i < runs; i++) await exchange.ask(encode("EVAL", script, 0));
  };
  await run();
  const before = server.cpuSeconds();
  await run();
  return ((server.cpuSeconds() - before) / (count * runs)) * 1e9;
}

function tableOf(specs: readonly ServerSpec[], samples: readonly Sample[]): Table {
  const servers = specs.map(({ name }) => name);
  const rows = [...new Set(samples.map(({ name }) => name))];
  const nanosOf = (name: string, server: string) =>
    median(samples.filter((s) => s.name === name && s.server === server).map((s) => s.nanos));
  const compares = servers.includes("mscache") && servers.includes("redis");
  return {
    title: "Libraries of scripts: server CPU per call, nanoseconds",
    columns: ["function", ...servers, ...(compares ? ["mscache/redis"] : [])],
    rows: rows.map((name) => [
      name,
      ...servers.map((server) => fixed(nanosOf(name, server), 0)),
      ...(compares ? [fixed(nanosOf(name, "mscache") / nanosOf(name, "redis"), 2)] : []),
    ]),
    raw: samples,
  };
}
