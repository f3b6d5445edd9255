/**
 * follow(): what a copy in this process answers, when it says that it does not know, what it tells
 * its listeners, and how it begins and ends. Random writes of all kinds of leaders are in
 * follow-leaders.test.ts, links that fail in follow-link.test.ts.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { LocalCopy } from "../../src/embed/copy-types.ts";
import { follow } from "../../src/embed/follow.ts";
import { caseMsMax, type LocalNode, startNode, waitFor } from "../harness.ts";
import { inStep, roomy } from "../support/copies.ts";
import { exampleIn, runExample } from "../support/docstring-example.ts";
import { failureOf } from "../support/failure.ts";
import { Peer } from "../support/peer.ts";
import { startTls, tlsBed } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);
const MiB = 1024 * 1024;

let leader: LocalNode;
let peer: Peer;

beforeAll(async () => {
  leader = await startNode({ threads: 1 });
  peer = await Peer.connect(leader.port);
});

afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  await leader[Symbol.asyncDispose]();
});

/** Sends the commands at once, and waits until the copy has them. */
async function write(copy: LocalCopy, ...commands: (string | Uint8Array)[][]): Promise<void> {
  peer.sendAll(commands);
  await peer.replies(commands.length);
  await inStep(copy, leader.port);
}

test("the example of its docstring runs", async () => {
  const code = (await exampleIn("src/embed/follow.ts")).replaceAll(
    "127.0.0.1:5000",
    leader.address,
  );
  await runExample(`${code}\nvalue; // "hello"`, "connect, follow");
});

describe("reads", () => {
  test("have what the leader had before, and what it wrote since", async () => {
    await peer.ask("FLUSHALL");
    await peer.ask("SET", "before", "a");
    await using copy = await follow(leader.address, roomy);
    expect([copy.state, copy.complete, copy.get("before")]).toEqual(["connected", true, "a"]);
    const long = "é".repeat(100_000);
    await write(copy, ["SET", "ü", "wörld"], ["SET", "long", long], ["SETEX", "timed", "100", "x"]);
    expect([copy.get("ü"), copy.get(Buffer.from("ü")), copy.get("none")]).toEqual([
      ...["wörld", "wörld"],
      null,
    ]);
    expect(copy.get("long")).toBe(long);
    expect([copy.has("ü"), copy.has("none")]).toEqual([true, false]);
    expect(copy.getBytes("before")).toEqual(Uint8Array.of(97));
    expect([copy.ttl("before"), copy.ttl("none")]).toEqual([Number.POSITIVE_INFINITY, null]);
    expect(copy.ttl("timed")).toBeWithin(1, 100_001);
    expect([...copy.keys()].sort()).toEqual(["before", "long", "timed", "ü"]);
    expect(new Map(copy).get("ü")).toBe("wörld");
    expect(copy.size).toBe(4);
    expect(copy.lag.ms).toBeLessThan(60_000);
    expect(copy.lag.bytes).toBe(0);
  });

  test("never have an item whose time is over, although the leader has not removed it", async () => {
    await using copy = await follow(leader.address, { ...roomy, prefix: "brief" });
    await write(copy, ["SET", "brief", "x", "PX", "100"], ["CLIENT", "PAUSE", "100000", "WRITE"]);
    await waitFor(() => copy.get("brief") === null, { message: "it to expire" });
    expect([copy.has("brief"), copy.ttl("brief"), [...copy.keys()]]).toEqual([false, null, []]);
    expect(copy.size).toBe(1); // it is there, until the leader removes it
    await peer.ask("CLIENT", "UNPAUSE");
  });

  test("know only the prefix, and not what came under it from outside", async () => {
    await peer.ask("FLUSHALL");
    await using copy = await follow(leader.address, { ...roomy, prefix: "p:" });
    const setUp = ["a", "b", "p:a", "p:b", "p:c"].map((key) => ["SET", key, `of ${key}`]);
    await write(copy, ...setUp, ["MSET", "p:d", "1", "d", "1"]);
    expect([copy.get("a"), copy.has("a"), copy.getBytes("a")]).toEqual([
      ...[undefined, undefined, undefined],
    ]);
    expect([copy.get("p:a"), copy.get("p:none"), copy.size]).toEqual(["of p:a", null, 4]);
    await write(copy, ["RENAME", "p:a", "gone"], ["COPY", "p:b", "p:e"], ["SELECT", "3"]);
    await write(copy, ["SET", "p:other", "1"], ["MOVE", "p:other", "0"], ["SELECT", "0"]);
    expect([copy.get("p:a"), copy.get("p:e"), copy.get("p:other")]).toEqual([
      ...[null, "of p:b"],
      "1", // the leader's effects are absolute
    ]);
  });
});

describe("a copy whose memory is full", () => {
  test("evicts, says so, and tells what is absent from what it does not hold", async () => {
    await peer.ask("FLUSHALL");
    await using copy = await follow(leader.address, { maxMemory: MiB, prefix: "big:" });
    await write(copy, ["SET", "big:0", "kept"]);
    const value = "v".repeat(4_000);
    const keys = Array.from({ length: 1_000 }, (_, i) => `big:${i + 1}`);
    for (let i = 0; i < keys.length; i += 100) {
      await write(copy, ...keys.slice(i, i + 100).map((key) => ["SET", key, value + key]));
    }
    const held = keys.filter((key) => copy.get(key) !== undefined);
    expect(held.length).toBeWithin(100, 300);
    for (const key of held) expect(copy.get(key)).toBe(value + key);
    expect([copy.complete, copy.get("big:none")]).toEqual([false, null]);
    const lost = keys.find((key) => copy.get(key) === undefined) as string;
    await write(copy, ["APPEND", lost, "more"]);
    expect(copy.get(lost)).toBeUndefined();
    await write(copy, ["SET", lost, "small"]);
    expect(copy.get(lost)).toBe("small");
    const gone = keys.find((key) => copy.get(key) === undefined) as string;
    await write(copy, ["DEL", gone]);
    expect(copy.get(gone)).toBeNull();
    await write(copy, ["FLUSHALL"]);
    expect([copy.complete, copy.get("big:1"), copy.size]).toEqual([true, null, 0]);
  });

  test("has what fits of a snapshot, and knows nothing of too many keys that do not", async () => {
    const value = "v".repeat(40);
    const keys = Array.from({ length: 30_000 }, (_, i) => `${i}:${value}`);
    peer.sendAll(keys.map((key) => ["SET", key, value]));
    await peer.replies(keys.length);
    await using copy = await follow(leader.address, { maxMemory: MiB });
    const held = keys.filter((key) => copy.get(key) === value);
    expect(held.length).toBeWithin(2_000, 10_000);
    expect([copy.complete, copy.get("none"), copy.has("none")]).toEqual([
      ...[false, undefined, undefined],
    ]);
    expect(copy.size).toBe(held.length);
    await peer.ask("FLUSHALL");
  });

  test("does not hold a value that is larger than all its memory, but the others", async () => {
    await using copy = await follow(leader.address, { maxMemory: MiB });
    await write(copy, ["SET", "huge", Buffer.alloc(3 * MiB)], ["SET", "small", "1"]);
    expect([copy.get("huge"), copy.get("small"), copy.get("none")]).toEqual([undefined, "1", null]);
    await write(copy, ["DEL", "huge"]);
    expect([copy.get("huge"), copy.complete]).toEqual([null, true]);
  });
});

describe("events", () => {
  test("tell each change in order, a transaction when it is whole, until they are ended", async () => {
    await peer.ask("FLUSHALL");
    await using copy = await follow(leader.address, { ...roomy, prefix: "e" });
    const seen: string[] = [];
    const end = copy.onChange((key, kind) => {
      seen.push(`${key} ${kind} ${key && copy.get(key)}`);
    });
    await write(copy, ["MULTI"], ["SET", "e1", "1"], ["INCR", "e1"], ["SET", "x", "1"], ["EXEC"]);
    expect(seen).toEqual(["e1 set 2", "e1 set 2"]);
    seen.length = 0;
    await write(copy, ["DEL", "e1"]);
    await write(copy, ["SET", "e2", "1", "PX", "30"]);
    await waitFor(() => seen.length === 3, { message: "the leader to remove it" });
    await write(copy, ["FLUSHDB"]);
    // On a busy machine the 30 ms are over before the copy is asked.
    const set = expect.stringMatching(/^e2 set (1|null)$/);
    expect(seen).toEqual(["e1 deleted null", set, "e2 expired null", "null flushed null"]);
    end();
    await write(copy, ["SET", "e3", "1"]);
    expect(seen.length).toBe(4);
  });

  test("a listener that throws is its owner's, and stops neither others nor the copy", async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    await using copy = await follow(leader.address, { ...roomy, onError });
    const seen: unknown[] = [];
    copy.onChange(() => {
      throw new Error("of the listener");
    });
    copy.onChange((key) => void seen.push(key));
    await write(copy, ["SET", "e4", "1"]);
    expect([seen, errors.map(String)]).toEqual([["e4"], ["Error: of the listener"]]);
    expect(copy.state).toBe("connected");
  });
});

describe("the end", () => {
  test("a closed copy throws at each read, and rejects who waits", async () => {
    const copy = await follow(leader.address, roomy);
    const waits = failureOf(copy.waitFor(copy.offset + 1_000_000));
    copy.close();
    copy.close();
    expect(await waits).toMatchObject({ code: "CLOSED" });
    expect(copy.state).toBe("closed");
    const uses = [() => copy.get("a"), () => copy.size, () => copy.offset, () => [...copy.keys()]];
    for (const use of uses) expect(use).toThrow("the copy is closed");
    const field = async () => /connected_slaves:(\d+)/.exec(await peer.ask("INFO"))?.[1];
    await waitFor(async () => (await field()) === "0", { message: "the leader to notice" });
  });

  test("waitFor() rejects after its time, and says where the copy is", async () => {
    await using copy = await follow(leader.address, roomy);
    const wanted = copy.offset + 1_000_000;
    const failure = await failureOf(copy.waitFor(wanted, { timeout: 20 }));
    expect(failure).toMatchObject({ code: "BEHIND", wanted });
    await copy.waitFor(copy.offset);
    expect(() => copy.waitFor(Number.NaN)).toThrow("not NaN");
  });

  test("a fault ends the copy, is told to its owner, and leaves the process alone", async () => {
    const errors: unknown[] = [];
    const copy = await follow(leader.address, { ...roomy, onError: (e) => void errors.push(e) });
    const { link } = copy as unknown as { link: { keyspace: { set: unknown } } };
    link.keyspace.set = () => {
      throw new TypeError("a mistake");
    };
    await peer.ask("SET", "a", "1");
    await waitFor(() => copy.state === "closed", { message: "it to end" });
    expect(errors).toMatchObject([{ code: "FOLLOW_FAULT", cause: { message: "a mistake" } }]);
    expect(() => copy.get("a")).toThrow("a fault has ended the copy");
  });
});

describe("the beginning", () => {
  test("a login that is refused rejects at once; one by URL does", async () => {
    await using guarded = await startNode({ threads: 1, password: "secret" });
    const url = `mscache://:secret@${guarded.address}`;
    const forever = { ...roomy, timeout: Number.POSITIVE_INFINITY };
    for (const leaders of [guarded.address, [guarded.address, guarded.address]]) {
      for (const options of [{}, { password: "wrong" }, { maxStaleness: 500 }]) {
        const failure = await failureOf(follow(leaders, { ...forever, ...options }));
        expect(failure).toMatchObject({ code: "CONNECT_FAILED" });
        expect(failure.message).toMatch(/NOAUTH|WRONGPASS/);
        expect(failure.message).not.toMatch(/wrong|no snapshot/);
      }
    }
    await using copy = await follow(url, roomy);
    expect(copy.complete).toBe(true);
  });

  test("a user without the rights rejects at once", async () => {
    await using node = await startNode({ threads: 1 });
    await using admin = await Peer.connect(node.port);
    const rights = ["+ping", "+replconf"];
    await admin.ask("ACL", "SETUSER", "reader", "on", ">pass", "~*", ...rights, "+get");
    await admin.ask("ACL", "SETUSER", "copier", "on", ">pass", "~*", ...rights, "+psync");
    const forever = { ...roomy, password: "pass", timeout: Number.POSITIVE_INFINITY };
    const cases = [
      { ...forever, username: "reader" },
      { ...forever, username: "copier", maxStaleness: 500 }, // not INFO
    ];
    for (const options of cases) {
      const failure = await failureOf(follow(node.address, options));
      expect(failure.message).toContain("NOPERM");
    }
    await using copy = await follow(node.address, { ...forever, username: "copier" });
    expect(copy.complete).toBe(true);
  });

  test("a leader that is not there, and an owner that does not want to wait", async () => {
    const failure = await failureOf(follow("127.0.0.1:1", { ...roomy, timeout: 300 }));
    expect(failure.message).toMatch(/^cannot connect to 127.0.0.1:1: no snapshot within 300 ms: /);
    const signal = AbortSignal.abort(new Error("changed my mind"));
    const aborted = await failureOf(follow("127.0.0.1:1", { ...roomy, signal }));
    expect(aborted.message).toBe("changed my mind");
  });

  test("by TLS the leader must be trusted, and be the one that was asked for", async () => {
    await using bed = await tlsBed();
    await using node = await startTls(bed);
    const ca = await Bun.file(bed.authority.cert).text();
    const address = `rediss://localhost:${node.tlsPort}`;
    const of = (tls: object) => follow(address, { ...roomy, tls, timeout: 2_000 });
    const stranger = await Bun.file(bed.stranger.cert).text();
    expect((await failureOf(of({ ca: stranger }))).message).toContain("TLS: ");
    const other = await failureOf(of({ ca, serverName: "other.example" }));
    expect(other.message).toContain("TLS: ");
    await using copy = await of({ ca });
    expect(copy.complete).toBe(true);
  });

  test.each([
    ["nowhere", roomy, 'address "nowhere" is not'],
    [[], roomy, "addresses is an empty list"],
    [undefined, roomy, "leader must be a string or a list"],
    ["127.0.0.1:5000", { ...roomy, sentinelPassword: "a" }, "sentinelPassword requires sentinel"],
    ["unix:///tmp/socket", roomy, "needs a host and a port"],
    ["127.0.0.1:5000", { maxMemory: 1000 }, "maxMemory must be an integer from 1048576"],
    ["127.0.0.1:5000", { ...roomy, database: 64 }, "database must be"],
    ["127.0.0.1:5000", { ...roomy, prefix: 1 }, "prefix must be"],
    ["127.0.0.1:5000", { ...roomy, maxStaleness: -1 }, "maxStaleness must be"],
    ["127.0.0.1:5000", { ...roomy, username: "a" }, "username requires"],
    ["127.0.0.1:5000", { ...roomy, signal: {} }, "signal must be an AbortSignal"],
    ["127.0.0.1:5000", { ...roomy, onError: 1 }, "onError must be a function"],
    ["127.0.0.1:5000", { ...roomy, tls: { rejectUnauthorized: false } }, "cannot be false"],
    [
      "127.0.0.1:5000",
      { ...roomy, maxmemory: 1 },
      'unknown option "maxmemory"; known: maxMemory, prefix',
    ],
  ])("%p with %j is refused before anything is opened", async (address, options, message) => {
    const failure = await failureOf(follow(address as string, options as typeof roomy));
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(failure.message).toContain(message);
  });
});
