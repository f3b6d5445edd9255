// Scripts that run as code of ours, against scripts of Lua that mean the same: after any state of
// the keys, the reply, the effects, the items, and the counts of commands and errors are equal. The
// texts of the packages are not here, as they are theirs; test/integrations runs them.

import { describe, expect, test } from "bun:test";
import { unlockScript, windowScript } from "../../../../src/command/script/native/idioms.ts";
import {
  addInWindow,
  consume,
  countAndReset,
  countSeconds,
  countUpTo,
  fixedWindow,
  readWindow,
  throttle,
} from "../../../../src/command/script/native/limiters.ts";
import {
  acquireAll,
  add,
  addToExisting,
  compareAndSet,
  extendAll,
  refresh,
  refreshSeconds,
  releaseAll,
  unlock,
} from "../../../../src/command/script/native/locks.ts";
import {
  NativeScripts,
  type Program,
} from "../../../../src/command/script/native/native-scripts.ts";
import { Scripts } from "../../../../src/command/script/scripts.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { Bed, now } from "../bed.ts";

const stepsEach = repetitions(80, 6000);

const ifEqual = (act: string) =>
  `local c = redis.call if c("get", KEYS[1]) == ARGV[1] then ${act} end return 0`;
const eachKey = (act: string) => `for _, k in ipairs(KEYS) do ${act} end`;
const leaseAll = `${eachKey('c("set", k, ARGV[1], "PX", ARGV[2])')} return #KEYS`;

interface Meaning {
  readonly program: Program;
  readonly lua: string;
  /** Undefined: one to three. */
  readonly keys?: number;
  readonly args: number;
}

const meanings: Record<string, Meaning> = {
  unlock: { program: unlock, keys: 1, args: 1, lua: ifEqual('return c("del", KEYS[1])') },
  compareAndSet: {
    ...{ program: compareAndSet, keys: 1, args: 2 },
    lua: ifEqual('c("set", KEYS[1], ARGV[2]) return 1'),
  },
  refresh: {
    ...{ program: refresh, keys: 1, args: 2 },
    lua: ifEqual('c("pexpire", KEYS[1], ARGV[2]) return 1'),
  },
  refreshSeconds: {
    ...{ program: refreshSeconds, keys: 1, args: 2 },
    lua: ifEqual('c("expire", KEYS[1], ARGV[2]) return 1'),
  },
  acquireAll: {
    ...{ program: acquireAll, args: 2 },
    lua: `local c = redis.call ${eachKey('if c("exists", k) == 1 then return 0 end')} ${leaseAll}`,
  },
  extendAll: {
    ...{ program: extendAll, args: 2 },
    lua: `local c = redis.call
      ${eachKey('if c("get", k) ~= ARGV[1] then return 0 end')} ${leaseAll}`,
  },
  releaseAll: {
    ...{ program: releaseAll, args: 1 },
    lua: `local c, n = redis.call, 0
      ${eachKey('if c("get", k) == ARGV[1] then redis.pcall("del", k) n = n + 1 end')} return n`,
  },
  add: {
    ...{ program: add, keys: 1, args: 2 },
    lua: `local c = redis.call
      return c("exists", KEYS[1]) < 1 and c("setex", KEYS[1], ARGV[2], ARGV[1])`,
  },
  addToExisting: {
    ...{ program: addToExisting, keys: 1, args: 1 },
    lua: `local c = redis.call
      return c("exists", KEYS[1]) == 1 and c("incrby", KEYS[1], ARGV[1])`,
  },
  fixedWindow: {
    ...{ program: fixedWindow, keys: 1, args: 1 },
    lua: `local c, w = redis.call, tonumber(ARGV[1])
      local left = c("pttl", KEYS[1])
      if left <= 0 then c("set", KEYS[1], 1, "PX", w) return {1, w} end
      return {c("incr", KEYS[1]), left}`,
  },
  readWindow: {
    ...{ program: readWindow, keys: 1, args: 0 },
    lua: `local v = redis.call("get", KEYS[1]) return {v, redis.call("pttl", KEYS[1])}`,
  },
  consume: {
    ...{ program: consume, keys: 1, args: 4 },
    lua: `local c = redis.call
      c("set", KEYS[1], 0, "EX", ARGV[2], "NX")
      local n, left = c("incrby", KEYS[1], ARGV[1]), c("pttl", KEYS[1])
      if left == -1 then c("expire", KEYS[1], ARGV[2]) left = 1000 * ARGV[2] end
      return {n, left}`,
  },
  countUpTo: {
    ...{ program: countUpTo, keys: 1, args: 4 },
    lua: `local c, w, max = redis.call, tonumber(ARGV[1]), tonumber(ARGV[2])
      local n = c("incr", KEYS[1])
      if n == 1 or (ARGV[3] == "true" and n > max) then
        c("pexpire", KEYS[1], w)
      elseif ARGV[4] == "true" and n > max then
        w = math.min(w * 2 ^ (n - max - 1), 2 ^ 53 - 1)
        c("pexpire", KEYS[1], w)
      else
        w = c("pttl", KEYS[1])
      end
      return {n, w}`,
  },
  countAndReset: {
    ...{ program: countAndReset, keys: 1, args: 2 },
    lua: `local c = redis.call
      local n, left = c("incr", KEYS[1]), c("pttl", KEYS[1])
      if left <= 0 or ARGV[1] == "1" then
        c("pexpire", KEYS[1], tonumber(ARGV[2]))
        left = tonumber(ARGV[2])
      end
      return {n, left}`,
  },
  addInWindow: {
    ...{ program: addInWindow, keys: 1, args: 2 },
    lua: `local c, amount = redis.call, tonumber(ARGV[2])
      local n = c("incrby", KEYS[1], amount)
      if n == amount then c("expire", KEYS[1], ARGV[1]) end
      return n`,
  },
  countSeconds: {
    ...{ program: countSeconds, keys: 1, args: 1 },
    lua: `local n = redis.call("incr", KEYS[1])
      if n == 1 then redis.call("expire", KEYS[1], ARGV[1]) end
      return n`,
  },
  throttle: {
    ...{ program: throttle, keys: 2, args: 4 },
    lua: `local c, hits, block = redis.call, KEYS[1], KEYS[2]
      local w, limit, blockMs = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
      local n, left = c("incr", hits), c("pttl", hits)
      if left <= 0 then c("pexpire", hits, w) left = w end
      local isBlocked, blockLeft = c("get", block), 0
      if isBlocked then
        blockLeft = c("pttl", block)
      elseif n > limit then
        c("set", block, 1, "PX", blockMs)
        isBlocked, blockLeft = "1", blockMs
      end
      if isBlocked and blockLeft <= 0 then
        c("del", block)
        c("set", hits, 1, "PX", w)
        n, left, isBlocked = 1, w, false
      end
      return {n, left, isBlocked and 1 or 0, blockLeft}`,
  },
};

const words = [
  "",
  "1",
  "2",
  "10",
  "-1",
  "0",
  "-0",
  "01",
  "1.5",
  "1e3",
  "x",
  "true",
  "false",
  "60000",
];
const unusual = [
  ...["999999999999999", "1000000000000001", "9007199254740993", "-9007199254740993"],
  ...["9223372036854775806", "9223372036854775807", " 7", "7 ", "nan"],
];
const long = "v".repeat(70_000);

const keyNames = ["k0", "k1", "k2", "k3"];

function anyValue(random: Random): string {
  return random.chance(0.02) ? long : random.pick(random.chance(0.1) ? unusual : words);
}

function changeSomething(pair: Pair, random: Random): void {
  const key = random.pick(keyNames);
  const change = random.next();
  if (change < 0.3) pair.both("SET", key, anyValue(random));
  else if (change < 0.4) pair.both("DEL", key);
  else if (change < 0.6) pair.both("PEXPIRE", key, random.pick(["50", "100000"]));
  else if (change < 0.65) pair.both("PERSIST", key);
  else if (change < 0.7) pair.wait(20);
}

/** The number of keys, keys and arguments: mostly such as a package sends. */
function callOf({ keys, args }: Meaning, random: Random): string[] {
  const keyCount = keys ?? random.between(1, 3);
  const given = Array.from({ length: args }, () =>
    random.chance(0.6) ? random.pick(["1", "2", "10", "60000"]) : anyValue(random),
  );
  if (random.chance(0.05)) given.pop();
  if (random.chance(0.05)) given.push("more");
  const named = Array.from({ length: keyCount }, () => random.pick(keyNames));
  return [String(keyCount), ...named, ...given];
}

/** Two beds with the same past; the second runs the program. */
class Pair {
  readonly plain = new Bed({ memoryLimitBytes: 8 * 1024 * 1024, valueBytesMax: 100_000 });
  readonly native = new Bed({ memoryLimitBytes: 8 * 1024 * 1024, valueBytesMax: 100_000 });
  runs = 0;

  constructor({ program }: Meaning) {
    const counted: Program = (calls, reply) => {
      const hasRun = program(calls, reply);
      if (hasRun) this.runs++;
      return hasRun;
    };
    const { errors } = this.native.x.statistics;
    Object.assign(this.native.x, {
      scripts: new Scripts(errors, { natives: new NativeScripts(() => counted) }),
    });
  }

  both(...args: string[]): void {
    for (const bed of [this.plain, this.native]) bed.run(...args);
  }

  wait(ms: number): void {
    for (const bed of [this.plain, this.native]) bed.x.now += ms;
  }

  expectEqual(...args: string[]): void {
    const { plain, native } = this;
    const expected = plain.run(...args);
    expect([...args, native.run(...args)]).toEqual([...args, expected]);
    expect(native.recorded()).toEqual(plain.recorded());
    expect(native.x.statistics.errors.total).toBe(plain.x.statistics.errors.total);
  }
}

describe("a script that runs natively does what it does in the VM:", () => {
  for (const [name, meaning] of Object.entries(meanings)) {
    test(name, () => {
      const random = new Random(seedFor("NATIVE_SEED"));
      const pair = new Pair(meaning);
      for (let step = 0; step < stepsEach; step++) {
        changeSomething(pair, random);
        pair.expectEqual("EVAL", meaning.lua, ...callOf(meaning, random));
        for (const one of keyNames) pair.expectEqual("PTTL", one);
        for (const one of keyNames) pair.expectEqual("GET", one);
      }
      expect(pair.runs).toBeGreaterThan(stepsEach / 20);
      expect([...pair.native.x.statistics.calls]).toEqual([...pair.plain.x.statistics.calls]);
    });
  }
});

describe("a known script", () => {
  test("is known by the SHA1 of its text alone", () => {
    const natives = new NativeScripts();
    expect(natives.numberOf("647c65a442733a1aa440f99908d249d13b4d6c4a")).toBe(0);
    expect(natives.numberOf("647c65a442733a1aa440f99908d249d13b4d6c4b")).toBe(-1);
  });

  test("of ours means what its lock and its counter need", () => {
    const bed = new Bed();
    bed.run("SET", "lock", "mine");
    expect(bed.run("EVAL", unlockScript, 1, "lock", "other")).toBe(":0\r\n");
    expect(bed.run("EVAL", unlockScript, 1, "lock", "mine")).toBe(":1\r\n");
    expect(bed.run("EVAL", windowScript, 1, "hits", "10")).toBe(":1\r\n");
    expect(bed.run("EVAL", windowScript, 1, "hits", "10")).toBe(":2\r\n");
    expect(bed.run("TTL", "hits")).toBe(":10\r\n");
  });

  test("runs in a transaction, as one group with its other commands", () => {
    const pair = new Pair(meanings.compareAndSet);
    pair.both("SET", "k", "old");
    const call = ["EVAL", meanings.compareAndSet.lua, "1", "k", "old", "new"];
    for (const args of [["MULTI"], ["INCR", "n"], call, call, ["EXEC"]]) pair.expectEqual(...args);
    expect(pair.runs).toBe(2);
    expect(pair.plain.x.now).toBe(now);
  });

  test("is refused where its first write is, as in the VM", () => {
    const pair = new Pair(meanings.compareAndSet);
    pair.both("SET", "k", "old");
    const tooLong = "n".repeat(60_000);
    for (const bed of [pair.plain, pair.native]) bed.store.setValueLimit(1000);
    pair.expectEqual("EVAL", meanings.compareAndSet.lua, "1", "k", "old", tooLong);
    pair.expectEqual("GET", "k");
  });
});
