// Scripts beside redis-server: the same scripts give the same replies, in RESP2 and RESP3, and
// leave the same data; on a node with one data thread and with several. What a script prints into
// the server's log is not compared.

import { describe, expect, test } from "bun:test";
import { Peer } from "../support/peer.ts";
import { oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";

type Case = readonly (string | number)[];

/** Scripts without keys. */
const scripts: readonly string[] = [
  // errors
  "return redis.call('nope')",
  "return redis.call('get')",
  "return redis.call('get', {})",
  "return redis.call()",
  "return redis.pcall()",
  "return redis.pcall('nope')",
  "return redis.pcall('nope').err",
  "redis.call('set', 's', 'abc') return redis.call('incr', 's')",
  "local t = redis.pcall('incr', 's') return {t.err, tostring(t.ignore_error_stats_update), t.line}",
  "return redis.call('subscribe', 'a')",
  "return redis.call('eval', 'return 1', 0)",
  "return redis.call('multi')",
  "return print",
  "return foo",
  "foo = 1",
  "error('x')",
  "error({err='MY thing'})",
  "error({err='thing'})",
  "error()",
  "error(12)",
  "local x = nil; return x.y",
  "local function f() error('deep') end\nf()",
  "return +",
  "\x1bLuaQ",
  "return {pcall(redis.call, 'incr', 's')}",
  "local ok, e = pcall(redis.call, 'incr', 's') return {tostring(ok), type(e), e}",
  "local ok, e = pcall(error, 'x') return {tostring(ok), e}",
  "redis.call('set', 'before', '1') error('stop')",
  "return redis.call('get', 'before')",
  "return {xpcall(function() error('a') end, function(e) return 'h:' .. e end)}",
  "local a, b, c = xpcall(function() error('a') end, function(e) error('q') end) return {tostring(a), b, c}",
  "return {xpcall(function() return 1, 2 end, nil)}",
  "return {xpcall(function() return 1, 2 end)}",
  // replies that it makes
  "return redis.error_reply('x')",
  "return redis.error_reply('-x y')",
  "return redis.error_reply('-x')",
  "return redis.error_reply('ERR x y')",
  "return redis.error_reply('WRONG x y')",
  "return redis.error_reply('a\\nb\\r\\n')",
  "return redis.error_reply()",
  "return redis.error_reply({})",
  "return redis.status_reply(1)",
  "return redis.status_reply('fine')",
  "return {err='a b'}",
  "return {err='ab'}",
  "return {err='a\\nb'}",
  "return {ok='a\\nb'}",
  "return {ok='\\255'}",
  "return {double=3.5}",
  "return {double='x'}",
  "return {map={a=1}}",
  "return {set={a=true}}",
  "return {big_number='12345678901234567890'}",
  "return {verbatim_string={format='txt', string='hello'}}",
  "return {verbatim_string={format='txt'}}",
  "return {1, 2, nil, 4}",
  "return {1.9, -1.9, 1e20, true, false, 'x', {}, {{}}}",
  "return {2^53, 2^53 + 2, 2^62, -2^63, 2^63}",
  "return",
  // numbers as arguments
  "local r = {} for i, v in ipairs({1e20, 1e17, 123456789012345678, 1e16, 0.1, 1e-5, 1e-4, 1.5e300," +
    " -0.0, 3, -7, 1/0, -1/0, 2^53, 1e15 + 0.5, 100, 5e-324, 10/3}) do redis.call('set', 'n', v)" +
    " r[i] = redis.call('get', 'n') end return r",
  "return redis.call('getrange', 's', 0, 1.0)",
  // replies of commands
  "return {redis.call('get', 'no'), redis.call('mget', 's', 'no'), redis.call('ping')}",
  "redis.setresp(3) return {redis.call('get', 'no') == nil, redis.call('mget', 's', 'no')}",
  "redis.setresp(3) return {true, false}",
  "redis.setresp(3) return true",
  "return redis.setresp(4)",
  "return redis.setresp()",
  "return redis.call('set', 'k', 'v', 'nx', 'get')",
  "return {redis.call('object', 'encoding', 's'), redis.call('type', 's'), redis.call('dbsize')}",
  "return {redis.call('expire', 's', 100), redis.call('ttl', 's'), redis.call('persist', 's')}",
  "return redis.call('lcs', 's', 'before')",
  "return redis.call('bitcount', 's')",
  "return redis.call('publish', 'c', 'm')",
  "return redis.call('rename', 's', 's2') and redis.call('copy', 's2', 's')",
  "local call = redis.call return call('mget', 's', 's2')",
  "return redis['call']('get', 's')",
  // databases
  "redis.call('select', 3) redis.call('set', 'in3', 'x') return redis.call('get', 'in3')",
  "return redis.call('get', 'in3')",
  // the clock goes on; what has expired for the script does not change while it runs
  `local function ms() local t = redis.call('time') return t[1] * 1000 + math.floor(t[2] / 1000) end
   local first = ms() repeat until ms() > first + 2 return 'later'`,
  `redis.call('set', 'short', 'x', 'px', 1)
   local first = redis.call('time')[2] repeat until redis.call('time')[2] - first > 3000
     or redis.call('time')[2] - first < 0 return redis.call('get', 'short')`,
  // the rest of the library
  "return redis.sha1hex('a')",
  "return redis.sha1hex(12)",
  "return redis.sha1hex()",
  "return redis.log(1)",
  "return redis.log('a', 'x')",
  "return redis.log(9, 'x')",
  "return {redis.log(3.9, 'x'), redis.log(-0.5, 'x'), 'logged'}",
  "return redis.set_repl(9)",
  // numbers as ints of C: beyond 32 bits, all are the smallest
  ...[
    "1e300",
    "-1e300",
    "0/0",
    "1/0",
    "2^31",
    "2^32",
    "2^32 + 3",
    "-2^32 + 3",
    "2^63",
    "3.9",
  ].flatMap((number) => [
    `return {redis.set_repl(${number})}`,
    `return {redis.set_repl(tostring(${number}))}`,
    `return {redis.setresp(${number})}`,
    `return {redis.log(${number}, 'x')}`,
    `return {string.byte(string.char(65, ${number}), 1, -1)}`,
  ]),
  ...["'3'", "'x'", "''", "' 3 '", "'0x3'", "nil", "true", "{}", "-0.9", "1, 2"].map(
    (argument) => `return {redis.set_repl(${argument})}`,
  ),
  "return redis.set_repl()",
  "return redis.replicate_commands()",
  "return {redis.REDIS_VERSION_NUM, redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE," +
    " redis.LOG_WARNING, redis.REPL_NONE, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_AOF," +
    " redis.REPL_ALL, redis.REDIS_VERSION}",
  "return redis.acl_check_cmd('get', 'a')",
  "return redis.acl_check_cmd('nope', 'a')",
  "return redis.acl_check_cmd()",
  "return redis.acl_check_cmd(nil)",
  "return {pcall(redis.acl_check_cmd, 'get', {})}",
  "return redis.acl_check_cmd('GET')",
  "return redis.acl_check_cmd('MSET', 'a', 'b', 'c')",
  "return redis.acl_check_cmd('BITOP', 'AND')",
  // promises
  "#!lua flags=no-writes\nreturn redis.call('set', 'a', 'b')",
  "#!lua flags=foo\nreturn 1",
  "#!lua x=foo\nreturn 1",
  "#!luac\nreturn 1",
  "#!lua",
  "#!lua\nreturn 5",
  "#!lua flags=no-writes,allow-stale,allow-oom,no-cluster,allow-cross-slot-keys\nerror('x')",
];

const others: readonly Case[] = [
  ["EVAL", "return 1", "x"],
  ["EVAL", "return 1", 3, "a"],
  ["EVAL", "return 1", -1],
  ["EVAL", "return 1", "99999999999999999999"],
  ["EVAL", "return {KEYS, ARGV, #KEYS, #ARGV}", 2, "a", "b", "c"],
  ["EVAL", "return {KEYS[1], ARGV[1], ARGV[2]}", 1, "\xff\0", "\r\n", ""],
  ["EVALSHA", "abc", 0],
  ["EVALSHA", "f".repeat(40), 0],
  ["SCRIPT", "LOAD", "return 1"],
  ["EVALSHA", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", 0],
  ["EVALSHA_RO", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0],
  ["SCRIPT", "LOAD", "return +"],
  ["SCRIPT", "LOAD"],
  ["SCRIPT", "EXISTS"],
  ["SCRIPT", "EXISTS", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "nope"],
  ["SCRIPT", "FLUSH", "x"],
  ["SCRIPT", "FLUSH", "SYNC", "SYNC"],
  ["SCRIPT", "FLUSH", "SYNC"],
  ["SCRIPT", "FLUSH", "ASYNC"],
  ["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0],
  ["SCRIPT", "KILL"],
  ["SCRIPT", "DEBUG", "foo"],
  ["SCRIPT", "nope"],
  ["EVAL_RO", "#!lua\nreturn 1", 0],
  ["EVAL_RO", "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])", 1, "before"],
  ["EVAL_RO", "return redis.call('set', 'a', 1)", 0],
  ["EVAL_RO", "return redis.call('publish', 'a', 1)", 0],
  ["EVAL_RO", "return redis.call('get', 'before')", 0],
  ["COMMAND", "GETKEYS", "EVAL", "return 1", 2, "a", "b", "c"],
  ["MULTI"],
  ["EVAL", "return redis.call('incr', KEYS[1])", 1, "counter"],
  ["EVAL", "error('within')", 0],
  ["EVALSHA", "f".repeat(40), 0],
  ["GET", "counter"],
  ["EXEC"],
  ["ACL", "SETUSER", "u", "on", "nopass", "+eval", "+get", "~a*", "&c*", "+publish"],
  ["AUTH", "u", "x"],
  ["EVAL", "return redis.call('set', 'a', '1')", 0],
  ["EVAL", "return redis.call('get', 'b')", 0],
  ["EVAL", "return redis.call('publish', 'd', 'x')", 0],
  ["EVAL", "return {redis.call('publish', 'c', 'x'), redis.call('get', 'a')}", 0],
  ["EVAL", "return {redis.acl_check_cmd('get', 'a1'), redis.acl_check_cmd('get', 'b')}", 0],
  ["EVAL", "return 1", 1, "b"],
  ["EVALSHA", "f".repeat(40), 0],
  ["AUTH", "default", "x"],
];

const cases: readonly Case[] = [...scripts.map((script) => ["EVAL", script, 0]), ...others];

async function answers(port: number, resp: 2 | 3): Promise<string[]> {
  await using peer = await Peer.connect(port);
  await peer.ask("FLUSHALL");
  if (resp === 3) await peer.ask("HELLO", 3);
  const found: string[] = [];
  for (const words of cases) {
    const bytes = words.map((word) => Buffer.from(String(word), "latin1"));
    found.push(`${JSON.stringify(words)} ${await peer.ask(...bytes)}`);
  }
  for (const key of ["s", "s2", "k", "n", "before", "counter", "a"]) {
    found.push(`${key} ${await peer.ask("GET", key)} ${await peer.ask("TTL", key)}`);
  }
  return found;
}

describe.skipIf(oracle.isMissing)(`scripts beside redis-server${redisNote}`, () => {
  for (const contestant of [ours, oursWithThreads(2)]) {
    test(`${contestant.name} replies as redis does, in RESP2 and RESP3`, async () => {
      await using redis = await oracle.start();
      await using node = await contestant.start();
      for (const resp of [2, 3] as const) {
        expect(await answers(node.port, resp)).toEqual(await answers(redis.port, resp));
      }
    }, 120_000);
  }
});
