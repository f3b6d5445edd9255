/**
 * The replication stream as a follower sees it byte by byte: handshake, snapshot, live stream and
 * offsets, read by hand over a raw connection.
 * Whole nodes that follow each other are tested in convergence.test.ts.
 * Invariant: what is asserted here of our leader is asserted of redis-server too, except that our
 * stream carries effects.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, temporaryDirectory, waitFor } from "../harness.ts";
import { standingOf } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { contestants, ours } from "../support/servers.ts";
import { partsOf, ReplyReader, textOf } from "../support/wire.ts";
import { fill } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

/** A follower's end after the snapshot. */
interface Link {
  readonly peer: Peer;
  readonly replid: string;
  /** The offset at which the live stream begins. */
  readonly offset: number;
  readonly snapshot: Buffer;
}

/** The handshake with length framing: no capability but psync2 is announced. */
async function follow(port: number): Promise<Link> {
  const peer = await Peer.connect(port);
  expect(await peer.ask("PING")).toBe("+PONG");
  expect(await peer.ask("REPLCONF", "listening-port", "1")).toBe("+OK");
  expect(await peer.ask("REPLCONF", "capa", "psync2")).toBe("+OK");
  peer.send("PSYNC", "?", "-1");
  const line = await lineOf(peer);
  const [, replid, offset] = /^\+FULLRESYNC ([0-9a-f]{40}) (\d+)$/.exec(line) ?? [];
  expect(replid).toBeDefined();
  const [, length] = /^\$(\d+)$/.exec(await lineOf(peer)) ?? [];
  const snapshot = await peer.raw.readExactly(Number(length));
  return { peer, replid: `${replid}`, offset: Number(offset), snapshot };
}

/** The next line; empty ones are the leader's signs of life. */
async function lineOf(peer: Peer): Promise<string> {
  for (;;) {
    const line = (await peer.raw.readUntil("\n")).toString("latin1").replace(/\r?\n$/, "");
    if (line !== "") return line;
  }
}

/** Counts and collects stream commands until the given one has come. */
async function commandsUntil(
  link: Link,
  last: string,
): Promise<{ bytes: number; lines: string[] }> {
  const reader = new ReplyReader();
  const lines: string[] = [];
  let bytes = 0;
  while (!lines.includes(last)) {
    const chunk = await link.peer.raw.readSome();
    bytes += chunk.length;
    reader.push(chunk);
    for (let reply = reader.next(); reply !== undefined; reply = reader.next()) {
      lines.push(partsOf(reply).map(textOf).join(" "));
    }
  }
  return { bytes, lines };
}

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    test("the offset counts every byte of the stream", async () => {
      await using leader = await contestant.start();
      const link = await follow(leader.port);
      await using peer = link.peer;
      await using writer = await Peer.connect(leader.port);
      for (let i = 0; i < 100; i++) await writer.ask("SET", `key:${i}`, "v".repeat(i));
      await writer.ask("SET", "last", "1");
      const { bytes, lines } = await commandsUntil(link, "SET last 1");
      expect(lines[0]).toBe("SELECT 0");
      expect((await standingOf(leader.port)).offset).toBe(link.offset + bytes);
      // An acknowledgement is not answered, and shows where the follower stands.
      peer.send("REPLCONF", "ACK", `${link.offset + bytes}`);
      await waitFor(async () => {
        const [, , followers] = partsOf(await writer.typed("ROLE"));
        const [, , acknowledged] = partsOf(partsOf(followers as never)[0] as never);
        return textOf(acknowledged as never) === `${link.offset + bytes}`;
      });
    });

    test("the snapshot is a file that redis-check-rdb accepts", async () => {
      await using leader = await contestant.start();
      await using writer = await Peer.connect(leader.port);
      await fill(leader.port, 500);
      await writer.ask("SET", "timed", "x", "EX", "1000");
      await writer.ask("SET", "\0\xff", "");
      const link = await follow(leader.port);
      await using _ = link.peer;
      expect(link.snapshot.subarray(0, 5).toString()).toBe("REDIS");
      expect(await checkedKeys(link.snapshot)).toMatchObject({ keys: 502, expires: 1 });
    });

    test("a follower that asks for EOF framing gets it, and the stream waits for its ACK", async () => {
      await using leader = await contestant.start(
        contestant.name === ours.name ? [] : ["--repl-diskless-sync-delay", "0"],
      );
      await fill(leader.port, 100);
      await using peer = await Peer.connect(leader.port);
      await peer.ask("REPLCONF", "capa", "eof", "capa", "psync2");
      peer.send("PSYNC", "?", "-1");
      expect(await lineOf(peer)).toStartWith("+FULLRESYNC ");
      const [, mark] = /^\$EOF:([0-9a-zA-Z]{40})$/.exec(await lineOf(peer)) ?? [];
      expect(mark).toBeDefined();
      const payload = await peer.raw.readUntil(`${mark}`);
      expect(payload.subarray(0, 5).toString()).toBe("REDIS");
      await using writer = await Peer.connect(leader.port);
      await writer.ask("SET", "after", "1");
      await expect(peer.raw.readExactly(1, 100)).rejects.toThrow("waited");
      peer.send("REPLCONF", "ACK", "0");
      expect((await peer.raw.readUntil("after\r\n$1\r\n1\r\n")).toString()).toContain("SELECT");
    });

    test("a group of several effects is in MULTI and EXEC; one effect goes bare", async () => {
      await using leader = await contestant.start();
      const link = await follow(leader.port);
      await using _ = link.peer;
      await using writer = await Peer.connect(leader.port);
      for (const request of groups.flatMap(([requests]) => requests)) {
        await writer.askRaw(`${request}\r\n`);
      }
      const { lines } = await commandsUntil(link, "SET last 1");
      const effects = lines.filter((line) => line !== "PING");
      expect(effects).toEqual(["SELECT 0", ...groups.flatMap(([, streamed]) => streamed)]);
    });
  });
}

test("PING comes as often as CONFIG SET has said", async () => {
  await using leader = await ours.start();
  await using client = await Peer.connect(leader.port);
  const setting = (...words: string[]) => client.ask("CONFIG", ...words);
  expect(await setting("SET", "repl-ping-replica-period", "3600")).toBe("+OK");
  const shown = "*[$repl-ping-slave-period $3600]";
  expect(await setting("GET", "repl-ping-slave-period")).toBe(shown);
  expect(await setting("SET", "repl-ping-replica-period", "0")).toStartWith("-ERR CONFIG SET");
  expect(await setting("SET", "repl-ping-replica-period", "1")).toBe("+OK");
  const link = await follow(leader.port);
  await using _peer = link.peer;
  const beganMs = performance.now();
  for (let i = 0; i < 2; i++) await commandsUntil(link, "PING");
  expect(performance.now() - beganMs).toBeLessThan(9_000); // the default is 10 s
});

/** Requests, and what a stream has of them. */
const groups: readonly (readonly [requests: string[], streamed: string[]])[] = [
  [["MULTI", "EXEC"], []],
  [["MULTI", "GET none", "SET none x XX", "PING", "EXEC"], []],
  [["MULTI", "GET a", "SET a 1", "GET a", "EXEC"], ["SET a 1"]],
  [
    ["MULTI", "SET a 1", "SET b 2", "EXEC"],
    ["MULTI", "SET a 1", "SET b 2", "EXEC"],
  ],
  [["MULTI", "PUBLISH c m", "EXEC"], ["PUBLISH c m"]],
  [["MULTI", "SPUBLISH c m", "EXEC"], ["SPUBLISH c m"]],
  [
    ["MULTI", "PUBLISH c m", "SET a 3", "EXEC"],
    ["MULTI", "PUBLISH c m", "SET a 3", "EXEC"],
  ],
  [["MULTI", "SWAPDB 1 2", "EXEC"], ["SWAPDB 1 2"]],
  [
    ["MULTI", "FLUSHALL", "SET a 2", "EXEC"],
    ["MULTI", "FLUSHALL", "SET a 2", "EXEC"],
  ],
  [["MULTI", "SELECT 3", "EXEC"], []],
  [
    ["MULTI", "SET a 4", "EXEC"],
    ["SELECT 3", "SET a 4"],
  ],
  [
    ["SELECT 4", "MULTI", "SET a 5", "SELECT 5", "GET a", "SET b 6", "SELECT 0", "EXEC"],
    ["SELECT 4", "MULTI", "SET a 5", "SELECT 5", "SET b 6", "EXEC"],
  ],
  [["EVAL \"return redis.call('GET', 'a')\" 0"], []],
  [["EVAL \"redis.call('SET', 'a', '7'); error()\" 0"], ["SELECT 0", "SET a 7"]],
  [
    [
      "MULTI",
      "EVAL \"redis.call('SELECT', '3'); redis.call('SET', 'a', '8')\" 0",
      "SET b 8",
      "EXEC",
    ],
    ["SELECT 3", "MULTI", "SET a 8", "SELECT 0", "SET b 8", "EXEC"],
  ],
  [["SET last 1"], ["SET last 1"]],
];

/** What redis-check-rdb counts in a snapshot; it must say that it is sound. */
async function checkedKeys(snapshot: Buffer): Promise<{ keys: number; expires: number }> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "snapshot.rdb");
  await Bun.write(path, snapshot);
  const check = Bun.spawnSync(["redis-check-rdb", path]);
  const output = check.stdout.toString();
  expect(output).toContain("RDB looks OK!");
  const number = (name: string) => Number(new RegExp(`(\\d+) ${name}`).exec(output)?.[1]);
  return { keys: number("keys read"), expires: number("expires") };
}

describe("mscache, its effects", () => {
  test("requests become their effects", async () => {
    await using leader = await ours.start();
    const link = await follow(leader.port);
    await using _ = link.peer;
    await using writer = await Peer.connect(leader.port);
    const requests = [
      "SET k 10 PXAT 4102444800000",
      "INCR k",
      "EXPIREAT k 4102444900",
      "PERSIST k",
      "PERSIST k",
      "GETEX k PXAT 4102444800500",
      "SET k x NX",
      "SET k 1 KEEPTTL",
      "GETDEL k",
      "DEL k",
      "MSET a 1 b 2",
      "SET gone x",
      "EXPIRE gone -1",
      "FLUSHALL",
      "SET last 1",
    ];
    for (const request of requests) await writer.askRaw(`${request}\r\n`);
    const { lines } = await commandsUntil(link, "SET last 1");
    expect(lines.filter((line) => !/^(SELECT|PING|MULTI|EXEC)/.test(line))).toEqual([
      "SET k 10 PXAT 4102444800000",
      "SET k 11 PXAT 4102444800000",
      "PEXPIREAT k 4102444900000",
      "PERSIST k",
      "PEXPIREAT k 4102444800500",
      "SET k 1 PXAT 4102444800500",
      "DEL k",
      "SET a 1",
      "SET b 2",
      "SET gone x",
      "DEL gone",
      "FLUSHALL",
      "SET last 1",
    ]);
  });

  test("a relative time becomes an absolute one, and an expired key a DEL", async () => {
    await using leader = await ours.start();
    const link = await follow(leader.port);
    await using _ = link.peer;
    await using writer = await Peer.connect(leader.port);
    const before = Date.now();
    await writer.ask("SET", "brief", "x", "PX", "50");
    const { lines } = await commandsUntil(link, "DEL brief");
    const [, moment] = /^SET brief x PXAT (\d+)$/m.exec(lines.join("\n")) ?? [];
    expect(Number(moment) - before).toBeWithin(50, 2_000);
  });
});
