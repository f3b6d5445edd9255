// Resident memory of a server under each family of commands and under hostile clients: how much it
// grows over the idle server at its peak, and how much of that remains when the clients have gone.
// The loads are in resident-cases.ts; `memory` measures the memory of items.
// Invariant: each load has a fresh server, and the same number of the same commands for all of
// them.

import { peakResidentBytes, resetPeak, residentBytes, settledResidentBytes } from "./process.ts";
import { Bed, type Load, loads } from "./resident-cases.ts";
import { type ServerSpec, startServer } from "./servers.ts";
import { type Benchmark, type Cell, type Context, fixed, median } from "./suite.ts";
import { MiB, mib } from "./units.ts";

const restMs = 3_000;
const maxMemoryBytes = 256 * MiB;
const manyThreads = 4;

interface Variant {
  readonly name: string;
  readonly spec: ServerSpec;
  readonly threads: number;
}

interface Sample {
  readonly load: string;
  readonly variant: string;
  readonly peakBytes: number;
  readonly restBytes: number;
  readonly seconds: number;
}

export const resident: Benchmark = {
  name: "resident",
  summary: "resident memory under each family of commands, at its peak and at rest",
  async run(context) {
    const variants = variantsOf(context);
    const chosen = loads.filter(({ name }) => name.includes(context.only));
    const samples: Sample[] = [];
    for (const load of chosen) {
      for (const variant of variants) {
        for (let round = 0; round < context.rounds; round++) {
          const sample = await measure(context, load, variant);
          samples.push(sample);
          const [peak, rest] = [sample.peakBytes, sample.restBytes].map(mib);
          const seconds = fixed(sample.seconds, 1);
          context.say(`resident: ${load.name}, ${variant.name}: ${peak}, ${rest}, ${seconds} s`);
        }
      }
    }
    return [tableOf(chosen, variants, samples)];
  },
};

/** Those that speak RESP; ours, and that of another tree, with several threads as well. */
function variantsOf({ servers, smoke }: Context): Variant[] {
  return servers
    .filter(({ protocol }) => protocol === "resp")
    .flatMap((spec) => {
      const { name } = spec;
      const one = { name, spec, threads: 1 };
      if (!spec.hasThreads || smoke) return [one];
      return [one, { name: `${name} x${manyThreads}`, spec, threads: manyThreads }];
    });
}

async function measure(context: Context, load: Load, variant: Variant): Promise<Sample> {
  const { spec, threads } = variant;
  const options = { maxMemoryBytes: maxMemoryBytes, threads, unpinned: threads > 1 };
  await using server = await startServer(spec, options);
  const bed = new Bed(server.target.port, context.smoke);
  await load.prepare?.(bed);
  const resting = context.smoke ? residentBytes : settledResidentBytes;
  const idle = await resting(server.pid);
  resetPeak(server.pid);
  const begin = performance.now();
  await load.run(bed);
  const seconds = (performance.now() - begin) / 1000;
  bed.close();
  await Bun.sleep(context.smoke ? 10 : restMs);
  const restBytes = (await resting(server.pid)) - idle;
  // After the rest: a server reads what its clients left unread when they close.
  const peakBytes = peakResidentBytes(server.pid) - idle;
  return { load: load.name, variant: variant.name, peakBytes, restBytes, seconds };
}

function tableOf(
  chosen: readonly Load[],
  variants: readonly Variant[],
  samples: readonly Sample[],
) {
  const mibOf = (values: number[]) => fixed(median(values) / MiB, 1);
  const row = ({ name }: Load): Cell[] => [
    name,
    ...variants.flatMap((variant) => {
      const own = samples.filter((one) => one.load === name && one.variant === variant.name);
      return [
        mibOf(own.map(({ peakBytes }) => peakBytes)),
        mibOf(own.map(({ restBytes }) => restBytes)),
      ];
    }),
  ];
  return {
    title: "Resident memory over that of the idle server, MiB",
    columns: ["load", ...variants.flatMap(({ name }) => [name, "rest"])],
    rows: chosen.map(row),
    notes: [
      "At the peak, and 3 s after the clients have gone.",
      `A limit of ${maxMemoryBytes / MiB} MiB, of which no load stores more than 20.`,
    ],
    raw: samples,
  };
}
