/**
 * Data that leave a server by `mscache export` and come into another by `mscache import`: between
 * nodes and a real redis-server, in both formats; what is left out, what is damaged, and what
 * refuses. The processes are real. How single lines are read is in unit/move/.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  caseMsMax,
  type LocalNode,
  noRedis,
  redisInstalled,
  runMscache,
  runToEnd,
  startNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import type { Argument } from "../support/wire.ts";
import { contentsOf, differences, fill } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;
const later = Date.now() + 3_600_000;
const source = [process.execPath, join(import.meta.dir, "../../src/main.ts")];
let node: LocalNode;
let other: LocalNode;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  node = await startNode({ maxMemory: 512 * MiB });
  other = await startNode({ maxMemory: 512 * MiB });
  directory = await temporaryDirectory();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const path = (name: string) => join(directory.path, name);
const exported = (address: string, ...args: string[]) =>
  runMscache(["export", ...args, "--addr", address]);
const imported = (address: string, ...args: string[]) =>
  runMscache(["import", ...args, "--addr", address]);

async function ask(port: number, ...commands: readonly Argument[][]): Promise<string[]> {
  await using peer = await Peer.connect(port);
  const answers: string[] = [];
  for (const [name = "", ...rest] of commands) answers.push(await peer.ask(String(name), ...rest));
  return answers;
}

/** Strings of every kind in three databases. */
async function furnish(port: number): Promise<void> {
  await fill(port, 1_000, 50);
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await ask(
    port,
    ["SET", binary, binary],
    ["SET", "empty", ""],
    ["SET", "number", "-12345"],
    ["SET", "long", "x".repeat(100_000)],
    ["SET", "expiring", "v", "PXAT", later],
    ["SELECT", 3],
    ["SET", "ключ", "значение\n"],
    ["SELECT", 15],
    ["SET", "expiring", "v", "PXAT", later + 1],
  );
}

async function flush(...nodes: readonly { readonly port: number }[]): Promise<void> {
  for (const { port } of nodes) await ask(port, ["FLUSHALL"]);
}

describe("what is exported comes back as it was", () => {
  whenShort(() => {
    test.each(["all.rdb", "all.jsonl"])("by %s, from node to node", async (name) => {
      await flush(node, other);
      await furnish(node.port);
      const out = await exported(node.address, path(name));
      expect(out).toMatchObject({ status: 0, errors: "" });
      expect(out.out).toMatch(/^1,007 items \([\d.]+ KiB\) in .*, [\d.]+ s\n$/);
      const into = await imported(other.address, path(name));
      expect(into).toMatchObject({ status: 0, errors: "" });
      expect(into.out).toMatch(/^1,007 items written, [\d.]+ s \([\d,]+ items\/s\)\n$/);
      expect(differences(await contentsOf(node.port), await contentsOf(other.port))).toEqual([]);
    });

    test("through a pipe, of which nothing is a terminal", async () => {
      await flush(node, other);
      await furnish(node.port);
      const out = await runToEnd(["export", "--format", "rdb", "--addr", node.address]);
      expect(out).toMatchObject({ status: 0, errors: "" });
      const into = await runMscache(["import", "--addr", other.address], { input: out.bytes });
      expect(into).toMatchObject({ status: 0, errors: "" });
      expect(differences(await contentsOf(node.port), await contentsOf(other.port))).toEqual([]);
    });
  });

  test.each(["large.rdb", "large.json"])("a large value by %s", async (name) => {
    await flush(node, other);
    const value = Buffer.alloc(repetitions(8, 64) * MiB, "\xff\x00large", "latin1");
    await ask(node.port, ["SET", "large", value]);
    expect(await exported(node.address, path(name))).toMatchObject({ status: 0 });
    expect(await imported(other.address, path(name))).toMatchObject({ status: 0 });
    await using peer = await Peer.connect(other.port);
    expect(await peer.typed("GET", "large")).toMatchObject({ value: value.toString("latin1") });
    await flush(node, other);
  });
});

whenShort(() => {
  describe.skipIf(!redisInstalled())(`with a real redis-server (${noRedis} if skipped)`, () => {
    test("its strings come over, its other types are counted, and its snapshot is its own", async () => {
      await using redis = await startRedis();
      await flush(node, other);
      await furnish(redis.port);
      const strings = await contentsOf(redis.port);
      await ask(redis.port, ["HSET", "h", "f", "v"], ["RPUSH", "l", "1"], ["SADD", "l2", "1"]);
      const rdb = await exported(redis.address, path("redis.rdb"));
      expect(rdb.out).toContain("1,007 items, and 1 hash, 1 list, 1 set");
      const json = await exported(redis.address, path("redis.json"));
      expect(json.out).toContain("1,007 items; 1 hash, 1 list, 1 set left out");
      const into = await imported(node.address, path("redis.rdb"));
      expect(into).toMatchObject({ status: 0, errors: "" });
      expect(into.out).toContain("\nleft out: 1 hash, 1 list, 1 set\n");
      await imported(other.address, path("redis.json"));
      expect(differences(strings, await contentsOf(node.port))).toEqual([]);
      expect(differences(strings, await contentsOf(other.port))).toEqual([]);
      await ask(redis.port, ["FLUSHALL"]);
      expect(await imported(redis.address, path("redis.json"))).toMatchObject({ status: 0 });
      expect(differences(strings, await contentsOf(redis.port))).toEqual([]);
    });
  });

  describe("a server that gives no snapshot", () => {
    const guest = () => `redis://guest:pw@${node.address}`;

    test("is walked over by --scan: everything, or what is chosen", async () => {
      await flush(node, other);
      await furnish(node.port);
      await ask(node.port, [
        "ACL",
        "SETUSER",
        "guest",
        "on",
        ">pw",
        "~*",
        "+@all",
        "-sync",
        "-psync",
      ]);
      const out = await exported(guest(), path("walk.json"), "--scan");
      expect(out).toMatchObject({ status: 0, errors: "" });
      expect(out.out).toStartWith("1,007 items");
      expect(await imported(other.address, path("walk.json"))).toMatchObject({ status: 0 });
      const [wanted, got] = [await contentsOf(node.port), await contentsOf(other.port)];
      // PTTL tells the rest of a lifetime, so the moment is right within a round trip.
      expect(differences(withoutTimes(wanted), withoutTimes(got))).toEqual([]);
      const [time] = await ask(other.port, ["PEXPIRETIME", "expiring"]);
      expect(Math.abs(Number(time.slice(1)) - later)).toBeLessThan(60_000);
      const chosen = await exported(guest(), "--scan", "--db", "3", "--pattern", "к*");
      expect(chosen.out).toBe('{"key":"ключ","value":"значение\\n","db":3}\n');
      const twice = await exported(guest(), path("walk.rdb"), "--scan");
      expect(twice).toMatchObject({ status: 2, out: "" });
    });
  });
});

function withoutTimes(contents: Map<string, string>): Map<string, string> {
  return new Map([...contents].map(([key, text]) => [key, text.split(" until ")[0] ?? ""]));
}

whenShort(() => {
  describe("what is taken", () => {
    const lines = [
      { key: "a:1", value: "1" },
      { key: "b:1", value: "2", db: 2 },
      { key: "a:2", value: "3", db: 2, expires: later },
      { key: "dead", value: "4", expires: 1_000 },
    ];
    const text = () => Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n"));
    const take = (...args: string[]) =>
      runMscache(["import", "--addr", node.address, ...args], { input: text() });

    test("is all that lives, each in its database", async () => {
      await flush(node);
      const { status, out } = await take();
      expect({ status, out: out.replace(/,.*s\)/, "") }).toEqual({
        ...{ status: 0, out: "3 items written\n1 item had expired\n" },
      });
      expect([...(await contentsOf(node.port)).keys()].sort()).toEqual([
        ...["a:1", "in 2: a:2", "in 2: b:1"],
      ]);
    });

    test("can be chosen by pattern and database, both ways", async () => {
      await flush(node);
      expect((await take("--db", "2", "--pattern", "a:*")).out).toContain("1 item written");
      expect([...(await contentsOf(node.port)).keys()]).toEqual(["in 2: a:2"]);
      await take("--replace");
      for (const name of ["chosen.rdb", "chosen.json"]) {
        await exported(node.address, path(name), "--db", "2", "--pattern", "b*");
        await flush(other);
        expect((await imported(other.address, path(name))).out).toContain("1 item written");
        expect([...(await contentsOf(other.port)).keys()]).toEqual(["in 2: b:1"]);
      }
    });

    test("goes into one database if the address names one", async () => {
      await flush(node);
      const url = `redis://${node.address}/7`;
      expect((await runMscache(["import", "--addr", url], { input: text() })).status).toBe(0);
      expect([...(await contentsOf(node.port)).keys()].sort()).toEqual([
        ...["in 7: a:1", "in 7: a:2", "in 7: b:1"],
      ]);
      const { out } = await runMscache(["export", "--addr", url]);
      expect(out.trim().split("\n")).toHaveLength(3);
    });

    test("is nothing with --dry-run, which still checks every line", async () => {
      await flush(node);
      expect((await take("--dry-run")).out).toContain("3 items would be written");
      expect(await ask(node.port, ["DBSIZE"])).toEqual([":0"]);
    });

    test("leaves, replaces or refuses what exists, as it is told", async () => {
      await flush(node);
      await ask(node.port, ["SET", "a:1", "old"]);
      const refused = await take();
      expect(refused).toMatchObject({ status: 1, out: "" });
      expect(refused.errors).toStartWith(
        'mscache: line 1, key "a:1" exists there already; choose --replace or --skip-existing; ',
      );
      expect((await take("--skip-existing")).out).toContain(
        "existed there and stayed as they were",
      );
      expect(await ask(node.port, ["GET", "a:1"])).toEqual(["$old"]);
      expect((await take("--replace")).out).toContain("3 items written");
      expect(await ask(node.port, ["GET", "a:1"])).toEqual(["$1"]);
      const both = await take("--replace", "--skip-existing");
      expect(both).toMatchObject({ status: 2, out: "" });
    });

    test("is not what the target has no database for", async () => {
      await using small = await startNode({ databases: 2 });
      const args = ["import", "--addr", small.address];
      const { status, out } = await runMscache(args, { input: text() });
      expect(status).toBe(0);
      expect(out).toContain("1 item written");
      expect(out).toContain("left out: 2 other database");
    });
  });

  describe("an import that goes wrong", () => {
    test("names the lines that are no items, takes the others, and fails", async () => {
      await flush(node);
      const input = Buffer.from(
        '{"key":"a","value":"1"}\n{"key":\n\n{"value":"x"}\n{"key":"b","value":"2"}',
      );
      const result = await runMscache(["import", "--addr", node.address], { input });
      expect(result.status).toBe(1);
      expect(result.out).toContain("2 items written");
      expect(result.errors).toBe(
        'mscache: 2 items could not be written: line 2: it is no JSON; line 4: it needs "key" or "key64"\n',
      );
      const strict = ["import", "--addr", node.address, "--replace", "--max-errors", "1"];
      expect((await runMscache(strict, { input })).errors).toContain(
        'it ended after 2 errors; the last: line 4: it needs "key" or "key64"',
      );
    });

    test("shows how a line looks to who has none, and how to unpack what is packed", async () => {
      const take = (input: Buffer) => runMscache(["import", "--addr", node.address], { input });
      expect((await take(Buffer.from("SET a 1\nSET b 2\n"))).errors).toBe(
        'mscache: 2 items could not be written: line 1: it is no JSON (a line is an item, as in {"key":"a","value":"b"}); line 2: it is no JSON\n',
      );
      const line = Buffer.from('{"key":"a","value":"1"}\n');
      const packed = await take(Buffer.from(Bun.gzipSync(line)));
      expect(packed).toMatchObject({ status: 1, out: "" });
      expect(packed.errors).toStartWith(
        "mscache: it is packed by gzip: unpack it, as in gunzip -c FILE | mscache import; ",
      );
      expect((await take(Bun.zstdCompressSync(line))).errors).toContain("zstd -dc FILE");
    });

    test("is none for the mark and the line ends of a Windows editor", async () => {
      await flush(node);
      const input = Buffer.from('\uFEFF{"key":"a","value":"1"}\r\n{"key":"b","value":"2"}\r\n');
      const result = await runMscache(["import", "--addr", node.address], { input });
      expect(result).toMatchObject({ status: 0, errors: "" });
      expect(await ask(node.port, ["MGET", "a", "b"])).toEqual(["*[$1 $2]"]);
    });

    test("says where a snapshot is cut or damaged", async () => {
      await flush(node, other);
      await fill(node.port, 100, 50);
      await exported(node.address, path("whole.rdb"));
      const whole = await Bun.file(path("whole.rdb")).bytes();
      await Bun.write(path("cut.rdb"), whole.slice(0, 3_000));
      const cut = await imported(other.address, path("cut.rdb"));
      expect(cut.status).toBe(1);
      expect(cut.errors).toMatch(
        /^mscache: snapshot: it ends in the middle at byte 3000; [1-9]\d* items had/,
      );
      whole[2_000] ^= 1;
      await Bun.write(path("damaged.rdb"), whole);
      const damaged = await imported(other.address, path("damaged.rdb"), "--replace");
      expect(damaged.errors).toMatch(
        /checksum is wrong, .* at byte \d+; 100 items had been written/,
      );
    });

    test("stops at a node that is full, with one sentence", async () => {
      await using full = await startNode({
        maxMemory: 4 * MiB,
        reserve: 4 * MiB,
        eviction: "none",
      });
      const line = (i: number) => JSON.stringify({ key: `${i}`, value: "x".repeat(10_000) });
      const input = Buffer.from(Array.from({ length: 1_000 }, (_, i) => line(i)).join("\n"));
      const result = await runMscache(["import", "--addr", full.address], { input });
      expect(result).toMatchObject({ status: 1, out: "" });
      expect(result.errors).toMatch(
        /it has no memory left \(OOM .*\); \d+ items had been written by then\n$/,
      );
    });

    test("stops at Ctrl-C and says how far it is", async () => {
      await flush(node);
      const child = Bun.spawn([...source, "import", "--addr", node.address], {
        ...{ stdin: "pipe", stdout: "pipe", stderr: "pipe" },
      });
      child.stdin.write('{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n');
      await waitFor(async () => (await ask(node.port, ["DBSIZE"]))[0] === ":2");
      child.kill("SIGINT");
      expect(await child.exited).toBe(1);
      expect(await child.stderr.text()).toBe(
        "mscache: interrupted; 2 items had been written by then\n",
      );
    });

    test("stops at a follower, and at a missing file, wrong password or dead server", async () => {
      await using follower = await startNode();
      await ask(follower.port, ["REPLICAOF", "127.0.0.1", node.port]);
      const input = Buffer.from('{"key":"a","value":"1"}');
      const write = (...args: string[]) => runMscache(["import", ...args], { input });
      expect((await write("--addr", follower.address)).errors).toContain(
        "it is a follower and takes no writes (READONLY",
      );
      expect((await imported(node.address, path("nowhere.json"))).errors).toContain(
        "no such file or directory (ENOENT)",
      );
      await using locked = await startNode({ password: "secret" });
      const locking = await write("--addr", locked.address, "--password", "wrong");
      expect(locking).toMatchObject({ status: 1, out: "" });
      expect(locking.errors).toStartWith(`mscache: ${locked.address}: WRONGPASS`);
      expect((await write("--addr", locked.address)).errors).toContain("requires a password");
      expect((await write("--addr", "127.0.0.1:1")).errors).toContain("connection refused");
    });
  });

  describe("an export that goes wrong leaves the file as it was", () => {
    const files = () => readdirSync(directory.path).filter((name) => name.startsWith("kept"));

    test("with a full disk", async () => {
      await flush(node);
      await fill(node.port, 4_000, 1_000);
      await Bun.write(path("kept.rdb"), "the old one");
      // A limit on the size of files is refused by the same call as a full disk, and needs no root.
      const command = ["bash", "-c", 'ulimit -f 1000; exec "$@"', "mscache", ...source];
      const args = ["export", path("kept.rdb"), "--addr", node.address];
      const result = await runMscache(args, { command });
      expect(result).toMatchObject({ status: 1, out: "" });
      expect(result.errors).toMatch(/^mscache: cannot write .*kept\.rdb: .*EFBIG.*\n$/);
      expect(await Bun.file(path("kept.rdb")).text()).toBe("the old one");
      expect(files()).toEqual(["kept.rdb"]);
    });

    test("with a link that is cut", async () => {
      await using proxy = await LinkProxy.start(node.port);
      await flush(node);
      await fill(node.port, 4_000, 1_000);
      proxy.hold(1 * MiB);
      const result = exported(proxy.address, path("kept.rdb"));
      await waitFor(() => proxy.isHolding, { message: "the middle of the snapshot" });
      proxy.cut();
      expect(await result).toMatchObject({ status: 1, out: "" });
      expect((await result).errors).toMatch(
        /^mscache: 127\.0\.0\.1:\d+: it closed the connection\n$/,
      );
      expect(await Bun.file(path("kept.rdb")).text()).toBe("the old one");
      expect(files()).toEqual(["kept.rdb"]);
    });

    test("with Ctrl-C", async () => {
      await using proxy = await LinkProxy.start(node.port);
      proxy.hold(1 * MiB);
      const args = ["export", path("kept.rdb"), "--addr", proxy.address];
      const child = Bun.spawn([...source, ...args], { stdout: "pipe", stderr: "pipe" });
      await waitFor(() => proxy.isHolding, { message: "the middle of the snapshot" });
      expect(files()).toHaveLength(2);
      child.kill("SIGINT");
      expect(await child.exited).toBe(1);
      expect(await child.stderr.text()).toBe("mscache: interrupted\n");
      expect(files()).toEqual(["kept.rdb"]);
    });

    test("with a name that tells no format, or a user who may not", async () => {
      const nameless = await exported(node.address, path("kept"));
      expect(nameless).toMatchObject({ status: 2, out: "" });
      expect(nameless.errors).toContain("set --format rdb or json");
      await ask(node.port, ["ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all", "-sync"]);
      const refused = await exported(`redis://ann:pw@${node.address}`, path("kept.rdb"));
      expect(refused.errors).toMatch(
        /^mscache: the server gives no snapshot \(--scan .*\): -NOPERM .*\n$/,
      );
      expect(files()).toEqual(["kept.rdb"]);
    });

    test("with a reader that leaves", async () => {
      await flush(node);
      await fill(node.port, 20_000, 100);
      const command = ["bash", "-c", '"$@" | head -n 1', "bash", ...source];
      const result = await runMscache(["export", "--addr", node.address], { command });
      expect(result.out).toStartWith('{"key":"fill:');
      expect(result.errors).toBe("mscache: nobody reads the output any more\n");
    });
  });
});
