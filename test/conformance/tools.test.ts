/**
 * What operators' tools ask, beside redis-server: replies that must be equal are compared byte for
 * byte, replies about the server itself (memory, times) by their shape.
 * Invariant: every case runs against our node, and against the oracle where it is installed.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, redisNote } from "../support/servers.ts";
import { partsOf, type Reply, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

describe.skipIf(oracle.isMissing)(`beside redis-server${redisNote}`, () => {
  const reference = forAllCases(() => oracle.start());
  const node = forAllCases(() => ours.start());

  /** A connection to each, in this version of RESP. */
  async function pair(version: number) {
    const both = new AsyncDisposableStack();
    const left = both.use(await Peer.connect(reference().port));
    const right = both.use(await Peer.connect(node().port));
    for (const peer of [left, right]) await peer.typed("HELLO", String(version));
    return { left, right, [Symbol.asyncDispose]: () => both.disposeAsync() };
  }

  /** Lines that are answered alike, one after the other. */
  const alike: Readonly<Record<string, readonly string[]>> = {
    OBJECT: [
      "SET k 12345",
      "OBJECT ENCODING k",
      "OBJECT ENCODING none",
      "OBJECT FREQ none",
      "OBJECT IDLETIME none",
      "OBJECT REFCOUNT none",
      "OBJECT",
      "OBJECT NONSENSE k",
      "OBJECT ENCODING",
      "OBJECT ENCODING k k",
      "OBJECT HELP k",
    ],
    LATENCY: [
      "LATENCY LATEST",
      "LATENCY HISTORY none",
      "LATENCY GRAPH none",
      "LATENCY RESET none",
      "LATENCY HISTOGRAM nosuch",
      "LATENCY HISTORY",
      "LATENCY GRAPH a b",
      "LATENCY NONSENSE",
      "LATENCY HELP",
      "SLOWLOG HELP",
    ],
    "CLUSTER and its like": [
      "CLUSTER INFO",
      "CLUSTER SLOTS",
      "CLUSTER SHARDS",
      "CLUSTER NODES",
      "CLUSTER MYID",
      "CLUSTER KEYSLOT a",
      "CLUSTER HELP",
      "CLUSTER COUNTKEYSINSLOT",
      "CLUSTER NONSENSE",
      "CLUSTER",
      "CLUSTER ADDSLOTS 1",
      "CLUSTER ADDSLOTSRANGE 1 2",
      "CLUSTER BUMPEPOCH",
      "CLUSTER COUNT-FAILURE-REPORTS id",
      "CLUSTER DELSLOTS 1",
      "CLUSTER DELSLOTSRANGE 1 2",
      "CLUSTER FAILOVER FORCE",
      "CLUSTER FLUSHSLOTS",
      "CLUSTER FORGET id",
      "CLUSTER GETKEYSINSLOT 1 2",
      "CLUSTER LINKS",
      "CLUSTER MEET 127.0.0.1 7000",
      "CLUSTER REPLICAS id",
      "CLUSTER REPLICATE id",
      "CLUSTER RESET HARD",
      "CLUSTER SAVECONFIG",
      "CLUSTER SET-CONFIG-EPOCH 1",
      "CLUSTER SETSLOT 1 STABLE",
      "CLUSTER SLAVES id",
      "READONLY",
      "READWRITE",
      "ASKING",
      "READONLY now",
      "MODULE LIST",
      "MODULE LIST all",
      "MODULE UNLOAD",
      "MODULE NONSENSE",
    ],
    "COMMAND GETKEYSANDFLAGS": [
      "COMMAND GETKEYSANDFLAGS SET k v",
      "COMMAND GETKEYSANDFLAGS set k v EX 5 get",
      "COMMAND GETKEYSANDFLAGS MSET a 1 b 2",
      "COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0 OVERFLOW SAT",
      "COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0 INCRBY u8 0 1",
      "COMMAND GETKEYSANDFLAGS BITFIELD k OVERFLOW SET u8 0 1",
      "COMMAND GETKEYSANDFLAGS COPY a b",
      "COMMAND GETKEYSANDFLAGS RENAME a b",
      "COMMAND GETKEYSANDFLAGS MEMORY USAGE k",
      "COMMAND GETKEYSANDFLAGS DEL a b c",
      "COMMAND GETKEYSANDFLAGS PING",
      "COMMAND GETKEYSANDFLAGS PING x",
      "COMMAND GETKEYSANDFLAGS NOSUCH x",
      "COMMAND GETKEYSANDFLAGS SET k",
      "COMMAND GETKEYS MEMORY USAGE k",
      "COMMAND GETKEYS OBJECT ENCODING k",
      "COMMAND GETKEYS MSET a 1 b 2",
      "COMMAND GETKEYS EVAL s 0",
      "COMMAND GETKEYSANDFLAGS EVALSHA x 0 a",
      "COMMAND GETKEYS EVAL s 2 a b c",
      "COMMAND GETKEYSANDFLAGS EVAL_RO s 2 a b",
      "COMMAND GETKEYS EVAL s 3 a",
    ],
    MEMORY: [
      "MEMORY USAGE none",
      "MEMORY USAGE none SAMPLES 5",
      "MEMORY USAGE none SAMPLES -1",
      "MEMORY USAGE none SAMPLES x",
      "MEMORY USAGE none SAMPLES",
      "MEMORY USAGE none NONSENSE 1",
      "MEMORY USAGE",
      "MEMORY PURGE",
      "MEMORY PURGE now",
      "MEMORY NONSENSE",
      "MEMORY",
    ],
  };
  for (const version of [2, 3]) {
    test.each(Object.entries(alike))(`%s in RESP${version}`, async (_, lines) => {
      await using peers = await pair(version);
      for (const line of lines) {
        const wanted = await peers.left.ask(...line.split(" "));
        expect([line, await peers.right.ask(...line.split(" "))]).toEqual([line, wanted]);
      }
    });

    test.each(
      ["MEMORY STATS", "MEMORY DOCTOR", "MEMORY MALLOC-STATS", "MEMORY USAGE k", "OBJECT HELP"].map(
        (line) => [line],
      ),
    )(`%s in RESP${version} has redis-server's shape`, async (line) => {
      await using peers = await pair(version);
      for (const peer of [peers.left, peers.right]) await peer.ask("SET", "k", "v");
      const wanted = await peers.left.typed(...line.split(" "));
      expect(shapeOf(await peers.right.typed(...line.split(" ")))).toEqual(shapeOf(wanted));
    });
  }

  test.each([
    ...["CLIENT HELP", "COMMAND HELP", "CONFIG HELP", "LATENCY HELP", "MEMORY HELP"],
    ...["MODULE HELP", "OBJECT HELP", "PUBSUB HELP", "SCRIPT HELP", "SLOWLOG HELP"],
  ])("%s is framed as redis-server's and tells of each subcommand", async (line) => {
    await using peers = await pair(2);
    const [container = ""] = line.split(" ");
    const [wanted, found] = await Promise.all(
      [peers.left, peers.right].map(async (peer) => {
        return partsOf(await peer.typed(...line.split(" "))).map(textOf);
      }),
    );
    const frame = (lines: string[] = []) => [lines[0], ...lines.slice(-2)];
    expect(frame(found)).toEqual(frame(wanted));
    const words = found?.filter((text) => /^[A-Z]/.test(text)).map((text) => text.split(" ")[0]);
    expect(words).toEqual(expect.arrayContaining(await subcommandsOf(peers.right, container)));
  });

  test.each(["object", "memory", "slowlog", "latency", "cluster"])(
    "%s has redis-server's subcommands",
    async (name) => {
      await using peers = await pair(2);
      expect(await subcommandsOf(peers.right, name)).toEqual(await subcommandsOf(peers.left, name));
    },
  );
});

/** Their names in capitals. */
async function subcommandsOf(peer: Peer, container: string): Promise<string[]> {
  const [entry] = partsOf(await peer.typed("COMMAND", "INFO", container));
  const names = partsOf(partsOf(entry as Reply)[9] as Reply).map((one) => partsOf(one)[0]);
  return names
    .map(
      (name) =>
        textOf(name as Reply)
          .toUpperCase()
          .split("|")[1] ?? "",
    )
    .sort();
}

test("MODULE LOAD and UNLOAD are refused in words of redis-server's", async () => {
  await using node = await ours.start();
  await using peer = await Peer.connect(node.port);
  for (const line of ["MODULE LOAD /a.so", "MODULE LOAD /a.so b", "MODULE UNLOAD a"]) {
    expect(await peer.ask(...line.split(" "))).toStartWith("-ERR MODULE command not allowed.");
  }
});

test.each([
  ["HSET h f v", "ERR unknown command 'HSET': MSCache keeps strings, no hashes"],
  ["lrange l 0 -1", "ERR unknown command 'lrange': MSCache keeps strings, no lists"],
  ["ZADD z 1 a", "ERR unknown command 'ZADD': MSCache keeps strings, no sorted sets"],
  ["NOSUCH a", "ERR unknown command 'NOSUCH', with args beginning with: 'a' "],
])("%s is answered: %s", async (line, error) => {
  await using node = await ours.start();
  await using peer = await Peer.connect(node.port);
  expect(await peer.ask(...line.split(" "))).toBe(`-${error}`);
  await peer.ask("MULTI");
  expect(await peer.ask(...line.split(" "))).toBe(`-${error}`);
  expect(await peer.ask("EXEC")).toStartWith("-EXECABORT");
});

test.skipIf(oracle.isMissing)(
  `every command of redis-server's other types of data is answered so${redisNote}`,
  async () => {
    await using reference = await oracle.start();
    await using node = await ours.start();
    await using left = await Peer.connect(reference.port);
    await using right = await Peer.connect(node.port);
    for (const type of ["list", "set", "sortedset", "hash", "stream", "geo"]) {
      const listed = await left.typed("COMMAND", "LIST", "FILTERBY", "ACLCAT", type);
      for (const name of partsOf(listed).map(textOf)) {
        if (name.includes("|")) continue;
        const answer = await right.ask(name, "k");
        expect(answer).toStartWith(`-ERR unknown command '${name}': MSCache keeps strings, no `);
      }
    }
  },
);

test("CONFIG GET has the names that exporters, backup tools and frameworks read", async () => {
  await using node = await ours.start();
  await using peer = await Peer.connect(node.port);
  const parts = partsOf(await peer.typed("CONFIG", "GET", "*")).map(textOf);
  const values = new Map(parts.flatMap((name, i) => (i % 2 === 0 ? [[name, parts[i + 1]]] : [])));
  const names =
    "maxmemory maxmemory-policy maxclients timeout tcp-keepalive databases save appendonly dir " +
    "dbfilename port bind requirepass masterauth replicaof slowlog-max-len client-output-buffer-limit " +
    "slowlog-log-slower-than latency-monitor-threshold notify-keyspace-events hz repl-backlog-size " +
    "min-replicas-to-write loglevel io-threads cluster-enabled proto-max-bulk-len";
  expect([...values.keys()]).toEqual(expect.arrayContaining(names.split(" ")));
  expect(values.get("client-output-buffer-limit")).toMatch(
    /^normal \d+ 0 0 slave \d+ \d+ 60 pubsub 33554432 8388608 60$/,
  );
});

/** Types and, in maps, names; the values of numbers and texts are the server's own. */
function shapeOf(reply: Reply): unknown {
  if (reply.value === null || typeof reply.value === "string") return reply.type;
  const isNamed = reply.value.length % 2 === 0 && reply.value[0]?.type === "$";
  if (!isNamed) return [reply.type, [...new Set(reply.value.map((part) => part.type))]];
  const fields = reply.value.map((part, i) => (i % 2 === 0 ? part.value : shapeOf(part)));
  return [reply.type, fields];
}
