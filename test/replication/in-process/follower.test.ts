/**
 * The following side against a leader that says what the test tells it to: handshake, both
 * framings, the stream with its offsets, cuts at bad moments, and what a node may go on with
 * afterwards. Real leaders are in test/replication/redis-room.test.ts and chain.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { encodeCommand } from "../../support/wire.ts";
import { until } from "../../unit/replication/fakes.ts";
import {
  follower,
  mark,
  online,
  replid,
  ScriptedLeader,
  snapshot,
  state,
} from "./scripted-leader.ts";
import { TestNode } from "./test-node.ts";

describe("follower, full sync", () => {
  test("EOF framing, and an ACK right after it", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    expect(node.store.dump()).toEqual(["a=1@0"]);
    expect(state(node)).toBe("connected");
    expect(node.info).toMatchObject({
      role: "slave",
      master_link_status: "up",
      master_replid: replid,
      master_repl_offset: "1000",
      slave_repl_offset: "1000",
    });
    expect(node.store.expires).toBe(false);
    expect(node.effects.muted).toBe(true);
    expect(node.roles).toEqual(["follower"]);
  });

  test("length framing; keep-alives before it are no data; the stream may follow at once", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.store.put("old", "data");
    node.follow(leader.port);
    await leader.handshake();
    const bytes = snapshot({ a: "1", b: "2" });
    leader.send(`\n\n+FULLRESYNC ${replid.toUpperCase()} 1000\r\n\n\n`);
    await until(() => state(node) === "sync", "the sync begins");
    expect(node.store.dump()).toEqual(["old=data@0"]);
    expect(node.replication.isLoading).toBe(false);
    const stream = encodeCommand(["SET", "c", "3"]);
    leader.send(Buffer.concat([Buffer.from(`\n$${bytes.length}\r\n`), bytes, stream]));
    await until(() => node.store.has("c"), "all is there");
    expect(node.store.count()).toBe(3);
    expect(node.journal.offset).toBe(1000 + stream.length);
    expect(node.info.master_replid).toBe(replid);
  });

  test("a snapshot in single bytes arrives, and is not served while it does", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.follow(leader.port);
    await leader.handshake();
    const bytes = snapshot({ a: "1", long: "x".repeat(100) });
    const all = Buffer.concat([
      Buffer.from(`+FULLRESYNC ${replid} 1000\r\n$EOF:${mark}\r\n`),
      bytes,
      Buffer.from(mark),
    ]);
    for (let i = 0; i < all.length; i++) {
      leader.send(all.subarray(i, i + 1));
      await new Promise((resolve) => setImmediate(resolve));
      if (i === all.length - 10) {
        await until(() => node.replication.isLoading, "it loads");
        expect(node.journal.active).toBe(false);
      }
    }
    await leader.expect(/^REPLCONF ACK 1000$/);
    expect(node.store.count()).toBe(2);
    expect(node.replication.isLoading).toBe(false);
  });

  test("a snapshot is acknowledged until the stream goes on: Redis may miss the first", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    for (let more = 0; more < 3; more++) await leader.expect(/^REPLCONF ACK 1000$/);
    const length = leader.command("SET", "b", "2");
    await until(() => node.store.has("b"), "the stream goes on");
    leader.commands.length = 0;
    await Bun.sleep(200); // the next one would have come after 40 ms
    expect(leader.commands.filter((one) => one !== "REPLCONF ACK 1000")).toEqual([]);
    leader.command("REPLCONF", "GETACK", "*");
    await leader.expect(new RegExp(`^REPLCONF ACK ${1000 + length}$`));
  });

  test("what cannot be held is counted and told once", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower({ valueBytesMax: 3 });
    await online(leader, node, { a: "1", huge: "xxxx" });
    expect(node.store.dump()).toEqual(["a=1@0"]);
    expect(node.info.mscache_sync_refused_items).toBe("1");
    expect(node.log.has("1 items of the leader do not fit into this node")).toBe(true);
  });

  test("a load into an empty node that breaks off leaves nothing, and cannot be resumed", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node, {});
    leader.cut();
    expect(await leader.handshake()).toBe(`PSYNC ${replid} 1001`);
    leader.send(`+FULLRESYNC ${"f".repeat(40)} 5\r\n$1000\r\n`);
    leader.send(snapshot({ b: "2" }).subarray(0, -9));
    await until(() => node.store.has("b"), "half of it is there");
    leader.cut();
    expect(await leader.handshake()).toBe("PSYNC ? -1");
    expect(node.store.count()).toBe(0);
    expect(node.info.master_replid).not.toBe(replid);
  });

  test.each([
    ["a wrong checksum", (bytes: Buffer) => bytes.subarray(-8).fill(1), "the checksum is wrong"],
    [
      "an unknown type",
      (bytes: Buffer) => bytes.fill(99, bytes.length - 9, bytes.length - 8),
      "is not known",
    ],
  ] as const)("%s ends the connection with the reason in the log", async (_, damage, reason) => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.follow(leader.port);
    await leader.handshake();
    const bytes = snapshot({ a: "1" });
    damage(bytes);
    leader.send(`+FULLRESYNC ${replid} 1000\r\n$${bytes.length}\r\n`);
    leader.send(bytes);
    await until(() => node.log.has(reason), "the reason is told");
    expect(node.store.count()).toBe(0);
    expect(await leader.handshake()).toBe("PSYNC ? -1");
  });

  test("a wrong end mark is noticed", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.follow(leader.port);
    await leader.handshake();
    leader.send(`+FULLRESYNC ${replid} 1000\r\n$EOF:${mark}\r\n`);
    leader.send(Buffer.concat([snapshot({ a: "1" }), Buffer.from("f".repeat(40))]));
    await until(() => node.log.has("end mark is wrong"), "the reason is told");
    expect(node.store.count()).toBe(0);
  });
});

describe("follower, stream", () => {
  test("commands are applied, the offset counts every byte, the journal has them unchanged", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const stream = Buffer.concat([
      encodeCommand(["SELECT", "0"]),
      encodeCommand(["set", "k", "v", "PXAT", "1800000000000"]),
      encodeCommand(["PING"]),
      encodeCommand(["DEL", "a"]),
    ]);
    for (const byte of stream) leader.send(Buffer.from([byte]));
    await until(() => node.journal.offset === 1000 + stream.length, "all is applied");
    expect(node.store.dump()).toEqual(["k=v@1800000000000"]);
    const held = Buffer.alloc(stream.length);
    node.journal.read(1000, held, 0, held.length);
    expect(held.toString()).toBe(stream.toString());
  });

  test("the ACK for GETACK does not count GETACK itself", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const before = leader.command("SET", "k", "v");
    const getack = leader.command("REPLCONF", "GETACK", "*");
    await leader.expect(new RegExp(`^REPLCONF ACK ${1000 + before}$`));
    const again = leader.command("REPLCONF", "getack", "*");
    await leader.expect(new RegExp(`^REPLCONF ACK ${1000 + before + getack}$`));
    expect(again).toBe(getack);
  });

  test("a byte that belongs to no command is noticed before it shifts the offset", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    leader.send("\n");
    leader.command("SET", "k", "v");
    await until(() => node.log.has("the stream has 1 bytes that are no command"), "it is told");
    expect(node.store.has("k")).toBe(false);
    expect(await leader.handshake()).toBe("PSYNC ? -1");
  });

  test("a transaction is applied whole, with its bytes in the journal at once", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const words = [["MULTI"], ["INCR", "n"], ["SET", "k", "v"], ["EXEC"]];
    const sent = words.reduce((sum, args) => sum + leader.command(...args), 0);
    await until(() => node.journal.offset === 1000 + sent, "EXEC is through");
    expect(node.store.dump()).toEqual(["a=1@0", "k=v@0", "n=1@0"]);
  });

  test("a link cut inside a transaction starts it again from MULTI", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const first = leader.command("INCR", "n");
    leader.command("MULTI");
    leader.command("INCR", "n");
    await until(() => node.journal.offset === 1000 + first, "the first is applied");
    leader.cut();
    expect(await leader.handshake()).toBe(`PSYNC ${replid} ${1001 + first}`);
    leader.send("+CONTINUE\r\n");
    const rest = [["MULTI"], ["INCR", "n"], ["EXEC"]];
    const sent = rest.reduce((sum, args) => sum + leader.command(...args), 0);
    await until(() => node.journal.offset === 1000 + first + sent, "EXEC is through");
    expect(node.store.get("n")?.value.toString()).toBe("2");
  });

  test("commands for other databases are forwarded and counted, not applied", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    leader.command("SELECT", "3");
    leader.command("SET", "elsewhere", "1");
    leader.command("SELECT", "0");
    leader.command("SET", "here", "1");
    await until(() => node.store.has("here"), "the last is applied");
    expect(node.store.has("elsewhere")).toBe(false);
    expect(node.info.mscache_skipped_commands).toBe("1");
  });

  test("a stream that is no RESP ends the link and the history", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    leader.send("*1\r\n:5\r\n");
    await until(() => node.log.has("the stream is broken"), "the reason is told");
    expect(await leader.handshake()).toBe("PSYNC ? -1");
  });
});

describe("follower, reconnection", () => {
  test("a cut link asks for the very next byte, and +CONTINUE goes on", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const sent = leader.command("SET", "k", "v");
    await until(() => node.store.has("k"), "it is applied");
    leader.cut();
    await until(() => node.info.master_link_status === "down", "the link is down");
    expect(await leader.handshake()).toBe(`PSYNC ${replid} ${1001 + sent}`);
    leader.send(`+CONTINUE ${replid}\r\n${encodeCommand(["SET", "l", "w"])}`);
    await until(() => node.store.has("l"), "the stream goes on");
    expect(node.info).toMatchObject({ master_link_status: "up", master_replid: replid });
    expect(node.info.second_repl_offset).toBe("-1");
  });

  test("+CONTINUE with a new replid keeps the old one as the second", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    leader.cut();
    await leader.handshake();
    const renamed = "f".repeat(40);
    leader.send(`+CONTINUE ${renamed}\r\n`);
    await until(() => node.info.master_link_status === "up", "the link is up");
    expect(node.info).toMatchObject({
      master_replid: renamed,
      master_replid2: replid,
      second_repl_offset: "1001",
    });
  });

  test.each(["-LOADING wait", "-NOMASTERLINK not yet", "-ERR unknown command"])(
    "after %s to PSYNC it tries again",
    async (answer) => {
      await using leader = new ScriptedLeader();
      await using node = follower();
      node.follow(leader.port);
      await leader.handshake();
      leader.send(`${answer}\r\n`);
      await leader.handshake();
      expect(node.log.has(`it answered PSYNC with ${answer}`)).toBe(true);
    },
  );

  test("a password is sent before anything else, and a refusal is told", async () => {
    await using leader = new ScriptedLeader();
    await using node = new TestNode({ listeningPort: 7777, leaderAuth: "secret", announceIp: "h" });
    node.follow(leader.port);
    await leader.expect(/^PING$/);
    leader.send("-NOAUTH Authentication required.\r\n");
    await leader.expect(/^AUTH secret$/);
    await leader.expect(/^REPLCONF listening-port 7777$/);
    await leader.expect(/^REPLCONF ip-address h$/);
    leader.send("-WRONGPASS no\r\n");
    await until(() => node.log.has("it refused the password: -WRONGPASS no"), "it is told");
  });

  test("a leader without AUTH repeats the password, and the log does not", async () => {
    await using leader = new ScriptedLeader();
    await using node = new TestNode({ listeningPort: 7777, leaderAuth: "secret" });
    node.follow(leader.port);
    await leader.expect(/^PING$/);
    leader.send("+PONG\r\n");
    await leader.expect(/^AUTH secret$/);
    leader.send("-ERR unknown command 'AUTH', with args beginning with: 'secret' \r\n");
    await until(() => node.log.has("it refused the password: -ERR unknown command 'AUTH'"), "told");
    expect(node.log.has("secret")).toBe(false);
  });

  test("errors to REPLCONF do not matter", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.follow(leader.port);
    await leader.expect(/^PING$/);
    leader.send("+PONG\r\n");
    await leader.expect(/listening-port/);
    await leader.expect(/capa/);
    leader.send("-ERR what\r\n-ERR what\r\n");
    await leader.expect(/^PSYNC/);
  });

  test("a leader that is not there is tried again and again", async () => {
    const leader = new ScriptedLeader();
    const { port } = leader;
    await leader[Symbol.asyncDispose]();
    await using node = follower();
    node.follow(port);
    await until(
      () => node.log.lines.filter((line) => /next attempt/.test(line)).length >= 2,
      "retries",
    );
    expect(state(node)).toMatch(/^connect/);
  });

  test("following the present leader again changes nothing", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    expect(node.replication.replicaof("127.0.0.1", leader.port)).toBe(false);
    expect(state(node)).toBe("connected");
  });
});

describe("promotion and demotion", () => {
  test("a promoted follower keeps its data and offset under a new replid", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    node.replication.noOne();
    expect(node.replication.isFollower).toBe(false);
    expect(node.info).toMatchObject({
      role: "master",
      master_replid2: replid,
      second_repl_offset: "1001",
      master_repl_offset: "1000",
    });
    expect(node.store.dump()).toEqual(["a=1@0"]);
    expect(node.store.expires).toBe(true);
    expect(node.effects.muted).toBe(false);
    expect(node.roles).toEqual(["follower", "leader"]);
    node.set("b", "2");
    const written = Buffer.alloc(100);
    const count = node.journal.read(1000, written, 0, 100);
    expect(written.subarray(0, count).toString()).toStartWith("*2\r\n$6\r\nSELECT\r\n");
    await until(() => leader.closed > 0, "the link is closed");
  });

  test("a demoted leader asks its new leader with its own replid and offset", async () => {
    await using first = new ScriptedLeader();
    await using second = new ScriptedLeader();
    await using node = follower();
    await online(first, node);
    node.replication.noOne();
    node.set("b", "2");
    const { master_replid, master_repl_offset } = node.info;
    node.follow(second.port);
    expect(await second.handshake()).toBe(
      `PSYNC ${master_replid} ${Number(master_repl_offset) + 1}`,
    );
  });

  test("a leader that recorded nothing asks for everything", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.set("unrecorded", "1");
    node.follow(leader.port);
    expect(await leader.handshake()).toBe("PSYNC ? -1");
  });

  test("a promotion in the middle of a load leaves an empty leader, not half a snapshot", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    node.follow(leader.port);
    await leader.handshake();
    leader.send(`+FULLRESYNC ${replid} 1000\r\n$5000\r\n`);
    leader.send(snapshot({ a: "1" }).subarray(0, -9));
    await until(() => node.store.count() === 1, "half of it is there");
    node.replication.noOne();
    expect(node.store.count()).toBe(0);
    expect(node.replication.isLoading).toBe(false);
    expect(node.info.master_replid2).toBe("0".repeat(40));
  });
});
