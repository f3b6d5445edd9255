// Hit ratio from the same memory: a trace replayed through the real servers at the same
// configured limit, and through simulated policies at the number of objects that our server
// (or, without it, the first of the others) held at the end. Resident memory is shown, as some
// hold far more than their limit says.
// Invariant: every server and policy gets the same ids; sizes follow from ids alone.

import { replay } from "./replay.ts";
import { type ServerOptions, type ServerSpec, startServer } from "./servers.ts";
import { POLICY_NAMES, simulate, type Trace } from "./simulate/policies.ts";
import { type Benchmark, type Cell, type Context, fixed, MIB, type Table } from "./suite.ts";
import { GENERATOR_DEFAULT, generateTrace, readTrace, workingSetBytes } from "./trace.ts";

/** Limits for a trace from a file, in MiB, and for the larger one that is generated. */
const FILE_LIMITS_MIB = [4, 8, 16];
const GENERATED_LIMITS_MIB = [32, 64];
/** What stands for the built-in trace among the names of files. */
const GENERATED = "generated";

interface Variant {
  readonly name: string;
  readonly spec: ServerSpec;
  readonly options: Partial<ServerOptions>;
}

interface Sample {
  readonly variant: string;
  readonly hitPercent: number;
  readonly objects: number;
  readonly residentBytes: number;
  readonly errors: number;
}

export const hitratio: Benchmark = {
  name: "hitratio",
  summary: "hit ratio of real servers and simulated policies on traces",
  async run(context) {
    const tables: Table[] = [];
    for (const { trace, limits } of await tracesOf(context)) {
      tables.push(await measureTrace(context, trace, limits));
    }
    return tables;
  },
};

async function tracesOf(context: Context): Promise<{ trace: Trace; limits: readonly number[] }[]> {
  const chosen = context.limitsMib;
  if (context.smoke) {
    const small = { ...GENERATOR_DEFAULT, requests: 20_000, objects: 8000 };
    return [{ trace: generateTrace(small), limits: chosen.length > 0 ? chosen : [2] }];
  }
  const names = context.traces.length > 0 ? context.traces : [GENERATED];
  return Promise.all(
    names.map(async (name) => {
      const trace = name === GENERATED ? generateTrace() : await readTrace(name);
      const own = name === GENERATED ? GENERATED_LIMITS_MIB : FILE_LIMITS_MIB;
      return { trace, limits: chosen.length > 0 ? chosen : own };
    }),
  );
}

/** Redis and its kin twice, as they have two policies worth comparing with. */
function variantsOf(context: Context): Variant[] {
  return context.servers.flatMap((spec): Variant[] => {
    if (spec.name !== "redis" && spec.name !== "valkey") {
      return [{ name: spec.name, spec, options: {} }];
    }
    return [
      { name: `${spec.name} lru`, spec, options: { redisPolicy: "allkeys-lru" } },
      { name: `${spec.name} lfu`, spec, options: { redisPolicy: "allkeys-lfu" } },
    ];
  });
}

async function measureTrace(
  context: Context,
  trace: Trace,
  limits: readonly number[],
): Promise<Table> {
  const rows: Cell[][] = [];
  const raw: unknown[] = [];
  for (const limitMib of limits) {
    const samples: Sample[] = [];
    for (const variant of variantsOf(context)) {
      context.say(`hitratio: ${trace.name}, ${limitMib} MiB, ${variant.name}`);
      samples.push(await measure(variant, limitMib, trace));
    }
    const objects = samples[0].objects;
    const simulated = POLICY_NAMES.map((name) => simulate(name, objects, trace));
    rows.push(rowOf(limitMib, samples, objects, simulated));
    raw.push({ limitMib, samples, objects, simulated });
  }
  return tableOf(context, trace, rows, raw);
}

async function measure(variant: Variant, limitMib: number, trace: Trace): Promise<Sample> {
  const options = { ...variant.options, maxMemoryBytes: limitMib * MIB };
  await using server = await startServer(variant.spec, options);
  const result = await replay(server.target, variant.spec.protocol, trace);
  return {
    variant: variant.name,
    hitPercent: result.hitPercent,
    objects: await server.items(),
    residentBytes: server.residentBytes(),
    errors: result.errors,
  };
}

function rowOf(limit: number, samples: Sample[], objects: number, simulated: number[]): Cell[] {
  return [
    `${limit} MiB`,
    ...samples.map(({ hitPercent, errors }) => fixed(hitPercent, 1) + (errors > 0 ? "!" : "")),
    ...samples.map(({ residentBytes }) => fixed(residentBytes / MIB, 0)),
    objects,
    ...simulated.map((percent) => fixed(percent, 1)),
  ];
}

function tableOf(context: Context, trace: Trace, rows: Cell[][], raw: unknown[]): Table {
  const names = variantsOf(context).map((variant) => variant.name);
  const megabytes = fixed(workingSetBytes(trace) / 1e6, 1);
  return {
    title: `Hit ratio, percent: ${trace.name}`,
    columns: [
      ...["limit", ...names, ...names.map((name) => `${name} RSS`), "objects"],
      ...POLICY_NAMES.map((name) => `sim ${name}`),
    ],
    rows,
    notes: [
      `${trace.ids.length} requests, ${trace.distinct} objects, ${megabytes} MB of keys and values.`,
      `Simulated at as many objects as ${names[0]} held at the end. RSS is in MiB.`,
      "An exclamation mark: some requests were answered by an error.",
    ],
    raw,
  };
}
