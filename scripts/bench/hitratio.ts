// Hit ratio with the same memory: a trace is replayed through the real servers at the same
// configured limit, and through simulated policies at the number of objects that our server (or,
// without it, the first other one) held at the end. Resident memory is shown, because some servers
// hold far more than their limit says.
// Invariant: every server and policy gets the same ids; sizes follow from ids alone.

import { replay } from "./replay.ts";
import { type ServerOptions, type ServerSpec, startServer } from "./servers.ts";
import { policyNames, simulate, type Trace } from "./simulate/policies.ts";
import { type Benchmark, type Cell, type Context, fixed, type Table } from "./suite.ts";
import { generateTrace, generatorDefault, readTrace, workingSetBytes } from "./trace.ts";
import { MiB } from "./units.ts";

/** The smallest limit for a trace from a file, and for the larger one that is generated, in MiB. */
const fileLimitMib = 4;
const generatedLimitMib = 32;
/** Limits double until they reach this multiple of the data, or this maximum. */
const roomyFactor = 1.2;
const limitMibMax = 64;
/** The name of the built-in trace among file names. */
const generated = "generated";

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
    for (const job of await jobsOf(context)) tables.push(await measureTrace(context, job));
    return tables;
  },
};

interface Job {
  readonly trace: Trace;
  readonly limits: readonly number[];
}

async function jobsOf(context: Context): Promise<Job[]> {
  if (context.smoke) {
    const small = { ...generatorDefault, requests: 20_000, objects: 8000 };
    return [jobOf(context, generateTrace(small), 2)];
  }
  const names = context.traces.length > 0 ? context.traces : [generated];
  return Promise.all(
    names.map(async (name) =>
      name === generated
        ? jobOf(context, generateTrace(), generatedLimitMib)
        : jobOf(context, await readTrace(name), fileLimitMib),
    ),
  );
}

function jobOf({ limitsMib, smoke }: Context, trace: Trace, leastMib: number): Job {
  if (limitsMib.length > 0) return { trace, limits: limitsMib };
  return { trace, limits: smoke ? [leastMib] : doubledUntilRoomy(trace, leastMib) };
}

/** Includes one limit at which everything fits. */
function doubledUntilRoomy(trace: Trace, leastMib: number): number[] {
  const roomyMib = (workingSetBytes(trace) / MiB) * roomyFactor;
  const largestMib = Math.min(roomyMib, limitMibMax);
  const limits = [leastMib];
  for (let limit = leastMib; limit < largestMib; limits.push(limit)) limit *= 2;
  return limits;
}

/** Redis and its forks twice, since they have two policies worth a comparison. */
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

/**
 * All servers and limits of a trace side by side: each waits for the generator much of the time.
 * The replay of each lasts longer than alone, which is fair to Redis, whose clock for LRU ticks
 * once a second.
 */
async function measureTrace(context: Context, { trace, limits }: Job): Promise<Table> {
  const variants = variantsOf(context);
  context.say(`hitratio: ${trace.name}, ${limits.join(", ")} MiB`);
  const byLimit = await Promise.all(
    limits.map((limitMib) => {
      return Promise.all(variants.map((variant) => measure(variant, limitMib, trace)));
    }),
  );
  const raw = limits.map((limitMib, i) => {
    const { objects } = byLimit[i][0];
    const simulated = policyNames.map((name) => simulate(name, objects, trace));
    return { limitMib, samples: byLimit[i], objects, simulated };
  });
  return tableOf(variants, trace, raw);
}

async function measure(variant: Variant, limitMib: number, trace: Trace): Promise<Sample> {
  const options = { ...variant.options, maxMemoryBytes: limitMib * MiB };
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

interface LimitResult {
  readonly limitMib: number;
  readonly samples: readonly Sample[];
  readonly objects: number;
  readonly simulated: readonly number[];
}

function rowOf({ limitMib, samples, objects, simulated }: LimitResult, dataBytes: number): Cell[] {
  return [
    ...[`${limitMib} MiB`, fixed(dataBytes / (limitMib * MiB), 1)],
    ...samples.map(({ hitPercent, errors }) => fixed(hitPercent, 2) + (errors > 0 ? "!" : "")),
    ...samples.map(({ residentBytes }) => fixed(residentBytes / MiB, 0)),
    objects,
    ...simulated.map((percent) => fixed(percent, 2)),
  ];
}

function tableOf(variants: readonly Variant[], trace: Trace, raw: readonly LimitResult[]): Table {
  const names = variants.map((variant) => variant.name);
  const dataBytes = workingSetBytes(trace);
  return {
    title: `Hit ratio, percent: ${trace.name}`,
    columns: [
      ...["limit", "data/limit", ...names, ...names.map((name) => `${name} RSS`), "objects"],
      ...policyNames.map((name) => `sim ${name}`),
    ],
    rows: raw.map((result) => rowOf(result, dataBytes)),
    notes: [
      `${trace.ids.length} requests, ${trace.distinct} objects.`,
      `Data: ${fixed(dataBytes / 1e6, 1)} MB of keys and values, without any server's overhead.`,
      `Simulated at as many objects as ${names[0]} held at the end. RSS is in MiB.`,
      "An exclamation mark: some requests got an error reply.",
    ],
    raw,
  };
}
