/**
 * A steady load of writes of every kind on one node, and what a node holds after it.
 * Does not check replies beyond that there is one for each command: what counts is the data at the
 * end, compared between nodes.
 * Invariant: every time it sets is either over within a second or far away, so that a test can wait
 * for the former and compare the latter.
 */
import { waitFor } from "../harness.ts";
import { databasesOf } from "./judge.ts";
import { Peer } from "./peer.ts";
import { repetitions } from "./repetitions.ts";
import type { Random } from "./seed.ts";
import { type Argument, partsOf, type Reply, show, textOf } from "./wire.ts";

const keyCount = 2_000;
const databases = 3;
const batchSize = 40;
/** Beside other tests the load is an eighth of a long run's: it goes on in every wait. */
const pauseMs = repetitions(40, 5);
const farAwayMs = 60_000;

type Writer = (random: Random, key: string) => Argument[];

const writers: readonly (readonly [number, Writer])[] = [
  [6, (r, k) => ["SET", k, r.bytes(r.below(200))]],
  [1, (r, k) => ["SET", k, Buffer.alloc(r.between(10_000, 60_000), "large ")]],
  [2, (r, k) => ["SET", k, `${r.below(1000)}`, "EX", r.between(1_000, 100_000)]],
  [2, (r, k) => ["SET", k, "brief", "PX", r.between(1, 400)]],
  [1, (_, k) => ["SET", k, ""]],
  [3, (r, k) => ["INCRBY", `n:${k}`, r.between(-5, 50)]],
  [1, (r, k) => ["INCRBYFLOAT", `f:${k}`, r.between(-50, 50) / 10]],
  [3, (r, k) => ["APPEND", k, r.bytes(r.below(30))]],
  [2, (r, k) => ["SETRANGE", k, r.below(100), r.bytes(r.below(20))]],
  [2, (r, k) => ["EXPIRE", k, r.between(1_000, 100_000)]],
  [1, (r, k) => ["PEXPIRE", k, r.between(1, 400)]],
  [1, (_, k) => ["PERSIST", k]],
  [1, (r, k) => ["GETEX", k, "EX", r.between(1_000, 100_000)]],
  [2, (_, k) => ["DEL", k]],
  [1, (_, k) => ["GETDEL", k]],
  [1, (r, k) => ["RENAME", k, keyOf(r)]],
  [1, (r, k) => ["COPY", k, keyOf(r), "REPLACE"]],
  [1, (r, k) => ["MSET", k, "m1", keyOf(r), "m2"]],
  [1, (r, k) => ["MSETNX", k, "x1", keyOf(r), "x2"]],
  [1, (r) => ["SELECT", r.below(databases)]],
  [1, (r, k) => ["MOVE", k, r.below(databases)]],
  [1, (r, k) => ["COPY", k, keyOf(r), "DB", r.below(databases), "REPLACE"]],
];

/** Changes of whole databases, which concern keys that others have written as well. */
const upheavals: readonly (readonly [number, Writer])[] = [
  [0.2, (r) => ["SWAPDB", r.below(databases), r.below(databases)]],
  [0.02, () => ["FLUSHDB"]],
];

function keyOf(random: Random): string {
  return `key:${random.below(keyCount)}`;
}

/** Writes until it is stopped; disposing of it stops it too. */
export class WriteLoad implements AsyncDisposable {
  private readonly peer: Peer;
  private readonly random: Random;
  private readonly mix: typeof writers;
  private isRunning = true;
  private writtenCount = 0;
  private readonly work: Promise<void>;

  private constructor(peer: Peer, random: Random, mix: typeof writers) {
    this.peer = peer;
    this.random = random;
    this.mix = mix;
    this.work = this.write();
  }

  /** Without `sparesOthers` it also swaps and flushes databases. */
  static async start(port: number, random: Random, sparesOthers = false): Promise<WriteLoad> {
    const mix = sparesOthers ? writers : [...writers, ...upheavals];
    return new WriteLoad(await Peer.connect(port), random, mix);
  }

  get written(): number {
    return this.writtenCount;
  }

  /** Resolves when that many more writes have been answered. */
  async more(count: number): Promise<void> {
    const target = this.writtenCount + count;
    const message = `${count} more writes`;
    await waitFor(() => this.writtenCount >= target, {
      message,
      progress: () => this.writtenCount,
    });
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.peer[Symbol.asyncDispose]();
  }

  /** Some of it in transactions, of which some have one command or none. */
  private batch(): Argument[][] {
    const { random, mix } = this;
    const one = () => random.weighted(mix)(random, keyOf(random));
    const batch: Argument[][] = [];
    while (batch.length < batchSize) {
      if (random.chance(0.95)) batch.push(one());
      else batch.push(["MULTI"], ...Array.from({ length: random.below(4) }, one), ["EXEC"]);
    }
    return batch;
  }

  private async write(): Promise<void> {
    while (this.isRunning) {
      const batch = this.batch();
      this.peer.sendAll(batch);
      await this.peer.replies(batch.length);
      this.writtenCount += batchSize;
      // Leaves most of the machine to the followers, and to the other tests.
      await Bun.sleep(pauseMs);
    }
  }
}

/** Plain keys, many in one pipeline; values are padded to a length. */
export async function fill(port: number, count: number, valueBytes = 0): Promise<void> {
  await using peer = await Peer.connect(port);
  for (let at = 0; at < count; at += 1_000) {
    const batch = Math.min(1_000, count - at);
    peer.sendAll(
      Array.from({ length: batch }, (_, i) => {
        return ["SET", `fill:${at + i}`, `value of ${at + i}`.padEnd(valueBytes)];
      }),
    );
    await peer.replies(batch);
  }
}

const contentQuestions = ["GET", "PEXPIRETIME"] as const;

/** Every key with its value and the moment at which it expires, in a form that compares; that of
 * another database than 0 after its number. */
export async function contentsOf(port: number): Promise<Map<string, string>> {
  await using peer = await Peer.connect(port);
  const contents = new Map<string, string>();
  for (const database of await databasesOf(peer)) {
    await peer.ask("SELECT", database);
    await readInto(contents, peer, database === "0" ? "" : `in ${database}: `);
  }
  return contents;
}

/** The keys of the selected database. */
async function readInto(contents: Map<string, string>, peer: Peer, prefix: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, found] = partsOf(await peer.typed("SCAN", cursor, "COUNT", "1000"));
    const keys = partsOf(found as Reply).map((key) => Buffer.from(textOf(key), "latin1"));
    peer.sendAll(keys.flatMap((key) => contentQuestions.map((name) => [name, key])));
    for (const key of keys) {
      const [value, expiresAt] = await peer.replies(2);
      contents.set(
        prefix + key.toString("latin1"),
        `${digest(value as Reply)} until ${show(expiresAt as Reply)}`,
      );
    }
    cursor = textOf(next as Reply);
  } while (cursor !== "0");
}

/** The first few keys on which two nodes disagree. */
export function differences(wanted: Map<string, string>, got: Map<string, string>): string[] {
  const keys = [...new Set([...wanted.keys(), ...got.keys()])];
  return keys
    .filter((key) => wanted.get(key) !== got.get(key))
    .slice(0, 10)
    .map((key) => `${key.slice(0, 60)}: ${wanted.get(key)} on the leader, ${got.get(key)} here`);
}

/** Short values as they are, long ones by hash: a failed comparison must stay readable. */
function digest(reply: Reply): string {
  const text = show(reply);
  return text.length <= 80 ? text : `${text.length} chars #${Bun.hash(text).toString(16)}`;
}

/** The contents once every time that was nearly over is over. */
export async function settledContentsOf(port: number): Promise<Map<string, string>> {
  return await waitFor(
    async () => {
      const contents = await contentsOf(port);
      const soon = Date.now() + farAwayMs;
      const moments = [...contents.values()].map((text) => Number(text.split(" until :")[1]));
      // Keys that never expire show -1, and those that expired after SCAN named them -2.
      const brief = moments.filter((moment) => moment !== -1 && moment <= soon);
      if (brief.length === 0) return contents;
      // Another look before that would be of no use, and it is of the whole data.
      await waitFor(() => Date.now() > Math.max(...brief));
      return undefined;
    },
    { message: "brief keys to expire" },
  );
}
