// Functions beside redis-server: the same libraries and calls give the same replies, in RESP2 and
// RESP3, on a node with one data thread and with several. A list of several libraries has no order
// in Redis, so no case lists more than one.

import { describe, expect, test } from "bun:test";
import { waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";

type Case = readonly (string | number)[];

function load(code: string, header = "#!lua name=lib"): Case {
  return ["FUNCTION", "LOAD", "REPLACE", `${header}\n${code}`];
}

const register = "redis.register_function";

/** What cannot be loaded. */
const refused: readonly Case[] = [
  ["FUNCTION", "LOAD", "return 1"],
  ["FUNCTION", "LOAD", "#!lua name=lib"],
  load("", "#!lua"),
  load("", "#!lua name="),
  load("", "#!lua name=a name=b"),
  load("", "#!lua foo"),
  load("", '#!lua name="a b"'),
  load("", '#!lua name="a'),
  load("", "#!lua name=a-b"),
  load("", '#!lua name="a"b'),
  load("", "#!lua 'name=a\\'b'"),
  load("", '#!lua "name=\\x61\\x4\\n\\q"'),
  load("", "#!lua name=a\xa0name=b"),
  load("", "#!lua\v\fname=a\vb"),
  load("", "#!lua name=a\r b"),
  load("", "#!lua name=a \0name=b"),
  load("", "#!foo name=a"),
  load("", "#! name=a"),
  load("return 1"),
  load("return +"),
  load("return math.random()"),
  load("return redis.call('get', 'x')"),
  load("return redis.setresp(3)"),
  load("return _G"),
  load("return string"),
  load("pcall(redis.log)"),
  load("x = 1"),
  load("redis.x = 1"),
  load("redis = 1"),
  load("local a = nil .. 1"),
  load("error('x')"),
  load(`${register}()`),
  load(`${register}(1)`),
  load(`${register}('f')`),
  load(`${register}('f', 1)`),
  load(`${register}({}, function() end)`),
  load(`${register}('f', function() end, 3)`),
  load(`${register}('a b', function() end)`),
  load(`${register}('f', function() end) ${register}('f', function() end)`),
  load(`${register}{function_name='f'}`),
  load(`${register}{callback=function() end}`),
  load(`${register}{function_name={}}`),
  load(`${register}{description={}}`),
  load(`${register}{callback=1}`),
  load(`${register}{flags=1}`),
  load(`${register}{nope=1}`),
  load(`${register}{[{}]=1}`),
  load(`${register}{function_name='f', callback=function() end, flags={'nope'}}`),
  load(`${register}{function_name='f', callback=function() end, flags={{}}}`),
  load("return redis.log(1)"),
  load("return redis.nope"),
  ["FUNCTION", "LOAD"],
  ["FUNCTION", "LOAD", "foo", "#!lua name=lib\n"],
];

const library = [
  "local calls = 0",
  "local early = redis",
  `${register}('echo', function(keys, args) return {keys, args, #keys, #args} end)`,
  `${register}('count', function() calls = calls + 1 return calls end)`,
  `${register}('fails', function()\nerror('boom') end)`,
  `${register}('wrong', function() return redis.call('nope') end)`,
  `${register}('keys', function() return KEYS end)`,
  `${register}('late', function() return early.register_function('x', function() end) end)`,
  `${register}('now', function() return redis.register_function('x', function() end) end)`,
  `${register}('changes', function() early.x = 1 end)`,
  `${register}('sets', function() x = 1 end)`,
  `${register}('raw', function() rawset(redis, 'x', 1) end)`,
  `${register}('has', function() return {redis.replicate_commands == nil, redis.sha1hex('a'),` +
    " redis.breakpoint == nil, type(string.rep), type(cjson.encode), redis.REPL_ALL} end)",
  `${register}('resp3', function() redis.setresp(3) return {map={a=true}} end)`,
  `${register}('write', function(k, a) return redis.call('SET', k[1], a[1]) end)`,
  `${register}('incr', function(k) redis.call('INCR', k[1]) return redis.call('GET', k[1]) end)`,
  `${register}{function_name='read', callback=function(k) return redis.call('GET', k[1]) end,` +
    " flags={'no-writes'}, description='reads'}",
  `${register}{FUNCTION_NAME='liar', callback=function(k) return redis.call('SET', k[1], 1) end,` +
    " flags={'NO-WRITES', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys'}}",
  `${register}(12, function() return redis.status_reply('twelve') end)`,
].join("\n");

const used: readonly Case[] = [
  load(library),
  ["FUNCTION", "LOAD", "#!lua name=lib\n"],
  ["FUNCTION", "LOAD", `#!lua name=other\n${register}('echo', function() end)`],
  ["FCALL", "echo", 1, "a", "b", "c"],
  ["FCALL", "echo", 0],
  ["FCALL", "echo", 2, "\xff\0", "\r\n", ""],
  ["FCALL", "echo"],
  ["FCALL", "echo", "a"],
  ["FCALL", "echo", -1],
  ["FCALL", "echo", 3, "a"],
  ["FCALL", "nope", 9],
  ["FCALL", "ECHO", 0],
  ["FCALL", "count", 0],
  ["FCALL", "count", 0],
  ...["fails", "wrong", "keys", "late", "now", "changes", "sets", "raw", "has", "resp3"].map(
    (name) => ["FCALL", name, 0],
  ),
  ["FCALL", "write", 1, "a", "1"],
  ["FCALL", "incr", 1, "a"],
  ["FCALL", "incr", 1, "not"],
  ["FCALL_RO", "write", 1, "a", "1"],
  ["FCALL_RO", "read", 1, "a"],
  ["FCALL", "read", 1, "a"],
  ["FCALL", "liar", 1, "a"],
  ["FCALL", "12", 0],
  ["EVAL", "return redis.call('fcall', 'echo', 0)", 0],
  ["EVAL", "return redis.call('function', 'list')", 0],
  ["MULTI"],
  ["FCALL", "incr", 1, "a"],
  ["FUNCTION", "LOAD", `#!lua name=queued\n${register}('queued', function() return 'q' end)`],
  ["FCALL", "queued", 0],
  ["FCALL", "fails", 0],
  ["EXEC"],
  ["CONFIG", "SET", "min-replicas-to-write", 1],
  ["FCALL", "echo", 0],
  ["FCALL", "read", 1, "a"],
  ["FCALL_RO", "echo", 0],
  ["EVAL", "#!lua\nreturn 1", 0],
  ["EVAL", "return redis.call('SET', 'a', 1)", 0],
  ["FUNCTION", "FLUSH"],
  ["FUNCTION", "RESTORE", "x"],
  ["CONFIG", "SET", "min-replicas-to-write", 0],
  ["FUNCTION", "STATS"],
  ["FUNCTION", "KILL"],
  ["FUNCTION", "DELETE", "lib"],
  ["FUNCTION", "DELETE", "lib"],
  ["FCALL", "echo", 0],
  ["FUNCTION", "LIST"],
  ["FUNCTION", "LIST", "WITHCODE", "LIBRARYNAME", "QUE*"],
  ["FUNCTION", "LIST", "LIBRARYNAME", "x*"],
  ["FUNCTION", "LIST", "LIBRARYNAME"],
  ["FUNCTION", "LIST", "foo"],
  ["FUNCTION", "LIST", "withcode", "withcode"],
  ["FLUSHALL"],
  ["FCALL", "queued", 0],
  ["FUNCTION", "FLUSH", "x"],
  ["FUNCTION", "FLUSH", "SYNC", "SYNC"],
  ["FUNCTION", "FLUSH", "ASYNC"],
  ["FUNCTION", "FLUSH"],
  ["FUNCTION", "LIST"],
  ["FUNCTION", "STATS"],
  ["FUNCTION", "HELP"],
  ["FUNCTION", "nope"],
  ["FUNCTION"],
  ["FUNCTION", "DUMP"],
  ["FUNCTION", "RESTORE", "x"],
  ["FUNCTION", "RESTORE", "x", "y"],
  ["FUNCTION", "RESTORE", "x", "APPEND", "y"],
  ["COMMAND", "GETKEYS", "FCALL", "f", 2, "a", "b", "c"],
  ["COMMAND", "GETKEYSANDFLAGS", "FCALL_RO", "f", 1, "a"],
];

const permissions: readonly Case[] = [
  load(library),
  ["ACL", "SETUSER", "u", "on", "nopass", "+fcall", "+get", "~a*", "+function|load"],
  ["ACL", "SETUSER", "v", "on", "nopass", "+@scripting", "-function|flush"],
  ["ACL", "DRYRUN", "u", "FUNCTION", "DELETE", "lib"],
  ["AUTH", "u", "x"],
  ["FCALL", "read", 1, "a"],
  ["FCALL", "read", 1, "b"],
  ["FCALL", "write", 1, "a", "1"],
  ["FCALL_RO", "read", 1, "a"],
  ["FUNCTION", "DELETE", "lib"],
  ["AUTH", "v", "x"],
  ["FUNCTION", "FLUSH"],
  ["FUNCTION", "STATS"],
  ["AUTH", "default", "x"],
];

const cases: readonly Case[] = [...refused, ...used, ...permissions];

async function answers(port: number, resp: 2 | 3): Promise<string[]> {
  await using peer = await Peer.connect(port);
  await peer.ask("FLUSHALL");
  await peer.ask("FUNCTION", "FLUSH");
  if (resp === 3) await peer.ask("HELLO", 3);
  const found: string[] = [];
  for (const words of cases) {
    const bytes = words.map((word) => Buffer.from(String(word), "latin1"));
    const isDump = words[1] === "DUMP";
    found.push(`${JSON.stringify(words)} ${isDump ? "" : await peer.ask(...bytes)}`);
  }
  for (const key of ["a", "not"]) found.push(`${key} ${await peer.ask("GET", key)}`);
  return found;
}

describe.skipIf(oracle.isMissing)(`functions beside redis-server${redisNote}`, () => {
  for (const contestant of [ours, oursWithThreads(2)]) {
    test(`${contestant.name} replies as redis does, in RESP2 and RESP3`, async () => {
      await using redis = await oracle.start();
      await using node = await contestant.start();
      for (const resp of [2, 3] as const) {
        expect(await answers(node.port, resp)).toEqual(await answers(redis.port, resp));
      }
    }, 120_000);
  }

  test("FUNCTION KILL ends a function that has not written, and SCRIPT KILL does not", async () => {
    await using node = await oursWithThreads(2).start();
    await using peer = await Peer.connect(node.port);
    await using killer = await Peer.connect(node.port);
    const endless = "while true do pcall(function() while true do end end) end";
    const code = `${register}('endless', function() ${endless} end)`;
    expect(await peer.ask(...load(code))).toBe("$lib");
    const reply = peer.ask("FCALL", "endless", 0);
    const busy =
      "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN";
    await waitFor(async () => (await killer.ask("SCRIPT", "KILL")).startsWith(busy));
    expect(await killer.ask("FUNCTION", "KILL")).toBe("+OK");
    expect(await reply).toStartWith("-ERR Script killed by user with SCRIPT KILL...");
    await waitFor(async () => (await killer.ask("FUNCTION", "KILL")).startsWith("-NOTBUSY"));
    expect(await killer.ask("FUNCTION", "STATS")).toContain("$functions_count :1");
  });

  test("a dump of either is restored by the other", async () => {
    await using redis = await oracle.start();
    await using node = await ours.start();
    await using there = await Peer.connect(redis.port);
    await using here = await Peer.connect(node.port);
    for (const [from, to] of [
      [there, here],
      [here, there],
    ]) {
      await from.ask("FUNCTION", "FLUSH");
      await from.ask(...load(library));
      await from.ask(...load(`${register}('x', function() return 1 end)`, "#!lua name=other"));
      const dump = Buffer.from(textOf(await from.typed("FUNCTION", "DUMP")), "latin1");
      expect(await to.ask("FUNCTION", "RESTORE", dump, "FLUSH")).toBe("+OK");
      expect(await to.ask("FCALL", "x", 0)).toBe(":1");
      expect(await to.ask("FUNCTION", "RESTORE", dump)).toMatch(
        /^-ERR Library (lib|other) already/,
      );
      expect(await to.ask("FUNCTION", "RESTORE", dump, "REPLACE")).toBe("+OK");
      dump[dump.length - 1] ^= 1;
      expect(await to.ask("FUNCTION", "RESTORE", dump)).toBe(
        "-ERR DUMP payload version or checksum are wrong",
      );
      await to.ask("SET", "key", "value");
      const ofKey = Buffer.from(textOf(await to.typed("DUMP", "key")), "latin1");
      expect(await to.ask("FUNCTION", "RESTORE", ofKey)).toBe("-ERR given type is not a function");
    }
  });
});
