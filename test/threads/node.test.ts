/**
 * A node with several data threads, seen from outside: what acts on the whole node acts on all of
 * them. The kernel chooses the thread of a connection, so each test opens enough connections that
 * all threads probably have some (with 24 over 4, one run in 250 leaves a thread without any), and
 * no test depends on it.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  caseMsMax,
  type LocalNode,
  runMscache,
  spawnNode,
  startNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { partsOf, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const threadCount = 4;
const connectionCount = 24;

let node: LocalNode;
beforeAll(async () => {
  node = await startNode({ threads: threadCount });
});
afterAll(() => node[Symbol.asyncDispose]());

/** Connections that are closed with the returned stack. */
async function connectMany(port: number, count = connectionCount) {
  const stack = new AsyncDisposableStack();
  const peers = await Promise.all(Array.from({ length: count }, () => Peer.connect(port)));
  for (const peer of peers) stack.use(peer);
  // A connection counts from its first answer on, which its thread gives.
  await Promise.all(peers.map((peer) => peer.ask("PING")));
  return { peers, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function info(peer: Peer, field: string): Promise<number> {
  const text = textOf(await peer.typed("INFO", "everything"));
  return Number(new RegExp(`^${field}:(.*)\r$`, "m").exec(text)?.[1]);
}

describe("one node behind all threads", () => {
  test("every connection reads what another one writes", async () => {
    await using many = await connectMany(node.port);
    await Promise.all(many.peers.map((peer, i) => peer.ask("SET", `seen:${i}`, `by ${i}`)));
    for (const peer of many.peers) {
      const keys = many.peers.map((_, i) => `seen:${i}`);
      const values = many.peers.map((_, i) => `$by ${i}`);
      expect(await peer.ask("MGET", ...keys)).toBe(`*[${values.join(" ")}]`);
    }
  });

  test("LCS compares keys of any shards in any thread, in a transaction and outside", async () => {
    await using many = await connectMany(node.port);
    const values = many.peers.map((_, i) => `common ${i} text`);
    await Promise.all(many.peers.map((peer, i) => peer.ask("SET", `lcs:${i}`, values[i])));
    for (const [i, peer] of many.peers.entries()) {
      for (const j of many.peers.keys()) peer.send("LCS", `lcs:${i}`, `lcs:${j}`, "LEN");
      peer.write("MULTI\r\n");
      peer.send("SET", `lcs:${i}`, values[i]);
      peer.send("LCS", `lcs:${i}`, "lcs:0");
      peer.write("EXEC\r\n");
    }
    for (const [i, peer] of many.peers.entries()) {
      const lengths = (await peer.replies(connectionCount)).map((reply) => Number(textOf(reply)));
      expect(lengths[i]).toBe(values[i].length);
      expect(Math.min(...lengths)).toBeGreaterThanOrEqual("common  text".length);
      const common = textOf(partsOf((await peer.replies(4))[3])[1]);
      expect(common).toMatch(/^common \d? ?text$/);
    }
  });

  test("CLIENT LIST shows the connections of all threads, each id once", async () => {
    await using many = await connectMany(node.port);
    const ids = await Promise.all(many.peers.map((peer) => peer.ask("CLIENT", "ID")));
    const list = textOf(await (many.peers[0] as Peer).typed("CLIENT", "LIST"));
    const listed = [...list.matchAll(/^id=(\d+) /gm)].map(([, id]) => `:${id}`);
    expect(new Set(listed).size).toBe(listed.length);
    expect(ids.filter((id) => !listed.includes(id))).toEqual([]);
    expect(listed.map((id) => Number(id.slice(1)))).toEqual(
      listed.map((id) => Number(id.slice(1))).sort((a, b) => a - b),
    );
  });

  test("CLIENT INFO, SETNAME and CLIENT REPLY OFF work on a connection of any thread", async () => {
    await using many = await connectMany(node.port, 8);
    for (const [i, peer] of many.peers.entries()) {
      expect(await peer.ask("CLIENT", "SETNAME", `name-${i}`)).toBe("+OK");
      expect(textOf(await peer.typed("CLIENT", "INFO"))).toContain(` name=name-${i} `);
      peer.send("CLIENT", "REPLY", "SKIP");
      peer.send("CLIENT", "LIST");
      expect(await peer.ask("ECHO", "after the skipped list")).toBe("$after the skipped list");
    }
  });

  test("CLIENT KILL ends connections of all threads and spares the one that asks", async () => {
    await using many = await connectMany(node.port);
    const [killer, ...victims] = many.peers as [Peer, ...Peer[]];
    const killed = await killer.ask("CLIENT", "KILL", "TYPE", "normal");
    expect(Number(killed.slice(1))).toBeGreaterThanOrEqual(victims.length);
    await Promise.all(victims.map((peer) => peer.raw.closed()));
    expect(await killer.ask("PING")).toBe("+PONG");
  });

  test("commands of one connection are answered in order, control commands included", async () => {
    await using peer = await Peer.connect(node.port);
    for (let i = 0; i < 50; i++) {
      peer.send("SET", "ordered", i);
      peer.send("CONFIG", "GET", "maxclients");
      peer.send("GET", "ordered");
    }
    for (let i = 0; i < 50; i++) {
      expect(await peer.shown()).toBe("+OK");
      expect(await peer.shown()).toBe("*[$maxclients $10000]");
      expect(await peer.shown()).toBe(`$${i}`);
    }
  });

  test("QUIT after a control command ends the connection after both replies", async () => {
    await using peer = await Peer.connect(node.port);
    peer.send("ROLE");
    peer.send("QUIT");
    const [role, quit] = await peer.replies(2);
    expect(role?.type).toBe("*");
    expect(quit).toEqual({ type: "+", value: "OK" });
    await peer.raw.closed();
  });
});

describe("settings and statistics", () => {
  test("setting or removing a password takes effect on every thread at once", async () => {
    await using changer = await Peer.connect(node.port);
    for (let round = 0; round < 5; round++) {
      expect(await changer.ask("CONFIG", "SET", "requirepass", "secret")).toBe("+OK");
      const strangers = await Promise.all(
        Array.from({ length: 12 }, async () => {
          await using peer = await Peer.connect(node.port);
          return await peer.ask("GET", "k");
        }),
      );
      expect(new Set(strangers)).toEqual(new Set(["-NOAUTH Authentication required."]));
      expect(await changer.ask("CONFIG", "SET", "requirepass", "")).toBe("+OK");
    }
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("PING")).toBe("+PONG");
  });

  test("maxclients counts the connections of all threads", async () => {
    await using few = await startNode({ threads: threadCount, maxClients: 10 });
    await using many = await connectMany(few.port, 10);
    await using refused = await Peer.connect(few.port);
    expect(await refused.shown()).toBe("-ERR max number of clients reached");
    await refused.raw.closed();
    await (many.peers[0] as Peer)[Symbol.asyncDispose]();
    await waitFor(async () => {
      await using next = await Peer.connect(few.port);
      return (await next.ask("PING")) === "+PONG";
    });
  });

  test("INFO adds up the counters of the threads, and RESETSTAT resets them", async () => {
    await using own = await startNode({ threads: threadCount });
    await using many = await connectMany(own.port);
    const [first] = many.peers as [Peer];
    await Promise.all(many.peers.map((peer) => peer.ask("SET", "counted", 1)));
    await Promise.all(many.peers.map((peer) => peer.ask("GET", "counted")));
    expect(await info(first, "connected_clients")).toBe(connectionCount);
    expect(await info(first, "total_connections_received")).toBe(connectionCount);
    expect(await info(first, "keyspace_hits")).toBe(connectionCount);
    expect(await info(first, "total_commands_processed")).toBeGreaterThan(3 * connectionCount);
    expect(await info(first, "turn_count")).toBeGreaterThan(3 * connectionCount);
    const text = textOf(await first.typed("INFO", "commandstats"));
    // Every node of this process counts into the control thread's rows.
    for (const command of ["set", "get"]) {
      const calls = Number(new RegExp(`cmdstat_${command}:calls=(\\d+),`).exec(text)?.[1]);
      expect(calls).toBeGreaterThanOrEqual(connectionCount);
    }
    expect(await first.ask("CONFIG", "RESETSTAT")).toBe("+OK");
    expect(await info(first, "total_connections_received")).toBe(0);
    expect(await info(first, "keyspace_hits")).toBe(0);
    expect(await info(first, "connected_clients")).toBe(connectionCount);
  });

  test("an idle timeout closes silent clients of every thread", async () => {
    await using own = await startNode({ threads: threadCount, idleTimeout: 1 });
    await using many = await connectMany(own.port, 8);
    await Promise.all(many.peers.map((peer) => peer.raw.closed()));
  });
});

describe("large writes", () => {
  test("a write beyond a thread's part of the journal goes through the control thread", async () => {
    await using own = await startNode({ threads: threadCount, journalSize: 1024 * 1024 });
    await using peer = await Peer.connect(own.port);
    const large = Buffer.alloc(3_000_000, "large ");
    peer.send("SET", "large", large);
    peer.send("APPEND", "large", large);
    peer.send("STRLEN", "large");
    peer.send("GETRANGE", "large", 2_999_994, 3_000_005);
    expect(await peer.replies(2)).toEqual([
      { type: "+", value: "OK" },
      { type: ":", value: "6000000" },
    ]);
    expect(await peer.shown()).toBe(":6000000");
    expect(await peer.shown()).toBe("$large large ");
  });
});

describe("the process", () => {
  test("a sentence reports a taken port, however many threads either node has", async () => {
    await using single = await startNode({ threads: 1 });
    for (const [port, threads] of [
      [node.port, "1"],
      [node.port, "4"],
      [single.port, "4"],
    ] as const) {
      const args = ["--listenaddr", `127.0.0.1:${port}`, "--threads", threads];
      const { status, errors } = await runMscache(args);
      expect(errors).toContain(`cannot listen on 127.0.0.1:${port}: the port is taken`);
      expect(status).toBe(1);
    }
  });

  test("from source its threads start in any working directory", async () => {
    await using elsewhere = await temporaryDirectory();
    await using own = await spawnNode(["--threads", "3"], { directory: elsewhere.path });
    await using peer = await Peer.connect(own.port);
    expect(await peer.ask("SET", "k", "v")).toBe("+OK");
    expect(await info(peer, "data_threads")).toBe(3);
  });

  test("SIGTERM under load ends it with status 0 in under two seconds", async () => {
    await using own = await spawnNode(["--threads", "4"]);
    await using many = await connectMany(own.port);
    const busy = many.peers.map(async (peer) => {
      for (;;) await peer.ask("INCR", "busy");
    });
    const ends = Promise.allSettled(busy);
    await waitFor(async () => {
      await using peer = await Peer.connect(own.port);
      return Number((await peer.ask("GET", "busy")).slice(1)) > 1000;
    });
    const before = performance.now();
    own.process.kill("SIGTERM");
    expect(await own.process.exited).toBe(0);
    expect(performance.now() - before).toBeLessThan(2000);
    await ends;
  });
});
