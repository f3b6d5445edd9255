// The load generator against a small server: it sends the requested load, counts and checks
// the replies, keeps a fixed arrival rate, and fails with one sentence.
// Invariant: no test depends on how fast this machine is.

import { describe, expect, test } from "bun:test";
import { preload, runBench } from "../../src/bench/load-run.ts";
import { defaultWorkload, protocols, type Workload } from "../../src/bench/workload.ts";
import { FakeServer } from "./fake-server.ts";

const small: Workload = { ...defaultWorkload, keys: 50, gets: 1, sets: 1, depth: 4, verify: true };

describe.each([...protocols])("over %s", (protocol) => {
  const workload: Workload = { ...small, protocol };

  test("a preload writes every key, so that all reads are hits", async () => {
    await using server = new FakeServer();
    const loaded = await preload(server.target, workload, 3);
    expect(server.data.size).toBe(50);
    expect(loaded.operations).toBeGreaterThanOrEqual(50);
    const run = await runBench(server.target, workload, { connections: 3, requests: 600 });
    expect([run.operations, run.hits, run.misses, run.errors]).toEqual([600, 300, 0, 0]);
    expect(run.histogram.count).toBe(600);
  });

  test("values of mixed sizes pass the check of every byte", async () => {
    await using server = new FakeServer({ pieceBytes: 700 });
    const mixed = { ...workload, valueBytesMin: 0, valueBytesMax: 3000 };
    await preload(server.target, mixed, 2);
    const run = await runBench(server.target, mixed, { connections: 2, requests: 400 });
    expect([run.hits, run.errors, run.firstError]).toEqual([200, 0, ""]);
    const lengths = new Set([...server.data.values()].map((value) => value.length));
    expect(lengths.size).toBeGreaterThan(10);
  });

  test("a changed byte in a value is found and named", async () => {
    await using server = new FakeServer({ corrupt: true });
    await preload(server.target, workload, 1);
    const run = await runBench(server.target, workload, { connections: 1, requests: 40 });
    expect(run.errors).toBe(20);
    expect(run.firstError).toMatch(/^a value is wrong at byte 99 of key key:0+\d+$/);
  });

  test("refused writes are counted, with the server's error", async () => {
    await using server = new FakeServer({ refuse: true });
    const writes = { ...workload, gets: 0 };
    const run = await runBench(server.target, writes, { connections: 2, requests: 80 });
    expect(run.errors).toBe(80);
    expect(run.firstError).toMatch(/full/);
  });

  test("reads of missing keys are misses, not errors", async () => {
    await using server = new FakeServer();
    const reads = { ...workload, sets: 0 };
    const run = await runBench(server.target, reads, { connections: 2, requests: 80 });
    expect([run.misses, run.hits, run.errors]).toEqual([80, 0, 0]);
  });
});

test("the ratio of reads to writes is exact at any depth", async () => {
  for (const depth of [1, 3, 11, 16]) {
    await using server = new FakeServer();
    const load = { ...small, gets: 10, sets: 1, depth };
    await runBench(server.target, load, { connections: 1, requests: 11 * 16 * 3 });
    const writes = server.requests.filter(([name]) => name === "SET").length;
    expect(writes * 11).toBe(server.requests.length);
  }
});

test("every write has the expiry", async () => {
  await using server = new FakeServer();
  const load = { ...small, gets: 0, ttlSeconds: 90 };
  await runBench(server.target, load, { connections: 1, requests: 4 });
  expect(server.requests.map((words) => words.slice(3))).toEqual(Array(4).fill(["EX", "90"]));
});

test("a fixed arrival rate sends what is due and no more", async () => {
  await using server = new FakeServer();
  const plan = { connections: 4, rate: 2000, seconds: 0.25 };
  const run = await runBench(server.target, { ...small, depth: 1 }, plan);
  expect(run.operations).toBe(500);
});

test("at a fixed arrival rate a stall counts for every request due meanwhile", async () => {
  await using server = new FakeServer({ firstDelayMs: 150 });
  const plan = { connections: 1, rate: 1000, seconds: 0.2 };
  const run = await runBench(server.target, { ...small, depth: 1 }, plan);
  expect(run.operations).toBe(200);
  // A closed loop would show one slow request; here at least half were due during the stall.
  expect(run.latency.p50Micros).toBeGreaterThan(20_000);
});

test("the password is sent first, and a wrong one is one sentence", async () => {
  await using server = new FakeServer({ password: "secret" });
  const plan = { connections: 2, requests: 8 };
  const run = await runBench({ ...server.target, password: "secret" }, small, plan);
  expect([run.operations, run.errors]).toEqual([8, 0]);
  const wrong = runBench({ ...server.target, password: "guess" }, small, plan);
  await expect(wrong).rejects.toThrow("the password was refused: WRONGPASS no");
});

test("a server that closes a connection ends the run with a sentence", async () => {
  await using server = new FakeServer({ hangUp: true });
  const run = runBench(server.target, small, { connections: 2, seconds: 5 });
  await expect(run).rejects.toThrow("the server closed a connection");
});

test("a port where nothing listens is a sentence that names it", async () => {
  const server = new FakeServer();
  const { target } = server;
  await server[Symbol.asyncDispose]();
  const run = runBench(target, small, { connections: 1, requests: 1 });
  await expect(run).rejects.toThrow(`no connection to 127.0.0.1:${target.port}`);
});

test("progress is reported during a run", async () => {
  await using server = new FakeServer({ firstDelayMs: 400 });
  const shares: number[] = [];
  const plan = { connections: 1, requests: 8 };
  await runBench(server.target, small, plan, ({ share }) => shares.push(share));
  expect(shares.length).toBeGreaterThan(0);
  expect(shares.every((share) => share >= 0 && share <= 1)).toBeTrue();
});

test.each([
  [{ depth: 0 }, "the pipeline depth must be a whole number from 1 to 10000, not 0"],
  [{ keys: 1000, keyLengthBytes: 2 }, "1000 keys need a key length of at least 3 bytes"],
  [{ gets: 0, sets: 0 }, "the ratio of reads to writes must not be 0:0"],
  [{ valueBytesMin: 9, valueBytesMax: 8 }, "the smallest value is larger than the largest"],
  [{ protocol: "memcache", keyLengthBytes: 251 }, "a memcached key has at most 250 bytes"],
] as const)("a workload with %o is refused", async (change, sentence) => {
  const target = { host: "127.0.0.1", port: 1 };
  const run = runBench(target, { ...small, ...change }, { connections: 1, requests: 1 });
  await expect(run).rejects.toThrow(sentence);
});

test("a run without a bound is refused", async () => {
  const run = runBench({ host: "127.0.0.1", port: 1 }, small, { connections: 1 });
  await expect(run).rejects.toThrow("a run needs a number of seconds or of requests");
});
