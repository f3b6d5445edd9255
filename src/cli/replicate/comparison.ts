// Compares the strings of two servers, key by key: value and moment of expiry. What differs is
// compared again a few times, because a key may expire or be written between the two questions.
// Bound: two groups of values are in memory (scan.ts). Nothing is changed.

import { MoveError } from "../../move/move-error.ts";
import { shownKey } from "../../move/moved-item.ts";
import { askAll, groupsOf, scan } from "../../move/scan.ts";
import type { ServerLink } from "../../move/server-link.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";

const looks = 4;
const lookAgainMs = 250;
const differencesMax = 5;

export interface Compared {
  /** Strings that were the same at both. */
  equal: number;
  /** Keys that the target cannot hold, or that both had lost by then. */
  skipped: number;
  different: number;
  /** Some of those that differ. */
  readonly examples: string[];
}

export interface ComparisonParts {
  readonly source: ServerLink;
  readonly target: ServerLink;
  readonly databases: Iterable<number>;
  /** Keys of each database to look at. */
  readonly keysMax: number;
  readonly signal: AbortSignal;
  progress(compared: Compared): void;
}

export async function compare(parts: ComparisonParts): Promise<Compared> {
  const result: Compared = { equal: 0, skipped: 0, different: 0, examples: [] };
  for (const database of parts.databases) {
    await parts.source.demand("SELECT", database);
    await parts.target.demand("SELECT", database);
    let left = parts.keysMax;
    for await (const keys of scan(parts.source)) {
      const wanted = keys.slice(0, left);
      left -= wanted.length;
      for await (const group of groupsOf(parts.source, wanted)) {
        await look(parts, group, database, result);
        parts.progress(result);
        if (parts.signal.aborted) throw new MoveError("it was called off");
      }
      if (left === 0) break;
    }
  }
  return result;
}

async function look(
  parts: ComparisonParts,
  keys: readonly Uint8Array[],
  database: number,
  result: Compared,
): Promise<void> {
  let open = keys;
  for (let round = 1; open.length > 0; round++) {
    const theirs = await factsOf(parts.source, open);
    const ours = await factsOf(parts.target, open);
    const different: Uint8Array[] = [];
    open.forEach((key, i) => {
      if (!agree(theirs[i], ours[i])) different.push(key);
      else if (theirs[i].isString) result.equal++;
      else result.skipped++;
    });
    open = different;
    if (open.length === 0 || round === looks) break;
    await Bun.sleep(lookAgainMs);
  }
  result.different += open.length;
  for (const key of open.slice(0, differencesMax - result.examples.length)) {
    result.examples.push(`${shownKey(key)} in database ${database}`);
  }
}

/** What a server says of a key. */
interface Fact {
  readonly isString: boolean;
  /** Of a string; empty for what is missing, or of another type. */
  readonly value: string;
  /** Milliseconds since 1970, -1 for never; null if the server cannot tell (before Redis 7). */
  readonly expiresAt: number | null;
}

async function factsOf(link: ServerLink, keys: readonly Uint8Array[]): Promise<Fact[]> {
  const replies = await askAll(
    link,
    keys.flatMap((key) => [
      ["GET", key],
      ["PEXPIRETIME", key],
    ]),
  );
  return keys.map((_, i) => factOf(replies[2 * i], replies[2 * i + 1]));
}

function factOf(value: Reply | undefined, expiresAt: Reply | undefined): Fact {
  if (!(value instanceof Uint8Array)) return { isString: false, value: "", expiresAt: null };
  return {
    isString: true,
    value: `${value.length} ${Bun.hash(value)}`,
    expiresAt: typeof expiresAt === "number" ? expiresAt : null,
  };
}

/** A key that is no string at the source must be missing at the target. */
function agree(theirs: Fact, ours: Fact): boolean {
  if (theirs.isString !== ours.isString || theirs.value !== ours.value) return false;
  if (theirs.expiresAt === null || ours.expiresAt === null) return true;
  return theirs.expiresAt === ours.expiresAt;
}
