/**
 * A follower of a real Redis, under everything that Redis may send: strings byte for byte equal in
 * all databases after any mix of commands on few keys, other types left alone and counted, and,
 * with fewer databases than the leader, a full sync where the stream alone cannot show what became
 * of them. For the parts, such as the arithmetic of BITFIELD and of the HyperLogLog, see test/unit.
 * Replay with STREAM_COMMANDS_SEED=n; run longer with STREAM_COMMANDS_STEPS=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { type Member, replicationField, standingOf, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { dumpedPayloads, elsewhere, redisWrites } from "../support/redis-writes.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";
import { contentsOf } from "../support/write-load.ts";

const steps = numberFromEnvironment("STREAM_COMMANDS_STEPS", repetitions(1_200, 20_000));
const batch = 60;
setDefaultTimeout(caseMsMax + steps * 20);

const startLeader = () => {
  return oracle.start(["--databases", "16", "--repl-diskless-sync-delay", "0"]) as Promise<Member>;
};
const startFollower = (leader: Member, options: readonly string[] = []) => {
  return ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`, ...options]);
};

async function startPair(stack: AsyncDisposableStack, options: readonly string[] = []) {
  const leader = stack.use(await startLeader());
  const follower = stack.use(await startFollower(leader, options));
  await untilCaughtUp(leader, [follower]);
  return { leader, follower, peer: stack.use(await Peer.connect(leader.port)) };
}

/** What is no string is an error to GET. */
async function stringsOf(port: number): Promise<Map<string, string>> {
  const contents = await contentsOf(port);
  return new Map([...contents].filter(([, text]) => !text.startsWith("-WRONGTYPE")));
}

/** For a follower that has no other database than 0. */
const small = ["--databases", "1"];

async function expectEqualInFirst(leader: Member, follower: Member): Promise<void> {
  await untilCaughtUp(leader, [follower]);
  const wanted = [...(await stringsOf(leader.port))].filter(([key]) => !key.startsWith("in "));
  expect(await stringsOf(follower.port)).toEqual(new Map(wanted));
}

async function expectEqual(leader: Member, follower: Member): Promise<void> {
  await untilCaughtUp(leader, [follower]);
  expect(await stringsOf(follower.port)).toEqual(await stringsOf(leader.port));
}

async function fullSyncsOf(leader: Member): Promise<number> {
  await using peer = await Peer.connect(leader.port);
  return Number(/sync_full:(\d+)/.exec(await peer.ask("INFO", "stats"))?.[1]);
}

const skippedBy = async (follower: Member) => {
  return Number(await replicationField(follower.port, "mscache_skipped_commands"));
};

/**
 * Some of the mix, each time in a transaction or not, and some for other databases between, by a
 * client that has selected one.
 */
async function writeBatch(random: Random, peer: Peer, other: Peer, payloads: readonly Buffer[]) {
  const next = redisWrites(payloads);
  const isTransaction = random.chance(0.3);
  if (isTransaction) peer.send("MULTI");
  for (let i = 0; i < batch; i++) peer.send(...next(random));
  if (isTransaction) peer.send("EXEC");
  for (let i = 0; i < batch / 10; i++) other.send(...elsewhere(random));
  await peer.replies(batch + (isTransaction ? 2 : 0));
  await other.replies(batch / 10);
}

describe.skipIf(!redisInstalled())(`a follower of redis-server${redisNote}`, () => {
  test.each(variants([2], [1, 4]))(
    "has the same strings after any mix, with %d data threads",
    async (threads) => {
      await using stack = new AsyncDisposableStack();
      const { leader, follower, peer } = await startPair(stack, ["--threads", `${threads}`]);
      const chained = stack.use(await startFollower(follower));
      // A FLUSHALL of the mix would abort its snapshot.
      await waitFor(
        async () => (await replicationField(chained.port, "master_link_status")) === "up",
      );
      const random = new Random(seedFor("STREAM_COMMANDS_SEED"));
      const payloads = await dumpedPayloads(peer);
      const other = stack.use(await Peer.connect(leader.port));
      expect(await other.ask("SELECT", "3")).toBe("+OK");
      for (let done = 0; done < steps / 2; done += batch) {
        await writeBatch(random, peer, other, payloads);
        await expectEqual(leader, follower);
      }
      const { offset } = await standingOf(follower.port);
      await waitFor(async () => (await standingOf(chained.port)).offset === offset);
      expect(await contentsOf(chained.port)).toEqual(await contentsOf(follower.port));
      expect(await fullSyncsOf(leader)).toBe(1);
      expect(await fullSyncsOf(follower)).toBe(1);
      expect(follower.log()).not.toMatch(/not applied here: "(SET|PF|BIT|RENAME|COPY|MOVE|DEL)/);
    },
  );

  test("leaves out databases that it does not have, and counts their commands", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower, peer } = await startPair(stack, small);
    for (const write of ["SET a 1", "SET b 2", "SELECT 5", "SET a 5", "SET c 5", "FLUSHDB"]) {
      expect(await peer.askRaw(`${write}\r\n`)).toBe("+OK");
    }
    expect(await peer.askRaw("RPUSH a 1\r\nRENAME a b\r\n")).toBe(":1");
    await untilCaughtUp(leader, [follower]);
    expect([...(await stringsOf(follower.port)).keys()].sort()).toEqual(["a", "b"]);
    expect(await skippedBy(follower)).toBe(5);
  });

  test("is emptied by a FLUSHALL and gets a PUBLISH, whatever database they were sent in", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower, peer } = await startPair(stack);
    const listener = stack.use(await Peer.connect(follower.port));
    await listener.ask("SUBSCRIBE", "news");
    for (const write of ["SET a 1", "SELECT 5", "SET a 5"]) await peer.askRaw(`${write}\r\n`);
    await peer.ask("PUBLISH", "news", "from database 5");
    expect(await listener.shown()).toContain("$from database 5");
    expect(await peer.ask("FLUSHALL")).toBe("+OK");
    await expectEqual(leader, follower);
    expect(await contentsOf(follower.port)).toEqual(new Map());
    expect(await fullSyncsOf(leader)).toBe(1);
  });

  test("removes a string that another type has replaced, and counts what it leaves out", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower, peer } = await startPair(stack);
    for (const key of ["a", "b", "c", "d", "stays"]) await peer.ask("SET", key, "string");
    await peer.ask("SADD", "set", "1", "2");
    await peer.ask("SUNIONSTORE", "a", "set");
    await peer.ask("SORT", "set", "BY", "store", "GET", "#", "LIMIT", "0", "1", "STORE", "b");
    await peer.ask("COPY", "set", "c", "REPLACE");
    await peer.ask("RENAME", "set", "d");
    await expectEqual(leader, follower);
    expect([...(await stringsOf(follower.port)).keys()]).toEqual(["stays"]);
    expect(await skippedBy(follower)).toBe(3);
    const told = [...follower.log().matchAll(/not applied here: "(\w+)"/g)].map(([, name]) => name);
    expect(told.sort()).toEqual(["SADD", "SORT", "SUNIONSTORE"]);
  });
});

/** Each after `SET a 1` in database 0, `SET a 2` and `SET b 2` in database 1, from database 1. */
const beyondKnowing = [
  ["SWAPDB", "SWAPDB 0 1"],
  ["SWAPDB", "SWAPDB 1 0"],
  ["MOVE", "MOVE b 0"],
  ["COPY", "COPY b c DB 0"],
  ["COPY", "COPY a a REPLACE DB 0"],
] as const;

describe.skipIf(!redisInstalled())(
  `what redis-server brings into database 0, the only one${redisNote}`,
  () => {
    test.each(beyondKnowing)("by %s ends in a full sync: %s", async (name, request) => {
      await using stack = new AsyncDisposableStack();
      const { leader, follower, peer } = await startPair(stack, small);
      for (const isTransaction of [false, true]) {
        const before = await fullSyncsOf(leader);
        const lines = [
          "SELECT 0",
          "FLUSHALL",
          "SET a 1",
          "SELECT 1",
          "SET a 2",
          "SET b 2",
          request,
        ];
        const [head, tail] = isTransaction ? ["MULTI\r\n", "EXEC\r\n"] : ["", ""];
        peer.write(`${head}${lines.join("\r\n")}\r\n${tail}`);
        const replies = await peer.replies(lines.length + (isTransaction ? 2 : 0));
        expect(replies.filter(({ type }) => type === "-")).toEqual([]);
        await waitFor(async () => (await fullSyncsOf(leader)) > before);
        await expectEqualInFirst(leader, follower);
        expect(await fullSyncsOf(leader)).toBe(before + 1);
      }
      expect(follower.log()).toContain(`the effect of ${name} on the leader needs a full sync`);
    });

    test("but not a SWAPDB, a MOVE or a COPY among the others", async () => {
      await using stack = new AsyncDisposableStack();
      const { leader, follower, peer } = await startPair(stack, small);
      for (const write of ["SET a 1", "SELECT 1", "SET b 2", "SET c 3"]) {
        expect(await peer.askRaw(`${write}\r\n`)).toBe("+OK");
      }
      for (const write of ["SWAPDB 2 3", "SWAPDB 0 0"]) {
        expect(await peer.askRaw(`${write}\r\n`)).toBe("+OK");
      }
      for (const write of ["MOVE b 2", "COPY c d", "COPY c d DB 2"]) {
        expect(await peer.askRaw(`${write}\r\n`)).toBe(":1");
      }
      await expectEqualInFirst(leader, follower);
      expect(await fullSyncsOf(leader)).toBe(1);
    });
  },
);

describe("a stream that this node cannot follow", () => {
  const REPLID = "5eed".repeat(10);
  const snapshot = Buffer.from(`REDIS0009\xff${"\0".repeat(8)}`, "latin1");
  const head = Buffer.from(`+FULLRESYNC ${REPLID} 1\r\n$${snapshot.length}\r\n`);

  /** Waits until a follower has logged a line for this command behind an empty snapshot. */
  async function expectLine(line: string, ...command: string[]): Promise<void> {
    const set = encodeCommand(["SET", "n", "no number"]);
    const bytes = Buffer.concat([head, snapshot, set, encodeCommand(command)]);
    await using leader = await ScriptedLeader.start(() => ({ bytes, staysOpen: true }));
    await using node = await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]);
    await waitFor(() => node.log().includes(line), { message: line });
    await waitFor(() => leader.served > 0);
  }

  test("because it has a script ends the link", async () => {
    const line = "the effect of EVAL on the leader needs a full sync";
    await expectLine(line, "EVAL", "redis.call('set', 'a', '1')", "0");
  });

  test("because a command fails that did not fail on the leader ends the link", async () => {
    await expectLine("INCR of the stream failed: value is not an integer", "INCR", "n");
  });

  test("because a payload is damaged ends the link", async () => {
    const line = "RESTORE of the stream failed: DUMP payload version or checksum are wrong";
    await expectLine(line, "RESTORE", "a", "0", "\0\u0001a\t\0damaged!");
  });
});

test("clients cannot use the commands that exist only for the stream", async () => {
  await using node = await ours.start();
  await using peer = await Peer.connect(node.port);
  for (const name of ["RESTORE-ASKING"]) {
    expect(await peer.ask(name, "a", "0", "1")).toStartWith(`-ERR unknown command '${name}'`);
    expect(await peer.ask("COMMAND", "INFO", name)).toBe("*[$null]");
  }
});
