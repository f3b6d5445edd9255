// The edges of a memory limit: the largest value that fits into a memory full of small ones; and,
// without eviction, whether writes are refused when memory is full and accepted again after
// deletes. limit.ts measures peaks of resident memory.
// Invariant: a value that a server accepted and did not evict can be read.

import { preload, runBench } from "../../src/bench/load-run.ts";
import { keyText } from "../../src/bench/requests.ts";
import type { Workload } from "../../src/bench/workload.ts";
import { Probe } from "./probe.ts";
import { type RunningServer, type ServerSpec, startServer, workloadFor } from "./servers.ts";
import type { Cell, Context, Table } from "./suite.ts";
import { MiB } from "./units.ts";

const overflow = 4;
const smallValueBytes = 100;
const largeTries = 5;
/** Keys differ for each length. */
const largeKeyBytes = 24;
const reasonLengthMax = 60;

const fullValueBytes = 1000;
const againKeyBytes = 32;
const keysOfADelete = 500;

// ---- the largest value --------------------------------------------------------------------------

export async function largestTable(context: Context): Promise<Table> {
  const rows: Cell[][] = [];
  for (const limitMib of context.smoke ? [4] : [4, 16, 64]) {
    for (const spec of context.servers) {
      context.say(`limit: a quarter of ${limitMib} MiB, ${spec.name}`);
      rows.push(await measureLargest(spec, limitMib * MiB));
    }
  }
  return {
    title: "Values of a quarter of the limit, written to a memory full of small ones",
    columns: ["server", "limit", "value bytes", "read back", "refused", "a byte more"],
    rows,
    notes: [`Read back: of ${largeTries} keys, each written twice, every byte compared.`],
  };
}

async function measureLargest(spec: ServerSpec, limitBytes: number): Promise<Cell[]> {
  await using server = await startServer(spec, { maxMemoryBytes: limitBytes });
  const small = workloadFor(server, {
    ...{ valueBytesMin: smallValueBytes, valueBytesMax: smallValueBytes },
    keys: Math.ceil((limitBytes * overflow) / smallValueBytes),
  });
  await preload(server.target, small, 1);
  const quarter = Math.floor(limitBytes / 4);
  let [readBack, refused] = [0, 0];
  for (let i = 0; i < largeTries; i++) {
    const { hits, errors } = await writeAndRead(server, quarter, largeKeyBytes + i);
    readBack += Math.min(1, hits);
    refused += errors;
  }
  const beyond = await writeAndRead(server, quarter + 1, largeKeyBytes + largeTries);
  const verdict = beyond.errors === 0 ? "stored" : beyond.firstError.slice(0, reasonLengthMax);
  return [spec.name, limitBytes / MiB, quarter, readBack, refused, verdict];
}

/** GET, SET, GET, SET of one key: the first misses, the third must return every byte. */
function writeAndRead(server: RunningServer, valueBytes: number, keyLengthBytes: number) {
  const workload = workloadFor(server, {
    ...{ keys: 1, keyLengthBytes, gets: 1, sets: 1, verify: true },
    ...{ valueBytesMin: valueBytes, valueBytesMax: valueBytes },
  });
  return runBench(server.target, workload, { connections: 1, requests: 4 });
}

// ---- memory full and nothing evicted ------------------------------------------------------------

export async function fullTable(context: Context): Promise<Table> {
  const rows: Cell[][] = [];
  for (const limitMib of context.smoke ? [8] : [16, 128]) {
    for (const spec of context.servers.filter(({ protocol }) => protocol === "resp")) {
      context.say(`limit: ${limitMib} MiB without eviction, ${spec.name}`);
      rows.push(await measureFull(spec, limitMib * MiB));
    }
  }
  return {
    title: "Without eviction: writes until memory is full, and after every second item is deleted",
    columns: [
      ...["server", "limit", "written", "refused", "by", "deleted", "written again"],
      "refused again",
    ],
    rows,
    notes: [
      `SET, ${fullValueBytes}-byte values, ${overflow} times the limit, one connection.`,
      "Written again: other keys, half as many as were deleted.",
    ],
  };
}

async function measureFull(spec: ServerSpec, maxMemoryBytes: number): Promise<Cell[]> {
  await using server = await startServer(spec, { maxMemoryBytes, evictsNothing: true });
  const workload = workloadFor(server, {
    ...{ valueBytesMin: fullValueBytes, valueBytesMax: fullValueBytes, gets: 0, sets: 1 },
    ...{ keys: Math.ceil((maxMemoryBytes * overflow) / fullValueBytes), pattern: "sequential" },
  });
  const filled = await write(server, workload, workload.keys);
  const taken = await assertHolds(server, filled.operations - filled.errors);
  const deleted = await deleteEverySecond(server, workload, taken);
  const others = { ...workload, keyLengthBytes: againKeyBytes };
  const again = await write(server, others, Math.floor(deleted / 2));
  const added = again.operations - again.errors;
  await assertHolds(server, taken - deleted + added);
  const reason = filled.firstError.slice(0, reasonLengthMax);
  return [
    ...[spec.name, maxMemoryBytes / MiB, taken, filled.errors, reason, deleted, added],
    again.errors,
  ];
}

function write(server: RunningServer, workload: Workload, requests: number) {
  return runBench(server.target, workload, { connections: 1, requests });
}

async function assertHolds(server: RunningServer, wanted: number): Promise<number> {
  const items = await server.items();
  if (items !== wanted) throw new Error(`${server.spec.name} holds ${items} of ${wanted} items`);
  return items;
}

/** Frees space in pieces. Keys were accepted in order, except for a few at the end. */
async function deleteEverySecond(
  server: RunningServer,
  workload: Workload,
  taken: number,
): Promise<number> {
  await using probe = await Probe.connect(server.target.port);
  let deleted = 0;
  for (let from = 0; from < taken; from += 2 * keysOfADelete) {
    const keys: string[] = [];
    const to = Math.min(from + 2 * keysOfADelete, taken);
    for (let id = from; id < to; id += 2) keys.push(keyText(workload, id));
    deleted += Number(await probe.ask("DEL", ...keys));
  }
  return deleted;
}
