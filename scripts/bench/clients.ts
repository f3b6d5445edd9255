// The client beside other clients of JavaScript: requests per second, and the client's own
// processor time for each. Every client is a fresh process on the last processor, all of them talk
// to the same server on the first, and each case visits them in short turns, in an order that
// rotates: a shared machine is slower for seconds on end.
// Invariant: nothing is timed before the client has run the same load untimed.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { clientNames, type Done, subjectOf, type Turn, type Word } from "./clients-worker.ts";
import { type RunningServer, type ServerSpec, startServer } from "./servers.ts";
import {
  alternate,
  type Benchmark,
  type Cell,
  type Context,
  fixed,
  median,
  type Table,
} from "./suite.ts";
import { MiB } from "./units.ts";

/** How often a case visits each client in one round. */
const turnsPerCase = 10;
const turnSeconds = 0.2;

const cases = (["GET", "SET"] as const).flatMap((verb) =>
  [1, 50, 500].map((inFlight) => ({ verb, inFlight })),
);

interface Sample {
  readonly server: string;
  readonly client: string;
  readonly verb: Turn["verb"];
  readonly inFlight: number;
  readonly round: number;
  readonly turn: number;
  readonly perSecond: number;
  readonly cpuNanos: number;
  readonly seconds: number;
  readonly serverSeconds: number;
}

type Figure = "perSecond" | "cpuNanos";

export const clients: Benchmark = {
  name: "clients",
  summary: "requests per second and CPU per request of clients in JavaScript",
  async run(context) {
    const specs = context.servers.filter(
      ({ protocol, name }) => protocol === "resp" && !context.trees.some((t) => t.name === name),
    );
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      for (const spec of alternate(specs, round)) {
        context.say(`clients: round ${round + 1} of ${context.rounds}, ${spec.name}`);
        samples.push(...(await measure(context, spec, round)));
      }
    }
    return specs.flatMap(({ name }) => [
      tableOf(context, "GET", name, samples),
      tableOf(context, "SET", name, samples),
    ]);
  },
};

/** A client's process. It does one thing at a time. */
class Worker implements Disposable {
  readonly name: string;
  private readonly child: Bun.Subprocess;
  private settle = Promise.withResolvers<Word>();

  constructor(name: string, subject: string, port: number) {
    this.name = name;
    const script = join(import.meta.dir, "clients-worker.ts");
    const isBound = availableParallelism() > 1 && Bun.which("taskset") !== null;
    const prefix = isBound ? ["taskset", "-c", String(availableParallelism() - 1)] : [];
    this.child = Bun.spawn([...prefix, process.execPath, script, subject, String(port)], {
      stdout: "inherit",
      stderr: "inherit",
      ipc: (word: Word) => this.settle.resolve(word),
      onExit: () => this.settle.reject(new Error(`${name} ended`)),
    });
  }

  /**
   * Resolves when it has connected and the compiler has seen its code. With one request at a time
   * that would take many seconds, which a service has and a turn has not.
   */
  async warmUp(seconds: number): Promise<void> {
    await this.hear();
    await this.take({ verb: "GET", inFlight: 500, seconds });
    await this.take({ verb: "SET", inFlight: 500, seconds });
  }

  async take(turn: Turn): Promise<Done> {
    this.settle = Promise.withResolvers<Word>();
    this.child.send(turn);
    return (await this.hear()) as Done;
  }

  private async hear(): Promise<Word> {
    const word = await this.settle.promise;
    if (typeof word !== "string" && "failure" in word) {
      throw new Error(`${this.name} is not scored: ${word.failure}`);
    }
    return word;
  }

  [Symbol.dispose](): void {
    this.settle.promise.catch(() => undefined); // it ends because it is told to
    this.child.kill();
  }
}

async function measure(context: Context, spec: ServerSpec, round: number): Promise<Sample[]> {
  await using server = await startServer(spec, { maxMemoryBytes: 256 * MiB });
  using stack = new DisposableStack();
  const { port } = server.target as { port: number };
  const workers: Worker[] = [];
  for (const name of chosenClients(context)) {
    const worker = stack.use(new Worker(name, subjectOf(name, context.trees), port));
    await worker.warmUp(context.smoke ? 0.02 : 1);
    workers.push(worker);
  }
  const samples: Sample[] = [];
  for (const { verb, inFlight } of cases) {
    const turn: Turn = { verb, inFlight, seconds: context.smoke ? 0.02 : turnSeconds };
    for (const worker of workers) await worker.take(turn); // untimed
    for (let i = 0; i < (context.smoke ? 1 : turnsPerCase); i++) {
      for (const worker of alternate(workers, round + i)) {
        samples.push({ ...(await sampleOf(worker, server, turn)), round, turn: i });
      }
    }
  }
  return samples;
}

async function sampleOf(
  worker: Worker,
  server: RunningServer,
  turn: Turn,
): Promise<Omit<Sample, "round" | "turn">> {
  const before = server.cpuSeconds();
  const { requests, seconds, cpuSeconds } = await worker.take(turn);
  return {
    ...{ server: server.spec.name, client: worker.name },
    ...{ verb: turn.verb, inFlight: turn.inFlight, seconds },
    perSecond: Math.round(requests / seconds),
    cpuNanos: Math.round((cpuSeconds / requests) * 1e9),
    serverSeconds: server.cpuSeconds() - before,
  };
}

/** `--only` selects others by name; ours is always among them. */
function chosenClients({ trees, only }: Context): string[] {
  return clientNames(trees).filter((name) => name === "mscache" || name.includes(only));
}

function tableOf(
  context: Context,
  verb: Turn["verb"],
  server: string,
  samples: readonly Sample[],
): Table {
  const names = chosenClients(context);
  const own = samples.filter((sample) => sample.verb === verb && sample.server === server);
  const depths = [...new Set(own.map(({ inFlight }) => inFlight))];
  const of = (client: string, inFlight: number) =>
    own.filter((sample) => sample.client === client && sample.inFlight === inFlight);
  const figure = (client: string, inFlight: number, key: Figure) =>
    median(of(client, inFlight).map((sample) => sample[key]));
  const strangers = names.filter((name) => isStranger(name));
  const ratio = (depth: number, key: Figure) => {
    const best = strangers.toSorted((a, b) => figure(a, depth, key) - figure(b, depth, key));
    const other = best.at(key === "perSecond" ? -1 : 0) ?? "";
    return fixed(pairedRatio(of("mscache", depth), of(other, depth), key), 2);
  };
  return {
    title: `Clients: ${verb} of 100-byte values against ${server}, by requests in flight`,
    columns: ["client", ...depths.flatMap((d) => [`${d}: k/s`, `${d}: CPU ns`]), "server %"],
    rows: [
      ...names.map((name) => [
        name,
        ...depths.flatMap((depth) => [
          fixed(figure(name, depth, "perSecond") / 1_000, 1),
          fixed(figure(name, depth, "cpuNanos"), 0),
        ]),
        fixed(serverPercent(of(name, depths.at(-1) ?? 0)), 0),
      ]),
      [
        "mscache to the best",
        ...depths.flatMap((depth): Cell[] => [ratio(depth, "perSecond"), ratio(depth, "cpuNanos")]),
        "",
      ],
    ],
    notes: [
      "CPU of the client's process for each request, the benchmark's own loop included.",
      "The best: the highest rate of the others, and the lowest cost; the median over the turns,",
      "each of which is compared with its neighbour in time. Server: how busy it was at 500.",
    ],
    raw: own,
  };
}

/** Neither ours nor that of another tree. */
function isStranger(name: string): boolean {
  return name !== "mscache" && clientNames([]).includes(name);
}

/** Turns of one round are seconds apart at most, so a busy moment of the machine is in both. */
function pairedRatio(ours: readonly Sample[], theirs: readonly Sample[], key: Figure): number {
  return median(ours.flatMap((sample, i) => (theirs[i] ? [sample[key] / theirs[i][key]] : [])));
}

/** How busy the server was: near 100, it was measured instead of the client. */
function serverPercent(samples: readonly Sample[]): number {
  const sum = (key: "seconds" | "serverSeconds") =>
    samples.reduce((total, sample) => total + sample[key], 0);
  return (sum("serverSeconds") / sum("seconds")) * 100;
}
