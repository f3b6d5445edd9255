/**
 * Which scripts any data thread may run: those whose code names each command that they call, by
 * `redis.call` or by a local name for it, and none that needs the control thread. Comments and
 * texts are no code. What is computed is not followed.
 */
import { describe, expect, test } from "bun:test";
import { latin1Bytes } from "../../../../src/base/bytes.ts";
import { callsOnlyLocalCommands } from "../../../../src/command/script/called-commands.ts";
import "../../../../src/command/table.ts";

const runsAnywhere = (code: string) => callsOnlyLocalCommands(latin1Bytes(code));

describe("a script runs in any data thread if it", () => {
  for (const code of [
    "return redis.call('GET', KEYS[1])",
    "return redis . call -- here\n ( --[[ and there ]] 'GET', KEYS[1])",
    "local call = redis.call return call('GET', KEYS[1])",
    "local rcall = redis.call\nlocal n = rcall(\"INCR\", KEYS[1])\nreturn rcall('get', KEYS[1])",
    "local r = redis.pcall; return r('GET', 'a')",
    "local a = redis.call local b = redis.pcall a('SET', 'k', 1) return b('GET', 'k')",
    "return redis[\"call\"]('GET', 'a') .. redis['pcall']('GET', 'b')",
    "return redis.call('OBJECT', 'ENCODING', 'a')",
    "return redis.call('MEMORY', 'USAGE', 'a')",
  ]) {
    test(`names its commands: ${code}`, () => expect(runsAnywhere(code)).toBe(true));
  }

  for (const code of [
    "-- calls redis.call for each key\nreturn redis.call('GET', 'a')",
    "--[[ call(ARGV[1]), not pcall ]] return redis.call('GET', 'a')",
    "--[==[ redis.call(ARGV[1]) ]] ]==] return 1",
    "return 'redis.call(ARGV[1])'",
    "return [[ redis.call(ARGV[1]) ]]",
    'return {err = "the call failed: \'redis\' \\"call\\""}',
    "local r = redis.call -- call it\nreturn r('GET', 'the r of ' .. KEYS[1])",
  ]) {
    test(`mentions calls in comments and texts only: ${code}`, () => {
      expect(runsAnywhere(code)).toBe(true);
    });
  }

  for (const code of [
    "local ok = pcall(redis.call, 'GET', 'a') return ok",
    "local r = redis.call return pcall(r, 'GET', 'a')",
    "return pcall(function() return redis.call('GET', 'a') end)",
    "local callers = redis.call('GET', 'a') return callers or redis.error_reply('no callers')",
    "local o = {call = 1} return o.call + o['call']",
  ]) {
    test(`calls in another way: ${code}`, () => expect(runsAnywhere(code)).toBe(true));
  }

  for (const code of [
    "return redis.call('RPUSH', 'a', 'b')",
    "return redis.call('SUBSCRIBE', 'a')",
    "return redis.call('CONFIG', 'GET', '*')",
  ]) {
    test(`calls what fails in all threads alike: ${code}`, () => {
      expect(runsAnywhere(code)).toBe(true);
    });
  }
});

describe("a script needs the control thread if it", () => {
  for (const code of [
    "return redis.call('PUBLISH', 'a', 'b')",
    "return redis.call('INFO')",
    "return redis.call('SLOWLOG', 'GET')",
    "return redis.call('MEMORY', 'STATS')",
    "return pcall(redis.call, 'PUBLISH', 'a', 'b')",
    "local r = redis.call return r('PUBLISH', 'a', 'b')",
    "return redis['call']('PUBLISH', 'a', 'b')",
    "return redis.call('OBJECT', 'ENCODING', 'a') or --[[ ]] redis.call('PUBLISH', 'a', 'b')",
  ]) {
    test(`calls one of its commands: ${code}`, () => expect(runsAnywhere(code)).toBe(false));
  }

  for (const code of [
    "return redis.call(ARGV[1])",
    "return redis.call('PUB' .. 'LISH', 'a', 'b')",
    "return redis.call('P\\85BLISH', 'a', 'b')",
    "return redis.call([[PUBLISH]], 'a', 'b')",
    "return redis.call(('PUBLISH'), 'a', 'b')",
    "return redis.call(unpack(ARGV))",
    "return redis.call('MEMORY', ARGV[1])",
    "return redis.call('MEMORY', 'ST' .. 'ATS')",
    "return redis.call'INFO'",
    "return redis[ARGV[1]]('PUBLISH', 'a', 'b')",
    "return redis['ca' .. 'll']('PUBLISH', 'a', 'b')",
    "return redis['c\\97ll']('PUBLISH', 'a', 'b')",
    "local r = redis.call return r(ARGV[1])",
    "local r = redis.call local s = r return s('PUBLISH', 'a', 'b')",
    "local r = redis.call local t = {r} return t[1]('PUBLISH', 'a', 'b')",
    "local r = redis.call return pcall(r, ARGV[1])",
    "local r = redis.call\n'PUBLISH'",
    "local r = redis.call {'PUBLISH'}",
    "local r = redis.call or redis.pcall return r('GET', 'a')",
    "r = redis.call return r('GET', 'a')",
    "local r, s = redis.call, 1 return r('PUBLISH', 'a', 'b')",
    "local redis = redis.call return redis('GET', 'a') + redis.call('GET', 'a')",
    "local lib = redis return lib.call('PUBLISH', 'a', 'b')",
    "for _, f in pairs(redis) do pcall(f, 'PUBLISH', 'a', 'b') end",
    "return _G['redis'].call('PUBLISH', 'a', 'b')",
    "return loadstring(ARGV[1])()",
    "local pcall = function(f) return f('PUBLISH', 'a', 'b') end return pcall(redis.call, 'GET')",
    "local function pcall(f) return f('PUBLISH', 'a') end return pcall(redis.call, 'GET')",
    "local function x(pcall) return pcall(redis.call, 'GET') end return x(ARGV[1])",
    'local x = "a"redis.call(ARGV[1])',
    "local x = 'a\\'' redis.call(ARGV[1]) --'",
    "local x = [=[ ]] ]=] redis.call(ARGV[1])",
    "--[=[ ]] ]=] redis.call(ARGV[1])",
    "--[ [ \n redis.call(ARGV[1]) --]]",
  ]) {
    test(`may call another: ${code}`, () => expect(runsAnywhere(code)).toBe(false));
  }
});

test("hostile code is judged in a time that grows with its length alone", () => {
  for (const part of [
    "--[[\n",
    '"\\"\n',
    "[==[",
    "pcall(redis.call,'GET')",
    "local r=redis.call ",
  ]) {
    runsAnywhere(part.repeat(40_000));
  }
});
