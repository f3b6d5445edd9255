// What a subject of the benchmark `inprocess` guarantees, found out by trying it: whether a
// lifetime ends in time, and what becomes of an object that a reader writes to. It measures no
// speed.
// Invariant: no answer is taken from a library's documents.

import { connect } from "../../src/index.ts";
import { hourMs, type Reads, type Subject } from "./inprocess-entries.ts";

export interface Facts {
  /** When an entry whose time is over is gone: at once; when timers have run; or never. */
  readonly life: "exact" | "late" | "none";
  /** What a reader gets who has stored an object. */
  readonly objects: "frozen" | "copied" | "shared" | "as text";
}

const lifeMs = 1000;
const key = "bench:fact";

export async function factsOf(subject: Subject, addr: string): Promise<Facts> {
  return { life: await lifeOf(subject, addr), objects: await objectsOf(subject, addr) };
}

/** The thread stands still until the time is over, so that no timer of the subject helps it. */
async function lifeOf(subject: Subject, addr: string): Promise<Facts["life"]> {
  await store(addr, "short", lifeMs);
  const read = readOf(await subject.open({ keys: [key], values: ["short"], lifeMs, addr }));
  if ((await read(key)) !== "short") throw new Error(`${subject.name}: gone before its time`);
  const end = performance.now() + lifeMs + 100;
  while (performance.now() < end);
  if (isAbsent(await read(key))) return "exact";
  await Bun.sleep(100);
  return isAbsent(await read(key)) ? "late" : "none";
}

async function objectsOf(subject: Subject, addr: string): Promise<Facts["objects"]> {
  const stored = { list: ["first"] };
  await store(addr, JSON.stringify(stored), hourMs);
  const given = { keys: [key], values: [stored], lifeMs: hourMs, addr };
  const read = readOf(await subject.open(given));
  const got = await read(key);
  if (typeof got === "string") return "as text";
  const { list } = got as typeof stored;
  if (Object.isFrozen(list)) return "frozen";
  list.push("second");
  const again = (await read(key)) as typeof stored;
  return again.list.length === 1 ? "copied" : "shared";
}

/** For the subjects that read from the server. */
async function store(addr: string, value: string, ttl: number): Promise<void> {
  await using client = await connect(addr, { requestTimeoutMs: 60_000 });
  await client.set(key, value, { ttl });
}

function readOf(reads: Reads): (key: string) => unknown {
  return Object.values(reads)[0];
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
