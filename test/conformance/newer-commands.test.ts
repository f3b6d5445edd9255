/**
 * What newer servers added for caches (SET IFEQ and its like, DELEX, DELIFEQ, DIGEST, MSETEX,
 * INCREX), seen from outside: RESP3, transactions and WATCH, one and two data threads, and
 * followers, ours and a redis-server 7.0, which does not know these commands and must end equal.
 * What each of them answers is tested case by case in unit/command/string/.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { type Member, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { Random, seedFor } from "../support/seed.ts";
import { forAllCases, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";
import { contentsOf } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const words = (line: string) => line.split(" ");

for (const contestant of [ours, oursWithThreads(2)]) {
  describe(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    test.each([
      ["2", "*[$2.5 $2.5]", "$null"],
      ["3", "*[,2.5 ,2.5]", "_null"],
    ])("answers over RESP%s", async (version, decimals, nothing) => {
      await using peer = await Peer.connect(server().port);
      expect(await peer.ask("FLUSHALL")).toBe("+OK");
      await peer.typed("HELLO", version);
      const dialogue: readonly (readonly [string, string])[] = [
        ["MSETEX 2 a hello b 1 EX 100 NX", ":1"],
        ["MSETEX 2 a hello c 1 NX", ":0"],
        ["DIGEST a", "$9555e8555c62dcfd"],
        ["DIGEST none", nothing],
        ["SET a new IFDEQ 9555E8555C62DCFD GET", "$hello"],
        ["SET a newer IFEQ hello", nothing],
        ["SET a newer IFNE hello KEEPTTL", "+OK"],
        ["INCREX b BYINT 5 UBOUND 3", "*[:1 :0]"],
        ["INCREX b BYINT 5 UBOUND 3 SATURATE", "*[:3 :2]"],
        ["INCREX decimal BYFLOAT 2.5 PX 100000", decimals],
        ["DELIFEQ b 3", ":1"],
        ["DELEX a IFEQ hello", ":0"],
        ["DELEX a IFNE hello", ":1"],
        ["DBSIZE", ":1"],
      ];
      for (const [line, reply] of dialogue) {
        expect([line, await peer.ask(...words(line))]).toEqual([line, reply]);
      }
    });

    test("runs them in a transaction, and each change of a watched key aborts one", async () => {
      await using peer = await Peer.connect(server().port);
      expect(await peer.ask("FLUSHALL")).toBe("+OK");
      await using other = await Peer.connect(server().port);
      peer.write(
        "MULTI\r\nMSETEX 2 k 1 l 2 XX\r\nINCREX k\r\nSET k 7 IFEQ 1\r\nDELEX k\r\nEXEC\r\n",
      );
      expect((await peer.replies(6)).length).toBe(6);
      expect(await peer.ask("EXISTS", "k", "l")).toBe(":0");
      const changes = [
        "MSETEX 2 k 1 l 2",
        "INCREX k",
        "SET k 7 IFEQ 2",
        "SET k 8 IFDNE 0123456789abcdef",
        "DELEX k IFEQ 8",
        "INCREX k UBOUND 0 SATURATE",
        "DELIFEQ k 0",
      ];
      const noChanges = [
        "INCREX k UBOUND -5",
        "DELEX k IFEQ x",
        "SET k 1 IFEQ x",
        "MSETEX 1 k 1 XX",
      ];
      const execOf = async (line: string) => {
        expect(await peer.ask("WATCH", "k")).toBe("+OK");
        expect(await other.ask(...words(line))).not.toMatch(/^-/);
        peer.write("MULTI\r\nPING\r\nEXEC\r\n");
        return [line, await peer.replies(3).then((replies) => replies[2].value === null)];
      };
      for (const line of changes) expect(await execOf(line)).toEqual([line, true]);
      for (const line of noChanges) expect(await execOf(line)).toEqual([line, false]);
    });
  });
}

test("of many clients that release one lock, or share one limit, the right number succeeds", async () => {
  await using node = await oursWithThreads(2).start();
  const stack = new AsyncDisposableStack();
  await using _peers = stack;
  const peers = await Promise.all(Array.from({ length: 16 }, () => Peer.connect(node.port)));
  for (const peer of peers) stack.use(peer);
  const total = async (ask: (peer: Peer, i: number) => Promise<string>, wanted: string) => {
    const replies = await Promise.all(peers.map(ask));
    return replies.filter((reply) => reply === wanted).length;
  };
  for (let round = 0; round < 30; round++) {
    const key = `lock:${round}`;
    const digest = "9555e8555c62dcfd";
    expect(await total((peer) => peer.ask("MSETEX", 1, key, "hello", "NX"), ":1")).toBe(1);
    expect(await total((peer) => peer.ask("DELEX", key, "IFDEQ", digest), ":1")).toBe(1);
    expect(await total((peer, i) => peer.ask("SET", key, i, "IFNE", "x", "NX"), "+OK")).toBe(0);
    const applied = await Promise.all(
      peers.map((peer) => peer.ask("INCREX", `limit:${round}`, "UBOUND", 5, "EX", 100, "ENX")),
    );
    expect(applied.filter((reply) => reply.endsWith(" :1]")).length).toBe(5);
  }
});

describe("followers", () => {
  const keys = ["a", "b", "c", "d"];
  const numbers = ["1", "-7", "2.5", "100", "9223372036854775807"];

  /** Commands that mostly succeed, on few keys. */
  function draw(random: Random): string[] {
    const key = () => random.pick(keys);
    const time = () =>
      random.pick(["", "EX 1000", "PXAT 4102444800123", "EXAT 1", "KEEPTTL"]).split(" ");
    const timed = (list: string[]) => [...list, ...time()].filter((word) => word !== "");
    return random.pick<() => string[]>([
      () => timed(["SET", key(), random.pick(numbers), "IFNE", random.pick(numbers)]),
      () => timed(["SET", key(), random.pick(numbers), "IFEQ", random.pick(numbers)]),
      () => timed(["SET", key(), random.pick(numbers), "IFDNE", "0123456789abcdef", "GET"]),
      () => timed(["MSETEX", "2", key(), random.pick(numbers), key(), random.pick(numbers)]),
      () => timed(["MSETEX", "1", key(), random.pick(numbers), random.pick(["NX", "XX"])]),
      () => timed(["INCREX", key(), "SATURATE", "UBOUND", "50"]).filter((w) => w !== "KEEPTTL"),
      () => ["INCREX", key(), "BYFLOAT", random.pick(["0.1", "-3.7"]), "PERSIST"],
      () => ["INCREX", key(), "EX", "1000", "ENX"],
      () => ["DELEX", key(), random.pick(["IFEQ", "IFNE"]), random.pick(numbers)],
      () => ["DELIFEQ", key(), random.pick(numbers)],
    ])();
  }

  const kinds = [
    ["of ours", false],
    [`that are redis-servers${redisNote}`, true],
  ] as const;
  for (const [name, isRedis] of kinds) {
    test.skipIf(isRedis && !redisInstalled())(`${name} end equal after a random mix`, async () => {
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await ours.start()) as Member;
      const peer = stack.use(await Peer.connect(leader.port));
      const follower = stack.use(
        isRedis
          ? await oracle.start(["--replicaof", `127.0.0.1 ${leader.port}`])
          : await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]),
      ) as Member;
      await untilCaughtUp(leader, [follower]);
      const random = new Random(seedFor("NEWER_SEED"));
      for (let round = 0; round < 20; round++) {
        const inTransaction = random.chance(0.3);
        if (inTransaction) peer.send("MULTI");
        for (let i = 0; i < 50; i++) peer.send(...draw(random));
        if (inTransaction) peer.send("EXEC");
        await peer.replies(inTransaction ? 52 : 50);
        await untilCaughtUp(leader, [follower]);
        expect(await contentsOf(follower.port)).toEqual(await contentsOf(leader.port));
      }
    });
  }

  test("of ours refuse them, and answer DIGEST", async () => {
    await using leader = await ours.start();
    await using follower = await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]);
    await using writer = await Peer.connect(leader.port);
    await using reader = await Peer.connect(follower.port);
    expect(await writer.ask("MSETEX", 1, "k", "hello")).toBe(":1");
    await waitFor(async () => (await reader.ask("DIGEST", "k")) === "$9555e8555c62dcfd");
    for (const line of ["SET k v IFEQ hello", "DELEX k", "DELIFEQ k hello", "MSETEX 1 k v"]) {
      expect(await reader.ask(...words(line))).toStartWith("-READONLY ");
    }
    expect(await reader.ask("INCREX", "n")).toStartWith("-READONLY ");
  });
});
