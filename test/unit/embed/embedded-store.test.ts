// new Store(): the engine as a map of this process, beside a Map that is never full, and where it
// is full. The seed is in the name of a failing case. What the engine does inside is judged in
// unit/store/.

import { describe, expect, test } from "bun:test";
import {
  ClosedError,
  InvalidArgumentError,
  Store,
  StoreFullError,
  ValueTooLargeError,
} from "../../../src/index.ts";
import { exampleIn, runExample } from "../../support/docstring-example.ts";
import { repetitions } from "../../support/repetitions.ts";

const MiB = 1024 * 1024;

/** A store on a clock of the test's own. */
function onClock(options: { eviction?: "none"; maxMemory?: number } = {}) {
  const clock = { ms: 1_000_000 };
  const store = new Store({ maxMemory: 4 * MiB, ...options, now: () => clock.ms });
  return { store, clock };
}

test("the example of its docstring runs", async () => {
  await runExample(await exampleIn("src/embed/embedded-store.ts"), "Store");
});

describe("keys and values", () => {
  test("are strings as UTF-8, or bytes, and the same key either way", () => {
    using store = new Store({ maxMemory: MiB });
    store.set("schlüssel", "wert €");
    expect(store.get(new TextEncoder().encode("schlüssel"))).toBe("wert €");
    expect(store.getBytes("schlüssel")).toEqual(new TextEncoder().encode("wert €"));
    store.set(new Uint8Array([0, 255]), new Uint8Array([255, 0]));
    expect(store.getBytes(new Uint8Array([0, 255]))).toEqual(new Uint8Array([255, 0]));
    expect(store.get(new Uint8Array([0, 255]))).toBe("\uFFFD\0");
    store.set("", "");
    expect([store.get(""), store.has(""), store.get("absent")]).toEqual(["", true, null]);
  });

  test("are read as UTF-8 wherever the first byte beyond ASCII is", () => {
    using store = new Store({ maxMemory: MiB });
    const decoder = new TextDecoder();
    const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 255, 256, 257, 300];
    for (const key of ["a", "ab", "abc", "abcd"]) {
      for (const length of lengths) {
        for (let at = -1; at < length; at++) {
          const value = new Uint8Array(length).fill(0x7f);
          if (at >= 0) value[at] = 0x80;
          store.set(key, value);
          if (store.get(key) !== decoder.decode(value)) throw new Error(`${key} ${length} ${at}`);
        }
      }
    }
  });

  test("are copied in and out", () => {
    using store = new Store({ maxMemory: MiB });
    const value = new Uint8Array([1, 2, 3]);
    store.set("key", value);
    value[0] = 9;
    const first = store.getBytes("key");
    expect(first).toEqual(new Uint8Array([1, 2, 3]));
    first?.fill(9);
    expect(store.getBytes("key")).toEqual(new Uint8Array([1, 2, 3]));
  });

  test.each([47, 48, 49, 21_000, 66_000, 300_000])("may have %d characters", (length) => {
    using store = new Store({ maxMemory: 16 * MiB });
    for (const letter of ["x", "é", "€"]) {
      const text = letter.repeat(length);
      store.set(`key${text}`, text);
      expect(store.get(`key${text}`)).toBe(text);
    }
    expect([...store.keys()]).toHaveLength(3);
  });
});

describe("a lifetime", () => {
  test("ends at its time, and a later set() without one removes it", () => {
    const { store, clock } = onClock();
    store.set("a", "1", { ttl: 100 });
    store.set("b", "1", { expiresAt: clock.ms + 100.5 });
    expect([store.ttl("a"), store.ttl("b"), store.ttl("c")]).toEqual([100, 101, null]);
    clock.ms += 99;
    expect([store.get("a"), store.has("b"), store.ttl("a")]).toEqual(["1", true, 1]);
    store.set("b", "2");
    clock.ms += 2;
    expect([store.get("a"), store.get("b"), store.ttl("b")]).toEqual([null, "2", Infinity]);
  });

  test("is renewed and removed by expire()", () => {
    const { store, clock } = onClock();
    store.set("a", "1");
    expect(store.expire("a", { ttl: 10 })).toBe(true);
    expect([store.ttl("a"), store.expire("b", { ttl: 10 })]).toEqual([10, false]);
    expect(store.expire("a", null)).toBe(true);
    clock.ms += 20;
    expect([store.get("a"), store.ttl("a")]).toEqual(["1", Infinity]);
    expect(store.expire("a", { expiresAt: clock.ms })).toBe(true);
    expect([store.get("a"), store.size]).toEqual([null, 0]);
  });

  test("in the past stores nothing, and removes what was there", () => {
    const { store, clock } = onClock();
    store.set("a", "1");
    store.set("a", "2", { expiresAt: clock.ms - 1 });
    store.set("b", "2", { expiresAt: 0 });
    expect([store.get("a"), store.get("b"), store.size]).toEqual([null, null, 0]);
  });

  test("that is over gives its memory back while others are written", () => {
    const { store, clock } = onClock();
    for (let i = 0; i < 2000; i++) store.set(`old${i}`, "x", { ttl: 10 });
    clock.ms += 20;
    for (let i = 0; i < 10_000 && store.size > 1; i++) store.set("new", "x", { ttl: 1_000 });
    expect([store.size, store.stats().expirations]).toEqual([1, 2000]);
  });
});

describe("a full store", () => {
  test("drops what is used least, and stays within its bytes", () => {
    using store = new Store({ maxMemory: 2 * MiB });
    const value = "x".repeat(500);
    store.set("hot", value);
    for (let i = 0; i < 20_000; i++) {
      store.set(`cold${i}`, value);
      if (i % 50 === 0) store.get("hot");
    }
    const stats = store.stats();
    expect(store.has("hot")).toBe(true);
    expect(stats.evictions).toBe(20_001 - stats.items);
    expect(stats.bytes).toBeLessThanOrEqual(stats.maxMemory);
    expect(stats.bytes).toBeGreaterThan(1.5 * MiB);
  });

  test("refuses with eviction none, keeps what it has, and takes more after a delete", () => {
    const { store } = onClock({ eviction: "none", maxMemory: MiB });
    const value = "x".repeat(10_000);
    let count = 0;
    const fill = () => {
      for (;;) store.set(`key${count}`, value + count++);
    };
    expect(fill).toThrow(StoreFullError);
    const last = --count;
    expect(last).toBeGreaterThan(50);
    expect(store.get(`key${last - 1}`)).toBe(value + (last - 1));
    expect(() => store.set("key0", value + value)).toThrow(StoreFullError);
    expect(store.get("key0")).toBe(`${value}0`);
    for (let i = 0; i < 20; i++) store.delete(`key${i}`);
    store.set("another", value);
    expect([store.get("another"), store.stats().evictions]).toEqual([value, 0]);
  });

  test("refuses what is too large, at no cost to the others", () => {
    using store = new Store({ maxMemory: MiB, maxValueSize: 1000 });
    store.set("key", "x".repeat(1000));
    expect(() => store.set("key", "x".repeat(1001))).toThrow(ValueTooLargeError);
    expect(() => store.set("k".repeat(MiB / 4 + 1), "x")).toThrow(ValueTooLargeError);
    expect([store.get("key")?.length, store.size]).toEqual([1000, 1]);
    using usual = new Store({ maxMemory: MiB });
    expect(() => usual.set("key", new Uint8Array(MiB / 4 + 1))).toThrow(
      "a value of 262145 bytes: this store accepts up to 262144",
    );
  });
});

test("iteration meets each key once, and the store may change meanwhile", () => {
  using store = new Store({ maxMemory: 4 * MiB });
  const numbers = Array.from({ length: 500 }, (_, i) => i);
  for (const i of numbers) store.set(`key${i}`, `value${i}`);
  expect(new Map(store)).toEqual(new Map(numbers.map((i) => [`key${i}`, `value${i}`])));
  const [[key, value]] = store.entriesBytes();
  expect(store.getBytes(key)).toEqual(value);
  const met: string[] = [];
  for (const name of store.keys()) {
    met.push(name);
    store.delete(name);
    store.set(`other${met.length}`, "x");
    if (met.length > 5_000) break;
  }
  expect(new Set(met).size).toBe(met.length);
  expect(met.filter((name) => name.startsWith("key"))).toHaveLength(500);
  expect([...store.keysBytes()]).toHaveLength(store.size);
  store.clear();
  expect([store.size, [...store].length, store.stats().items]).toEqual([0, 0, 0]);
});

test("reads count as hits and misses, and nothing else does", () => {
  using store = new Store({ maxMemory: MiB });
  store.set("key", "x");
  store.get("key");
  store.getBytes("key");
  store.get("absent");
  store.has("key");
  store.ttl("absent");
  expect(store.stats()).toMatchObject({ items: 1, hits: 2, misses: 1, maxMemory: MiB });
});

test("wrong arguments are named", () => {
  using store = new Store({ maxMemory: MiB });
  const wrong: [() => unknown, string][] = [
    [() => new Store({ maxMemory: 1 }), "maxMemory must be whole bytes from 1048576"],
    [() => new Store({ maxMemory: "1mb" as never }), "maxMemory must be a number"],
    [() => new Store({ maxMemory: MiB, eviction: "lru" as never }), "eviction must be"],
    [() => new Store(undefined as never), "options must be a plain object"],
    [() => store.set("key", 1 as never), "value must be a string or a Uint8Array, not a number"],
    [() => store.get(1 as never), "key must be a string or a Uint8Array"],
    [() => store.set("key", "x", { ttl: 0 }), "ttl must be greater than 0, not 0"],
    [() => store.set("key", "x", { ttl: 1, expiresAt: 1 }), "mutually exclusive"],
    [() => store.expire("key", { expiresAt: "soon" as never }), "expiresAt must be a Date"],
    [() => store.expire("key", {}), "one of ttl and expiresAt"],
  ];
  for (const [act, message] of wrong) {
    expect(act).toThrow(InvalidArgumentError);
    expect(act).toThrow(message);
  }
  expect(store.size).toBe(0);
});

test("after dispose() every call throws, but dispose()", () => {
  const store = new Store({ maxMemory: MiB });
  store.set("key", "x");
  store.dispose();
  store.dispose();
  expect(() => store.get("key")).toThrow(ClosedError);
  expect(() => store.size).toThrow("the store is closed");
  expect(() => [...store]).toThrow(ClosedError);
});

test.each(Array.from({ length: repetitions(2, 60) }, (_, i) => i + (Date.now() % 100_000)))(
  "does what a Map with lifetimes does (seed %d)",
  (seed) => {
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 8) % below;
    };
    const { store, clock } = onClock({ maxMemory: 16 * MiB });
    const model = new Map<string, { value: string; end: number }>();
    const alive = (key: string) => {
      const item = model.get(key);
      return item !== undefined && item.end > clock.ms ? item : undefined;
    };
    for (let step = 0; step < 3_000; step++) {
      const key = `key${random(200)}`;
      const ttl = 1 + random(50);
      switch (random(6)) {
        case 0:
        case 1: {
          const value = `${step}`.repeat(random(100));
          const isMortal = random(2) === 0;
          store.set(key, value, isMortal ? { ttl } : undefined);
          model.set(key, { value, end: isMortal ? clock.ms + ttl : Infinity });
          break;
        }
        case 2:
          expect(store.delete(key)).toBe(alive(key) !== undefined);
          model.delete(key);
          break;
        case 3: {
          const item = alive(key);
          expect(store.expire(key, { ttl })).toBe(item !== undefined);
          if (item !== undefined) item.end = clock.ms + ttl;
          break;
        }
        case 4:
          clock.ms += random(4);
          break;
        case 5:
          expect(store.get(key)).toBe(alive(key)?.value ?? null);
          expect(store.ttl(key)).toBe((alive(key)?.end ?? Number.NaN) - clock.ms || null);
          break;
      }
    }
    const living = [...model].flatMap(([key, { value }]) => (alive(key) ? [[key, value]] : []));
    expect([...store].sort()).toEqual(living.sort() as [string, string][]);
    expect(store.stats().evictions).toBe(0);
    store.dispose();
  },
);

test("stores that come and go leave no memory behind", () => {
  const round = () => {
    using store = new Store({ maxMemory: 32 * MiB });
    const value = "x".repeat(1000);
    for (let i = 0; i < 5_000; i++) store.set(`key${i}`, value);
  };
  for (let i = 0; i < 4; i++) round();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < repetitions(8, 100); i++) round();
  // Each would leave 8 MB or more.
  expect(process.memoryUsage.rss() - before).toBeLessThan(32 * MiB);
});

test("what was handed out is collected, however large the store is", () => {
  using store = new Store({ maxMemory: 1024 * MiB });
  for (let i = 0; i < 16; i++) store.set(`key${i}`, new Uint8Array(MiB));
  const before = process.memoryUsage.rss();
  let peak = 0;
  for (let i = 0; i < repetitions(400, 4_000); i++) {
    store.getBytes(`key${i % 16}`);
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  expect(peak - before).toBeLessThan(150 * MiB);
});
