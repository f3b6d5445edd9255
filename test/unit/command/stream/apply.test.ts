// How a follower applies single commands of its leader's stream that a real leader cannot be made
// to send: values without room, commands that cannot have failed, transactions that must not start.
// The store has several threads, so that a lock that is not released is noticed.

import { expect, test } from "bun:test";
import { SyncError } from "../../../../src/base/errors.ts";
import { Log } from "../../../../src/base/log.ts";
import { Libraries } from "../../../../src/command/function/node-libraries.ts";
import { Channels } from "../../../../src/command/messages/channels.ts";
import { Monitors } from "../../../../src/command/messages/monitors.ts";
import { Scripts } from "../../../../src/command/script/scripts.ts";
import { applier } from "../../../../src/command/stream/apply.ts";
import { Tracking } from "../../../../src/command/tracking/tracking.ts";
import { loadConfig } from "../../../../src/config/config.ts";
import { attach, controlThread, reserveMemory } from "../../../../src/node/shared/shared-memory.ts";
import { LeaderStream } from "../../../../src/replication/follower/leader-stream.ts";
import { Random } from "../../../support/seed.ts";
import { type Argument, encodeCommand } from "../../../support/wire.ts";
import { scanKeys } from "../../store/harness.ts";
import { request } from "../bed.ts";

const MiB = 1024 * 1024;

function open(refusesOtherTypes = false) {
  const flags = { threads: "4", "max-memory": "4mb", reserve: "8mb", "journal-size": "1mb" };
  const memory = reserveMemory(loadConfig(flags, {}, () => ""));
  const attached = attach(memory, controlThread);
  const { store, keyspace, effects, journal, standing, statistics, observer } = attached;
  effects.muted = true;
  store.expires = false;
  journal.start(0);
  standing.follow("127.0.0.1:1");
  const parts = {
    store,
    keyspace,
    effects,
    standing,
    statistics,
    observer,
    channels: new Channels(),
    tracking: new Tracking(() => undefined),
    monitors: new Monitors(() => undefined),
    scripts: new Scripts(statistics.errors),
    libraries: new Libraries(statistics.errors),
  };
  const apply = applier(parts, {
    log: new Log({ logLevel: "error", logFormat: "text" }, () => undefined),
    refusesOtherTypes: () => refusesOtherTypes,
  });
  const stream: LeaderStream = new LeaderStream({ journal, database: 0, apply, acknowledge() {} });
  return {
    store,
    stream,
    journal,
    run: (...words: Argument[]) => apply(request(...words), 0, stream.refused > 0),
    push: (...words: Argument[]) => stream.push(encodeCommand(words)),
    /** Takes the lock as any thread would: it must be free. */
    has(key: string, database = 0): boolean {
      const bytes = Buffer.from(key);
      keyspace.select(database);
      const taken = store.lockShards(store.allShards);
      const found = store.find(bytes, 0, bytes.length, 0);
      store.unlockShards(taken);
      keyspace.select(0);
      return found;
    },
  };
}

test("the memory of a chunk is freed once its commands are applied, wherever it ends", () => {
  const { stream, journal, has } = open();
  const random = new Random(20261127);
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  const bytes = Buffer.concat(keys.map((key) => encodeCommand(["SET", key, Buffer.alloc(5000)])));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunks.at(-1)?.length ?? 0) {
    chunks.push(new Uint8Array(bytes.subarray(at, at + random.between(4096, 65_536))));
  }
  for (const chunk of chunks) stream.push(chunk);
  expect(chunks.filter((chunk) => chunk.length > 0)).toEqual([]);
  expect(journal.offset).toBe(bytes.length);
  expect(keys.filter((key) => !has(key))).toEqual([]);
});

test("a value without room deletes its key, and is counted", () => {
  const { push, stream, has } = open();
  push("SET", "a", "small");
  push("SET", "b", "small");
  push("SET", "a", Buffer.alloc(16 * MiB));
  expect([has("a"), has("b")]).toEqual([false, true]);
  expect([stream.refused, stream.skipped]).toEqual([1, 0]);
});

test("a full node compacts its segments instead of exceeding its limit", () => {
  const { push, stream, store } = open();
  const random = new Random(11);
  const value = Buffer.alloc(1000, "v");
  const live = Array.from({ length: 3000 }, (_, i) => `key:${i}`);
  for (const key of live) push("SET", key, value);
  // What a leader's evictions leave: another item goes for each that comes, anywhere.
  for (let i = 0; i < 8_000; i++) {
    const place = random.below(live.length);
    push("DEL", live[place]);
    live[place] = `new:${i}`;
    push("SET", live[place], value);
  }
  expect(store.memoryUsed()).toBeLessThan(4.3 * MiB);
  expect([store.count(), stream.refused]).toEqual([live.length, 0]);
  store.invariants();
});

test("a command whose result has no room deletes its destination and keeps its sources", () => {
  const { run, push, stream, has } = open();
  push("SET", "source", Buffer.alloc(5 * MiB));
  for (const key of ["copied", "combined"]) push("SET", key, "small");
  expect(run("COPY", "source", "copied", "REPLACE")).toBe("refused");
  expect(run("BITOP", "NOT", "combined", "source")).toBe("refused");
  expect(["source", "copied", "combined"].map((key) => has(key))).toEqual([true, false, false]);
  expect(stream.refused).toBe(0);
});

test("without room in another database, what COPY and MOVE replace there is deleted", () => {
  const { push, has, stream } = open();
  const keys = () => [0, 1].map((at) => ["a", "b"].filter((key) => has(key, at)).join(""));
  push("SET", "b", "small");
  push("SELECT", "1");
  for (const key of ["a", "b"]) push("SET", key, "old");
  push("SELECT", "0");
  push("SET", "a", Buffer.alloc(5 * MiB));
  expect(keys()).toEqual(["ab", "ab"]);
  push("COPY", "a", "b", "DB", "1", "REPLACE");
  expect([...keys(), stream.refused]).toEqual(["ab", "a", 1]);
  for (let i = 0; stream.refused === 1; i++) push("SET", `filler:${i}`, Buffer.alloc(MiB / 2));
  push("MOVE", "a", "1");
  expect([...keys(), stream.refused]).toEqual(["b", "", 3]);
});

test("a value beyond the longest that a client may write is one without room", () => {
  const { run, has } = open();
  const writes: readonly Argument[][] = [
    ["SETBIT", "k", "4294967296", "1"],
    ["SETBIT", "k", "9223372036854775807", "1"],
    ["BITFIELD", "k", "SET", "u8", "9000000000000000000", "1"],
    ["BITFIELD", "k", "SET", "u8", "4294967295", "1"],
    ["SETRANGE", "k", "536870912", "v"],
    ["SETRANGE", "k", "9223372036854775807", "v"],
  ];
  for (const words of writes) {
    run("SET", "k", "v");
    expect([words, run(...words), has("k")]).toEqual([words, "refused", false]);
  }
});

test("a command that builds on a value without room starts no new one, one that replaces it does", () => {
  const { push, stream, has } = open();
  push("SET", "big", Buffer.alloc(5 * MiB));
  push("SET", "huge", Buffer.alloc(16 * MiB));
  push("SET", "mixed", "small");
  expect(["big", "huge", "mixed"].map((key) => has(key))).toEqual([true, false, true]);
  const builders: readonly Argument[][] = [
    ["APPEND", "huge", "tail"],
    ["SETRANGE", "huge", "0", "head"],
    ["INCR", "huge"],
    ["SETBIT", "huge", "7", "1"],
    ["BITFIELD", "huge", "SET", "u8", "0", "1"],
    ["PFADD", "huge", "element"],
    ["INCREX", "huge", "EX", "100"],
    ["BITOP", "OR", "mixed", "big", "huge"],
  ];
  for (const words of builders) push(...words);
  expect(["big", "huge", "mixed"].map((key) => has(key))).toEqual([true, false, false]);
  expect(stream.refused).toBe(1 + builders.length);
  push("RENAME", "big", "renamed");
  push("SET", "huge", "fits");
  push("APPEND", "huge", ", and goes on");
  expect(["big", "renamed", "huge"].map((key) => has(key))).toEqual([false, true, true]);
  expect(stream.refused).toBe(1 + builders.length);
});

test("MSETEX without room deletes the keys that it names, and nothing that reads like one", () => {
  const { push, stream, has } = open();
  for (const key of ["a", "b", "EX", "NX"]) push("SET", key, "small");
  push("MSETEX", "2", "a", "v", "b", Buffer.alloc(16 * MiB), "NX", "EX", "100");
  expect(["a", "b", "EX", "NX"].map((key) => has(key))).toEqual([false, false, true, true]);
  expect(stream.refused).toBe(1);
});

test("PFMERGE builds on its destination, which may be a value without room", () => {
  const { push, stream, has } = open();
  push("PFADD", "source", "element");
  push("SET", "huge", Buffer.alloc(16 * MiB));
  push("PFMERGE", "huge", "source");
  expect([has("source"), has("huge"), stream.refused]).toEqual([true, false, 2]);
});

test("a command that fails here and cannot have failed on the leader ends the link", () => {
  const { run, has } = open();
  expect(run("SET", "n", "text")).toBe("applied");
  const failures: readonly Argument[][] = [
    ["INCR", "n"],
    ["SET", "n"],
    ["SET", "n", "v", "IFMORE", "text"],
    ["PFADD", "n", "a"],
    ["BITOP", "DIFF", "n", "n", "n"],
    ["BITFIELD", "n", "SET", "u64", "0", "1"],
    ["SETBIT", "n", "0", "2"],
    ["RESTORE", "n", "0"],
    ["MSETEX", "2", "n", "v"],
    ["INCREX", "n", "1"],
  ];
  for (const words of failures) {
    expect(() => run(...words)).toThrow(SyncError);
    expect(has("n")).toBe(true);
  }
});

test("a transaction that cannot be followed ends the link before any of it is applied", () => {
  const cases: readonly Argument[][][] = [
    [["SWAPDB", "0", "99"]],
    [
      ["SELECT", "99"],
      ["MOVE", "a", "0"],
    ],
    [["LPUSH", "list", "1"]],
  ];
  for (const commands of cases) {
    const { push, journal, has } = open(true);
    push("MULTI");
    push("SET", "a", "1");
    expect(() => {
      for (const words of commands) push(...words);
    }).toThrow(SyncError);
    expect(has("a")).toBe(false);
    expect(journal.offset).toBe(0);
  }
});

test("SWAPDB of two other databases changes nothing, whatever the keys are called", () => {
  const { run, has } = open();
  run("SET", "2", "a key, and no database");
  expect(run("SWAPDB", "2", "3")).toBe("applied");
  expect(has("2")).toBe(true);
});

test("databases that this node does not have are skipped, and what they bring ends the link", () => {
  const { push, run, has, stream } = open();
  push("SET", "a", "1");
  push("SELECT", "99");
  push("SET", "a", "2");
  push("FLUSHDB");
  push("SWAPDB", "98", "99");
  expect(stream.skipped).toBe(2);
  expect(() => push("MOVE", "a", "3")).toThrow(SyncError);
  expect(() => run("SWAPDB", "2", "99")).toThrow(SyncError);
  expect(has("a")).toBe(true);
  expect(run("MOVE", "a", "99")).toBe("applied");
  expect(has("a")).toBe(false);
});

test("each database has what its leader's has", () => {
  const { push, store } = open();
  const all = () => {
    const found: Record<string, string[]> = {};
    for (const { number } of store.databases.reports()) {
      store.databases.select(number);
      found[number] = scanKeys(store).sort();
    }
    store.databases.select(0);
    return found;
  };
  push("SET", "a", "1");
  push("SELECT", "3");
  push("SET", "a", "1");
  push("MULTI");
  push("SELECT", "5");
  push("SET", "b", "1");
  push("COPY", "b", "c", "DB", "3");
  push("EXEC");
  push("COPY", "b", "d");
  expect(all()).toEqual({ 0: ["a"], 3: ["a", "c"], 5: ["b", "d"] });
  push("MOVE", "d", "0");
  push("SWAPDB", "3", "5");
  push("SET", "e", "1");
  expect(all()).toEqual({ 0: ["a", "d"], 3: ["b"], 5: ["a", "c", "e"] });
  push("FLUSHDB");
  expect(all()).toEqual({ 0: ["a", "d"], 3: ["b"] });
  expect(store.databases.selected).toBe(0);
  push("FLUSHALL");
  expect(all()).toEqual({});
});

test("a transaction that fails halfway releases its locks", () => {
  const { push, has } = open();
  push("SET", "n", "text");
  push("MULTI");
  push("SET", "a", "1");
  push("INCR", "n");
  expect(() => push("EXEC")).toThrow("INCR of the stream failed: value is not an integer");
  expect(has("a")).toBe(true);
});

test("a condition counts as met, and a missing source as a value of another type", () => {
  const { run, has } = open();
  for (const key of ["a", "b", "c", "d", "e"]) run("SET", key, "string");
  expect(run("DELIFEQ", "a", "whatever")).toBe("applied");
  expect(run("SET", "f", "string", "IFEQ", "whatever")).toBe("applied");
  expect(run("SET", "d", "string", "IFDNE", "no digest")).toBe("applied");
  expect(run("MSETEX", "2", "d", "string", "g", "string", "NX", "KEEPTTL")).toBe("applied");
  expect(run("RENAME", "list", "b")).toBe("applied");
  expect(run("COPY", "list", "c", "REPLACE")).toBe("applied");
  expect(run("COPY", "d", "nosuch", "DB", "1")).toBe("applied");
  expect(run("MOVE", "e", "1")).toBe("applied");
  const keys = ["a", "b", "c", "d", "e", "f", "g", "nosuch"];
  expect(keys.map((key) => has(key))).toEqual([
    false,
    false,
    false,
    true,
    false,
    true,
    true,
    false,
  ]);
});

test("a module's value replaces a string and does not end the link", () => {
  const { run, has } = open();
  run("SET", "a", "string");
  expect(run("RESTORE", "a", "0", "\x07a module's value")).toBe("skipped");
  expect(has("a")).toBe(false);
  expect(run("JSON.SET", "a", "$", "1")).toBe("skipped");
});

test("an unknown command ends the link if it names an existing key", () => {
  const { run, push } = open();
  run("SET", "a", "string");
  expect(run("FUTURE.SET", "b", "1")).toBe("skipped");
  expect(() => run("FUTURE.SET", "option", "a")).toThrow(
    "the effect of FUTURE.SET, which this node does not",
  );
  push("MULTI");
  expect(() => push("FUTURE.SET", "a", "1")).toThrow("the effect of FUTURE.SET");
});

test("if other types are refused, so is an unknown command", () => {
  const { run } = open(true);
  expect(() => run("JSON.SET", "a", "$", "1")).toThrow("JSON.SET, which this node does not know,");
  expect(() => run("RESTORE", "a", "0", "\x01list")).toThrow("a command of type list");
  expect(run("SCRIPT", "LOAD", "code")).toBe("skipped");
});
