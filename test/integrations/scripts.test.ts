/**
 * The scripts of software that neither npm nor Debian has, by their meaning and in words of our
 * own: Nextcloud, cashews, redis_rate, newer versions of limits, Bucket4j, Redisson, LiteLLM, the
 * plugins of WordPress, RIOT. The replies are literal, and redis-server gives the same.
 */
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { caseMsMax, type RespClient, respClient, type TestNode } from "../harness.ts";
import { oracle, oursWithThreads } from "../support/servers.ts";
import type { Argument } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const notLoaded = { error: "NOSCRIPT No matching script. Please use EVAL." };

function sha1Of(script: string): string {
  return new Bun.CryptoHasher("sha1").update(script).digest("hex");
}

/** Does `act` if the key still has the value that the caller believes in. */
function ifEqual(act: string): string {
  return `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end ${act}`;
}

const deleteIfEqual = ifEqual('return redis.call("DEL", KEYS[1])');
const setIfEqual = ifEqual('redis.call("SET", KEYS[1], ARGV[2]) return 1');
const expireIfEqual = ifEqual('redis.call("EXPIRE", KEYS[1], ARGV[2]) return 1');
const deleteUnlessEqual = `
  if redis.call("GET", KEYS[1]) == ARGV[1] then return 0 end
  return redis.call("DEL", KEYS[1])
`;
const decreaseIfThere = `
  return redis.call("EXISTS", KEYS[1]) == 0 and "NEX" or redis.call("DECRBY", KEYS[1], ARGV[1])
`;

/** A leaky bucket by the clock of the server; what is stored is a moment with a fraction. */
const leakyBucket = `
  redis.replicate_commands()
  local interval = ARGV[3] / ARGV[2]
  local time = redis.call("TIME")
  local now = (time[1] - 1483228800) + time[2] / 1000000
  local from = math.max(tonumber(redis.call("GET", KEYS[1]) or now), now)
  local to = from + interval * ARGV[4]
  local room = now - (to - interval * ARGV[1])
  local left = math.floor(room / interval + 0.5)
  if left < 0 then return {0, 0, tostring(-room), tostring(from - now)} end
  redis.call("SET", KEYS[1], to, "EX", math.ceil(to - now))
  return {tonumber(ARGV[4]), left, tostring(-1), tostring(to - now)}
`;

/** Two counters, of this window and of the one before, which weighs less and less. */
const slidingWindow = `
  local limit, window, cost = tonumber(ARGV[1]), ARGV[2] * 1000, tonumber(ARGV[3])
  local function read(key)
    return tonumber(redis.call("GET", key)) or 0, math.max(redis.call("PTTL", key), 0)
  end
  local _, left = read(KEYS[2])
  if left > 0 and left < window then
    redis.call("RENAME", KEYS[2], KEYS[1])
    redis.call("SET", KEYS[2], 0, "PX", left + window)
  end
  local old, oldMs = read(KEYS[1])
  if math.floor(old * oldMs / window) + read(KEYS[2]) + cost > limit then return false end
  if redis.call("EXISTS", KEYS[2]) == 1 then
    redis.call("INCRBY", KEYS[2], cost)
  else
    redis.call("SET", KEYS[2], cost, "PX", 2 * window)
  end
  return true
`;

const windowsOf = `
  local found = {}
  for _, key in ipairs(KEYS) do
    table.insert(found, redis.call("GET", key))
    table.insert(found, redis.call("PTTL", key))
  end
  return found
`;

/** A state of bytes, that is replaced only by who has seen the last one. */
const replaceState = `
  local old = redis.call("GET", KEYS[1])
  if ARGV[1] == "" then
    return redis.call("SET", KEYS[1], ARGV[2], "NX", "PX", ARGV[3]) and 1 or 0
  end
  if old ~= ARGV[1] then return 0 end
  redis.call("PSETEX", KEYS[1], ARGV[3], ARGV[2])
  return 1
`;

/** Several counters of one request at once, each with its amount and its window. */
const countAll = `
  local totals = {}
  for i, key in ipairs(KEYS) do
    local amount, seconds = ARGV[2 * i - 1], ARGV[2 * i]
    totals[i] = redis.call("INCRBYFLOAT", key, amount)
    if redis.call("TTL", key) < 0 then redis.call("EXPIRE", key, seconds) end
  end
  return totals
`;

/** Deletes what matches a pattern: keys that the script has not named. */
const flushMatching = `
  local cursor, gone = "0", 0
  repeat
    local page = redis.call("SCAN", cursor, "MATCH", ARGV[1], "COUNT", 100)
    cursor = page[1]
    if #page[2] > 0 then gone = gone + redis.call("DEL", unpack(page[2])) end
  until cursor == "0"
  return gone
`;

const describeKeys = `
  local rows = {}
  for i, key in ipairs(KEYS) do
    local bytes = redis.call("MEMORY", "USAGE", key)
    rows[i] = {
      key, redis.call("TYPE", key).ok, redis.call("PTTL", key), bytes and bytes > 0,
      redis.call("DUMP", key),
    }
  end
  return rows
`;

for (const contestant of [oracle, oursWithThreads(1), oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    let server: TestNode;
    let client: RespClient;
    beforeAll(async () => {
      server = await contestant.start();
      client = await respClient(server.port);
    });
    afterAll(async () => {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });
    beforeEach(async () => void (await ask("FLUSHALL")));

    const ask = (...args: Argument[]) => client.call(...args);
    /** By its SHA1 if the server has it, as most software does. */
    const run = async (script: string, keys: readonly string[], ...args: Argument[]) => {
      const rest = [keys.length, ...keys, ...args];
      const found = await ask("EVALSHA", sha1Of(script), ...rest);
      if ((found as { error?: string } | null)?.error !== notLoaded.error) return found;
      return await ask("EVAL", script, ...rest);
    };

    test("Nextcloud compares and sets, deletes, expires and counts down", async () => {
      await ask("SCRIPT", "FLUSH");
      expect(await ask("EVALSHA", sha1Of(setIfEqual), 1, "key", "a", "b")).toEqual(notLoaded);
      expect(await run(setIfEqual, ["key"], "a", "b")).toBe(0);
      expect(await run(deleteUnlessEqual, ["key"], "a")).toBe(0);
      await ask("SET", "key", "a", "EX", 100);
      expect(await run(expireIfEqual, ["key"], "b", 1000)).toBe(0);
      expect(await run(expireIfEqual, ["key"], "a", 1000)).toBe(1);
      expect(await ask("TTL", "key")).toBeWithin(900, 1001);
      expect(await run(setIfEqual, ["key"], "a", "b")).toBe(1);
      expect([await ask("GET", "key"), await ask("TTL", "key")]).toEqual(["b", -1]);
      expect(await run(deleteIfEqual, ["key"], "a")).toBe(0);
      expect(await run(deleteIfEqual, ["key"], "b")).toBe(1);
      await ask("SET", "key", "c");
      expect(await run(deleteUnlessEqual, ["key"], "c")).toBe(0);
      expect(await run(deleteUnlessEqual, ["key"], "d")).toBe(1);
      expect(await run(decreaseIfThere, ["count"], 3)).toBe("NEX");
      await ask("SET", "count", "10");
      expect(await run(decreaseIfThere, ["count"], 3)).toBe(7);
      expect(await ask("EXISTS", "key")).toBe(0);
    });

    test("cashews loads the script of its locks first", async () => {
      expect(await ask("SCRIPT", "LOAD", deleteIfEqual)).toBe(sha1Of(deleteIfEqual));
      await ask("SET", "lock", "mine", "NX", "PX", 60_000);
      const unlock = (owner: string) => ask("EVALSHA", sha1Of(deleteIfEqual), 1, "lock", owner);
      expect([await unlock("other"), await unlock("mine"), await unlock("mine")]).toEqual([
        0, 1, 0,
      ]);
    });

    test("redis_rate takes from a bucket that leaks by the server's clock", async () => {
      // Two in a minute: 30 s for each.
      const take = (cost = 1) => run(leakyBucket, ["rate:user"], 2, 2, 60, cost);
      expect(await take()).toEqual([1, 1, "-1", "30"]);
      expect(await ask("TTL", "rate:user")).toBeWithin(1, 31);
      const [allowed, left, , reset] = (await take()) as [number, number, string, string];
      expect([allowed, left]).toEqual([1, 0]);
      expect(Number(reset)).toBeWithin(1, 60.0001);
      const refused = (await take()) as [number, number, string, string];
      expect(refused.slice(0, 2)).toEqual([0, 0]);
      expect(Number(refused[2])).toBeWithin(1, 30.0001);
      expect(Number(refused[3])).toBeWithin(1, 60.0001);
    });

    test("limits moves a window on and weighs the last one", async () => {
      const keys = ["window:before", "window:now"];
      const hit = (cost = 1) => run(slidingWindow, keys, 3, 60, cost);
      expect(await run(windowsOf, keys)).toEqual([null, -2, null, -2]);
      expect([await hit(2), await hit(2), await hit(), await hit()]).toEqual([1, null, 1, null]);
      // A third of a window later: three that were count for almost two.
      await ask("PEXPIRE", "window:now", 39_000);
      expect([await hit(), await hit(), await hit()]).toEqual([1, 1, null]);
      const windows = (await run(windowsOf, keys)) as [string, number, string, number];
      expect([windows[0], windows[2]]).toEqual(["3", "2"]);
      expect(windows[1]).toBeWithin(1, 39_001);
      expect(windows[3]).toBeWithin(60_001, 99_001);
    });

    test("Bucket4j and Redisson replace a state of any bytes by compare and swap", async () => {
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      const other = every.toReversed();
      expect(await run(replaceState, ["bucket"], "", every, 60_000)).toBe(1);
      expect(await run(replaceState, ["bucket"], "", other, 60_000)).toBe(0);
      expect(await run(replaceState, ["bucket"], other, every, 60_000)).toBe(0);
      expect(await run(replaceState, ["bucket"], every, other, 60_000)).toBe(1);
      expect(await ask("GET", "bucket")).toBe(Buffer.from(other).toString("latin1"));
      expect(await ask("PTTL", "bucket")).toBeWithin(1, 60_001);
    });

    test("LiteLLM counts requests, tokens and costs at once", async () => {
      const count = () => run(countAll, ["requests", "tokens", "cost"], 1, 60, 250, 60, 0.25, 3600);
      expect([await count(), await count()]).toEqual([
        ["1", "250", "0.25"],
        ["2", "500", "0.5"],
      ]);
      expect(await ask("TTL", "tokens")).toBeWithin(1, 61);
      expect(await ask("TTL", "cost")).toBeWithin(61, 3601);
    });

    test("WordPress' plugins flush one site of several", async () => {
      const names = Array.from({ length: 300 }, (_, i) => `site${i % 3}:${i}`);
      await ask("MSET", ...names.flatMap((name) => [name, "value"]));
      expect(await run(flushMatching, [], "site1:*")).toBe(100);
      expect([await ask("DBSIZE"), await ask("KEYS", "site1:*")]).toEqual([200, []]);
    });

    test("RIOT reads keys with their types, times and dumps", async () => {
      await ask("SET", "key", "value", "PX", 60_000);
      const rows = (await run(describeKeys, ["key", "none"])) as never[][];
      const [[name, type, ttl, hasBytes, dump] = [], none] = rows;
      expect([name, type, hasBytes]).toEqual(["key", "string", 1] as never);
      expect(ttl).toBeWithin(1, 60_001);
      expect(none).toEqual(["none", "none", -2, null, null] as never);
      expect(await ask("RESTORE", "copy", 0, Buffer.from(dump ?? "", "latin1"))).toBe("OK");
      expect(await ask("GET", "copy")).toBe("value");
    });

    test("what others' Lua broke works: maxn, number formats, seeds, undeclared keys", async () => {
      const traps = `
        math.randomseed(tonumber(ARGV[1]))
        local first = math.random(1000000)
        math.randomseed(tonumber(ARGV[1]))
        redis.call("SET", "undeclared", 60000 * 2 ^ 3)
        return {
          table.maxn({[5] = 1}), tostring(10 / 2), 60000 * 2 ^ 3, first == math.random(1000000),
          redis.call("GET", "undeclared"), unpack({1, 2.9}),
        }
      `;
      expect(await run(traps, [], 42)).toEqual([5, "5", 480_000, 1, "480000", 1, 2]);
    });
  });
}
