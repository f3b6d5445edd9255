// `mscache bench` as a user sees it: a process, its output and its exit status. The loads
// themselves are tested in run.test.ts.
// Invariant: every failure is one sentence on standard error without a stack trace.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { FakeServer } from "./fake-server.ts";

const main = join(import.meta.dir, "../../src/main.ts");

function bench(...args: string[]) {
  return benchIn({}, ...args);
}

async function benchIn(environment: Record<string, string>, ...args: string[]) {
  const child = Bun.spawn([process.execPath, main, "bench", ...args], {
    env: { ...process.env, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { out, err, status: await child.exited };
}

function addressOf(server: FakeServer): string {
  return `${server.target.host}:${server.target.port}`;
}

test("a run prints a table with the requests and the percentiles", async () => {
  await using server = new FakeServer();
  const { out, err, status } = await bench(
    ...["--addr", addressOf(server), "--requests", "1100", "--keys", "100", "--quiet"],
  );
  expect([err, status]).toEqual(["", 0]);
  expect(out).toMatch(/^GET:SET, TTL +10:1, none$/m);
  expect(out).toMatch(/^requests +1,100 in \d/m);
  expect(out).toMatch(/^hits, misses +1,000, 0$/m);
  expect(out).toMatch(/^latency p99\.99 +\d+\.\d{3} ms$/m);
});

test("--json prints one object with the same figures", async () => {
  await using server = new FakeServer();
  const { out, status } = await bench(
    ...["--addr", addressOf(server), "--requests", "40", "--keys", "10", "--pipeline", "4"],
    ...["--protocol", "memcache", "--ratio", "1:1", "--value-size", "5-50", "--verify", "--json"],
  );
  const { workload, plan, result } = JSON.parse(out);
  expect(status).toBe(0);
  expect([workload.protocol, workload.depth, plan.requests]).toEqual(["memcache", 4, 40]);
  expect([result.operations, result.hits, result.errors]).toEqual([40, 20, 0]);
  expect(result.latency.p9999Micros).toBeGreaterThan(0);
});

test("without a terminal, progress is one line per second on standard error", async () => {
  await using server = new FakeServer();
  const { err } = await bench(
    ...["--addr", addressOf(server), "--keys", "10", "--seconds", "1.6", "--connections", "1"],
  );
  expect(err).toMatch(/^run +\d+ % {2}[\d,]+ requests, [\d,]+ per second$/m);
});

test("error replies are shown and fail the command", async () => {
  await using server = new FakeServer({ refuse: true });
  const { out, err, status } = await bench(
    ...["--addr", addressOf(server), "--requests", "30", "--keys", "10", "--skip-preload"],
    ...["--ratio", "0:1", "--quiet"],
  );
  expect(out).toMatch(/^errors +30 \(OOM full\)$/m);
  expect([err, status]).toEqual(["mscache: 30 requests failed\n", 1]);
});

test("a password comes from the environment, and the flag beats it", async () => {
  await using server = new FakeServer({ password: "secret" });
  const args = ["--addr", addressOf(server), "--requests", "10", "--keys", "10", "--quiet"];
  expect((await benchIn({ MSCACHE_PASSWORD: "secret" }, ...args)).status).toBe(0);
  expect(server.requests[0]).toEqual(["AUTH", "secret"]);
  const wrong = await benchIn({ MSCACHE_PASSWORD: "secret" }, ...args, "--password", "wrong");
  expect(wrong.err).toBe("mscache: the password was refused: WRONGPASS no\n");
  const memcache = ["--protocol", "memcache"];
  expect((await benchIn({ MSCACHE_PASSWORD: "secret" }, ...args, ...memcache)).status).toBe(0);
});

test("an address where nothing listens is one sentence and status 1", async () => {
  const server = new FakeServer();
  await server[Symbol.asyncDispose]();
  const { out, err, status } = await bench("--addr", addressOf(server), "--quiet");
  const why = "connection refused (ECONNREFUSED)";
  const sentence = `mscache: no connection to ${addressOf(server)}: ${why}\n`;
  expect([out, err, status]).toEqual(["", sentence, 1]);
});

test.each([
  [["--protocol", "gopher"], '--protocol must be one of resp, memcache, not "gopher"'],
  [["--ratio", "0:0"], "the ratio of reads to writes must not be 0:0"],
  [["--value-size", "big"], '--value-size must be N-N or N, not "big"'],
  [["--pipeline", "0"], "the pipeline depth must be a whole number from 1 to 10000, not 0"],
  [["--keys", "2.5"], "--keys must be a whole number"],
  [["--seconds", "0"], "--seconds must be above 0"],
  [["--protocol", "memcache", "--password", "x"], "--password needs --protocol resp"],
])("%p is one sentence and status 2", async (args, sentence) => {
  const { out, err, status } = await bench(...args);
  expect([out, err, status]).toEqual(["", `mscache: ${sentence}\n`, 2]);
});
