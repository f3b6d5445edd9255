// The limiter of mscache/rate-limit on real servers, on a clock of the test: never more than the
// limit in any window, and places that come back within a segment. Redis 7.0 has no INCREX, and the
// limiter must do the same there.

import { expect, test } from "bun:test";
import { RateLimiter } from "../../../src/client/adapters/rate-limit.ts";
import type { Client } from "../../../src/client/client.ts";
import { eachServer } from "../../support/client-servers.ts";
import { connectPatiently } from "../../support/patient-client.ts";

/** The begin of a segment of each length that is used here. */
const start = 1_699_999_998_000;
const window = 60_000;
const segmentMs = 6000;

eachServer("a rate limiter", (node) => {
  test("says what is left, when to come again and when all is free", async () => {
    await using client = await connectPatiently(node().address);
    let now = start;
    const limiter = new RateLimiter({ client, limit: 3, window, now: () => now });
    const all = window + segmentMs;
    const allowed = { allowed: true, retryAfter: 0 };
    expect(await limiter.take("a", 2)).toEqual({ ...allowed, remaining: 1, resetAfter: all });
    now += window / 2;
    expect(await limiter.take("a")).toEqual({ ...allowed, remaining: 0, resetAfter: all });
    const refused = { allowed: false, remaining: 0, resetAfter: all };
    const first = window / 2 + segmentMs;
    expect(await limiter.take("a")).toEqual({ ...refused, retryAfter: first });
    expect(await limiter.take("a", 3)).toEqual({ ...refused, retryAfter: all });
    expect(await limiter.take("b")).toMatchObject({ allowed: true, remaining: 2 });
    now += first - 1;
    expect((await limiter.take("a")).allowed).toBe(false);
    now += 1;
    expect(await limiter.take("a", 2)).toMatchObject({ allowed: true, remaining: 0 });
    await limiter.reset("a");
    expect(await limiter.take("a")).toMatchObject({ allowed: true, remaining: 2 });
  });

  test("allows exactly the limit to many processes at once", async () => {
    await using first = await connectPatiently(node().address);
    await using second = await connectPatiently(node().address);
    const limiters = [first, second].map(
      (client) => new RateLimiter({ client, limit: 50, window, prefix: "many:", now: () => start }),
    );
    const takes = limiters.flatMap((limiter) =>
      Array.from({ length: 100 }, () => limiter.take("a")),
    );
    const results = await Promise.all(takes);
    expect(results.filter(({ allowed }) => allowed)).toHaveLength(50);
    expect((await limiters[0]?.take("a"))?.remaining).toBe(0);
  });

  test("never allows more than the limit in any window, even if clocks differ a little", async () => {
    await using client = await connectPatiently(node().address);
    let now = start;
    const limit = 7;
    const settings = { client, limit, window, prefix: "walk:" };
    const limiters = [0, 3000].map(
      (ahead) => new RateLimiter({ ...settings, now: () => now + ahead }),
    );
    const allowed: number[] = [];
    for (let step = 0; step < 300; step++) {
      now += (step * 7919) % 2500;
      const limiter = limiters[step % 2] as RateLimiter;
      if ((await limiter.take("a")).allowed) allowed.push(now);
    }
    expect(allowed.length).toBeGreaterThan(limit * 4);
    const crowded = allowed.filter((at, index) => {
      const later = allowed[index + limit];
      return later !== undefined && later - at < window - 3000;
    });
    expect(crowded).toEqual([]);
  });
});

test("a limiter refuses a limit, a window or a cost that cannot be", async () => {
  const client = { atLeader: () => undefined } as unknown as Client;
  const make = (limit: number, length: number) =>
    new RateLimiter({ client, limit, window: length });
  expect(() => make(0, 1)).toThrow("limit must be a whole number from 1");
  expect(() => make(1, 0.5)).toThrow("window must be a whole number from 1");
  expect(await make(2, 1).take("a", 3).catch(String)).toContain("cost must be a whole number");
});
