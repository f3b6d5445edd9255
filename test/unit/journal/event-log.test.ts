/**
 * The event log: what is written is read in order, over the end of the ring as well; a reader that
 * falls behind learns it; nobody resumes from before a gap.
 */
import { describe, expect, test } from "bun:test";
import { eventRecordBytesMax } from "../../../src/base/limits.ts";
import { event, record } from "../../../src/journal/event-kinds.ts";
import {
  activity,
  EventLog,
  EventReader,
  reserveEventLog,
} from "../../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import { Random, seedFor } from "../../support/seed.ts";

const ringBytes = 4096;

function open(bytes = ringBytes) {
  const journal = new Journal(reserveJournal(1024));
  const log = new EventLog(reserveEventLog(bytes), journal);
  log.serve(activity.EVENTS);
  return { journal, log, reader: new EventReader(log, 1024) };
}

function append(log: EventLog, key: string, kind: number = event.SET): void {
  const bytes = Buffer.from(key);
  log.append(kind, 3, bytes, 0, bytes.length);
}

function keys(reader: EventReader): string[] {
  const found: string[] = [];
  for (let one = reader.next(); one !== null; one = reader.next()) {
    if (one === "lost") return [...found, "lost"];
    found.push(Buffer.from(one.bytes.subarray(one.start, one.end)).toString());
  }
  return found;
}

describe("the event log", () => {
  test("a record has its kind, client, database, offset and number", () => {
    const { log, journal, reader } = open();
    journal.start(7000);
    log.author = { id: 12 };
    append(log, "key", event.INCRBY);
    const found = reader.next();
    expect(found).toMatchObject({ kind: event.INCRBY, client: 12, database: 3, offset: 7000 });
    expect(found).toMatchObject({ sequence: 0, next: log.end });
    expect(reader.next()).toBeNull();
  });

  test("records are read in order, however they meet the end of the ring", () => {
    const { log, reader } = open();
    const random = new Random(seedFor("EVENT_LOG_SEED"));
    for (let round = 0; round < 500; round++) {
      const wanted = Array.from({ length: random.between(0, 8) }, (_, i) => {
        return `${round}.${i}`.padEnd(random.between(5, 90), "x");
      });
      for (const key of wanted) append(log, key);
      expect(keys(reader)).toEqual(wanted);
    }
  });

  test("a reader that was overtaken is told so, and goes on with what comes", () => {
    const { log, reader } = open();
    for (let i = 0; i < 100; i++) append(log, `key ${i}`);
    expect(keys(reader)).toEqual(["lost"]);
    reader.skipAll();
    append(log, "next");
    expect(keys(reader)).toEqual(["next"]);
  });

  test("a key that is too long for a record counts as lost, a long one is read whole", () => {
    const { log, reader } = open(16 * 1024 * 1024);
    append(log, "k".repeat(eventRecordBytesMax + 1));
    append(log, "l".repeat(eventRecordBytesMax));
    expect(reader.next()).toMatchObject({ kind: record.LOST });
    expect(keys(reader)).toEqual(["l".repeat(eventRecordBytesMax)]);
  });

  test("reading may resume at a record that is still there, and nowhere else", () => {
    const { log, reader } = open();
    append(log, "a");
    const resumeAt = log.end;
    append(log, "b");
    append(log, "c");
    expect(keys(reader)).toEqual(["a", "b", "c"]);
    expect(reader.seek(resumeAt)).toBe(true);
    expect(keys(reader)).toEqual(["b", "c"]);
    expect(reader.seek(log.end)).toBe(true);
    expect(keys(reader)).toEqual([]);
    for (const nowhere of [-8, resumeAt + 8, resumeAt + 1, log.end + 8, 0.5, Number.NaN]) {
      expect(reader.seek(nowhere)).toBe(false);
    }
  });

  test("nobody resumes from before the log was off", () => {
    const { log, reader } = open();
    append(log, "a");
    const before = log.end;
    append(log, "b");
    log.serve(0);
    expect(log.isOn).toBe(false);
    log.serve(activity.EVENTS);
    expect(reader.seek(before)).toBe(false);
    expect(reader.seek(log.end)).toBe(true);
  });

  test("it tells since when no change is missing, also while MONITOR alone had it written", () => {
    const { log } = open();
    append(log, "a");
    expect(log.completeSince).toBe(0);
    log.serve(activity.COMMANDS);
    append(log, "a line", record.COMMAND);
    const { end } = log;
    log.serve(activity.COMMANDS | activity.EVENTS);
    expect(log.completeSince).toBe(end);
    append(log, "b");
    log.serve(activity.EVENTS);
    expect(log.completeSince).toBe(end);
  });

  test("its switch and that of the journal do not disturb each other", () => {
    const { log, journal } = open();
    expect([log.isOn, journal.active]).toEqual([true, false]);
    journal.start(0);
    expect([log.isOn, journal.active]).toEqual([true, true]);
    log.serve(0);
    expect([log.isOn, journal.active]).toEqual([false, true]);
    log.serve(activity.EVENTS | activity.MISSES);
    journal.stop();
    expect([log.isOn, log.recordsMisses, journal.active]).toEqual([true, true, false]);
  });

  test("the first record is announced, and the next after an answer", () => {
    const { log } = open();
    let calls = 0;
    log.announce = () => calls++;
    append(log, "a");
    append(log, "b");
    expect(calls).toBe(1);
    log.isAnnounced = false;
    append(log, "c");
    expect(calls).toBe(2);
  });
});
