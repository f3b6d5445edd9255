/**
 * What each node of a chain knows of the tree: the followers of its followers and the way up to the
 * root, while nodes are killed and moved, with a redis-server below a node or between two, in a
 * circle, and beside a follower that sends anything. How it is told is in
 * test/unit/replication/tree/; what a dashboard shows of it in test/admin/dashboard.test.ts.
 * Invariant: a tree is written as names, `a(b(c) d)`: c follows b, which follows a, as does d.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  caseMsMax,
  type LocalNode,
  noRedis,
  redisInstalled,
  respClient,
  startNode,
  startRedis,
  waitFor,
} from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const replid = "0".repeat(40);

/** Nodes by their names. */
class Grove implements AsyncDisposable {
  private readonly names = new Map<number, string>();
  private readonly nodes = new Map<string, AsyncDisposable & { readonly port: number }>();

  async node(name: string, leader?: string, threads = 1): Promise<void> {
    const leaderAddr = leader && { host: "127.0.0.1", port: this.port(leader) };
    this.keep(name, await startNode({ threads, ...(leaderAddr && { leaderAddr }) }));
  }

  async redis(name: string, leader: string): Promise<void> {
    this.keep(name, await startRedis(["--replicaof", "127.0.0.1", `${this.port(leader)}`]));
  }

  private keep(name: string, node: AsyncDisposable & { readonly port: number }): void {
    this.nodes.set(name, node);
    this.names.set(node.port, name);
  }

  port(name: string): number {
    return this.nodes.get(name)?.port ?? 0;
  }

  name(port: number): string {
    return this.names.get(port) ?? `?${port}`;
  }

  async kill(name: string): Promise<void> {
    await this.nodes.get(name)?.[Symbol.asyncDispose]();
    this.nodes.delete(name);
  }

  async call(name: string, ...command: [string, ...string[]]): Promise<string> {
    await using client = await respClient(this.port(name));
    return `${await client.call(...command)}`;
  }

  async fields(name: string): Promise<Map<string, string>> {
    const text = await this.call(name, "INFO", "replication");
    return new Map(text.split("\r\n").map((line) => line.split(/:(.*)/) as [string, string]));
  }

  async number(name: string, field: string): Promise<number> {
    return Number((await this.fields(name)).get(field));
  }

  /** The tree that a node knows, those that follow the same node by name. */
  async shape(name: string): Promise<string> {
    const below = new Map<string, [field: string, name: string][]>();
    for (const [field, value] of await this.fields(name)) {
      if (!/^(slave|mscache_tree)\d+$/.test(field)) continue;
      const [, under = name] = /under=(\w+)/.exec(value) ?? [];
      const port = Number(/port=(\d+)/.exec(value)?.[1]);
      below.set(under, [...(below.get(under) ?? []), [field, this.name(port)]]);
    }
    const shown = ([field, name]: [string, string]): string => {
      const children = (below.get(field) ?? []).map(shown).sort();
      return children.length === 0 ? name : `${name}(${children.join(" ")})`;
    };
    return shown([name, name]);
  }

  /** From its leader up, and "..." if the root is not known. */
  async wayUp(name: string): Promise<string> {
    const fields = await this.fields(name);
    const addresses = fields.get("mscache_way_up")?.split(" ") ?? [];
    const names = addresses.map((address) => this.name(Number(address.split(":").at(-1))));
    return [...names, ...(fields.get("mscache_way_up_known") === "0" ? ["..."] : [])].join(" ");
  }

  untilShape(shape: string): Promise<void> {
    const [name = ""] = shape.split("(");
    return until(shape, () => this.shape(name));
  }

  untilWayUp(name: string, way: string): Promise<void> {
    return until(way, () => this.wayUp(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.nodes.keys()].reverse()) await this.kill(name);
  }
}

async function until(wanted: string, look: () => Promise<string>): Promise<void> {
  let seen = "";
  const isThere = async () => {
    seen = await look();
    return seen === wanted;
  };
  await waitFor(isThere, { message: `to see ${wanted}`, progress: () => seen });
}

describe("a chain", () => {
  let grove: Grove;

  /** The second has two data threads: its links are in other threads than what they tell. */
  beforeAll(async () => {
    grove = new Grove();
    await grove.node("a");
    await grove.node("b", "a", 2);
    await grove.node("c", "b");
    await grove.node("d", "c");
  }, caseMsMax);

  afterAll(() => grove[Symbol.asyncDispose](), caseMsMax);

  test("is known to each of its nodes, up and down", async () => {
    await grove.untilShape("a(b(c(d)))");
    expect(await grove.shape("b")).toBe("b(c(d))");
    expect(await grove.shape("d")).toBe("d");
    await grove.untilWayUp("d", "c b a");
    expect(await grove.wayUp("b")).toBe("a");
    expect(await grove.wayUp("a")).toBe("");
    const fields = await grove.fields("a");
    expect(fields.get("mscache_tree_nodes")).toBe("3");
    expect(fields.get("mscache_tree_levels")).toBe("3");
    expect(fields.get("mscache_tree_left_out")).toBe("0");
    expect(fields.get("mscache_tree_circle")).toBe("0");
  });

  test("tells lags under writes, and its offsets and data stay equal", async () => {
    await using client = await respClient(grove.port("a"));
    for (let i = 0; i < 3_000; i++) await client.call("SET", `k${i % 100}`, `${i}`);
    const offset = await grove.number("a", "master_repl_offset");
    await waitFor(async () => {
      const told = (await grove.fields("a")).get("mscache_tree1") ?? "";
      const [, seen] = /state=online,offset=(\d+),.*,behind=0$/.exec(told) ?? [];
      return Number(seen) >= offset; // a PING of the leader counts, too
    });
    for (const name of ["b", "c", "d"]) {
      await waitFor(async () => {
        const applied = await grove.number(name, "slave_repl_offset");
        return applied === (await grove.number("a", "master_repl_offset")); // nothing else counts
      });
      expect(await grove.call(name, "GET", "k99")).toBe("2999");
    }
  });

  test("shows what a node that moved brings along, and forgets it where it was", async () => {
    await grove.call("c", "REPLICAOF", "127.0.0.1", `${grove.port("a")}`);
    await grove.untilShape("a(b c(d))");
    expect(await grove.shape("b")).toBe("b");
    await grove.untilWayUp("d", "c a");
    await grove.call("c", "REPLICAOF", "127.0.0.1", `${grove.port("b")}`);
    await grove.untilShape("a(b(c(d)))");
    await grove.untilWayUp("d", "c b a");
  });

  test("loses a killed node and what was behind it, and learns of the new leader above it", async () => {
    await grove.kill("b");
    await grove.untilShape("a");
    await grove.untilWayUp("d", "c b ...");
    await grove.call("c", "REPLICAOF", "NO", "ONE");
    await grove.untilWayUp("d", "c");
    expect(await grove.shape("c")).toBe("c(d)");
    await grove.call("c", "REPLICAOF", "127.0.0.1", `${grove.port("a")}`);
    await grove.untilShape("a(c(d))");
    await grove.kill("d");
    await grove.untilShape("a(c)");
  });

  test("that has become a circle says so, and lists each node once", async () => {
    await grove.node("e", "c");
    await grove.untilShape("a(c(e))");
    await grove.call("a", "REPLICAOF", "127.0.0.1", `${grove.port("e")}`);
    for (const name of ["a", "c", "e"]) {
      await waitFor(async () => (await grove.number(name, "mscache_tree_circle")) === 1);
    }
    await grove.untilShape("a(c(e))");
    await grove.untilShape("e(a(c))");
    await grove.untilWayUp("a", "e c ...");
    await grove.call("a", "REPLICAOF", "NO", "ONE");
    await grove.untilWayUp("e", "c a");
    for (const name of ["a", "c", "e"]) {
      await waitFor(async () => (await grove.number(name, "mscache_tree_circle")) === 0);
    }
  });
});

describe.skipIf(!redisInstalled())(`with a Redis (skipped if ${noRedis})`, () => {
  test("below a follower it is listed, and between two nodes it ends what they know", async () => {
    await using grove = new Grove();
    await grove.node("a");
    await grove.node("b", "a");
    await grove.redis("r", "b");
    await grove.node("c", "r");
    await grove.node("d", "c");
    await grove.untilShape("a(b(r))");
    await grove.untilShape("c(d)");
    await grove.untilWayUp("d", "c r ...");
    await grove.untilWayUp("b", "a");
    await grove.call("a", "SET", "key", "value");
    await waitFor(async () => (await grove.call("d", "GET", "key")) === "value");
    const told = await grove.call("r", "INFO", "everything");
    expect(told).toMatch(/^cmdstat_replconf:calls=\d+,.*rejected_calls=0,failed_calls=0\r$/m);
    expect(told).toContain("unexpected_error_replies:0\r");
    expect(told).not.toContain("errorstat_ERR");
    const offset = await grove.number("a", "master_repl_offset");
    await waitFor(async () => (await grove.number("d", "slave_repl_offset")) >= offset);
    expect(await grove.call("d", "INFO", "replication")).toContain("master_link_status:up");
  });
});

describe("a follower that sends anything", () => {
  let node: LocalNode;

  beforeAll(async () => {
    node = await startNode();
  }, caseMsMax);

  afterAll(() => node[Symbol.asyncDispose](), caseMsMax);

  /** Past its snapshot, with a port of its own. */
  async function follow(...capabilities: string[]): Promise<Peer> {
    const peer = await Peer.connect(node.port);
    await peer.ask("REPLCONF", "listening-port", "7", ...capabilities.flatMap((c) => ["capa", c]));
    peer.send("PSYNC", "?", "-1");
    expect(`${await peer.raw.readUntil("\r\n")}`).toStartWith("+FULLRESYNC");
    await peer.raw.readUntil("$"); // behind signs of life
    await peer.raw.readExactly(Number(`${await peer.raw.readUntil("\r\n")}`));
    return peer;
  }

  async function info(): Promise<string> {
    await using client = await Peer.connect(node.port);
    return textOf(await client.typed("INFO", "replication"));
  }

  const line = (depth: number, ip: string) => `${depth} ours ${ip} 1 online 1 0 0 -`;
  const report = (...lines: string[]) => ["1 00000000000000aa 0", ...lines].join("\n");

  test("adds no line and no field to INFO, gets no answer, and takes its tree with it", async () => {
    const peer = await follow("mscache-tree");
    for (const text of [
      report(line(0, "a\r\nrole:slave")),
      report(line(0, "a,state=gone")),
      report(line(0, "\u001b]0;owned\u0007")),
      report(...Array.from({ length: 1_000 }, () => line(0, "10.0.0.1"))),
      report(...Array.from({ length: 99 }, (_, depth) => line(depth, "10.0.0.1"))),
      "x".repeat(10_000_000),
    ]) {
      peer.send("REPLCONF", "mscache-tree", text);
    }
    peer.send("REPLCONF", "mscache-tree", "1 00000000000000aa 0", "more", "words");
    peer.send("REPLCONF", "mscache-tree", report(line(0, "10.0.0.1"), line(1, "10.0.0.2")));
    await waitFor(async () => (await info()).includes("mscache_tree_nodes:3\r"));
    const told = await info();
    expect(told.match(/^mscache_tree\d.*$/gm)).toEqual([
      "mscache_tree0:under=slave0,ip=10.0.0.1,port=1,state=online,offset=1,lag=0,behind=0",
      "mscache_tree1:under=mscache_tree0,ip=10.0.0.2,port=1,state=online,offset=1,lag=0,behind=0",
    ]);
    expect(told).toContain("role:master\r");
    peer.send("REPLCONF", "mscache-tree", "nonsense");
    await waitFor(async () => (await info()).includes("mscache_tree_nodes:1\r"));
    // Nothing has come but the way up, which this node is the end of, and the stream.
    const received = (await peer.raw.readUntil("whole\r\n")).toString();
    expect(received).toMatch(
      /^\*3\r\n\$8\r\nREPLCONF\r\n\$11\r\nmscache-way\r\n\$24\r\n1 [0-9a-f]{16} whole\r\n$/,
    );
    peer.breakOff();
    await waitFor(async () => (await info()).includes("mscache_tree_nodes:0\r"));
  });

  test("and has not said that it would tell a tree is not listened to, nor told the way", async () => {
    const peer = await follow("psync2");
    peer.send("REPLCONF", "mscache-tree", report(line(0, "10.0.0.1")));
    await using client = await Peer.connect(node.port);
    await client.ask("SET", "last", "1");
    const received = (await peer.raw.readUntil("last")).toString();
    expect(received).not.toContain("mscache-way");
    expect(received).not.toContain("ERR");
    expect(await info()).toContain("mscache_tree_nodes:1\r");
    peer.breakOff();
  });

  test("is told by a client that is no follower of no tree", async () => {
    await using client = await Peer.connect(node.port);
    expect(await client.ask("REPLCONF", "mscache-tree", report())).toBe(
      "-ERR Unrecognized REPLCONF option: mscache-tree",
    );
    expect(await client.ask("REPLCONF", "capa", "mscache-tree")).toBe("+OK mscache-tree");
    expect(await client.ask("PSYNC", replid)).toStartWith("-ERR wrong number");
  });
});
