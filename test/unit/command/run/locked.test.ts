// How commands lock in a store with several threads: around the handler, exactly the
// shards of the command's keys, with a second check of the gate. There is only one thread here:
// the tests read the lock words themselves.

import { describe, expect, test } from "bun:test";
import { Output } from "../../../../src/base/output.ts";
import { Command } from "../../../../src/command/core/command.ts";
import { CommandStatistics } from "../../../../src/command/core/command-statistics.ts";
import type { Context, Handler } from "../../../../src/command/core/context.ts";
import { execute } from "../../../../src/command/run/execute.ts";
import { restriction } from "../../../../src/command/run/gate.ts";
import { Scripts } from "../../../../src/command/script/scripts.ts";
import { flag } from "../../../../src/command/terms/flags.ts";
import { Session } from "../../../../src/command/terms/session.ts";
import { loadConfig } from "../../../../src/config/config.ts";
import { Journal } from "../../../../src/journal/journal.ts";
import {
  attach,
  reserveMemory,
  type SharedMemory,
} from "../../../../src/node/shared/shared-memory.ts";
import type { SharedStanding } from "../../../../src/node/shared/standing.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { RespReply } from "../../../../src/protocol/resp/resp-reply.ts";
import { shardLockWord } from "../../../../src/store/memory.ts";

const thread = 3;

interface Bed {
  readonly x: Context;
  readonly journal: Journal;
  readonly memory: SharedMemory;
  readonly standing: SharedStanding;
  /** Runs a command made of this and returns its reply. */
  run(
    row: { flags?: number; keys?: readonly [number, number, number]; handler: Handler },
    ...args: string[]
  ): string;
}

function openBed(threads = "4"): Bed {
  const flags = { threads, "max-memory": "16mb", reserve: "16mb", "journal-size": "1mb" };
  const memory = reserveMemory(loadConfig(flags, {}, () => ""));
  const { store, keyspace, effects, journal, standing, observer } = attach(memory, thread);
  const session = new Session(1, "127.0.0.1:1", "127.0.0.1:2", 0, true);
  const statistics = new CommandStatistics();
  const scripts = new Scripts(statistics.errors);
  const parts = { store, keyspace, effects, standing, statistics, observer, scripts };
  const x: Context = { ...parts, session, now: 0 };
  const out = new Output();
  return {
    x,
    journal,
    memory,
    standing,
    run({ flags = 0, keys = [1, 1, 1], handler }, ...args) {
      const described = { group: "string", since: "", complexity: "", summary: "" } as const;
      const command = new Command({ name: "tried", arity: -1, flags, keys, handler, ...described });
      out.clear();
      const encoder = new TextEncoder();
      execute(x, command, Request.of(args.map((text) => encoder.encode(text))), new RespReply(out));
      return new TextDecoder().decode(out.view());
    },
  };
}

/** The shards that are locked now, as bits, and by nobody but this thread. */
function lockedShards({ memory }: Bed): number {
  const words = new Int32Array(memory.store.control);
  let shards = 0;
  for (let shard = 0; shard < memory.store.geometry.shards; shard++) {
    const word = words[shardLockWord(shard)];
    if (word !== 0) expect(word).toBe(thread + 1);
    if (word !== 0) shards |= 1 << shard;
  }
  return shards;
}

function shardsOf({ x }: Bed, ...keys: string[]): number {
  const bits = keys.map((key) => x.store.shardBit(new TextEncoder().encode(key), 0, key.length));
  return bits.reduce((all, bit) => all | bit, 0);
}

describe("while a command runs", () => {
  test("no shard is locked for a command that takes its locks itself", () => {
    const bed = openBed();
    const seen: number[] = [];
    const handler = () => void seen.push(lockedShards(bed));
    bed.run({ keys: [1, 2, 1], flags: flag.READONLY | flag.LONG, handler }, "x", "a", "b");
    expect(seen).toEqual([0]);
  });

  test.each([
    ["one key", [1, 1, 1], ["x", "a"], ["a"]],
    ["two keys", [1, 2, 1], ["x", "a", "b"], ["a", "b"]],
    ["all arguments", [1, -1, 1], ["x", "a", "b", "c", "d"], ["a", "b", "c", "d"]],
    ["every other argument", [1, -1, 2], ["x", "a", "1", "b", "2"], ["a", "b"]],
  ] as const)("the shards of its keys are locked: %s", (_, keys, args, locked) => {
    const bed = openBed();
    const seen: number[] = [];
    bed.run({ keys, handler: () => void seen.push(lockedShards(bed)) }, ...args);
    expect(seen).toEqual([shardsOf(bed, ...locked)]);
    expect(lockedShards(bed)).toBe(0);
  });

  test("a write without keys locks all shards, a walk none", () => {
    const bed = openBed();
    const seen: number[] = [];
    const handler: Handler = () => void seen.push(lockedShards(bed));
    bed.run({ keys: [0, 0, 0], flags: flag.WRITE, handler }, "x");
    bed.run({ keys: [0, 0, 0], flags: flag.READONLY, handler }, "x");
    expect(seen).toEqual([bed.x.store.allShards, 0]);
    expect(lockedShards(bed)).toBe(0);
  });

  test("nothing is locked with one thread", () => {
    const bed = openBed("1");
    const seen: number[] = [];
    bed.run({ handler: () => void seen.push(lockedShards(bed)) }, "x", "a");
    expect(seen).toEqual([0]);
  });

  test("locks of a command that throws stay until they are released", () => {
    const bed = openBed();
    const handler: Handler = () => {
      throw new Error("on purpose");
    };
    for (const keys of [
      [1, 1, 1],
      [1, 2, 1],
    ] as const) {
      expect(() => bed.run({ keys, handler }, "x", "a", "b")).toThrow("on purpose");
      expect(lockedShards(bed)).toBe(shardsOf(bed, ...["a", "b"].slice(0, keys[1])));
      bed.x.store.unlockAll();
      expect(lockedShards(bed)).toBe(0);
    }
  });
});

describe("when the node changed while a command waited for its locks", () => {
  /** A node that is asked once before the locks and once under them. */
  function changesOnSecondLook(bed: Bed, bit: number): void {
    let looks = 0;
    Object.defineProperty(bed.standing, "restrictions", { get: () => (looks++ > 0 ? bit : 0) });
  }

  test("a write is refused when the node has become a follower", () => {
    const bed = openBed();
    changesOnSecondLook(bed, restriction.FOLLOWER);
    const handler: Handler = (_x, _request, reply) => reply.ok();
    expect(bed.run({ flags: flag.WRITE, handler }, "x", "a")).toStartWith("-READONLY");
    expect(lockedShards(bed)).toBe(0);
  });

  test("a read is refused when a load has begun", () => {
    const bed = openBed();
    changesOnSecondLook(bed, restriction.LOADING);
    const handler: Handler = (_x, _request, reply) => reply.ok();
    expect(bed.run({ flags: flag.READONLY, handler }, "x", "a")).toStartWith("-LOADING");
    expect(lockedShards(bed)).toBe(0);
  });

  test("no command of the leader's stream is refused", () => {
    const bed = openBed();
    bed.standing.follow("127.0.0.1:1");
    bed.standing.isLoading = true;
    bed.x.session.kind = "leader";
    const handler: Handler = (_x, _request, reply) => reply.ok();
    expect(bed.run({ flags: flag.WRITE, handler }, "x", "a")).toBe("+OK\r\n");
  });
});

describe("room in the journal", () => {
  test("makes a write wait before its locks when half of the ring is still needed", () => {
    const bed = openBed();
    const journal = new Journal(bed.memory.journal);
    const waits: number[] = [];
    bed.journal.patience = () => void waits.push(lockedShards(bed));
    const handler: Handler = (_x, _request, reply) => reply.ok();
    const filling = new Uint8Array(journal.capacity / 2);
    journal.start(0);
    journal.needed = 0;
    journal.append(filling, 0, filling.length);
    bed.run({ flags: flag.WRITE, handler }, "x", "a");
    expect(waits).toEqual([]);
    journal.append(filling, 0, 1);
    bed.run({ flags: flag.READONLY, handler }, "x", "a");
    expect(waits).toEqual([]);
    bed.run({ flags: flag.WRITE, handler }, "x", "a");
    expect(waits).toEqual([0]);
  });
});

describe("the journal's lock", () => {
  const words = ({ memory }: Bed) => new Int32Array(memory.journal.control);

  test("is held by a group from its first effect to its last", () => {
    const bed = openBed();
    const { effects } = bed.x;
    const key = new TextEncoder().encode("k");
    const before = words(bed).slice();
    effects.open();
    const lockWord = words(bed).findIndex((word, at) => word !== before[at]);
    expect(words(bed)[lockWord]).toBe(thread + 1);
    effects.delete(key, 0, 1);
    effects.delete(key, 0, 1);
    expect(words(bed)[lockWord]).toBe(thread + 1);
    effects.close();
    expect(words(bed)[lockWord]).toBe(0);
  });
});
