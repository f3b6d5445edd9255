// What each subject of the benchmark `inprocess` is: how it is opened with entries, and how it is
// read. It measures nothing.
// Invariant: a subject gets strings of its own. A reader compares what it got with strings of its
// own as well, so it reads every value, as who uses one does.

import { installStock } from "../stock-packages.ts";

/** What a stock package exports: its types are not those of this project's compiler. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Untyped = any;

export interface Given {
  readonly keys: readonly string[];
  /** One for each key. */
  readonly values: readonly unknown[];
  /** How long the entries live, if the subject knows lifetimes. Milliseconds, whole seconds. */
  readonly lifeMs: number;
  /** A server that has the entries; objects are JSON there. */
  readonly addr: string;
}

/** The ways to read of one subject; those that begin with "await" return promises. */
export type Reads = Readonly<Record<string, (key: string) => unknown>>;

export interface Subject {
  readonly name: string;
  /** What its entries are bounded by. */
  readonly bound: "bytes" | "entries" | "nothing";
  open(given: Given): Promise<Reads>;
}

export const MiB = 1024 * 1024;
export const hourMs = 3_600_000;

const entryCount = 10_000;
const valueBytes = 100;

/** The same in every subject, and no two of them equal. */
export const keys: readonly string[] = Array.from({ length: entryCount }, (_, i) =>
  flat(`bench:key:${i}`),
);
export const values: readonly string[] = keys.map((_, i) => flat(`${i}`.padEnd(valueBytes, "v")));

/** A string in one piece that shares nothing with another, as if it came from a socket. */
export function flat(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Stores the entries one after the other. */
export async function fill(given: Given, set: (key: string, value: unknown) => unknown) {
  for (const [i, key] of given.keys.entries()) {
    const value = given.values[i];
    await set(flat(key), typeof value === "string" ? flat(value) : value);
  }
}

export async function stock(name: string): Promise<Untyped> {
  const packages = installStock("benchmarks", `${import.meta.dir}/stock`);
  return await import(Bun.resolveSync(name, packages));
}
