/**
 * Snapshots without a server: a small store, a replication without connections, and a Persistence
 * over its own file; also the few questions that the suites ask a running node. It is not a node:
 * there are no clients that could read the store while it loads.
 * Invariant: each bed has its own store, like a process that has just started.
 */
import { rename } from "node:fs/promises";
import { fatal } from "../../src/base/errors.ts";
import { changedKeys } from "../../src/command/stream/changed-keys.ts";
import { Effects } from "../../src/journal/effects.ts";
import { EventLog, reserveEventLog } from "../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../src/journal/journal.ts";
import { Keyspace } from "../../src/keyspace/keyspace.ts";
import { Persistence, type PersistenceOptions } from "../../src/persistence/persistence.ts";
import type { HalfDone } from "../../src/persistence/saver.ts";
import { Replication } from "../../src/replication/replication.ts";
import { hashKeyOf } from "../../src/store/hash.ts";
import { reserveStore } from "../../src/store/memory.ts";
import { Store } from "../../src/store/store.ts";
import { type SpawnedNode, spawnNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { type Argument, textOf } from "../support/wire.ts";

const MiB = 1024 * 1024;
const encoder = new TextEncoder();

export interface BedOptions extends Partial<PersistenceOptions> {
  readonly path: string;
  readonly memoryBytes?: number;
  /** Makes the renaming of a file durable. */
  readonly sync?: (directory: string) => Promise<void>;
  readonly scripts?: HalfDone;
}

export class Bed implements Disposable {
  readonly store: Store;
  readonly journal = new Journal(reserveJournal(MiB));
  readonly replication: Replication;
  readonly persistence: Persistence;
  readonly lines: string[] = [];
  /** The wall clock; the other one goes on as it likes. */
  nowMs = Date.now();

  constructor({ path, memoryBytes = 4 * MiB, sync, scripts, ...options }: BedOptions) {
    this.store = new Store(
      reserveStore({
        memoryLimitBytes: memoryBytes,
        reserveBytes: 2 * memoryBytes,
        valueBytesMax: memoryBytes,
        eviction: "s3fifo",
        hashKey: hashKeyOf(7, 0),
        concurrent: false,
      }),
      0,
    );
    const effects = new Effects(this.journal);
    const { store, journal } = this;
    const say = (line: string) => void this.lines.push(line);
    const log = { debug: say, info: say, warn: say, error: say };
    const identity = { listeningPort: 1, announceIp: "", leaderUser: "", leaderAuth: "" };
    const keyspace = new Keyspace(store, effects, new EventLog(reserveEventLog(MiB), this.journal));
    const parts = { store, keyspace, journal, effects, log, fault: fatal };
    this.replication = new Replication({
      ...parts,
      options: () => identity,
      apply: () => "applied",
      changedKeys,
    });
    this.persistence = new Persistence({
      ...parts,
      ...{ path, sync, scripts },
      replication: this.replication,
      serverVersion: "7.2.4",
      options: () => ({ intervalSeconds: 0, ignoresCorrupt: false, ...options }),
      clock: { wallMs: () => this.nowMs, monotonicMs: () => performance.now() },
    });
  }

  set(key: string, value: string | Uint8Array, expiresAt = 0): void {
    const name = encoder.encode(key);
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    this.store.set(name, 0, name.length, bytes, 0, bytes.length, expiresAt, 0);
  }

  get(key: string): string | null {
    const name = encoder.encode(key);
    if (!this.store.find(name, 0, name.length, this.nowMs)) return null;
    const value = Buffer.alloc(this.store.valueLength);
    this.store.copyTo(value, 0, 0, value.length);
    return value.toString("latin1");
  }

  /** What the journal holds, as text. */
  journaled(): string {
    const bytes = Buffer.alloc(this.journal.offset - this.journal.first);
    this.journal.read(this.journal.first, bytes, 0, bytes.length);
    return bytes.toString("latin1").replaceAll("\r\n", " ");
  }

  /** Saves and ends as a node does that is shut down. */
  async shutDown(): Promise<void> {
    const { persistence, replication } = this;
    replication.standStill();
    await replication.catchUp(2_000, new AbortController().signal);
    await persistence.saveLast(false);
    persistence.close();
    replication.close();
  }

  [Symbol.dispose](): void {
    this.replication.close();
  }
}

/** Replaces a file in one step, as a save does. */
export async function putFile(path: string, bytes: Uint8Array): Promise<void> {
  await Bun.write(`${path}.new`, bytes);
  await rename(`${path}.new`, path);
}

// ---- a running node -----------------------------------------------------------------------------

/** A node with this snapshot file, which has loaded it. */
export async function start(path: string, ...args: string[]): Promise<SpawnedNode> {
  const node = await spawnNode(["--snapshot-file", path, "--max-memory", "512mb", ...args]);
  return await untilReady(node);
}

/** Resolves to the node when it serves its data. */
export async function untilReady(node: SpawnedNode): Promise<SpawnedNode> {
  await waitFor(() => node.log().includes("is ready"), { message: "the node to be ready" });
  return node;
}

/** One field of INFO; empty if there is none of that name. */
export async function infoField(port: number, name: string): Promise<string> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "everything"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? "";
}

/** One command on a connection of its own. */
export async function ask(port: number, ...args: Argument[]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...args);
}

/** So many values of a million random bytes, which take a disk some time. */
export async function fillMegabytes(port: number, count: number): Promise<void> {
  await using peer = await Peer.connect(port);
  const value = Buffer.from(crypto.getRandomValues(new Uint8Array(50_000)));
  const large = Buffer.concat(Array.from({ length: 20 }, () => value));
  for (let i = 0; i < count; i++) await peer.ask("SET", `large:${i}`, large);
}

export function untilSaved(port: number): Promise<boolean> {
  return waitFor(async () => (await infoField(port, "rdb_bgsave_in_progress")) === "0", {
    message: "the save to end",
  });
}
