/**
 * Several databases: errors, and what other connections see, compared with redis-server; random
 * commands of up to four interleaved clients, with SELECT, SWAPDB, MOVE, COPY, FLUSHDB,
 * transactions and WATCH; and stock clients that select a database.
 * Replay with DATABASES_SEED=n; run longer with DATABASES_STEPS=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import Redis from "ioredis";
import { createClient } from "redis";
import { caseMsMax } from "../harness.ts";
import { database } from "../support/commands.ts";
import { Judge, showDifference } from "../support/judge.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import {
  contestants,
  forAllCases,
  oracle,
  ours,
  oursWithThreads,
  redisNote,
} from "../support/servers.ts";
import { type Argument, show } from "../support/wire.ts";

const steps = numberFromEnvironment("DATABASES_STEPS", repetitions(2_000, 50_000));
setDefaultTimeout(caseMsMax + steps * 20);

const keys = ["a", "b", "c", "key:1"];
const key = (random: Random) => random.pick(keys);

type Maker = (random: Random) => Argument[];

const makers: readonly (readonly [number, Maker])[] = [
  [6, (r) => ["SET", key(r), r.below(100)]],
  [1, (r) => ["SET", key(r), r.below(100), "EX", 5000 + r.below(1000)]],
  [4, (r) => ["GET", key(r)]],
  [2, (r) => ["INCR", key(r)]],
  [2, (r) => ["DEL", key(r), key(r)]],
  [2, (r) => ["MGET", key(r), key(r)]],
  [1, (r) => ["MSET", key(r), r.below(100), key(r), r.below(100)]],
  [1, (r) => ["BITOP", "OR", key(r), key(r), key(r)]],
  [1, (r) => ["RENAME", key(r), key(r)]],
  [2, () => ["DBSIZE"]],
  [4, (r) => ["SELECT", database(r)]],
  [4, (r) => ["MOVE", key(r), database(r)]],
  [2, (r) => ["COPY", key(r), key(r), "DB", database(r), ...r.pick([[], ["REPLACE"]])]],
  [2, (r) => ["SWAPDB", database(r), database(r)]],
  [0.7, () => ["FLUSHDB"]],
  [0.2, () => ["FLUSHALL"]],
  [3, () => ["MULTI"]],
  [3, () => ["EXEC"]],
  [0.5, () => ["DISCARD"]],
  [3, (r) => ["WATCH", key(r), key(r)]],
  [0.5, () => ["UNWATCH"]],
  [0.3, () => ["RESET"]],
];

/** A client of each server. */
async function pairOf(stack: AsyncDisposableStack, ports: readonly number[]): Promise<Peer[]> {
  return Promise.all(ports.map(async (port) => stack.use(await Peer.connect(port))));
}

describe.skipIf(oracle.isMissing)(`several clients in several databases${redisNote}`, () => {
  test.each([ours, oursWithThreads(repetitions(2, 4))])(
    "get the replies of redis-server: $name",
    async (node) => {
      await using stack = new AsyncDisposableStack();
      const ports = [stack.use(await oracle.start()).port, stack.use(await node.start()).port];
      const random = new Random(seedFor("DATABASES_SEED"));
      const clients = [];
      for (let i = 0; i < random.between(2, 4); i++) clients.push(await pairOf(stack, ports));
      const history: string[] = [];
      for (let done = 0; done < steps; done++) {
        const client = random.below(clients.length);
        const args = random.weighted(makers)(random);
        history.push(`${client}: ${args.join(" ")}`);
        const [left, right] = await Promise.all(clients[client].map((peer) => peer.typed(...args)));
        if (show(left) === show(right)) continue;
        const before = history.slice(-60).join("\n");
        throw new Error(`redis ${show(left)}, mscache ${show(right)} after\n${before}`);
      }
      const [left, right] = await pairOf(stack, ports);
      const judge = new Judge(left, right);
      await judge.compareKeyspaces();
      expect(judge.differences.map(showDifference).join("\n\n")).toBe("");
      expect(show(await right.typed("INFO", "keyspace")).replace(/avg_ttl=\d+/g, "")).toBe(
        show(await left.typed("INFO", "keyspace")).replace(/avg_ttl=\d+/g, ""),
      );
    },
  );
});

/** Each line is sent by a client of its own, which it names. */
const dialogues: Readonly<Record<string, string>> = {
  "a number that is no database": `
    A SELECT 16
    A SELECT -1
    A SELECT x
    A SELECT 99999999999
    A SELECT
    A SWAPDB x 1
    A SWAPDB 1 x
    A SWAPDB 0 16
    A SWAPDB 0 99999999999
    A SWAPDB 0
    A MOVE a 16
    A MOVE a x
    A MOVE a 0
    A COPY a b DB 16
    A COPY a a DB 0
    A COPY a a DB 1`,
  "CLIENT LIST and RESET": `
    A SELECT 3
    A SET a 3
    A CLIENT INFO-db
    A RESET
    A CLIENT INFO-db
    A GET a`,
  "a transaction that selects": `
    A SELECT 1
    A MULTI
    A SET a 1
    A SELECT 2
    A SET a 2
    A EXEC
    A GET a
    B GET a
    B SELECT 1
    B GET a
    B DBSIZE`,
  "WATCH and a swap": `
    B SELECT 1
    B SET a 1
    A WATCH a
    B SWAPDB 0 1
    A MULTI
    A PING
    A EXEC`,
  "WATCH, and a swap of databases without the key": `
    A SET a 1
    A WATCH b
    B SWAPDB 0 1
    A MULTI
    A PING
    A EXEC`,
  "WATCH and a flush of this and of another database": `
    A SET a 1
    A WATCH a nothing
    B SELECT 1
    B SET a 1
    B FLUSHDB
    A MULTI
    A PING
    A EXEC
    A WATCH nothing
    B FLUSHALL
    A MULTI
    A PING
    A EXEC
    A SET a 1
    A WATCH a
    B SELECT 0
    B FLUSHDB
    A MULTI
    A PING
    A EXEC`,
  "a watched key of a database that is no longer selected": `
    A SELECT 4
    A WATCH a
    A SELECT 5
    B SELECT 4
    B SET a 1
    A MULTI
    A PING
    A EXEC
    A WATCH a
    B SET a 2
    A MULTI
    A PING
    A EXEC`,
  "MOVE, with its time to live": `
    A SET a 1 PXAT 99999999999999
    A MOVE a 7
    A EXISTS a
    A MOVE a 7
    A SELECT 7
    A PEXPIRETIME a
    A SET b 1
    A MOVE b 0
    B SET b 2
    A SELECT 0
    A GET b
    A MOVE b 7`,
  "CONFIG GET databases": "A CONFIG GET databases",
};

describe.skipIf(oracle.isMissing)(`what redis-server says about${redisNote}`, () => {
  const servers = [oracle, ours, oursWithThreads(repetitions(2, 4))].map((it) =>
    forAllCases(() => it.start()),
  );

  test.each(Object.entries(dialogues))("%s", async (_, text) => {
    const talks = await Promise.all(servers.map((server) => talk(server().port, text)));
    expect(talks[1]).toEqual(talks[0]);
    expect(talks[2]).toEqual(talks[0]);
  });
});

async function talk(port: number, text: string): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const peers = new Map<string, Peer>();
  const lines: string[] = [];
  await using operator = await Peer.connect(port);
  expect(await operator.ask("FLUSHALL")).toBe("+OK");
  for (const line of text.trim().split("\n")) {
    const [name, ...words] = line.trim().split(" ");
    const peer = peers.get(name) ?? stack.use(await Peer.connect(port));
    peers.set(name, peer);
    const isNumber = words[1] === "INFO-db";
    const reply = isNumber ? await peer.ask("CLIENT", "INFO") : await peer.ask(...words);
    lines.push(`${line.trim()}: ${isNumber ? /\bdb=\d+/.exec(reply)?.[0] : reply}`);
  }
  return lines;
}

test.each(contestants.filter(({ isMissing }) => !isMissing))(
  "pipelined commands follow their SELECT, whatever is looked up ahead: $name",
  async (node) => {
    await using server = await node.start();
    await using peer = await Peer.connect(server.port);
    const commands: Argument[][] = [];
    for (let i = 0; i < 50; i++) {
      commands.push(["SELECT", i % 5], ["INCR", "n"], ["INCRBY", "n", i], ["GET", "n"]);
      commands.push(["MOVE", "n", (i + 1) % 5], ["SWAPDB", i % 5, (i + 2) % 5], ["GET", "n"]);
    }
    peer.sendAll(commands);
    const piped = (await peer.replies(commands.length)).map(show);
    await peer.ask("FLUSHALL");
    const single: string[] = [];
    for (const command of commands) single.push(show(await peer.typed(...command)));
    expect(piped).toEqual(single);
  },
);

describe("a stock client that selects a database", () => {
  const server = forAllCases(() => ours.start());

  test("ioredis with db: 1", async () => {
    const node = server();
    const redis = new Redis({ port: node.port, db: 1 });
    await redis.set("k", "in 1");
    await redis.select(2);
    expect(await redis.get("k")).toBeNull();
    redis.disconnect();
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("GET", "k")).toBe("$null");
    expect(await peer.ask("INFO", "keyspace")).toContain("db1:keys=1,expires=0");
  });

  test("node-redis with database: 1", async () => {
    const node = server();
    const client = createClient({ url: `redis://127.0.0.1:${node.port}`, database: 1 });
    await client.connect();
    await client.set("k", "in 1");
    await client.select(2);
    expect(await client.get("k")).toBeNull();
    await client.select(1);
    expect(await client.get("k")).toBe("in 1");
    client.destroy();
  });
});

test("a node has as many databases as --databases says", async () => {
  await using node = await ours.start(["--databases", "2"]);
  await using peer = await Peer.connect(node.port);
  expect(await peer.ask("SELECT", "1")).toBe("+OK");
  expect(await peer.ask("SELECT", "2")).toBe("-ERR DB index is out of range");
  expect(await peer.ask("CONFIG", "GET", "databases")).toBe("*[$databases $2]");
  expect(await peer.ask("CONFIG", "SET", "databases", "3")).toStartWith("-ERR");
});
