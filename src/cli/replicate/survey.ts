// What a server holds by database and type, found by a walk over its keys (SCAN and TYPE), so that
// the user learns what will be left out before anything begins. Nothing is read but names and
// types.
// Bound: a few examples for each type of each database are kept, whatever the number of keys.

import { MoveError } from "../../move/move-error.ts";
import type { ServerLink } from "../../move/server-link.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import type { InfoFields } from "../info-fields.ts";
import { count } from "../moving.ts";
import { shownBytes } from "../shown-text.ts";

const keysPerScan = "1000";
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

/** The databases that have keys, from INFO keyspace. */
export function usedDatabases(info: InfoFields): Map<number, number> {
  const rows = info.after("db").map(([number, text]) => {
    const [, keys] = /keys=(\d+)/.exec(text) ?? [];
    return [Number(number), Number(keys)] as const;
  });
  return new Map(rows.filter(([number]) => Number.isInteger(number)));
}

/** The keys of the selected database, some at a time; a key may come twice. */
export async function* scan(link: ServerLink): AsyncGenerator<Uint8Array[]> {
  let cursor = "0";
  do {
    const reply = await link.demand("SCAN", cursor, "COUNT", keysPerScan);
    const [next, keys] = Array.isArray(reply) ? reply : [];
    if (!(next instanceof Uint8Array) || !Array.isArray(keys)) {
      throw new MoveError(`${link.name} answered SCAN with something else than keys`);
    }
    cursor = Buffer.from(next).toString();
    yield keys.filter((key) => key instanceof Uint8Array);
  } while (cursor !== "0");
}

/** One command for each key, in one pipeline. */
export async function askAll(
  link: ServerLink,
  commands: readonly (readonly (string | Uint8Array)[])[],
): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const command of commands) link.send(command, (reply) => replies.push(reply));
  await link.settled();
  return replies;
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
