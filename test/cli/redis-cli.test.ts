// What `mscache cli` writes, byte for byte as Debian's redis-cli writes it, over the same server:
// every kind of reply in every format, from a pipe and as arguments, with the exit statuses.
// Replies that differ from call to call (ids, times) are left out.

import { describe, expect, test } from "bun:test";
import { type RunResult, redisInstalled, runMscache } from "../harness.ts";
import { contestants, forAllCases, redisNote } from "../support/servers.ts";

/** Lines as a user types them. Each run of them begins with an empty server. */
const lines = String.raw`
FLUSHALL
PING
SET text value
GET text
GET missing
SET "quoted \x00\x01\xff\n\t\"" 'single \' \n'
GET "quoted \x00\x01\xff\n\t\""
SET utf8 "漢字 é"
GET utf8
SET empty ""
GET empty
   GET    text   
get "unclosed
get "text"x
INCR text
INCRBYFLOAT number 3.25
INCR counter
MGET text missing counter
MGET a b c d e f g h i j k l
DEL nothing
EXISTS text counter
TYPE text
KEYS none*
NOSUCHCOMMAND a
SET
MULTI
GET text
INCR counter
GET missing
EXEC
MULTI
SET text other
DISCARD
EXEC
WATCH text
UNWATCH
SELECT 3
DBSIZE
SELECT 0
SELECT 999999
EVAL "return {1, 2, {3, 'four', {}}, false, {{{'deep'}}}}" 0
EVAL "return {}" 0
EVAL "return redis.status_reply('FINE')" 0
EVAL "return redis.error_reply('MY error')" 0
EVAL "return {{err='inner'}, {ok='fine'}, 'x'}" 0
EVAL "redis.setresp(3); return {double=3.5}" 0
EVAL "redis.setresp(3); return {map={one=1}}" 0
EVAL "redis.setresp(3); return {map={key={1,2}}}" 0
EVAL "redis.setresp(3); return {set={only=true}}" 0
EVAL "redis.setresp(3); return {true, false, {double=0.1}, {map={a={map={b=1}}}}}" 0
EVAL "return {1,2,3,4,5,6,7,8,9,10,{11,12}}" 0
DEBUG PROTOCOL string
DEBUG PROTOCOL integer
DEBUG PROTOCOL double
DEBUG PROTOCOL null
DEBUG PROTOCOL array
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
DEBUG PROTOCOL push
COMMAND INFO get set nosuch
COMMAND DOCS get
COMMAND GETKEYS MSET a 1 b 2
COMMAND LIST FILTERBY PATTERN xinfo*
CONFIG GET hash*
CONFIG GET *-memory-*
CONFIG GET nothing
ACL GETUSER default
ACL WHOAMI
ACL CAT hyperloglog
CLIENT GETNAME
CLIENT NO-EVICT on
CLIENT TRACKINGINFO
FUNCTION STATS
FUNCTION LIST
PUBSUB NUMSUB a b
PUBSUB CHANNELS
LATENCY DOCTOR
LATENCY HISTOGRAM nosuch
MEMORY USAGE missing
OBJECT HELP
SLOWLOG GET 0
SCRIPT EXISTS a b
SCAN 0 MATCH nosuchkey
ROLE
WAIT 0 10
OBJECT ENCODING text
2 INCR counter
SETRANGE long 600 x
GET long
RESET
PING
`;

const formats = [
  ["--no-raw", "-2"],
  ["--no-raw", "-3"],
  ["--raw", "-2"],
  ["--raw", "-3"],
  ["--json"],
  ["--json", "-2"],
];

async function redisCli(
  port: number,
  args: readonly string[],
  input = new Uint8Array(),
): Promise<RunResult> {
  const command = ["redis-cli", "-p", `${port}`, ...args];
  const child = Bun.spawn(command, { stdin: input, stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await child.exited, out, errors };
}

describe.skipIf(!redisInstalled())(`as redis-cli${redisNote}`, () => {
  describe.each(contestants.map((one) => [one.name, one] as const))("over %s", (_, contestant) => {
    const server = forAllCases(() => contestant.start(["--enable-debug-command", "local"]));
    const run = (args: readonly string[], input?: Uint8Array) =>
      runMscache(["cli", "--addr", server().address, ...args], { ...(input && { input }) });

    test.each(formats)("lines of a pipe with %s %s", async (...format) => {
      const input = new TextEncoder().encode(lines);
      const args = format.filter((word) => word !== undefined);
      const expected = await redisCli(server().port, args, input);
      const found = await run(args, input);
      expect(found.out.split("\n")).toEqual(expected.out.split("\n"));
      expect([found.status, found.errors]).toEqual([0, ""]);
    });

    test.each([
      [["SET", "a", "-1"]],
      [["--no-raw", "GET", "a"]],
      [["-n", "2", "SET", "in two", "\u00e9"]],
      [["-n", "2", "--no-raw", "KEYS", "*"]],
      [["-r", "3", "-i", "0.001", "INCR", "n"]],
      [["-3", "--no-raw", "CONFIG", "GET", "databases"]],
      [["--json", "MGET", "a", "none"]],
      [["GET"]],
      [["--no-raw", "EVAL", "return {KEYS[1], ARGV[1]}", "1", "--key", "-e"]],
    ])("the words %p", async (args) => {
      const { status, out } = await redisCli(server().port, args);
      expect(await run(args)).toEqual({
        status,
        out: args.includes("INCR") ? "4\n5\n6\n" : out,
        errors: "",
      });
    });

    test("the last argument comes by -x as it is", async () => {
      const input = Uint8Array.of(0, 255, 10, 13);
      expect((await run(["-x", "SET", "bytes"], input)).out).toBe("OK\n");
      expect(await run(["--no-raw", "GET", "bytes"])).toEqual(
        await redisCli(server().port, ["--no-raw", "GET", "bytes"]),
      );
    });

    test("with -e the first error ends it with 1", async () => {
      for (const args of [
        ["-e", "INCR"],
        ["-e", "--no-raw", "GET", "a"],
      ]) {
        const expected = await redisCli(server().port, args);
        const found = await run(args);
        expect([found.status, found.out]).toEqual([expected.status, expected.out]);
        expect(found.errors.replace("mscache: ", "")).toBe(expected.errors);
      }
      const script = new TextEncoder().encode("SET stop 1\nINCR\nSET stop 2\n");
      const { status, out } = await run(["-e"], script);
      expect([status, out]).toEqual([1, "OK\n"]);
      expect((await run(["GET", "stop"])).out).toBe("1\n");
    });
  });
});
