/**
 * Keyspace notifications: which events each command causes, in which order and on which channels,
 * against our node with one thread and with two, and against redis-server.
 * Invariant: a case that holds for redis-server and not for our node is a fault of our node.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, spawnNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { contestants, forAllCases, oursWithThreads } from "../support/servers.ts";
import { type Argument, partsOf, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

/** A command, as words, and the events that follow it, each with its key. */
type Case = readonly [command: string, ...events: string[]];

const payloadOfV = "\x00\x01v\x0a\x00\x9d\x2b\x6d\x5a\x0f\x2d\xb7\x94";

const strings: readonly Case[] = [
  ["SET k v", "new k", "set k"],
  ["SET k v EX 100", "set k", "expire k"],
  ["SET k v KEEPTTL", "set k"],
  ["SET k v XX", "set k"],
  ["SET none v XX"],
  ["SET k2 v GET", "keymiss k2", "new k2", "set k2"],
  ["SETNX k v"],
  ["SETEX k 100 v", "set k", "expire k"],
  ["PSETEX k 100000 v", "set k", "expire k"],
  ["GETSET k v", "set k"],
  ["GETSET k3 v", "keymiss k3", "new k3", "set k3"],
  ["MSET a 1 a 2 b 3", "new a", "set a", "set a", "new b", "set b"],
  ["MSETNX a 1 z 2"],
  ["MSETNX m1 1 m2 2", "new m1", "set m1", "new m2", "set m2"],
  ["APPEND a x", "append a"],
  ["APPEND n1 x", "new n1", "append n1"],
  ["SETRANGE a 1 y", "setrange a"],
  ["SETRANGE n2 1 y", "new n2", "setrange n2"],
  ["INCR c", "new c", "incrby c"],
  ["DECRBY c 2", "incrby c"],
  ["INCRBYFLOAT c 1.5", "incrbyfloat c"],
  ["INCR a"],
  ["GET k"],
  ["GET none", "keymiss none"],
  ["MGET none none2 k", "keymiss none", "keymiss none2"],
  ["STRLEN none", "keymiss none"],
  ["GETRANGE none 0 1", "keymiss none"],
  ["GETRANGE none x 1"],
  ["LCS none none2", "keymiss none", "keymiss none2"],
  ["GETEX k EX 100", "expire k"],
  ["GETEX k PERSIST", "persist k"],
  ["GETEX k PERSIST"],
  ["GETEX k PXAT 1", "del k"],
  ["GETEX k", "keymiss k"],
  ["GETDEL k2", "del k2"],
  ["GETDEL k2", "keymiss k2"],
];

const bits: readonly Case[] = [
  ["SETBIT s 1 1", "new s", "setbit s"],
  ["SETBIT s 1 1"],
  ["SETBIT s 1 0", "setbit s"],
  ["GETBIT none 1", "keymiss none"],
  ["BITCOUNT none", "keymiss none"],
  ["BITPOS none 1", "keymiss none"],
  ["BITFIELD s SET u8 0 1 INCRBY u8 8 1", "setbit s"],
  ["BITFIELD s SET u8 0 1"],
  ["BITFIELD f SET u8 800 0", "new f", "setbit f"],
  ["BITFIELD f SET u8 80000 1 SET u8 0 3", "setbit f"],
  ["BITFIELD none GET u8 0", "keymiss none"],
  ["BITFIELD_RO none GET u8 0", "keymiss none"],
  ["BITOP AND d s f", "new d", "set d"],
  ["BITOP AND d none none2", "keymiss none", "keymiss none2", "del d"],
  ["BITOP AND d none none2", "keymiss none", "keymiss none2"],
  ["PFADD h a b", "new h", "pfadd h"],
  ["PFADD h a b"],
  ["PFADD h0", "new h0", "pfadd h0"],
  ["PFCOUNT h"],
  ["PFCOUNT h none", "keymiss none"],
  ["PFMERGE h2 h none", "keymiss h2", "keymiss none", "new h2", "pfadd h2"],
  ["PFMERGE h2 h", "pfadd h2"],
];

const generic: readonly Case[] = [
  ["SET a 1", "new a", "set a"],
  ["RENAME a a2", "new a2", "rename_from a", "rename_to a2"],
  ["RENAME a2 a2"],
  ["RENAME none x"],
  ["SET b 1", "new b", "set b"],
  ["RENAMENX a2 b"],
  ["RENAME a2 b", "new b", "rename_from a2", "rename_to b"],
  ["COPY b c", "new c", "copy_to c"],
  ["COPY b c"],
  ["COPY b c REPLACE", "new c", "copy_to c"],
  ["COPY none c", "keymiss none"],
  ["EXPIRE b 100", "expire b"],
  ["EXPIRE b 100 NX"],
  ["EXPIRE none 100"],
  ["PEXPIREAT b 4000000000000", "expire b"],
  ["PERSIST b", "persist b"],
  ["PERSIST b"],
  ["EXPIRE b -1", "del b"],
  ["TTL b", "keymiss b"],
  ["PEXPIRETIME b", "keymiss b"],
  ["EXISTS b c none", "keymiss b", "keymiss none"],
  ["TOUCH b", "keymiss b"],
  ["TYPE b", "keymiss b"],
  ["OBJECT ENCODING b"],
  ["DUMP b", "keymiss b"],
  ["WATCH b"],
  ["DEL b c", "del c"],
  ["SET u 1", "new u", "set u"],
  ["UNLINK u none", "del u"],
  ["FLUSHALL"],
];

/** Redis 7.0 does not have them: by the tests of the servers that brought them. */
const newer: readonly Case[] = [
  ["SET k 5 IFNE 4", "set k"],
  ["SET k 6 IFEQ 4"],
  ["SET k 6 IFEQ 5 EX 100", "set k", "expire k"],
  ["INCREX k", "incrby k"],
  ["INCREX k BYFLOAT 0.5 PERSIST", "incrbyfloat k", "persist k"],
  ["INCREX k BYFLOAT 0.5 PERSIST", "incrbyfloat k"],
  ["INCREX k PERSIST UBOUND 0"],
  ["INCREX k EX 100 ENX", "incrby k", "expire k"],
  ["INCREX k EX 200 ENX", "incrby k"],
  ["INCREX k EXAT 1", "del k"],
  ["MSETEX 2 a 1 b 2 EX 100", "set a", "expire a", "set b", "expire b"],
  ["MSETEX 2 a 1 b 2 NX"],
  ["MSETEX 1 a 1 KEEPTTL", "set a"],
  ["DELEX a IFEQ 2"],
  ["DELEX a IFEQ 1", "del a"],
  ["DELIFEQ b 1"],
  ["DELIFEQ b 2", "del b"],
  ["DIGEST b"],
];

for (const contestant of [...contestants, oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());
    const observe = async (flags: string, pattern = "__key*__:*") => {
      return await Observed.open(server().port, flags, pattern);
    };

    for (const [name, cases] of Object.entries({ strings, bits, generic })) {
      test(`commands on ${name} cause the events of redis 7.0, in its order`, async () => {
        await using observed = await observe("KAnm", "__keyspace@0__:*");
        for (const [command, ...events] of cases) {
          await observed.run(...command.split(" "));
          expect([command, ...(await observed.events())]).toEqual([command, ...events]);
        }
      });
    }

    test("RESTORE causes restore, and del if its time is over", async () => {
      await using observed = await observe("KAnm", "__keyspace@0__:*");
      await observed.run("SET", "v", "v");
      const payload = Buffer.from(textOf(await observed.run("DUMP", "v")), "latin1");
      expect(payload.length).toBe(payloadOfV.length);
      await observed.events();
      await observed.run("RESTORE", "r", "0", payload);
      expect(await observed.events()).toEqual(["new r", "restore r"]);
      await observed.run("RESTORE", "r", "100000", payload, "REPLACE");
      expect(await observed.events()).toEqual(["new r", "restore r"]);
      await observed.run("RESTORE", "r", "1", payload, "REPLACE", "ABSTTL");
      expect(await observed.events()).toEqual(["del r"]);
    });

    test("a key that expires is told of before it is written again", async () => {
      await using observed = await observe("KAnm", "__keyspace@0__:*");
      // It may expire before its other events are read.
      await observed.run("SET", "old", "v", "PX", "1");
      const brief = ["new", "set", "expire", "expired"];
      await observed.until(brief.map((event) => `__keyspace@0__:old ${event}`));
      await observed.run("INCR", "old");
      expect(await observed.events()).toEqual(["new old", "incrby old"]);
      await observed.run("SET", "old", "v", "PXAT", "1");
      await observed.run("GET", "old");
      const events = ["set old", "expire old", "expired old", "keymiss old"];
      expect(await observed.events()).toEqual(events);
    });

    test("commands of a transaction cause their events in order", async () => {
      await using observed = await observe("KA", "__keyspace@0__:*");
      for (const command of ["MULTI", "SET x 1", "INCR x", "DEL x", "EXEC"]) {
        await observed.run(...command.split(" "));
      }
      expect(await observed.events()).toEqual(["set x", "incrby x", "del x"]);
    });

    test("other classes count for what comes after them, in a transaction too", async () => {
      await using observed = await observe("KA", "__keyspace@0__:*");
      const choose = ["CONFIG", "SET", "notify-keyspace-events"];
      for (const args of [["MULTI"], ["SET", "a", "1"], [...choose, ""], ["DEL", "a"], ["EXEC"]]) {
        await observed.run(...args);
      }
      expect(await observed.events()).toEqual(["set a"]);
      await observed.run("SET", "b", "1");
      await observed.run(...choose, "Kg");
      await observed.run("SET", "b", "2");
      await observed.run(...choose, "K$");
      expect(await observed.events()).toEqual([]);
    });

    test("a message does not overtake the many events before it", async () => {
      await using observed = await observe("KA", "__keyspace@0__:*");
      const before = "for i = 1, 3000 do redis.call('SET', 'k' .. i, 'v') end";
      const publish = "redis.call('PUBLISH', '__keyspace@0__:p', i)";
      await observed.run("EVAL", `${before} for i = 1, 2 do ${publish} end`, 0);
      const events = await observed.events();
      expect(events.slice(-3)).toEqual(["set k3000", "1 p", "2 p"]);
      expect(events).toHaveLength(3002);
    });

    test("an event goes to the channel of its key, then to its own, as far as chosen", async () => {
      await using both = await observe("KEg$");
      await both.run("SET", "k", "v", "EX", "100");
      expect(await both.messages()).toEqual([
        "__keyspace@0__:k set",
        "__keyevent@0__:set k",
        "__keyspace@0__:k expire",
        "__keyevent@0__:expire k",
      ]);
      await both.run("CONFIG", "SET", "notify-keyspace-events", "E$");
      await both.run("SET", "k", "v", "EX", "100");
      expect(await both.messages()).toEqual(["__keyevent@0__:set k"]);
      await both.run("CONFIG", "SET", "notify-keyspace-events", "A");
      await both.run("SET", "k", "v");
      expect(await both.messages()).toEqual([]);
      await both.run("CONFIG", "SET", "notify-keyspace-events", "Kx");
      await both.run("SET", "k", "v", "PX", "1");
      await both.until(["__keyspace@0__:k expired"]);
    });

    test("an event names the database of its key", async () => {
      await using observed = await observe("KAn", "__keyspace@*");
      for (const [command, ...events] of [
        ["SELECT 3"],
        ["SET moved v", "3__:moved new", "3__:moved set"],
        ["MOVE moved 4", "4__:moved new", "3__:moved move_from", "4__:moved move_to"],
        ["MOVE moved 4"],
        ["SWAPDB 3 4"],
        ["COPY moved copied DB 5", "5__:copied new", "5__:copied copy_to"],
      ] as const) {
        await observed.run(...command.split(" "));
        expect([command, ...(await observed.messages())]).toEqual([
          command,
          ...events.map((text) => `__keyspace@${text}`),
        ]);
      }
      // It may expire before its other events are read.
      await observed.run("SET", "brief", "v", "PX", "1");
      await observed.run("SELECT", "0");
      const brief = ["new", "set", "expire", "expired"];
      await observed.until(brief.map((event) => `__keyspace@3__:brief ${event}`));
    });

    test("keys may be any bytes", async () => {
      await using observed = await observe("KEA", "__key*");
      const key = Buffer.from([0, 255, 13, 10, 42]);
      await observed.run("SET", key, "v");
      const shown = key.toString("latin1");
      expect(await observed.messages()).toEqual([
        `__keyspace@0__:${shown} set`,
        `__keyevent@0__:set ${shown}`,
      ]);
    });

    test("CONFIG shows the classes in Redis's order, and refuses others", async () => {
      await using client = await Peer.connect(server().port);
      const shown: Record<string, string> = {
        "": "",
        A: "A",
        KEA: "AKE",
        KEA$m: "AKEm",
        KEg: "gKE",
        Ex: "xE",
        KEnmg: "gnKEm",
        KEAn: "AKE",
        Kg$lshzxetdn: "AK",
        Kls: "lsK",
      };
      for (const [given, classes] of Object.entries(shown)) {
        expect(await client.ask("CONFIG", "SET", "notify-keyspace-events", given)).toBe("+OK");
        const reply = await client.ask("CONFIG", "GET", "notify-keyspace-events");
        expect(reply).toBe(`*[$notify-keyspace-events $${classes}]`);
      }
      expect(await client.ask("CONFIG", "SET", "notify-keyspace-events", "KQ")).toBe(
        "-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - " +
          "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
      );
    });
  });
}

describe("mscache", () => {
  test("commands of newer servers cause events", async () => {
    await using server = await spawnNode();
    await using observed = await Observed.open(server.port, "KA", "__keyspace@0__:*");
    for (const [command, ...events] of newer) {
      await observed.run(...command.split(" "));
      expect([command, ...(await observed.events())]).toEqual([command, ...events]);
    }
  });

  test("a key that is evicted is told of", async () => {
    await using server = await spawnNode(["--max-memory", "1mb"]);
    await using observed = await Observed.open(server.port, "Ke", "__key*__:*");
    const value = Buffer.alloc(1000, "v");
    for (let i = 0; i < 3000; i++) await observed.run("SET", `key ${i}`, value);
    const messages = await observed.messages();
    expect(messages.length).toBeGreaterThan(1000);
    expect(messages.every((text) => /^__keyspace@0__:key \d+ evicted$/.test(text))).toBe(true);
  });

  test("what changes faster than it can be told is counted in the log, and no more", async () => {
    await using server = await spawnNode([]);
    await using observed = await Observed.open(server.port, "KA", "__key*__:*");
    const pairs: Argument[] = [];
    for (let i = 0; i < 2000; i++) pairs.push(`key ${i}`.padEnd(10_000), "v");
    await observed.run("MSET", ...pairs);
    expect(await observed.messages()).toEqual([]);
    expect(server.log()).toContain("keyspace notifications are missing");
    await observed.run("SET", "k", "v");
    expect(await observed.messages()).toEqual(["__keyspace@0__:k set"]);
  });
});

/** A client, and a subscriber that collects what its commands cause. */
class Observed {
  private readonly client: Peer;
  private readonly subscriber: Peer;
  private ends = 0;

  private constructor(client: Peer, subscriber: Peer) {
    this.client = client;
    this.subscriber = subscriber;
  }

  static async open(port: number, flags: string, pattern: string): Promise<Observed> {
    const client = await Peer.connect(port);
    await client.typed("FLUSHALL");
    await client.typed("CONFIG", "SET", "notify-keyspace-events", flags);
    const subscriber = await Peer.connect(port);
    await subscriber.typed("PSUBSCRIBE", pattern);
    await subscriber.typed("SUBSCRIBE", "end");
    return new Observed(client, subscriber);
  }

  run(...args: Argument[]) {
    return this.client.typed(...args);
  }

  /** Channel and payload of each message since the last call. */
  async messages(): Promise<string[]> {
    await this.client.typed("PUBLISH", "end", ++this.ends);
    const found: string[] = [];
    for (;;) {
      const [kind, ...parts] = partsOf(await this.subscriber.reply()).map(textOf);
      if (kind === "message" && parts[1] === `${this.ends}`) return found;
      found.push(parts.slice(1).join(" "));
    }
  }

  /** The same as `event key`, from the channels of keys. */
  async events(): Promise<string[]> {
    return (await this.messages()).map((message) => {
      const [, key, event] = /^__keyspace@0__:(.*) (\w+)$/.exec(message) ?? [];
      return `${event} ${key}`;
    });
  }

  /** Waits for messages that come by themselves. */
  async until(wanted: readonly string[]): Promise<void> {
    const found: string[] = [];
    await waitFor(async () => {
      found.push(...(await this.messages()));
      return Bun.deepEquals(found, wanted);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.typed("CONFIG", "SET", "notify-keyspace-events", "");
    await this.client[Symbol.asyncDispose]();
    await this.subscriber[Symbol.asyncDispose]();
  }
}
