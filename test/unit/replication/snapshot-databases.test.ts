// A snapshot while databases are swapped and flushed and keys move between them: it has each key of
// a database at most once, and together with the effects since its start it is the leader's data.
// Writes run between any two slices of it. SNAPSHOT_DATABASES_SEED replays a run.

import { expect, test } from "bun:test";
import { Log } from "../../../src/base/log.ts";
import { Libraries } from "../../../src/command/function/node-libraries.ts";
import { Channels } from "../../../src/command/messages/channels.ts";
import { Monitors } from "../../../src/command/messages/monitors.ts";
import { Scripts } from "../../../src/command/script/scripts.ts";
import { applier } from "../../../src/command/stream/apply.ts";
import { Tracking } from "../../../src/command/tracking/tracking.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { attach, controlThread, reserveMemory } from "../../../src/node/shared/shared-memory.ts";
import { RdbReader } from "../../../src/rdb/reader.ts";
import { LeaderStream } from "../../../src/replication/follower/leader-stream.ts";
import { Snapshot } from "../../../src/replication/snapshot.ts";
import { repetitions } from "../../support/repetitions.ts";
import { Random, seedFor } from "../../support/seed.ts";
import { currentKey, currentValue } from "../store/harness.ts";
import { FakeClock } from "./fakes.ts";

const databases = 4;
const rounds = repetitions(5, 200);
const quiet = new Log({ logLevel: "error", logFormat: "text" }, () => undefined);

function openNode() {
  const flags = { "max-memory": "4mb", "journal-size": "4mb", databases: `${databases}` };
  const attached = attach(reserveMemory(loadConfig(flags, {}, () => "")), controlThread);
  attached.journal.start(0);
  return attached;
}

type Node = ReturnType<typeof openNode>;

/** Slices so short that a small store takes many. */
class HastyClock extends FakeClock {
  override monotonicMs(): number {
    this.now += 10;
    return this.now;
  }
}

/** One random change of the leader. */
function change({ keyspace, store, effects }: Node, random: Random): void {
  const database = random.below(databases);
  keyspace.select(database);
  const key = Buffer.from(`key:${random.below(2000)}`);
  const value = random.bytes(random.below(40));
  const roll = random.next();
  if (roll < 0.6) keyspace.set(key, 0, key.length, value, 0, value.length, 0, 0, 0, 0);
  else if (roll < 0.75) keyspace.delete(key, 0, key.length, 0);
  else if (roll < 0.93 && store.find(key, 0, key.length, 0)) {
    const moved = currentValue(store);
    effects.open();
    keyspace.delete(key, 0, key.length, 0);
    keyspace.select((database + 1) % databases);
    keyspace.set(key, 0, key.length, moved, 0, moved.length, 0, 0, 0, 0);
    effects.close();
  } else if (roll < 0.97) keyspace.swapDatabases(database, random.below(databases));
  else if (roll < 0.998) keyspace.flushDatabase();
  else keyspace.flush();
  if (random.chance(0.02)) store.sweep(1000, 0);
  keyspace.select(0);
}

function contentsOf({ store }: Node): Map<string, string> {
  const contents = new Map<string, string>();
  for (let database = 0; database < databases; database++) {
    store.databases.select(database);
    const visit = () => {
      contents.set(`${database} ${currentKey(store)}`, currentValue(store).join());
    };
    let cursor = 0;
    do cursor = store.scan(cursor, 0, { visit });
    while (cursor !== 0);
  }
  store.databases.select(0);
  return contents;
}

/** Loads the snapshot as a follower does, and then applies the effects. */
function follow(snapshot: Uint8Array, effects: Uint8Array): Node {
  const node = openNode();
  const { store, keyspace } = node;
  node.effects.muted = true;
  store.expires = false;
  const seen = new Set<string>();
  let database = -1;
  const reader = new RdbReader(
    {
      select: (number) => {
        database = number;
        keyspace.select(number);
      },
      item: (key, keyStart, keyEnd, value, start, end, expiresAt) => {
        const name = `${database} ${Buffer.from(key.subarray(keyStart, keyEnd))}`;
        if (seen.has(name)) throw new Error(`${name} is twice in the snapshot`);
        seen.add(name);
        keyspace.load(key, keyStart, keyEnd, value, start, end, expiresAt);
      },
    },
    { databases },
  );
  reader.push(snapshot);
  reader.finish();
  keyspace.select(0);
  const parts = {
    ...node,
    channels: new Channels(),
    tracking: new Tracking(() => undefined),
    monitors: new Monitors(() => undefined),
    scripts: new Scripts(node.statistics.errors),
    libraries: new Libraries(node.statistics.errors),
  };
  const apply = applier(parts, { log: quiet, refusesOtherTypes: () => false });
  const stream = new LeaderStream({ journal: node.journal, database: 0, apply, acknowledge() {} });
  stream.push(effects);
  return node;
}

test("a snapshot under swaps, flushes and moves becomes the leader's data with what follows", () => {
  const random = new Random(seedFor("SNAPSHOT_DATABASES_SEED"));
  let sliceCount = 0;
  for (let round = 0; round < rounds; round++) {
    const leader = openNode();
    const { store, journal } = leader;
    for (let i = 0; i < 3000; i++) change(leader, random);
    const offset = journal.mark();
    journal.selected = -1;
    const point = { replid: "f".repeat(40), offset, streamDatabase: 0 };
    const snapshot = new Snapshot(store, new HastyClock(), point, "7.2.4");
    const slices: Buffer[] = [];
    for (let slice = snapshot.next(); slice !== null; slice = snapshot.next()) {
      slices.push(Buffer.from(slice));
      for (let i = random.below(30); i > 0; i--) change(leader, random);
    }
    for (let i = 0; i < 100; i++) change(leader, random);
    const effects = new Uint8Array(journal.offset - offset);
    journal.read(offset, effects, 0, effects.length);
    const follower = follow(Buffer.concat(slices), effects);
    const wanted = contentsOf(leader);
    expect(contentsOf(follower)).toEqual(wanted);
    store.invariants();
    follower.store.invariants();
    sliceCount += slices.length;
  }
  expect(sliceCount).toBeGreaterThan(3 * rounds);
});
