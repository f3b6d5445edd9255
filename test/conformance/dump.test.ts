/**
 * DUMP and RESTORE between a redis-server and a node, both ways: strings in every encoding that
 * Redis has, of every length of length, inside MULTI, by MIGRATE, in RESP3, with one and two data
 * threads.
 * unit/command/generic/dump.test.ts has the options and the refusals.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";
import { partsOf, show, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const values: readonly (readonly [name: string, value: Buffer])[] = [
  ["plain bytes", Buffer.from([0, 255, 13, 10, 36])],
  ["nothing", Buffer.alloc(0)],
  ["8 bits", Buffer.from("-7")],
  ["16 bits", Buffer.from("31000")],
  ["32 bits", Buffer.from("-2000000000")],
  ["a compressed string", Buffer.alloc(500, "compress me ")],
  ["a much compressed string", Buffer.alloc(5_000_000, "x")],
  ["63 bytes", Buffer.from(crypto.getRandomValues(new Uint8Array(63)))],
  ["64 bytes", Buffer.from(crypto.getRandomValues(new Uint8Array(64)))],
  ["16384 bytes", Buffer.from(crypto.getRandomValues(new Uint8Array(16_384)))],
];

for (const contestant of [ours, oursWithThreads(2)]) {
  describe.skipIf(oracle.isMissing)(`${contestant.name} and redis-server${redisNote}`, () => {
    const redis = forAllCases(() => oracle.start());
    const mscache = forAllCases(() => contestant.start());

    test.each(["2", "3"])("restore each other's payloads over RESP%s", async (version) => {
      const node = mscache();
      await using left = await Peer.connect(redis().port);
      await using right = await Peer.connect(node.port);
      for (const peer of [left, right]) expect(await peer.ask("FLUSHALL")).toBe("+OK");
      for (const peer of [left, right]) await peer.typed("HELLO", version);
      for (const [from, to] of [
        [left, right],
        [right, left],
      ] as const) {
        for (const [name, value] of values) {
          expect(await from.ask("SET", name, value)).toBe("+OK");
          const payload = Buffer.from(textOf(await from.typed("DUMP", name)), "latin1");
          expect(await to.ask("RESTORE", `copy of ${name}`, "0", payload, "REPLACE")).toBe("+OK");
          const got = Buffer.from(textOf(await to.typed("GET", `copy of ${name}`)), "latin1");
          expect([name, got.equals(value)]).toEqual([name, true]);
        }
      }
    });

    test("exchange keys when the Redis is told to MIGRATE its own", async () => {
      const node = mscache();
      await using left = await Peer.connect(redis().port);
      await using right = await Peer.connect(node.port);
      for (const peer of [left, right]) expect(await peer.ask("FLUSHALL")).toBe("+OK");
      await left.ask("SET", "a", "1", "PX", "100000");
      await left.ask("SET", "b", Buffer.alloc(500, "compress me "));
      await left.ask("RPUSH", "list", "element");
      const migrate = (...rest: string[]) => {
        return left.ask("MIGRATE", "127.0.0.1", `${node.port}`, "", "0", "5000", ...rest);
      };
      expect(await migrate("KEYS", "a", "b")).toBe("+OK");
      expect(await left.ask("EXISTS", "a", "b")).toBe(":0");
      expect(await right.ask("MGET", "a", "b")).toStartWith("*[$1 $compress me compress me");
      expect(Number((await right.ask("PTTL", "a")).slice(1))).toBeWithin(1, 100_001);
      await left.ask("SET", "a", "2");
      expect(await migrate("KEYS", "a")).toContain("Target key name already exists.");
      expect(await migrate("REPLACE", "KEYS", "a")).toBe("+OK");
      expect(await right.ask("GET", "a")).toBe("$2");
      expect(await migrate("KEYS", "list")).toContain("MSCache keeps strings only");
      expect(await left.ask("EXISTS", "list")).toBe(":1");
    });

    test("do so in a transaction, which a change of the key aborts", async () => {
      const node = mscache();
      await using left = await Peer.connect(redis().port);
      await using right = await Peer.connect(node.port);
      for (const peer of [left, right]) expect(await peer.ask("FLUSHALL")).toBe("+OK");
      await left.ask("SET", "k", "value");
      const payload = Buffer.from(textOf(await left.typed("DUMP", "k")), "latin1");
      right.write("WATCH k\r\nMULTI\r\n");
      right.send("RESTORE", "k", "1000000", payload);
      right.send("DUMP", "k");
      right.send("EXEC");
      const [done, dumped] = partsOf((await right.replies(5))[4]);
      expect(show(done)).toBe("+OK");
      const back = Buffer.from(textOf(dumped), "latin1");
      expect(await left.ask("RESTORE", "back", "0", back)).toBe("+OK");
      expect(await left.ask("GET", "back")).toBe("$value");
      await using other = await Peer.connect(node.port);
      expect(await right.ask("WATCH", "k")).toBe("+OK");
      expect(await other.ask("RESTORE", "k", "0", payload, "REPLACE")).toBe("+OK");
      right.write("MULTI\r\nSET k lost\r\nEXEC\r\n");
      expect(show((await right.replies(3))[2])).toBe("*null");
      expect(await right.ask("TTL", "k")).toBe(":-1");
    });
  });
}
