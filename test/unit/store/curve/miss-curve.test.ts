/**
 * The miss curve against the truth: a trace is replayed into one store that has a curve, and into
 * real stores of half, once, twice and four times the memory. Generated traces, and real ones where
 * they are beside the project: the beginning of each, or in long runs all of it. Then what a curve
 * must know besides: expiry, deletion, overwrites, its bounds.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateTrace, generatorDefault } from "../../../../scripts/bench/trace.ts";
import { reserveCurve } from "../../../../src/store/curve/sample-ring.ts";
import { SampledStore } from "../../../../src/store/curve/sampled-store.ts";
import { Store } from "../../../../src/store/store.ts";
import { caseMsMax } from "../../../harness.ts";
import { repetitions, whenLong } from "../../../support/repetitions.ts";
import {
  CurveBed,
  type Outcome,
  realTraces,
  replayed,
  request,
  reserve,
} from "./replayed-curve.ts";

setDefaultTimeout(10 * caseMsMax);

const MiB = 2 ** 20;

const zipf = {
  name: "zipf with scans",
  ids: generateTrace({ ...generatorDefault, requests: 150_000, objects: 30_000, scanLength: 200 })
    .ids,
};
const traces = [zipf, ...(repetitions(0, 1) > 0 ? await realTraces() : [])];

/** In points, 0 to 100. */
function errorsOf({ predicted, real }: Outcome): number[] {
  return predicted.map((ratio, i) => 100 * Math.abs(ratio - real[i]));
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

describe.each(traces)("$name", ({ ids }) => {
  const requests = repetitions(60_000, ids.length);

  test("with all keys in the sample, it is within a point of real stores", () => {
    const outcome = replayed(ids.subarray(0, Math.min(requests, 150_000)), 2 * MiB, {
      rate: 1,
      seed: 3,
    });
    expect(Math.max(...errorsOf(outcome))).toBeLessThan(1);
    expect(outcome.real.at(-1)).toBeGreaterThan(outcome.real[0] + 0.02); // memory matters here
  });

  test("with one key in eight, it is within two points", () => {
    const outcome = replayed(ids.subarray(0, requests), 2 * MiB, { rate: 1 / 8, seed: 1 });
    expect(Math.max(...errorsOf(outcome))).toBeLessThan(2);
  });
});

whenLong(() => {
  test("over whole traces, sizes and samples: the errors that the documents state", () => {
    const errors: number[] = [];
    let within = 0;
    for (const { name, ids } of traces) {
      for (const limitMib of [2, 8]) {
        for (let seed = 1; seed <= 3; seed++) {
          const outcome = replayed(ids, limitMib * MiB, { rate: 1 / 8, seed });
          const these = errorsOf(outcome);
          errors.push(...these);
          within += these.filter((error, i) => error <= 100 * outcome.told[i] + 0.3).length;
        }
        const last = errors.slice(-12);
        console.log(`${name}, ${limitMib} MiB: mean ${mean(last).toFixed(2)}`, Math.max(...last));
      }
    }
    const worst = Math.max(...errors);
    console.log(
      `mean ${mean(errors).toFixed(2)}, worst ${worst.toFixed(2)} points,`,
      within,
      errors.length,
    );
    expect(mean(errors)).toBeLessThan(0.75); // 0.53 for the generated trace alone
    expect(worst).toBeLessThan(2.5);
    expect(within / errors.length).toBeGreaterThan(0.9);
  });
});

// ---- what happens to keys -----------------------------------------------------------------------

const keyOf = (number: number) => new TextEncoder().encode(`key:${number}`);

function pointsOf(bed: CurveBed, now = 1) {
  bed.turn(now);
  return bed.curve.points()?.map(({ hitRatio }) => Math.round(hitRatio * 1000) / 1000);
}

describe("a curve", () => {
  test("says nothing before a lookup", () => {
    expect(new CurveBed(4 * MiB).curve.points()).toBeNull();
  });

  test("is flat where all keys fit into half of the memory", () => {
    const bed = new CurveBed(4 * MiB);
    for (let i = 0; i < 1000; i++) request(bed.store, keyOf(i % 100), 100);
    expect(pointsOf(bed)).toEqual([0.9, 0.9, 0.9, 0.9]);
    expect(bed.curve.points()?.map(({ isFilled }) => isFilled)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test("knows that more memory does not help keys that expire", () => {
    const bed = new CurveBed(4 * MiB);
    for (let now = 1; now <= 1000; now++) {
      request(bed.store, keyOf(now % 50), 100, now, now + 40); // it expires before it is asked for
      bed.turn(now);
    }
    expect(pointsOf(bed, 1000)).toEqual([0, 0, 0, 0]);
  });

  test("knows of a new expiry", () => {
    const bed = new CurveBed(4 * MiB);
    const key = keyOf(1);
    request(bed.store, key, 100);
    bed.store.setExpiry(key, 0, key.length, 5);
    bed.turn(1);
    request(bed.store, key, 100, 9);
    expect(pointsOf(bed, 9)).toEqual([0, 0, 0, 0]);
  });

  test("knows that a deleted key is missed with any memory", () => {
    const bed = new CurveBed(4 * MiB);
    for (let i = 0; i < 100; i++) {
      const key = keyOf(i % 10);
      request(bed.store, key, 100);
      bed.store.delete(key, 0, key.length, 1);
    }
    expect(pointsOf(bed)).toEqual([0, 0, 0, 0]);
  });

  test("knows the size that an overwrite gives a key", () => {
    const bed = new CurveBed(2 * MiB);
    const big = new Uint8Array(8000);
    const write = (key: Uint8Array) => {
      bed.store.makeRoom(key, 0, key.length, big.length, 1);
      bed.store.set(key, 0, key.length, big, 0, big.length, 0, 0);
    };
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 400; i++) {
        const key = keyOf(i);
        if (round === 0) request(bed.store, key, 10);
        write(key);
        request(bed.store, key, 8000);
        if (i % 100 === 0) bed.turn(1);
      }
    }
    const before = bed.curve.points()?.[0].isFilled;
    expect([before, pointsOf(bed)?.length]).toEqual([true, 4]); // 3.2 MB do not fit into one
  });

  test("leaves out what was in the store before it began", () => {
    const bed = new CurveBed(4 * MiB);
    const key = keyOf(1);
    request(bed.store, key, 100);
    bed.ring.drain(() => undefined); // it does not see the write
    request(bed.store, key, 100);
    request(bed.store, key, 100);
    bed.turn(1);
    expect(bed.curve.window.samples).toBe(1);
    expect(bed.curve.points()?.map(({ hitRatio }) => hitRatio)).toEqual([1, 1, 1, 1]);
  });

  test("halves its sample rather than know more keys than its bound", () => {
    const bed = new CurveBed(16 * MiB, { slots: 256 });
    for (let i = 0; i < 20_000; i++) {
      request(bed.store, keyOf(i % 5000), 50);
      if (i % 1000 === 0) bed.turn(1);
      expect(bed.curve.sampledKeys).toBeLessThanOrEqual(256);
    }
    expect(bed.curve.rate).toBeLessThanOrEqual(1 / 16);
    const [half] = pointsOf(bed) ?? [];
    expect(half).toBeWithin(0.7, 0.8); // 5,000 of 20,000 come for the first time
  });

  test("halves its sample when samples are too many for the control thread", () => {
    const bed = new CurveBed(4 * MiB);
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < 60_000; i++) {
        request(bed.store, keyOf(i % 10), 10);
        if (i % 10_000 === 0) bed.ring.drain((sample) => bed.curve.take(sample, 1));
      }
      bed.turn(1);
    }
    expect(bed.curve.rate).toBe(1 / 2);
  });

  test("begins its counts anew, and keeps its keys", () => {
    const bed = new CurveBed(4 * MiB);
    for (let i = 0; i < 100; i++) request(bed.store, keyOf(i), 100);
    expect(pointsOf(bed)).toEqual([0, 0, 0, 0]);
    bed.curve.reset();
    bed.store.resetStatistics();
    for (let i = 0; i < 100; i++) request(bed.store, keyOf(i), 100);
    expect(pointsOf(bed)).toEqual([1, 1, 1, 1]);
  });
});

describe("a ring of samples", () => {
  test("drops what it has no room for, and counts it", () => {
    const bed = new CurveBed(4 * MiB);
    for (let i = 0; i < 20_000; i++) request(bed.store, keyOf(1), 10);
    let taken = 0;
    bed.ring.drain(() => taken++);
    expect([taken, bed.ring.dropped]).toEqual([16_384, 20_001 - 16_384]);
    bed.ring.drain(() => taken++);
    expect(taken).toBe(16_384);
  });
});

test("a store with a curve does what one without does", () => {
  const plain = new Store(reserve(2 * MiB), 0);
  const curve = reserveCurve(1);
  new Int32Array(curve.bound)[0] = 2 ** 26;
  const sampled = new SampledStore(reserve(2 * MiB), 0, curve);
  const bytes = new Uint8Array(3000);
  const act = (store: Store, i: number): unknown => {
    const key = keyOf((i * 7919) % 3000);
    const all = [key, 0, key.length] as const;
    if (i % 13 === 0) return store.delete(...all, i);
    if (i % 11 === 0) return store.setRange(...all, i % 50, bytes, 0, 20, i);
    if (i % 7 === 0 && store.find(...all, i)) return store.setExpiry(...all, i + 500);
    return [request(store, key, (i * 31) % 3000, i, i % 3 === 0 ? i + 900 : 0), store.valueLength];
  };
  for (let i = 0; i < 30_000; i++) expect(act(sampled, i)).toEqual(act(plain, i));
  expect(sampled.statistics()).toEqual(plain.statistics());
  sampled.invariants();
});
