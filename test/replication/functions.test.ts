// Libraries of functions are data: a follower has its leader's, by the snapshot of a full sync and
// by the stream, whichever of the two is redis-server.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled } from "../harness.ts";
import { type Member, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { type Contestant, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

function library(name: string, result: number): string {
  const writes = `redis.register_function('set_${name}', function(k) redis.call('SET', k[1], 1) end)`;
  const reads =
    `redis.register_function{function_name='get_${name}', flags={'no-writes'}, ` +
    `callback=function() return ${result} end}`;
  return `#!lua name=${name}\n${writes}\n${reads}`;
}

/** The libraries in one order; in Redis they have none. */
async function librariesOf(port: number): Promise<string[]> {
  await using peer = await Peer.connect(port);
  const names = ["one", "two", "three", "four", "old", "damaged"];
  const found: string[] = [];
  for (const name of names) {
    const shown = await peer.ask("FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE");
    // Redis lists the functions of a library in any order, too.
    if (shown !== "*[]") found.push(shown.replace(/\$functions .* \$library_code/, "code:"));
  }
  return found;
}

async function expectEqual(leader: Member, follower: Member): Promise<string[]> {
  await untilCaughtUp(leader, [follower]);
  const found = await librariesOf(leader.port);
  expect(await librariesOf(follower.port)).toEqual(found);
  return found;
}

function leaderOption(follower: Contestant, { port }: Member): string[] {
  return follower === oracle
    ? ["--replicaof", `127.0.0.1 ${port}`]
    : ["--leaderaddr", `127.0.0.1:${port}`];
}

const threads = oursWithThreads(2);

const pairs: readonly (readonly [Contestant, Contestant])[] = [
  [ours, threads],
  [threads, oracle],
  [oracle, ours],
];

for (const [first, second] of pairs) {
  const isPossible = redisInstalled() || (first !== oracle && second !== oracle);
  describe.skipIf(!isPossible)(`${second.name} that follows ${first.name}${redisNote}`, () => {
    test("has its libraries after a full sync and after each change", async () => {
      const delay = first === oracle ? ["--repl-diskless-sync-delay", "0"] : [];
      await using leader = (await first.start(delay)) as Member & AsyncDisposable;
      await using peer = await Peer.connect(leader.port);
      await peer.ask("SET", "key", "value");
      expect(await peer.ask("FUNCTION", "LOAD", library("one", 1))).toBe("$one");
      await using follower = (await second.start(leaderOption(second, leader))) as Member &
        AsyncDisposable;
      expect(await expectEqual(leader, follower)).toHaveLength(1);
      expect(await peer.ask("FUNCTION", "LOAD", library("two", 2))).toBe("$two");
      expect(await expectEqual(leader, follower)).toHaveLength(2);
      await peer.ask("SELECT", 9);
      expect(await peer.ask("FUNCTION", "LOAD", "REPLACE", library("one", 11))).toBe("$one");
      await expectEqual(leader, follower);
      await using reader = await Peer.connect(follower.port);
      expect(await reader.ask("FCALL_RO", "get_one", 0)).toBe(":11");
      expect(await reader.ask("FCALL", "get_one", 0)).toBe(":11");
      expect(await reader.ask("FCALL", "set_one", 1, "k")).toStartWith("-READONLY ");
      expect(await reader.ask("FUNCTION", "FLUSH")).toStartWith("-READONLY ");
      expect(await reader.ask("FUNCTION", "DELETE", "one")).toStartWith("-READONLY ");
      await peer.ask("MULTI");
      await peer.ask("FUNCTION", "LOAD", library("three", 3));
      await peer.ask("FCALL", "set_three", 1, "k");
      await peer.ask("FUNCTION", "DELETE", "two");
      expect(await peer.ask("EXEC")).toBe("*[$three $null +OK]");
      expect(await expectEqual(leader, follower)).toHaveLength(2);
      await reader.ask("SELECT", 9);
      expect(await reader.ask("GET", "k")).toBe("$1");
      const payload = await dumpOf(leader.port);
      await peer.ask("FLUSHALL");
      expect(await expectEqual(leader, follower)).toHaveLength(2);
      expect(await peer.ask("FUNCTION", "FLUSH")).toBe("+OK");
      expect(await expectEqual(leader, follower)).toEqual([]);
      expect(await peer.ask("FUNCTION", "LOAD", library("four", 4))).toBe("$four");
      expect(await peer.ask("FUNCTION", "RESTORE", payload)).toBe("+OK");
      expect(await peer.ask("FUNCTION", "RESTORE", payload)).toStartWith("-ERR Library ");
      expect(await peer.ask("FUNCTION", "RESTORE", payload, "REPLACE")).toBe("+OK");
      expect(await expectEqual(leader, follower)).toHaveLength(3);
      expect(await peer.ask("FUNCTION", "RESTORE", payload, "FLUSH")).toBe("+OK");
      expect(await expectEqual(leader, follower)).toHaveLength(2);
      expect(await reader.ask("FCALL_RO", "get_three", 0)).toBe(":3");
    });
  });
}

async function dumpOf(port: number): Promise<Buffer> {
  await using peer = await Peer.connect(port);
  return Buffer.from(textOf(await peer.typed("FUNCTION", "DUMP")), "latin1");
}
