// Every benchmark of the suite runs in its smallest size, so that none rots unseen: it starts the
// servers that are installed, checks them, measures and reports. What it measures is not judged
// here, only that each figure is one that could be true. The dearest run in `test:long` alone, and
// the others not there again.
//
// The suite is a process of its own, as it binds itself to a processor. One process runs the
// benchmarks that need no options of their own, as `bun run bench --smoke` does. In `bun run test`
// our server is the executable of the run; only `--against` starts both trees from source.

import { beforeAll, describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { temporaryDirectory } from "./harness.ts";
import { browserInstalled } from "./support/browser.ts";
import { whenLong, whenShort } from "./support/repetitions.ts";

const main = join(import.meta.dir, "../scripts/bench/main.ts");
const timeoutMs = 300_000;
/** For all benchmarks of a run together. */
const wholeMsMax = 900_000;
const dear = [
  ...["cpu", "tls", "latency", "growth", "threads", "replication", "inprocess", "day"],
  ...["clients", "imports", "memory", "hitratio", "scripts"],
];
const hasBrowser = browserInstalled();
const cheap = ["sockets", "gc", "start", "scrape", "libraries", "tags", "dictionaries"];

interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly notes?: readonly string[];
}

interface Outcome {
  readonly benchmark: string;
  readonly tables: readonly Table[];
  readonly failure?: string;
}

interface Output {
  readonly head: readonly string[];
  readonly outcomes: readonly Outcome[];
}

async function smoke(...args: string[]): Promise<readonly Table[]> {
  return tablesOf(await runSmoke(tmpdir(), ...args));
}

/** Those of the only benchmark, or of the one of that name; fails if that one did. */
function tablesOf({ outcomes }: Output, name = outcomes[0]?.benchmark): readonly Table[] {
  const outcome = outcomes.find(({ benchmark }) => benchmark === name);
  if (outcome === undefined) throw new Error(`there is no outcome of ${name}`);
  if (outcome.failure !== undefined) throw new Error(outcome.failure);
  return outcome.tables;
}

/** With its own folder for temporary files. */
async function runSmoke(folder: string, ...args: string[]): Promise<Output> {
  const built = args.includes("--against") ? undefined : process.env.MSCACHE_TEST_NODE;
  const ours = built === undefined ? [] : ["--binary"];
  const child = Bun.spawn([process.execPath, main, ...args, ...ours, "--smoke", "--json"], {
    env: { ...process.env, TMPDIR: folder, MSCACHE_BENCH_BINARY: built },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const status = await child.exited;
  if (text === "") throw new Error(`exit status ${status}: ${errors}`);
  const output: Output = JSON.parse(text);
  const hasFailed = output.outcomes.some(({ failure }) => failure !== undefined);
  if (status !== (hasFailed ? 1 : 0)) throw new Error(`exit status ${status}: ${errors}`);
  return output;
}

/** The figures of a column as numbers; a cell that holds none is a failure of the benchmark. */
function column(table: Table, name: string): number[] {
  const at = table.columns.indexOf(name);
  if (at < 0) throw new Error(`"${table.title}" has no column "${name}"`);
  return table.rows.map((row) => Number(row[at]));
}

function rowsOf(table: Table, server: string): number[] {
  return table.rows.flatMap(([name], row) => (name === server ? [row] : []));
}

function expectBetween(values: readonly number[], low: number, high: number): void {
  expect(values.length).toBeGreaterThan(0);
  expect(values.filter((value) => !(value >= low && value <= high))).toEqual([]);
}

// /proc and the pinning of processes exist on Linux alone, and so does the suite.
describe.skipIf(process.platform !== "linux")("the benchmark suite in its smoke size", () => {
  let output: Output = { head: [], outcomes: [] };
  let servers: string[] = [];
  const withoutOptions: string[] = [];

  beforeAll(async () => {
    whenShort(() => withoutOptions.push(...cheap));
    whenLong(() => withoutOptions.push(...dear, ...(hasBrowser ? ["observing"] : [])));
    output = await runSmoke(tmpdir(), ...withoutOptions);
    servers = output.head.slice(1).map((line) => line.split(":")[0]);
  }, wholeMsMax);

  test("measures our server, and the others where they are installed", () => {
    expect(servers).toContain("mscache");
    expect(servers.includes("redis")).toBe(Bun.which("redis-server") !== null);
    expect(servers.includes("memcached")).toBe(Bun.which("memcached") !== null);
  });

  whenLong(() => {
    test("imports: each way into each server has a cost and a rate", () => {
      const [table] = tablesOf(output, "imports");
      const into = servers.filter((name) => name !== "memcached");
      expect(table.rows).toHaveLength(into.length * (Bun.which("redis-cli") === null ? 2 : 3));
      expectBetween(column(table, "CPU us an item"), 0, 5_000);
      expectBetween(column(table, "k items/s"), 0, 5_000);
    });

    test.skipIf(!hasBrowser)("observing: each load has a cost, with a browser too", () => {
      const [table] = tablesOf(output, "observing");
      expect(table.rows).toHaveLength(6);
      for (const name of ["no --http", "--http", "--http, a browser"]) {
        expectBetween(column(table, name), 0, 5000);
      }
    });

    test("cpu: each load has a cost and a rate for each server", () => {
      const tables = tablesOf(output, "cpu");
      const [plain, evicting, ratios] = tables;
      for (const table of [plain, evicting]) {
        expect(table.rows.length).toBe(7);
        for (const name of servers) {
          // The kernel counts in ticks of 10 ms, so a part that was hardly served may show none.
          expectBetween(column(table, `${name} us`), 0, 5000);
          expectBetween(column(table, `${name} k/s`), 0.1, 20_000);
        }
      }
      expect(ratios.columns).toEqual(["load", ...servers]);
      expect(ratios.rows.map(([load]) => load)).toEqual(plain.rows.map(([load]) => load));
    });
  });

  whenShort(() => {
    test(
      "cpu --quick: SET and GET of one group, depth by depth",
      async () => {
        const tables = await smoke("cpu", "--quick", "--servers", "mscache");
        expect(tables.map(({ rows }) => rows.map(([load]) => load))).toEqual([
          [
            "depth 64, SET of new keys",
            ...["depth 1, SET", "depth 1, GET", "depth 16, SET", "depth 16, GET"],
          ],
        ]);
      },
      timeoutMs,
    );
  });

  // An unpacked archive has no history to compare with.
  const isCheckout = Bun.spawnSync(["git", "rev-parse", "HEAD"]).exitCode === 0;
  whenLong(() => {
    (isCheckout ? test : () => undefined)(
      "cpu --against: this tree beside a commit, load by load, with a verdict",
      async () => {
        await using folder = await temporaryDirectory();
        const options = ["--against", "HEAD", "--quick", "--only", "depth 16"];
        const compared = await runSmoke(folder.path, "cpu", ...options);
        const { head } = compared;
        const tables = tablesOf(compared);
        const name = `${head.at(-1)?.split(":")[0]}`;
        expect(head.slice(1).map((line) => `${line.split(":")[0]}`)).toEqual(["mscache", name]);
        const table = tables.at(-1);
        expect(table?.columns).toEqual(["load", "here", name, "ratio", "verdict"]);
        expect(table?.rows.length).toBeGreaterThan(0);
        expect(table?.notes?.at(-1)).toMatch(/^verdict: /);
        const worktrees = Bun.spawnSync(["git", "worktree", "list"]).stdout.toString();
        expect(worktrees).not.toContain(folder.path);
      },
      timeoutMs,
    );

    test("memory: an item costs more than nothing", () => {
      const [table] = tablesOf(output, "memory");
      expect(table.rows.map(([name]) => name)).toEqual(servers);
      // With so few items, what else grows in a process is a large part of the figure.
      expectBetween(column(table, "100 B"), -500, 5000);
      expectBetween(column(table, "100 B, TTL"), -500, 5000);
    });

    test("hitratio: real servers and simulated policies hit, and not always", () => {
      const [table] = tablesOf(output, "hitratio");
      const policies = table.columns.filter((name) => name.startsWith("sim "));
      expect(policies.length).toBe(5);
      for (const name of [...policies, "mscache"]) expectBetween(column(table, name), 20, 95);
      expectBetween(column(table, "objects"), 100, 5513);
    });
  });

  whenLong(() => {
    test("latency: percentiles rise, and our server tells its turns", () => {
      const [table] = tablesOf(output, "latency");
      const [p50, p99, max] = ["p50", "p99", "max"].map((name) => column(table, name));
      expectBetween(p50, 0.001, 10_000);
      for (let row = 0; row < table.rows.length; row++) {
        expect(p99[row]).toBeGreaterThanOrEqual(p50[row]);
        expect(max[row]).toBeGreaterThanOrEqual(p99[row]);
      }
      const ours = table.rows.findIndex(([name]) => name === "mscache");
      expectBetween([column(table, "turn max")[ours]], 0.001, 10_000);
      expectBetween([column(table, "turns")[ours]], 100, 1e7);
      expectBetween([column(table, "% under 10 ms")[ours]], 50, 100);
      if (servers.includes("redis")) expectBetween(column(table, "p99.9 to redis"), 1e-4, 1e4);
    });
  });

  whenLong(() => {
    test("growth: all items are there when they fit, and fewer when they do not", () => {
      const [table] = tablesOf(output, "growth");
      const items = column(table, "items");
      expect(items.slice(0, servers.length)).toEqual(servers.map(() => 80_000));
      expectBetween(items.slice(servers.length), 100, 79_999);
      const ours = rowsOf(table, "mscache");
      expect(ours.length).toBe(2);
      const shares = column(table, "% under 10 ms");
      expectBetween(
        ours.map((row) => shares[row]),
        50,
        100,
      );
    });
  });

  whenLong(() => {
    test("scripts: each load has a cost, in words that are known and in others", () => {
      const [table] = tablesOf(output, "scripts");
      expect(table.rows).toHaveLength(4);
      for (const name of servers.filter((name) => name !== "memcached")) {
        expectBetween(column(table, name), 0, 5000);
      }
    });
  });

  whenLong(() => {
    test("threads: several data threads answer what one answers", () => {
      const [table] = tablesOf(output, "threads");
      const names = table.rows.map(([name]) => name);
      expect(names).toContain("mscache, 1");
      expect(names).toContain("mscache, 2");
      expectBetween(column(table, "depth 16 k/s"), 0.1, 20_000);
    });
  });

  whenShort(() => {
    test("sockets: the peak is at least what was there before", () => {
      const [table] = tablesOf(output, "sockets");
      expect(table.rows.map(([name]) => name)).toEqual(servers);
      expectBetween(column(table, "peak - before"), 0, 4096);
    });
  });

  whenLong(() => {
    test(
      "limit: our server refuses no write, holds no more than it may, and takes what must fit",
      async () => {
        const [peaks, largest, full] = await smoke("limit");
        const cellsOf = (table: Table, name: string) =>
          rowsOf(table, "mscache").map((row) => column(table, name)[row]);
        expect(cellsOf(peaks, "threads")).toEqual([1, 2]);
        expect(cellsOf(peaks, "refused")).toEqual([0, 0]);
        expectBetween(cellsOf(peaks, "over limit"), -32, 160);
        const quarter = largest.rows[rowsOf(largest, "mscache")[0]];
        expect(quarter.slice(1, 5)).toEqual([4, 1_048_576, 5, 0]);
        expect(quarter[5]).toStartWith("ERR value is larger");
        const [row] = rowsOf(full, "mscache");
        expect(full.rows[row][full.columns.indexOf("by")]).toStartWith("OOM ");
        expectBetween(cellsOf(full, "refused"), 1, 1e6);
        expectBetween(cellsOf(full, "written again"), 1, 1e6);
        expect(cellsOf(full, "refused again")).toEqual([0]);
      },
      timeoutMs,
    );
  });

  whenShort(() => {
    test("gc: each variant has its peak, and only the last one calls the collector", () => {
      const [table] = tablesOf(output, "gc");
      const [plain, shared, collected] = column(table, "peak MiB");
      expectBetween([plain, shared, collected], 10, 4096);
      expect(column(table, "calls")).toEqual([0, 0, 8]);
    });
  });

  whenLong(() => {
    test("replication: every pair of servers syncs, and its followers are behind by more than nothing", () => {
      const [sync, lag] = tablesOf(output, "replication");
      const replicating = servers.filter((name) => name !== "memcached").length;
      expect(sync.rows.length).toBe(replicating ** 2);
      expectBetween(column(sync, "sync"), 1, 60_000);
      expectBetween(column(sync, "pings"), 1, 1e6);
      expectBetween(column(sync, "% of pings under 10 ms"), 1, 100);
      expectBetween(column(lag, "p50"), 0.001, 5_000);
    });
  });

  whenLong(() => {
    test(
      "resident: each load is served by our server",
      async () => {
        const [ours] = await smoke("resident", "--servers", "mscache");
        expect(ours.rows.length).toBeGreaterThan(30);
        expectBetween(column(ours, "mscache"), -8, 1024);
      },
      timeoutMs,
    );
  });

  whenShort(() => {
    test(
      "resident: one load is served by all",
      async () => {
        const [all] = await smoke("resident", "--only", "INCR");
        for (const name of servers.filter((name) => name !== "memcached")) {
          expectBetween(column(all, name), -8, 1024);
        }
      },
      timeoutMs,
    );

    test("start: every server replies, and takes memory while it is idle", () => {
      const [table] = tablesOf(output, "start");
      expect(table.rows.map(([name]) => name)).toEqual([
        ...["mscache", "mscache, 4 threads"],
        ...servers.filter((name) => name !== "mscache"),
      ]);
      for (const [, reply, quickest, , idle] of table.rows.map((row) => row.map(Number))) {
        expect(reply).toBeGreaterThanOrEqual(quickest);
        expect(quickest).toBeGreaterThan(0);
        expect(idle).toBeGreaterThan(1);
        expect(idle).toBeLessThan(500);
      }
    });

    test("scrape: it has a cost, and the commands that were called", () => {
      const [[called, bytes, median]] = tablesOf(output, "scrape")[0].rows.map((row) =>
        row.map(Number),
      );
      expect(called).toBeGreaterThan(60);
      expect(bytes).toBeGreaterThan(50_000);
      expect(median).toBeLessThan(1_000);
    });

    test("libraries: each function has a cost", () => {
      const [table] = tablesOf(output, "libraries");
      expect(table.rows.length).toBeGreaterThan(10);
      for (const name of servers.filter((name) => name !== "memcached")) {
        expectBetween(column(table, name), 0, 5_000_000); // one tick of the clock for 100 calls
      }
    });

    test(
      "inprocess: a hit of the near cache takes less than a request, and a follower answers",
      async () => {
        const tables = await smoke("inprocess", "--only", "mscache", "--servers", "mscache");
        const ways = tables.map(({ rows }) => rows.map((row) => `${row[0]} by ${row[1]}`).sort());
        expect(ways).toEqual([
          [
            ...["mscache follow() by get", "mscache follow() by getBytes"],
            "mscache near() by peek",
          ],
          ["mscache near() by await get"],
        ]);
        for (const table of tables) {
          const isNear = table.rows.map((row) => row[0] === "mscache near()");
          expect(table.columns.slice(-3)).toEqual(["bounded by", "lifetimes", "an object is"]);
          expect(table.rows.map((row) => row.slice(-3))).toEqual(
            isNear.map((near) => ["bytes", "exact", near ? "frozen" : "as text"]),
          );
          const nanoseconds = column(table, "median");
          expectBetween(nanoseconds, 1, 100_000);
          expectBetween(
            nanoseconds.filter((_, i) => isNear[i]),
            1,
            20_000,
          );
        }
      },
      timeoutMs,
    );

    test("tags: an expiry takes longer than nothing, and the second process has read", () => {
      const [table] = tablesOf(output, "tags");
      for (const name of ["ping", "expireTag"]) expectBetween(column(table, name), 1, 1e6);
      expectBetween(column(table, "reads beside"), 1, 1e9);
    });

    test("dictionaries: values get smaller with one than without", () => {
      const [table] = tablesOf(output, "dictionaries");
      const ratioOf = (name: string) =>
        column(table, "ratio")[table.rows.findIndex(([row]) => `${row}`.startsWith(name))];
      expect(ratioOf("as the cache")).toBeGreaterThan(1.3 * ratioOf("zstd 1, none"));
    });
  });

  whenLong(() => {
    test("day: two hundred thousand operations leave the heap flat", () => {
      const [table] = tablesOf(output, "day");
      expect(column(table, "operations").at(-1)).toBeGreaterThanOrEqual(200_000);
    });
  });

  whenLong(() => {
    test("inprocess: every library gives what it holds", () => {
      const [plain, awaited] = tablesOf(output, "inprocess");
      expect(plain.rows.length).toBeGreaterThan(5);
      expect(awaited.rows.length).toBeGreaterThan(5);
    });
  });

  whenLong(() => {
    test("tls: each load has a cost by TLS and without", () => {
      const [table] = tablesOf(output, "tls");
      expect(table.rows.map(([load]) => load)).toEqual([
        ...["GET, depth 16", "SET, depth 16", "idle connection, KiB"],
      ]);
      for (const name of servers.filter((name) => name !== "memcached")) {
        for (const way of ["plain", "TLS"])
          expectBetween(column(table, `${name} ${way}`), -500, 5000);
      }
    });
  });

  whenLong(() => {
    test("clients: ours and four others get and set, one and many at a time", () => {
      const tables = tablesOf(output, "clients");
      expect(tables).toHaveLength(2 * servers.filter((name) => name !== "memcached").length);
      for (const { columns, rows } of tables) {
        expect(rows.map(([name]) => name)).toEqual([
          ...["mscache", "ioredis 6", "ioredis 5", "node-redis 6", "Bun's RedisClient"],
          "mscache to the best",
        ]);
        for (const depth of [1, 50, 500]) {
          const rate = columns.indexOf(`${depth}: k/s`);
          expectBetween(
            rows.map((row) => Number(row[rate])),
            0, // a request that takes a second of a busy machine
            100_000,
          );
        }
      }
    });
  });

  whenShort(() => {
    test("an unknown benchmark and a server that is not there are one sentence and status 2", () => {
      for (const [args, sentence] of [
        [["speed"], 'bench: there is no benchmark "speed"\n'],
        [["cpu", "--servers", "dbase"], 'bench: "dbase" is not installed\n'],
      ] as const) {
        const child = Bun.spawnSync([process.execPath, main, ...args, "--smoke"]);
        expect([child.exitCode, child.stderr.toString()]).toEqual([2, sentence]);
      }
    });
  });
});
