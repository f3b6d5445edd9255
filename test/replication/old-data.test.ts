/**
 * A follower that has data gets others by a full sync: clients read the old ones until the new ones
 * are complete, or nothing if both do not fit, but never a part. The link stands still in the
 * middle of the snapshot while the test looks, and readers on many connections judge every reply
 * from the beginning to the end. With one and several data threads.
 * Invariant: a value names its leader, so that an old one, a new one and neither are told apart; no
 * case writes to a leader.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, type SpawnedNode, temporaryDirectory, waitFor } from "../harness.ts";
import { replicationField, standingOf, untilCaughtUp } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants, whenShort } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { ours } from "../support/servers.ts";
import { type Argument, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const keyCount = 1_250;
const valueBytes = 6_400;
const readerCount = 8;
const readerPauseMs = repetitions(4, 0);
/** Replies that each reader still gets in a state that lasts. */
const readsMin = repetitions(20, 100);
const MiB = 1024 * 1024;
/** Data threads. */
const threadCounts = variants([1], [1, 4]);

/** How many replies of each kind there were. */
interface Seen {
  old: number;
  new: number;
  loading: number;
}

/** Reads keys at random on a connection of its own until it is stopped. */
class Reader implements AsyncDisposable {
  readonly seen: Seen = { old: 0, new: 0, loading: 0 };
  private readonly peer: Peer;
  private readonly random: Random;
  private readonly work: Promise<void>;
  private isRunning = true;

  private constructor(peer: Peer, random: Random) {
    this.peer = peer;
    this.random = random;
    this.work = this.read();
  }

  static async start(port: number, random: Random): Promise<Reader> {
    return new Reader(await Peer.connect(port), random);
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.peer[Symbol.asyncDispose]();
  }

  private async read(): Promise<void> {
    while (this.isRunning) {
      const key = `key:${this.random.below(keyCount)}`;
      const reply = await this.peer.ask("GET", key);
      const kind = /^(?:\$(old|new) |-(LOADING) )/.exec(reply);
      const name = kind?.[1] ?? kind?.[2]?.toLowerCase();
      if (name !== "old" && name !== "new" && name !== "loading") {
        throw new Error(`${key}: ${reply.slice(0, 80)}`);
      }
      if (name !== "new" && this.seen.new > 0) throw new Error(`${name} after the first new value`);
      if (name === "old" && this.seen.loading > 0) throw new Error("old data after LOADING");
      this.seen[name]++;
      // All readers together still look several times in each of the follower's steps.
      await Bun.sleep(readerPauseMs);
    }
  }
}

/** The readers of one node, and what all of them have seen. */
class Readers implements AsyncDisposable {
  private readonly readers: Reader[];

  private constructor(readers: Reader[]) {
    this.readers = readers;
  }

  static async start(port: number): Promise<Readers> {
    const random = new Random(seedFor("OLD_DATA_SEED"));
    const seeds = Array.from({ length: readerCount }, () => random.below(2 ** 32));
    return new Readers(await Promise.all(seeds.map((s) => Reader.start(port, new Random(s)))));
  }

  get seen(): Seen {
    const sum = (kind: keyof Seen) => this.readers.reduce((all, { seen }) => all + seen[kind], 0);
    return { old: sum("old"), new: sum("new"), loading: sum("loading") };
  }

  /** Resolves when every reader has got that many more replies of one kind. */
  async more(kind: keyof Seen, count: number): Promise<void> {
    const targets = this.readers.map(({ seen }) => seen[kind] + count);
    await waitFor(() => this.readers.every(({ seen }, i) => seen[kind] >= (targets[i] ?? 0)), {
      message: `${count} more ${kind} replies`,
    });
  }

  /** Rejects with what a reader should not have met. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader[Symbol.asyncDispose]()));
  }
}

/** The leaders of all cases. */
let first: SpawnedNode;
let second: SpawnedNode;

beforeAll(async () => {
  first = await ours.start();
  second = await ours.start();
  await Promise.all([fill(first.port, "old"), fill(second.port, "new")]);
}, caseMsMax);
afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

async function fill(port: number, name: "old" | "new"): Promise<void> {
  await using peer = await Peer.connect(port);
  for (let at = 0; at < keyCount; at += 250) {
    peer.sendAll(
      Array.from({ length: 250 }, (_, i) => {
        return ["SET", `key:${at + i}`, `${name} ${at + i} `.padEnd(valueBytes, ".")];
      }),
    );
    await peer.replies(250);
  }
}

async function ask({ port }: SpawnedNode, ...args: Argument[]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...args);
}

/** Fields of INFO by their names. */
async function info({ port }: SpawnedNode, ...names: string[]): Promise<Record<string, string>> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO"));
  const value = (name: string) => new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? "absent";
  return Object.fromEntries(names.map((name) => [name, value(name)]));
}

/**
 * A follower in step with one leader, and the way to another one that stands still after some
 * bytes.
 */
async function scene(stack: AsyncDisposableStack, holdBytes: number, ...args: string[]) {
  expect(await ask(first, "CONFIG", "RESETSTAT")).toBe("+OK");
  const follower = stack.use(await ours.start(["--leaderaddr", first.address, ...args]));
  await untilCaughtUp(first, [follower]);
  const proxy = stack.use(await LinkProxy.start(second.port));
  proxy.hold(holdBytes);
  const readers = stack.use(await Readers.start(follower.port));
  expect(await ask(follower, "REPLICAOF", "127.0.0.1", proxy.port)).toBe("+OK");
  await waitFor(() => proxy.isHolding, { message: "the snapshot to stand still" });
  return { follower, proxy, readers };
}

/** Until what passed before the link stood still is loaded. */
async function untilRead(follower: SpawnedNode, field: "loading" | "async_loading"): Promise<void> {
  await waitFor(async () => (await info(follower, field))[field] === "1", {
    message: `${field} of the follower`,
  });
}

describe.each(threadCounts)("a full sync beside the old data, %d data threads", (threads) => {
  const args = ["--threads", `${threads}`, "--max-memory", "64mb"];

  test("leaves them readable until the new ones are complete, without a single LOADING", async () => {
    await using stack = new AsyncDisposableStack();
    const { follower, proxy, readers } = await scene(stack, 4 * MiB, ...args);
    await untilRead(follower, "async_loading");
    await readers.more("old", 2 * readsMin);
    expect(
      await info(follower, "loading", "master_link_status", "master_sync_in_progress", "role"),
    ).toEqual({
      loading: "0",
      master_link_status: "down",
      master_sync_in_progress: "1",
      role: "slave",
    });
    const replid = await replicationField(first.port, "master_replid");
    expect(await replicationField(follower.port, "master_replid")).toBe(replid);
    expect(await ask(follower, "SET", "key:1", "x")).toStartWith("-READONLY");
    expect(await ask(follower, "DBSIZE")).toBe(`:${keyCount}`);
    expect(readers.seen).toMatchObject({ new: 0, loading: 0 });
    proxy.release();
    await untilCaughtUp(second, [follower]);
    await readers.more("new", readsMin);
    expect(readers.seen.loading).toBe(0);
    expect(await ask(follower, "DBSIZE")).toBe(`:${keyCount}`);
    const other = await replicationField(second.port, "master_replid");
    expect(await replicationField(follower.port, "master_replid")).toBe(other);
    expect(await info(follower, "async_loading", "loading")).toEqual({
      async_loading: "0",
      loading: "0",
    });
  });

  test("changes nothing if it is cut in the middle: the old leader resumes by a partial sync", async () => {
    await using stack = new AsyncDisposableStack();
    const { follower, proxy, readers } = await scene(stack, 4 * MiB, ...args);
    await untilRead(follower, "async_loading");
    proxy.cut();
    await waitFor(async () => (await standingOf(follower.port)).link === "connect");
    await readers.more("old", readsMin);
    expect(await ask(follower, "DBSIZE")).toBe(`:${keyCount}`);
    expect(await info(follower, "async_loading")).toEqual({ async_loading: "0" });
    expect(await ask(follower, "REPLICAOF", "127.0.0.1", first.port)).toBe("+OK");
    await untilCaughtUp(first, [follower]);
    expect(await info(first, "sync_full", "sync_partial_ok")).toEqual({
      sync_full: "1",
      sync_partial_ok: "1",
    });
    await readers.more("old", readsMin);
    expect(readers.seen).toMatchObject({ new: 0, loading: 0 });
  });

  test("is aborted by REPLICAOF NO ONE, and the old data accept writes", async () => {
    await using stack = new AsyncDisposableStack();
    const { follower, readers } = await scene(stack, 4 * MiB, ...args);
    await untilRead(follower, "async_loading");
    const { master_repl_offset: offset } = await info(follower, "master_repl_offset");
    expect(await ask(follower, "REPLICAOF", "NO", "ONE")).toBe("+OK");
    expect(await info(follower, "role", "second_repl_offset", "master_replid2")).toEqual({
      role: "master",
      second_repl_offset: `${Number(offset) + 1}`,
      master_replid2: await replicationField(first.port, "master_replid"),
    });
    expect(await ask(follower, "SET", "written", "1")).toBe("+OK");
    await readers.more("old", readsMin);
    expect(await ask(follower, "DBSIZE")).toBe(`:${keyCount + 1}`);
    expect(readers.seen).toMatchObject({ new: 0, loading: 0 });
  });
});

describe.each(threadCounts)(
  "a full sync that does not fit beside the old data, %d data threads",
  (n) => {
    const args = ["--threads", `${n}`, "--max-memory", "14mb"];

    test("replies LOADING until the new ones are complete, and never serves a part of them", async () => {
      await using stack = new AsyncDisposableStack();
      // More than 14 MiB leave beside the old data, which take 9; the snapshot has nearly 8.
      const { follower, proxy, readers } = await scene(stack, 7 * MiB, ...args);
      await untilRead(follower, "loading");
      await readers.more("loading", readsMin);
      expect(readers.seen.new).toBe(0);
      expect(await ask(follower, "GET", "key:1")).toStartWith("-LOADING");
      expect(await info(follower, "async_loading")).toEqual({ async_loading: "0" });
      proxy.release();
      await untilCaughtUp(second, [follower]);
      await readers.more("new", readsMin);
      expect(await ask(follower, "DBSIZE")).toBe(`:${keyCount}`);
    });

    test("leaves an empty node if it is cut, and the next attempt fills it", async () => {
      await using stack = new AsyncDisposableStack();
      const { follower, proxy, readers } = await scene(stack, 7 * MiB, ...args);
      await untilRead(follower, "loading");
      await readers[Symbol.asyncDispose]();
      proxy.cut();
      await waitFor(async () => (await standingOf(follower.port)).link === "connect");
      expect(await ask(follower, "GET", "key:1")).toBe("$null");
      expect(await ask(follower, "DBSIZE")).toBe(":0");
      proxy.release();
      proxy.heal();
      await untilCaughtUp(second, [follower]);
      expect(await ask(follower, "GET", "key:1")).toStartWith("$new 1 ");
      expect(await ask(follower, "DBSIZE")).toBe(`:${keyCount}`);
    });
  },
);

whenShort(() =>
  test("BGSAVE during a full sync saves all of the old data", async () => {
    await using directory = await temporaryDirectory();
    await using stack = new AsyncDisposableStack();
    const path = join(directory.path, "follower.rdb");
    const args = ["--max-memory", "64mb", "--snapshot-file", path];
    const { follower } = await scene(stack, 4 * MiB, ...args);
    await untilRead(follower, "async_loading");
    expect(await ask(follower, "SAVE")).toBe("+OK");
    await using copy = await ours.start(["--max-memory", "64mb", "--snapshot-file", path]);
    await waitFor(async () => (await ask(copy, "DBSIZE")) === `:${keyCount}`);
    expect(await ask(copy, "GET", "key:1249")).toStartWith("$old 1249 ");
  }),
);
