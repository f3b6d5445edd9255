/**
 * What a follower makes of a stream or a snapshot that is cut anywhere or damaged: it has applied a
 * prefix, to the byte, or it says what is wrong. It never throws anything else and never hangs.
 */

import { describe, expect, test } from "bun:test";
import { SyncError } from "../../../../src/base/errors.ts";
import { Effects } from "../../../../src/journal/effects.ts";
import { EventLog, reserveEventLog } from "../../../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../../../src/journal/journal.ts";
import { Keyspace } from "../../../../src/keyspace/keyspace.ts";
import { RdbError } from "../../../../src/rdb/format.ts";
import { LeaderStream } from "../../../../src/replication/follower/leader-stream.ts";
import { SnapshotLoad } from "../../../../src/replication/follower/snapshot-load.ts";
import { SnapshotReceiver } from "../../../../src/replication/follower/snapshot-receiver.ts";
import { Snapshot } from "../../../../src/replication/snapshot.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { SmallStore } from "../../../support/small-store.ts";
import { encodeCommand } from "../../../support/wire.ts";
import { applyTo, FakeClock } from "../fakes.ts";

const seed = seedFor("STREAM_SEED");

/** Each round has stores of its own. */
function smallest(): SmallStore {
  return new SmallStore({ memoryLimitBytes: 1 << 20 });
}

/** A load into the store; nothing is recorded, as the journal is off. */
function loadInto(store: SmallStore): SnapshotLoad {
  store.expires = false;
  const journal = new Journal(reserveJournal(1 << 20));
  const events = new EventLog(reserveEventLog(1 << 12), journal);
  const keyspace = new Keyspace(store, new Effects(journal), events);
  return new SnapshotLoad(store, keyspace, () => {});
}

/** Commands as a leader may send them; each entry moves the offset at once. */
function units(random: Random): Buffer[] {
  const key = () => `k${random.below(10)}`;
  const data = (): Buffer =>
    encodeCommand(
      random.pick([
        ["SET", key(), random.bytes(random.below(300))],
        ["DEL", key()],
        ["INCR", "n"],
        ["PEXPIREAT", key(), "1800000000000"],
        ["SETRANGE", key(), "5", random.bytes(20)],
      ]),
    );
  const transaction = () => {
    const inner = Array.from({ length: random.below(4) }, data);
    return Buffer.concat([encodeCommand(["MULTI"]), ...inner, encodeCommand(["EXEC"])]);
  };
  const special = () => encodeCommand(random.pick([["PING"], ["SELECT", "0"], ["FLUSHALL"]]));
  return Array.from({ length: 40 }, () =>
    random.weighted([
      [6, data],
      [2, transaction],
      [1, special],
    ])(),
  );
}

interface Follower {
  readonly store: SmallStore;
  readonly journal: Journal;
  readonly stream: LeaderStream;
}

function openStream(journal: Journal, store: SmallStore): LeaderStream {
  return new LeaderStream({ journal, database: 0, apply: applyTo(store), acknowledge() {} });
}

function follower(): Follower {
  const store = smallest();
  const journal = new Journal(reserveJournal(1 << 20));
  journal.start(0);
  return { store, journal, stream: openStream(journal, store) };
}

function pushIn(random: Random, bytes: Buffer, push: (chunk: Uint8Array) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const end = at + random.between(1, random.pick([3, 50, 1000]));
    push(new Uint8Array(bytes.subarray(at, end)));
    at = end;
  }
}

describe("stream fuzz", () => {
  test("cut at any byte, what is applied is a whole number of units, and the rest can follow", () => {
    const random = new Random(seed);
    for (let round = 0; round < repetitions(10, 100); round++) {
      const list = units(random);
      const whole = follower();
      pushIn(random, Buffer.concat(list), (chunk) => whole.stream.push(chunk));
      const cut = follower();
      const bytes = Buffer.concat(list);
      const end = random.below(bytes.length);
      pushIn(random, bytes.subarray(0, end), (chunk) => cut.stream.push(chunk));
      const boundaries = [0];
      for (const unit of list) boundaries.push((boundaries.at(-1) ?? 0) + unit.length);
      expect(cut.journal.offset).toBe(boundaries.findLast((at) => at <= end) ?? -1);
      const rest = openStream(cut.journal, cut.store);
      pushIn(random, bytes.subarray(cut.journal.offset), (chunk) => rest.push(chunk));
      expect(cut.store.dump()).toEqual(whole.store.dump());
      expect(cut.journal.offset).toBe(bytes.length);
      const held = new Uint8Array(bytes.length);
      cut.journal.read(0, held, 0, held.length);
      expect(bytes.equals(held)).toBe(true);
    }
  });

  test("frozen and thawed at random, nothing is lost and nothing is applied meanwhile", () => {
    const random = new Random(seed ^ 1);
    for (let round = 0; round < repetitions(8, 50); round++) {
      const list = units(random);
      const { stream, journal, store } = follower();
      pushIn(random, Buffer.concat(list), (chunk) => {
        const before = journal.offset;
        stream.push(chunk);
        if (stream.frozen) expect(journal.offset).toBe(before);
        if (random.chance(0.3)) stream.frozen = !stream.frozen;
      });
      stream.frozen = false;
      const whole = follower();
      whole.stream.push(Buffer.concat(list));
      expect(store.dump()).toEqual(whole.store.dump());
      expect(journal.offset).toBe(whole.journal.offset);
    }
  });

  test("damaged bytes end in a SyncError or are taken for what they are", () => {
    const random = new Random(seed ^ 2);
    for (let round = 0; round < repetitions(40, 500); round++) {
      const bytes = Buffer.concat(units(random));
      for (let i = random.between(1, 4); i > 0; i--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      const { journal } = follower();
      const apply = () => "applied" as const;
      const stream = new LeaderStream({ journal, database: 0, apply, acknowledge() {} });
      try {
        pushIn(random, bytes, (chunk) => stream.push(chunk));
      } catch (error) {
        expect(error).toBeInstanceOf(SyncError);
      }
      expect(journal.offset).toBeLessThanOrEqual(bytes.length);
    }
  });
});

describe("snapshot receiver fuzz", () => {
  test("any cut of either framing is received whole, and not one byte more", () => {
    const random = new Random(seed ^ 3);
    for (let round = 0; round < repetitions(10, 100); round++) {
      const { bytes, store } = framed(random);
      const copy = smallest();
      const load = loadInto(copy);
      const receiver = new SnapshotReceiver(load);
      const behind: Buffer[] = [];
      pushIn(random, Buffer.concat([bytes, Buffer.from("stream")]), (chunk) => {
        const at = receiver.done ? 0 : receiver.push(chunk, 0);
        behind.push(Buffer.from(chunk.subarray(at)));
      });
      load.complete();
      expect(Buffer.concat(behind).toString()).toBe("stream");
      expect(copy.dump()).toEqual(store.dump());
    }
  });

  test("damaged framing and payload end in an error with a reason", () => {
    const random = new Random(seed ^ 4);
    for (let round = 0; round < repetitions(40, 500); round++) {
      const { bytes } = framed(random);
      for (let i = random.between(1, 3); i > 0; i--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      const store = smallest();
      const receiver = new SnapshotReceiver(loadInto(store));
      try {
        pushIn(random, bytes, (chunk) => void (receiver.done || receiver.push(chunk, 0)));
      } catch (error) {
        expect(error instanceof SyncError || error instanceof RdbError).toBe(true);
      }
    }
  });
});

function framed(random: Random): { bytes: Buffer; store: SmallStore } {
  const store = smallest();
  for (let i = 0; i < random.below(20); i++) store.put(`key${i}`, random.bytes(random.below(500)));
  const history = { replid: "a".repeat(40), offset: 7, streamDatabase: 0 };
  const snapshot = new Snapshot(store, new FakeClock(), history, "7.2.4");
  const slices: Buffer[] = [];
  for (let it = snapshot.next(); it !== null; it = snapshot.next()) slices.push(Buffer.from(it));
  const payload = Buffer.concat(slices);
  const mark = random.bytes(20).toString("hex");
  const bytes = random.chance(0.5)
    ? Buffer.concat([Buffer.from(`\n\n$${payload.length}\r\n`), payload])
    : Buffer.concat([Buffer.from(`$EOF:${mark}\r\n`), payload, Buffer.from(mark)]);
  return { bytes, store };
}
