/**
 * Every command by which a real Redis replicates changes of strings, whatever its client sent: our
 * follower has the same data after each of them, also inside a transaction. Commands of other types
 * are counted and logged once for each name. For a random mix of all on few keys, see
 * redis-stream.test.ts.
 * Invariant: data are compared key by key, and a time by its absolute moment in milliseconds.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { type Member, replicationField, standingOf, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";
import { contentsOf } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

/** What a client of the Redis says; what enters its stream is Redis's business. */
const requests: readonly string[] = [
  ...["SET a 1", "SET a 2 EX 1000", "SET a 3 KEEPTTL", "SET b 4 PXAT 4102444800123 NX"],
  ...["SETEX c 1000 v", "PSETEX d 1000000 v", "SETNX e v", "SETNX e again"],
  ...["GETSET a old", "GETEX a EX 1000", "GETEX a PERSIST", "GETEX a PXAT 4102444800123"],
  ...["MSET f 1 g 2", "MSETNX h 3 i 4", "MSETNX h 5 j 6", "GETDEL g", "UNLINK f", "DEL h nosuch"],
  ...["INCR n", "INCRBY n 41", "DECR n", "DECRBY n 2", "INCRBYFLOAT n 0.5", "INCRBYFLOAT m 1e3"],
  ...["APPEND i tail", "SETRANGE i 10 x", "SETRANGE k 3 y", "APPEND l new"],
  ...[
    "EXPIRE i 1000",
    "PEXPIRE i 1000000 GT",
    "EXPIREAT k 4102444800",
    "PEXPIREAT l 4102444800123",
  ],
  ...["PERSIST k", "EXPIRE e -1", "SET c x EXAT 1", "RENAME a o", "RENAMENX o p", "COPY p q"],
  ...["COPY i q REPLACE", "TOUCH q", "SET brief x PX 30"],
  ...["SETBIT bits 77 1", "SETBIT bits 0 0", "BITOP NOT flipped bits", "BITOP XOR both bits a"],
  ...["BITOP AND nothing nosuch nosuch2", "BITFIELD bits SET u8 #1 200 INCRBY i5 3 -17 GET u4 0"],
  ...["BITFIELD bits OVERFLOW SAT INCRBY u8 #1 100 OVERFLOW FAIL INCRBY u8 #1 1"],
  ...["PFADD hll a b c", "PFCOUNT hll", "PFADD hll d", "PFADD other x y", "PFMERGE all hll other"],
  "EVAL \"redis.call('set','s','1') redis.call('incr','s') redis.call('del','d')\" 0",
];

async function startPair(stack: AsyncDisposableStack) {
  const leader = stack.use((await oracle.start(["--repl-diskless-sync-delay", "0"])) as Member);
  const follower = stack.use(await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]));
  await untilCaughtUp(leader, [follower]);
  return { leader, follower, peer: stack.use(await Peer.connect(leader.port)) };
}

async function expectEqual(leader: Member, follower: Member): Promise<void> {
  await untilCaughtUp(leader, [follower]);
  expect(await contentsOf(follower.port)).toEqual(await contentsOf(leader.port));
}

describe.skipIf(!redisInstalled())(`a follower of redis-server${redisNote}`, () => {
  test("has the same strings after every command that changes strings", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower, peer } = await startPair(stack);
    for (const request of requests) expect(await peer.askRaw(`${request}\r\n`)).not.toMatch(/^-/);
    await waitFor(async () => (await peer.ask("EXISTS", "brief")) === ":0");
    await expectEqual(leader, follower);
    expect((await contentsOf(follower.port)).size).toBe(15);
    expect(follower.log()).not.toContain("not applied");
    for (const flush of ["FLUSHDB", "SET a 1", "FLUSHALL ASYNC", "SET b 2"]) {
      expect(await peer.askRaw(`${flush}\r\n`)).toBe("+OK");
    }
    await expectEqual(leader, follower);
  });

  test("has the same strings after all of them in one transaction", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower, peer } = await startPair(stack);
    peer.write(`MULTI\r\n${requests.join("\r\n")}\r\nEXEC\r\n`);
    const replies = await peer.replies(requests.length + 2);
    expect(replies.at(-1)?.type).toBe("*");
    await waitFor(async () => (await peer.ask("EXISTS", "brief")) === ":0");
    await expectEqual(leader, follower);
  });

  test("logs each command of another type once, and continues", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower, peer } = await startPair(stack);
    for (let i = 0; i < 20; i++) await peer.ask("RPUSH", "list", i);
    await peer.ask("SADD", "set", "member");
    await peer.ask("DEL", "list", "set");
    await peer.ask("SET", "a", "string");
    await expectEqual(leader, follower);
    expect(await replicationField(follower.port, "mscache_skipped_commands")).toBe("21");
    expect(follower.log().match(/not applied here: "(RPUSH|SADD)"/g)).toHaveLength(2);
    expect(await replicationField(follower.port, "master_link_status")).toBe("up");
    expect((await standingOf(follower.port)).role).toBe("follower");
  });
});
