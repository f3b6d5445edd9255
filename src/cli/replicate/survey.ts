// What a server holds by database and type, found by a walk over its keys (SCAN and TYPE), so that
// the user learns what will be left out before anything begins. Only names and types are read.
// Bound: a few examples for each type of each database are kept, whatever the number of keys.

import { askAll, scan } from "../../move/scan.ts";
import type { ServerLink } from "../../move/server-link.ts";
import { count } from "../moving.ts";
import { shownBytes } from "../shown-text.ts";

const examplesMax = 3;
const exampleBytesMax = 60;

export interface TypeCount {
  readonly type: string;
  keys: number;
  readonly examples: string[];
}

export class Survey {
  /** By number of the database, then by type. */
  readonly databases = new Map<number, Map<string, TypeCount>>();
  keys = 0;

  add(database: number, type: string, key: Uint8Array): void {
    const types = this.databases.get(database) ?? new Map<string, TypeCount>();
    this.databases.set(database, types);
    const counted = types.get(type) ?? { type, keys: 0, examples: [] };
    types.set(type, counted);
    this.keys++;
    counted.keys++;
    if (counted.examples.length < examplesMax) counted.examples.push(exampleOf(key));
  }

  /** One line for each type of each database that a target with so many databases cannot hold. */
  leftOut(databases: number): string[] {
    return [...this.databases].flatMap(([database, types]) =>
      [...types.values()]
        .filter(({ type }) => type !== "string" || database >= databases)
        .map(({ type, keys, examples }) => {
          const more = keys > examples.length ? ", ..." : "";
          return `database ${database}: ${count(keys, type, type)} (${examples.join(", ")}${more})`;
        }),
    );
  }
}

function exampleOf(key: Uint8Array): string {
  const cut = key.length > exampleBytesMax ? "..." : "";
  return `"${shownBytes(key.subarray(0, exampleBytesMax))}${cut}"`;
}

export async function survey(
  link: ServerLink,
  databases: Iterable<number>,
  progress: (keys: number) => void,
): Promise<Survey> {
  const found = new Survey();
  for (const database of databases) {
    await link.demand("SELECT", database);
    for await (const keys of scan(link)) {
      const types = await askAll(
        link,
        keys.map((key) => ["TYPE", key]),
      );
      keys.forEach((key, i) => {
        const type = String(types[i]);
        if (type !== "none") found.add(database, type, key); // it has expired meanwhile
      });
      progress(found.keys);
    }
  }
  return found;
}
