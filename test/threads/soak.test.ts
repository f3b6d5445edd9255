/**
 * Many connections on four data threads, each checking every reply against a model: no value is
 * lost, torn or of another key. In phases with FLUSHALL between them, once with room and once while
 * memory is full and evicts; then this process checks the invariants of the store.
 * Longer with SOAK_MS=n (milliseconds a test), replayed with SOAK_SEED=n as far as threads allow.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type LocalNode, startNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { Checker, countersOf, placeToken } from "./checker.ts";

const connectionCount = 50;
/** Longest pipeline in each phase. */
const phases = [16, 1000, 100];
const soakMs = numberFromEnvironment("SOAK_MS", repetitions(250, 12_000));

setDefaultTimeout(60_000 + 2 * soakMs);

async function connectCheckers(port: number, mayVanish: boolean, stack: AsyncDisposableStack) {
  const seed = seedFor("SOAK_SEED");
  const connecting = Array.from({ length: connectionCount }, async (_, number) => {
    const peer = stack.use(await Peer.connect(port));
    const random = new Random(seed + number);
    const largeShare = mayVanish ? 0.3 : 0.02;
    return new Checker({ name: `c${number}`, peer, random, mayVanish, largeShare });
  });
  return await Promise.all(connecting);
}

/** Runs all checkers for a while; the first that finds something wrong stops the others. */
async function soak(checkers: readonly Checker[], batchMax: number, ms: number): Promise<void> {
  const end = performance.now() + ms;
  let failed = false;
  const isOver = () => failed || performance.now() >= end;
  const runs = checkers.map((checker) =>
    checker.run(batchMax, isOver).catch((error) => {
      failed = true;
      throw error;
    }),
  );
  const outcomes = await Promise.allSettled(runs);
  const broken = outcomes.find((outcome) => outcome.status === "rejected");
  if (broken !== undefined) throw broken.reason;
}

async function expectWhole(node: LocalNode, checkers: readonly Checker[]): Promise<void> {
  await Promise.all(checkers.map((checker) => checker.verify()));
  node.store.invariants();
}

test("mixed commands from 50 connections keep every key's value, time and counter", async () => {
  await using node = await startNode({ threads: 4 });
  await using stack = new AsyncDisposableStack();
  const peer = stack.use(await Peer.connect(node.port));
  const checkers = await connectCheckers(node.port, false, stack);
  for (const batchMax of phases) {
    expect(await peer.ask("FLUSHALL")).toBe("+OK");
    expect(await peer.ask("DBSIZE")).toBe(":0");
    for (const checker of checkers) {
      checker.forget();
      checker.added.fill(0);
    }
    await placeToken(peer);
    await soak(checkers, batchMax, soakMs / phases.length);
    await expectWhole(node, checkers);
    const sums = checkers[0]?.added.map((_, counter) => {
      return checkers.reduce((sum, { added }) => sum + (added[counter] ?? 0), 0);
    });
    expect(await countersOf(peer)).toEqual(sums as number[]);
  }
  const checked = checkers.reduce((sum, { count }) => sum + count, 0);
  expect(checked).toBeGreaterThan(phases.length * connectionCount);
});

test("while full memory evicts, a read returns what was written or nothing", async () => {
  const MiB = 1024 * 1024;
  await using node = await startNode({ threads: 4, maxMemory: 4 * MiB, reserve: 8 * MiB });
  await using stack = new AsyncDisposableStack();
  const checkers = await connectCheckers(node.port, true, stack);
  // On a busy machine memory is not full the first time.
  do await soak(checkers, 100, soakMs);
  while (node.store.statistics().evictions === 0);
  await expectWhole(node, checkers);
});
