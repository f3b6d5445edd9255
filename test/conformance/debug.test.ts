/**
 * DEBUG: who may use it, and what its subcommands answer and do. redis-server, which has the same
 * option, goes through the same cases; the signatures of data must be the same in both.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, type TestNode, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const refusal =
  "-ERR DEBUG command not allowed. If the enable-debug-command option is set to " +
  '"local", you can run it from a local connection, otherwise you need to set this option in the ' +
  "configuration file, and then restart the server.";
const aborted = "-EXECABORT Transaction discarded because of previous errors.";
const contestants = [oracle, oursWithThreads(1), oursWithThreads(2)];

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(`without the option, ${contestant.name}`, () => {
    const server = forAllCases(() => contestant.start([contestant.passwordFlag, "p"]));

    test("refuses DEBUG, whatever its subcommand, before the login as well", async () => {
      await using peer = await Peer.connect(server().port);
      expect(await peer.ask("DEBUG", "SLEEP", 0)).toBe(refusal);
      expect(await peer.ask("DEBUG")).toBe("-ERR wrong number of arguments for 'debug' command");
      await peer.ask("AUTH", "p");
      for (const name of ["HELP", "SLEEP", "nonsense"]) {
        expect(await peer.ask("DEBUG", name)).toBe(refusal);
      }
      expect(await peer.ask("INFO", "commandstats")).toMatch(
        /cmdstat_debug:calls=0,\S+,rejected_calls=5,failed_calls=0/,
      );
    });

    test("refuses it in a transaction, which then fails", async () => {
      await using peer = await Peer.connect(server().port);
      await peer.ask("AUTH", "p");
      await peer.ask("MULTI");
      expect(await peer.ask("DEBUG", "SLEEP", 0)).toBe(refusal);
      expect(await peer.ask("SET", "k", "v")).toBe("+QUEUED");
      expect(await peer.ask("EXEC")).toBe(aborted);
      expect(await peer.ask("GET", "k")).toBe("$null");
    });

    test("shows the option, and does not change it while it runs", async () => {
      await using peer = await Peer.connect(server().port);
      await peer.ask("AUTH", "p");
      const name = "enable-debug-command";
      expect(await peer.ask("CONFIG", "GET", name)).toBe(`*[$${name} $no]`);
      expect(await peer.ask("CONFIG", "SET", name, "yes")).toBe(
        `-ERR CONFIG SET failed (possibly related to argument '${name}') - can't set immutable config`,
      );
    });
  });

  describe.skipIf(contestant.isMissing)(`with the option, ${contestant.name}`, () => {
    let server: TestNode;
    let peer: Peer;
    beforeAll(async () => {
      server = await contestant.start(["--enable-debug-command", "local"]);
      peer = await Peer.connect(server.port);
    });
    afterAll(async () => {
      await peer[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    test("answers what is no subcommand, or has other arguments, with one error", async () => {
      const wrong = [["nonsense"], ["SLEEP"], ["ERROR"], ["LOG", "a", "b"], ["POPULATE"]];
      for (const [name, ...rest] of wrong) {
        expect(await peer.ask("DEBUG", name ?? "", ...rest)).toBe(
          `-ERR unknown subcommand or wrong number of arguments for '${name}'. Try DEBUG HELP.`,
        );
      }
      expect(await peer.ask("DEBUG", "HELP")).toStartWith("*[+DEBUG <subcommand> [<arg> [value]");
    });

    test("replies with each type of RESP, in both versions", async () => {
      await using raw = await Peer.connect(server.port);
      for (const version of ["2", "3"]) {
        await raw.ask("HELLO", version);
        for (const type of types) {
          raw.send("DEBUG", "PROTOCOL", type);
          const wanted = replies[`${type} ${version}`] ?? replies[type] ?? "";
          const bytes = await raw.raw.readExactly(wanted.length);
          expect([type, version, bytes.toString("latin1")]).toEqual([type, version, wanted]);
        }
      }
      expect(await raw.ask("DEBUG", "PROTOCOL", "x")).toStartWith("-ERR Wrong protocol type name.");
    });

    test("replies with an error of the client's words", async () => {
      expect(await peer.ask("DEBUG", "ERROR", "FOO  some\r\ntext")).toBe("-FOO  some  text");
    });

    test("makes keys, and leaves those that exist", async () => {
      await peer.ask("SET", "p:1", "mine");
      expect(await peer.ask("DEBUG", "POPULATE", 3, "p")).toBe("+OK");
      expect(await peer.ask("MGET", "p:0", "p:1", "p:2")).toBe("*[$value:0 $mine $value:2]");
      expect(await peer.ask("DEBUG", "POPULATE", 2, "short", 3)).toBe("+OK");
      expect(await peer.ask("GET", "short:1")).toBe("$val");
      expect(await peer.ask("DEBUG", "POPULATE", 1, "long", 10)).toBe("+OK");
      expect(await peer.ask("STRLEN", "long:0")).toBe(":10");
      expect(await peer.ask("DEBUG", "POPULATE", -1)).toBe(
        "-ERR value is out of range, must be positive",
      );
    });

    test("describes a value", async () => {
      await peer.ask("SET", "described", "value:1");
      expect(await peer.ask("DEBUG", "OBJECT", "described")).toMatch(
        /^\+Value at:0x\w+ refcount:1 encoding:embstr serializedlength:8 lru:\d+ lru_seconds_idle:\d+$/,
      );
      expect(await peer.ask("DEBUG", "OBJECT", "nothing")).toBe("-ERR no such key");
    });

    test("reclaims no expired keys in the background while that is off", async () => {
      await peer.ask("SELECT", 9);
      expect(await peer.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)).toBe("+OK");
      await peer.ask("SET", "gone", "v", "PX", 1);
      // The time in which the background would have reclaimed it several times.
      await Bun.sleep(350);
      expect(await peer.ask("DBSIZE")).toBe(":1");
      expect(await peer.ask("DEBUG", "SET-ACTIVE-EXPIRE", 1)).toBe("+OK");
      await waitFor(async () => (await peer.ask("DBSIZE")) === ":0");
      await peer.ask("SELECT", 0);
    });

    test("sleeps: nobody is answered meanwhile, by whichever thread", async () => {
      const others = await Promise.all(Array.from({ length: 6 }, () => Peer.connect(server.port)));
      for (const other of others) await other.ask("PING");
      peer.send("DEBUG", "SLEEP", "0.4");
      const woken = peer.shown().then((shown) => ({ shown, atMs: performance.now() }));
      const longest = await Promise.all(others.map((other) => longestPing(other, woken)));
      expect((await woken).shown).toBe("+OK");
      for (const ms of longest) expect(ms).toBeGreaterThan(250);
      for (const other of others) await other[Symbol.asyncDispose]();
      expect(await peer.ask("DEBUG", "SLEEP", "no number")).toBe("+OK");
    });

    test("begins a history that no follower can go on with", async () => {
      const before = await peer.ask("INFO", "replication");
      expect(await peer.ask("DEBUG", "CHANGE-REPL-ID")).toBe("+OK");
      const after = await peer.ask("INFO", "replication");
      const id = (text: string) => /master_replid:(\w+)/.exec(text)?.[1];
      expect(id(after)).not.toBe(id(before));
      expect(after).toContain(`master_replid2:${"0".repeat(40)}`);
    });

    test("runs in a transaction", async () => {
      await peer.ask("MULTI");
      await peer.ask("SET", "inside", "v");
      expect(await peer.ask("DEBUG", "POPULATE", 1, "inside")).toBe("+QUEUED");
      expect(await peer.ask("DEBUG", "DIGEST-VALUE", "inside")).toBe("+QUEUED");
      expect(await peer.ask("EXEC")).toMatch(/^\*\[\+OK \+OK \*\[\+[0-9a-f]{40}\]\]$/);
      expect(await peer.ask("GET", "inside:0")).toBe("$value:0");
    });
  });
}

for (const contestant of contestants) {
  test.skipIf(contestant.isMissing)(`RELOAD loads what was saved, ${contestant.name}`, async () => {
    await using directory = await temporaryDirectory();
    const file = contestant === oracle ? [] : ["--snapshot-file", join(directory.path, "dump.rdb")];
    await using server = await contestant.start(["--enable-debug-command", "yes", ...file]);
    await using peer = await Peer.connect(server.port);
    await using watcher = await Peer.connect(server.port);
    // It looks for its file while it serves already.
    await waitFor(async () => /[^_]loading:0/.test(await peer.ask("INFO", "persistence")));
    const reload = (...words: string[]) => peer.ask("DEBUG", "RELOAD", ...words);
    const cannot = "-ERR Error trying to load the RDB dump";
    expect(await reload("NOW")).toBe(
      "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
    );
    expect(await reload("NOSAVE")).toBe(cannot);
    await peer.ask("MSET", "a", 1, "b", "x".repeat(100_000));
    await peer.ask("SET", "expires", "v", "PX", 10_000_000);
    await peer.ask("SELECT", 3);
    await peer.ask("SET", "c", "in another database");
    const library = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    await peer.ask("FUNCTION", "LOAD", library);
    const digest = await peer.ask("DEBUG", "DIGEST");
    expect(await reload()).toBe("+OK");
    expect(await peer.ask("DEBUG", "DIGEST")).toBe(digest);
    expect(await peer.ask("FCALL", "f", 0)).toBe(":1");
    await peer.ask("MSET", "c", "changed", "later", "v");
    expect(await reload("noflush", "nosave", "merge")).toBe("+OK");
    expect(await peer.ask("MGET", "c", "later")).toBe("*[$in another database $v]");
    await watcher.ask("SELECT", 3);
    await watcher.ask("WATCH", "later");
    expect(await reload("NOSAVE")).toBe("+OK");
    expect(await peer.ask("DEBUG", "DIGEST")).toBe(digest);
    await watcher.ask("MULTI");
    expect(await watcher.ask("EXEC")).toBe("*null");
    await peer.ask("FLUSHALL");
    expect(await reload("NOSAVE", "NOFLUSH")).toBe(cannot); // the library is there twice
    expect(await peer.ask("FCALL", "f", 0)).toBe(":1");
    await peer.ask("FUNCTION", "FLUSH");
    await peer.ask("FLUSHALL");
    await peer.ask("MULTI");
    await peer.ask("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH");
    await peer.ask("GET", "c");
    expect(await peer.ask("EXEC")).toBe("*[+OK $in another database]");
    expect(await peer.ask("DEBUG", "DIGEST")).toBe(digest);
    expect(await watcher.ask("GET", "c")).toBe("$in another database");
  });
}

/** The longest that `peer` waited for a PONG until the other one was answered. */
async function longestPing(peer: Peer, woken: Promise<unknown>): Promise<number> {
  let isOver = false;
  void woken.then(() => {
    isOver = true;
  });
  let longest = 0;
  while (!isOver) {
    const began = performance.now();
    expect(await peer.ask("PING")).toBe("+PONG");
    longest = Math.max(longest, performance.now() - began);
  }
  return longest;
}

const types =
  "string integer double bignum null array set map attrib push verbatim true false".split(" ");
const number = "1234567999999999999999999999999999999";
const afterAttribute = "$39\r\nSome real reply following the attribute\r\n";
const afterPush = "$40\r\nSome real reply following the push reply\r\n";
const three = "3\r\n:0\r\n:1\r\n:2\r\n";

/** By type, and version where it matters. */
const replies: Readonly<Record<string, string>> = {
  string: "$11\r\nHello World\r\n",
  integer: ":12345\r\n",
  "double 2": "$5\r\n3.141\r\n",
  "double 3": ",3.141\r\n",
  "bignum 2": `$37\r\n${number}\r\n`,
  "bignum 3": `(${number}\r\n`,
  "null 2": "$-1\r\n",
  "null 3": "_\r\n",
  array: `*${three}`,
  "set 2": `*${three}`,
  "set 3": `~${three}`,
  "map 2": "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n",
  "map 3": "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n",
  "attrib 2": afterAttribute,
  "attrib 3": `|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n${afterAttribute}`,
  "push 2": "-ERR RESP2 is not supported by this command\r\n",
  "push 3": `>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n${afterPush}`,
  "verbatim 2": "$25\r\nThis is a verbatim\nstring\r\n",
  "verbatim 3": "=29\r\ntxt:This is a verbatim\nstring\r\n",
  "true 2": ":1\r\n",
  "true 3": "#t\r\n",
  "false 2": ":0\r\n",
  "false 3": "#f\r\n",
};

describe.skipIf(oracle.isMissing)("a signature of data", () => {
  const threads = [oursWithThreads(1), oursWithThreads(2)];

  test.each(threads)("is that of a Redis with the same data: $name", async (contestant) => {
    await using redis = await oracle.start(["--enable-debug-command", "yes"]);
    await using node = await contestant.start(["--enable-debug-command", "yes"]);
    await using theirs = await Peer.connect(redis.port);
    await using mine = await Peer.connect(node.port);
    const both = async (...args: (string | number | Uint8Array)[]) => {
      const [one, other] = [await theirs.ask(...args), await mine.ask(...args)];
      expect([args[0], args[1], other]).toEqual([args[0], args[1], one]);
      return one;
    };
    expect(await both("DEBUG", "DIGEST")).toBe(`+${"0".repeat(40)}`);
    await both("DEBUG", "POPULATE", 500);
    await both("DEBUG", "DIGEST");
    for (const database of [0, 3, 15]) {
      await both("SELECT", database);
      await both("SET", "number", -12_345);
      await both("SET", "expires", "v", "PX", 10_000_000);
      await both("SET", Buffer.from([0, 255, 10]), Buffer.from([1, 0, 2]));
      await both("SET", "large", Buffer.alloc(300_000, "xyz"));
      await both("SET", "empty", "");
      await both("APPEND", "grown", "abc");
      await both("DEBUG", "DIGEST");
    }
    await both("DEBUG", "DIGEST-VALUE", "number", "expires", "nothing", "large", "empty", "grown");
    await both("DEBUG", "DIGEST-VALUE");
    await both("PERSIST", "expires");
    await both("DEBUG", "DIGEST");
    await both("SWAPDB", 0, 3);
    await both("FLUSHDB");
    await both("DEBUG", "DIGEST");
  });
});

describe("DEBUG on a node of ours", () => {
  test("RELOAD gives followers all data anew, and is refused on one of them", async () => {
    await using directory = await temporaryDirectory();
    const debug = ["--enable-debug-command", "yes"];
    const file = ["--snapshot-file", join(directory.path, "dump.rdb")];
    await using leader = await ours.start([...debug, ...file]);
    await using follower = await ours.start([...debug, "--leaderaddr", leader.address]);
    await using peer = await Peer.connect(leader.port);
    await using reader = await Peer.connect(follower.port);
    await peer.ask("SET", "k", "saved");
    await peer.ask("SAVE");
    await peer.ask("SET", "k", "later");
    await waitFor(async () => (await reader.ask("GET", "k")) === "$later");
    expect(await peer.ask("DEBUG", "RELOAD", "NOSAVE")).toBe("+OK");
    await waitFor(async () => (await reader.ask("GET", "k")) === "$saved");
    await peer.ask("SET", "k", "more");
    await waitFor(async () => (await reader.ask("GET", "k")) === "$more");
    expect(await reader.ask("DEBUG", "RELOAD")).toStartWith("-ERR DEBUG RELOAD is for a leader");
  });

  test("is in the log, and refuses a sleep that has no end in sight", async () => {
    await using node = await ours.start(["--enable-debug-command", "yes"]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("DEBUG", "LOG", "a\nmessage")).toBe("+OK");
    await waitFor(() => node.log().includes("DEBUG LOG: a\\x0amessage"));
    expect(await peer.ask("DEBUG", "SLEEP", 601)).toBe(
      "-ERR DEBUG SLEEP takes at most 600 seconds",
    );
  });

  test("populates its followers as well, and no follower", async () => {
    await using leader = await ours.start(["--enable-debug-command", "yes"]);
    await using follower = await ours.start([
      ...["--enable-debug-command", "yes", "--leaderaddr", leader.address],
    ]);
    await using peer = await Peer.connect(leader.port);
    await using reader = await Peer.connect(follower.port);
    expect(await peer.ask("DEBUG", "POPULATE", 100, "p", 2000)).toBe("+OK");
    await waitFor(async () => (await reader.ask("DBSIZE")) === ":100");
    expect(await reader.ask("DEBUG", "DIGEST")).toBe(await peer.ask("DEBUG", "DIGEST"));
    expect(await reader.ask("DEBUG", "POPULATE", 1)).toStartWith("-READONLY");
  });

  test("populates within the memory that it has", async () => {
    await using directory = await temporaryDirectory();
    await using node = await ours.start([
      ...["--enable-debug-command", "yes", "--max-memory", "4mb", "--eviction", "none"],
      ...["--unix-socket", `${directory.path}/s`],
    ]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("DEBUG", "POPULATE", 10_000, "p", 10_000)).toStartWith("-OOM");
    expect(await peer.ask("PING")).toBe("+PONG");
  });
});
