/**
 * Rate limiters, unchanged, on our node: what their documents show. Each is a script that counts in
 * a window of time; most of them ask for it by its SHA1 and send its text when it is not there.
 */
import { expect, setDefaultTimeout } from "bun:test";
import type { AddressInfo } from "node:net";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Bench, integration, stock, type Untyped } from "./stock.ts";

setDefaultTimeout(caseMsMax);

const windowMs = 60_000;
/** What is left of it when a busy machine has taken its time. */
const secondsLeft = expect.stringMatching(/^(60|[1-5]?\d)$/);

async function ioredis(bench: Bench): Promise<Untyped> {
  const { Redis } = await stock("ioredis");
  const client = new Redis(bench.port);
  bench.after(() => client.quit());
  return client;
}

async function nodeRedis(bench: Bench): Promise<Untyped> {
  const { createClient } = await stock("redis");
  const client = createClient({ url: bench.url });
  await client.connect();
  bench.after(() => client.close());
  return client;
}

/** The status of each of some requests, one after the other. */
async function statuses(count: number, request: () => Promise<Response>): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push((await request()).status);
  return found;
}

/** The window of a key has passed: it is shortened, so that nobody waits for it. */
async function passWindow(bench: Bench, key: string): Promise<void> {
  expect(await bench.ask("PTTL", key)).toBeWithin(1, windowMs + 1);
  await bench.ask("PEXPIRE", key, "1");
  await waitFor(async () => (await bench.ask("EXISTS", key)) === 0);
}

// ---- express ------------------------------------------------------------------------------------

async function limitExpress(
  bench: Bench,
  sendCommand: (...command: string[]) => Promise<unknown>,
): Promise<void> {
  const { default: express } = await stock("express");
  const { rateLimit } = await stock("express-rate-limit");
  const { RedisStore } = await stock("rate-limit-redis");
  const store = new RedisStore({ sendCommand });
  const app = express();
  const keyGenerator = () => "visitor";
  app.use(rateLimit({ windowMs, limit: 2, store, keyGenerator, standardHeaders: "draft-8" }));
  app.get("/", (_request: Untyped, response: Untyped) => response.send("hello"));
  const server = app.listen(0, "127.0.0.1");
  bench.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const visit = () => fetch(`http://127.0.0.1:${port}/`);
  expect(await statuses(3, visit)).toEqual([200, 200, 429]);
  const { totalHits, resetTime } = await store.get("visitor");
  expect(totalHits).toBe(3);
  expect(resetTime.getTime()).toBeGreaterThan(Date.now());
  await store.decrement("visitor");
  expect((await store.get("visitor")).totalHits).toBe(2);
  await passWindow(bench, "rl:visitor");
  expect(await store.get("visitor")).toMatchObject({ totalHits: Number.NaN });
  // What the server has forgotten is loaded once more.
  await bench.ask("SCRIPT", "FLUSH");
  expect(await statuses(3, visit)).toEqual([200, 200, 429]);
  await store.resetKey("visitor");
  expect(await statuses(1, visit)).toEqual([200]);
}

integration(
  "rate-limit-redis limits express over node-redis",
  { sends: "SCRIPT|LOAD EVALSHA DECR DEL", unknown: 1, unloaded: 1 },
  async (bench) => {
    const client = await nodeRedis(bench);
    await limitExpress(bench, (...command) => client.sendCommand(command));
  },
);

integration(
  "rate-limit-redis limits express over ioredis",
  { sends: "SCRIPT|LOAD EVALSHA DECR DEL", unloaded: 1 },
  async (bench) => {
    const client = await ioredis(bench);
    await limitExpress(bench, (...command) => client.call(...command));
  },
);

// ---- rate-limiter-flexible ----------------------------------------------------------------------

async function limitFlexibly(bench: Bench, options: Untyped): Promise<void> {
  const { RateLimiterRedis } = await stock("rate-limiter-flexible");
  const limiter = new RateLimiterRedis({ ...options, points: 3, duration: 60, keyPrefix: "api" });
  expect(await limiter.get("user")).toBeNull();
  expect(await limiter.consume("user", 2)).toMatchObject({
    consumedPoints: 2,
    remainingPoints: 1,
    isFirstInDuration: true,
  });
  const { remainingPoints, msBeforeNext } = await limiter.consume("user");
  expect(remainingPoints).toBe(0);
  expect(msBeforeNext).toBeWithin(1, windowMs + 1);
  const refused = await limiter.consume("user").catch((error: Untyped) => error);
  expect(refused).toMatchObject({ consumedPoints: 4, remainingPoints: 0 });
  expect((await limiter.reward("user", 3)).consumedPoints).toBe(1);
  expect((await limiter.penalty("user")).consumedPoints).toBe(2);
  expect((await limiter.get("user")).consumedPoints).toBe(2);
  await limiter.block("user", 30);
  const blocked = await limiter.consume("user").catch((error: Untyped) => error);
  expect(blocked.msBeforeNext).toBeWithin(1, 30_001);
  expect([await limiter.delete("user"), await limiter.delete("user")]).toEqual([true, false]);
  // One that never expires gets the window that it lacks.
  await bench.ask("SET", "api:user", "1");
  expect((await limiter.consume("user")).msBeforeNext).toBe(windowMs);
  await passWindow(bench, "api:user");
  expect((await limiter.consume("user")).consumedPoints).toBe(1);
}

integration(
  "rate-limiter-flexible over ioredis",
  { sends: "EVALSHA EVAL MULTI EXEC DEL" },
  async (bench) => await limitFlexibly(bench, { storeClient: await ioredis(bench) }),
);

integration(
  "rate-limiter-flexible over node-redis",
  { sends: "EVAL GET SET PTTL DEL", unknown: 1 },
  async (bench) => {
    const storeClient = await nodeRedis(bench);
    await limitFlexibly(bench, { storeClient, useRedisPackage: true });
  },
);

// ---- fastify ------------------------------------------------------------------------------------

/** One server with a limit for each of its routes. */
async function fastifyOf(bench: Bench, routes: Readonly<Record<string, Untyped>>) {
  const { default: fastify } = await stock("fastify");
  const { default: rateLimit } = await stock("@fastify/rate-limit");
  const app = fastify();
  bench.after(() => app.close());
  await app.register(rateLimit, { global: false, redis: await ioredis(bench) });
  for (const [url, options] of Object.entries(routes)) {
    const config = { rateLimit: { max: 2, timeWindow: windowMs, ...options } };
    app.get(url, { config }, () => "hello");
  }
  return app;
}

integration(
  "@fastify/rate-limit, with windows that grow",
  { sends: "EVALSHA EVAL" },
  async (bench) => {
    const app = await fastifyOf(bench, {
      "/fixed": {},
      "/again": { continueExceeding: true },
      "/growing": { exponentialBackoff: true },
    });
    const visit = async (url: string) => {
      const { statusCode, headers } = await app.inject(url);
      return [statusCode, headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"]];
    };
    for (const url of ["/fixed", "/again", "/growing"]) {
      expect([await visit(url), await visit(url)]).toEqual([
        [200, "1", "60"],
        [200, "0", secondsLeft],
      ]);
    }
    expect(await visit("/fixed")).toEqual([429, "0", secondsLeft]);
    expect(await visit("/again")).toEqual([429, "0", "60"]);
    // The window of the one that grows is computed in the script: 2^n times it, an integer again.
    const grown = [await visit("/growing"), await visit("/growing"), await visit("/growing")];
    expect(grown).toEqual([
      [429, "0", "60"],
      [429, "0", "120"],
      [429, "0", "240"],
    ]);
    const key = "fastify-rate-limit-GET/growing-127.0.0.1";
    expect(await bench.ask("PTTL", key)).toBeWithin(120_001, 240_001);
    const other = "fastify-rate-limit-GET/fixed-127.0.0.1";
    await passWindow(bench, other);
    expect(await visit("/fixed")).toEqual([200, "1", "60"]);
  },
);

integration(
  "@fastify/rate-limit looks without counting",
  { sends: "EVALSHA EVAL" },
  async (bench) => {
    const app = await fastifyOf(bench, {});
    const check = app.createRateLimit({ max: 2, timeWindow: windowMs });
    app.get("/login", async (request: Untyped) => {
      const { remaining, ttl } = await check(request, { increment: false });
      await check(request);
      return [remaining, ttl > 0];
    });
    const login = async () => (await app.inject("/login")).json();
    expect([await login(), await login(), await login()]).toEqual([
      [2, false],
      [1, true],
      [0, true],
    ]);
  },
);

// ---- Nest ---------------------------------------------------------------------------------------

/** A controller as the decorators of TypeScript would make it. */
async function nestOf(bench: Bench, storage: Untyped): Promise<string> {
  await stock("reflect-metadata");
  const { Controller, Get, Module } = await stock("@nestjs/common");
  const { NestFactory, APP_GUARD } = await stock("@nestjs/core");
  const { ThrottlerGuard, ThrottlerModule } = await stock("@nestjs/throttler");
  class Greeter {
    hello() {
      return "hello";
    }
  }
  Controller()(Greeter);
  const hello = Object.getOwnPropertyDescriptor(Greeter.prototype, "hello");
  Get()(Greeter.prototype, "hello", hello);
  class Application {}
  const throttlers = [{ ttl: windowMs, limit: 2, blockDuration: 2 * windowMs }];
  Module({
    imports: [ThrottlerModule.forRoot({ throttlers, storage })],
    controllers: [Greeter],
    providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
  })(Application);
  const application = await NestFactory.create(Application, { logger: false });
  bench.after(() => application.close());
  await application.listen(0, "127.0.0.1");
  return `http://127.0.0.1:${application.getHttpServer().address().port}/`;
}

for (const name of ["@nest-lab/throttler-storage-redis", "nestjs-throttler-storage-redis"]) {
  integration(`${name} blocks who comes too often`, { sends: "EVAL" }, async (bench) => {
    const { ThrottlerStorageRedisService } = await stock(name);
    const storage = new ThrottlerStorageRedisService(await ioredis(bench));
    const url = await nestOf(bench, storage);
    expect(await statuses(4, () => fetch(url))).toEqual([200, 200, 429, 429]);
    const [key = ""] = (await bench.ask("KEYS", "*:blocked")) as string[];
    expect(await bench.ask("PTTL", key)).toBeWithin(windowMs, 2 * windowMs + 1);
    await bench.ask("FLUSHDB");
    expect(await statuses(3, () => fetch(url))).toEqual([200, 200, 429]);
    const hit = () => storage.increment("user", windowMs, 1, windowMs, "default");
    const free = { totalHits: 1, timeToExpire: 60, isBlocked: false };
    expect(await hit()).toMatchObject(free);
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: true, timeToBlockExpire: 60 });
    // A block without an end is lifted, and the count begins again.
    await bench.ask("SET", "{user:default}:blocked", "1");
    expect(await hit()).toMatchObject(free);
  });
}

// ---- hono ---------------------------------------------------------------------------------------

/** What the stores of hono-rate-limiter ask of a client: that of a service over HTTP. */
function adapter(client: Untyped): Untyped {
  return {
    scriptLoad: (script: string) => client.script("LOAD", script),
    evalsha: (sha1: string, keys: string[], args: string[]) =>
      client.evalsha(sha1, keys.length, ...keys, ...args),
    decr: (key: string) => client.decr(key),
    del: (key: string) => client.del(key),
  };
}

for (const from of ["hono-rate-limiter", "@hono-rate-limiter/redis"]) {
  integration(
    `hono-rate-limiter with the store of ${from}`,
    { sends: "SCRIPT|LOAD EVALSHA DEL", unloaded: 1 },
    async (bench) => {
      const { Hono } = await stock("hono");
      const { rateLimiter } = await stock("hono-rate-limiter");
      const { RedisStore } = await stock(from);
      const store = new RedisStore({ client: adapter(await ioredis(bench)), prefix: "app:" });
      const app = new Hono();
      app.use(rateLimiter({ windowMs, limit: 2, keyGenerator: () => "visitor", store }));
      app.get("/", (context: Untyped) => context.text("hello"));
      const visit = async () => await app.request("/");
      expect(await statuses(3, visit)).toEqual([200, 200, 429]);
      expect((await store.get("visitor")).totalHits).toBe(3);
      await store.decrement("visitor");
      expect((await store.get("visitor")).totalHits).toBe(2);
      await passWindow(bench, "app:visitor");
      await bench.ask("SCRIPT", "FLUSH");
      expect(await statuses(3, visit)).toEqual([200, 200, 429]);
      await store.resetKey("visitor");
      expect(await bench.ask("DBSIZE")).toBe(0);
    },
  );
}
