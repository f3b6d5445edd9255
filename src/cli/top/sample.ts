// One look at a node: the replies to a few commands, read into what the view needs. What a server
// refuses or does not know stays missing; nothing is made up for it. The numbers between two looks
// are in rates.ts.

import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { InfoFields } from "../info-fields.ts";

export interface Sample {
  /** Monotonic. */
  readonly atMs: number;
  readonly info: InfoFields;
  /** Null: the server has no LATENCY HISTOGRAM, or not for this user. */
  readonly latency: LatencyCounts | null;
  /** Of the chosen node; null: not asked, or refused. */
  readonly slow: readonly SlowCommand[] | null;
  readonly clients: readonly ClientLine[] | null;
}

/** How many commands took at most so many microseconds, by the bounds of the buckets; ascending. */
export type LatencyCounts = ReadonlyMap<number, number>;

export interface SlowCommand {
  readonly atSeconds: number;
  readonly tookUs: number;
  readonly words: readonly string[];
  readonly address: string;
}

/** A line of CLIENT LIST: values by name. */
export type ClientLine = ReadonlyMap<string, string>;

/**
 * What the view itself asks, which would be all that an idle node does. They are not in the
 * latencies.
 */
const own = /^(info|latency|slowlog|client|hello|auth|role|select|ping)(\||$)/;

/**
 * LATENCY HISTOGRAM of all commands but ours, as counts of each bucket alone. Null for another kind
 * of reply.
 */
export function readLatency(reply: Reply): LatencyCounts | null {
  if (!(reply instanceof Map)) return null;
  const sums = new Map<number, number>();
  for (const [name, facts] of reply) {
    if (own.test(`${name}`) || !(facts instanceof Map)) continue;
    const buckets = facts.get("histogram_usec");
    if (!(buckets instanceof Map)) continue;
    let before = 0;
    for (const [bound, cumulated] of buckets) {
      if (typeof bound !== "number" || typeof cumulated !== "number") continue;
      sums.set(bound, (sums.get(bound) ?? 0) + cumulated - before);
      before = cumulated;
    }
  }
  return new Map([...sums].toSorted(([one], [other]) => one - other));
}

/** SLOWLOG GET, newest first; null for another kind of reply. */
export function readSlow(reply: Reply): SlowCommand[] | null {
  if (!Array.isArray(reply)) return null;
  return reply.flatMap((entry) => {
    if (!Array.isArray(entry)) return [];
    const [, atSeconds, tookUs, words, address] = entry;
    if (typeof atSeconds !== "number" || typeof tookUs !== "number") return [];
    const texts = Array.isArray(words) ? words.map(String) : [];
    return { atSeconds, tookUs, words: texts, address: `${address ?? ""}` };
  });
}

/** CLIENT LIST, without the client that asked. */
export function readClients(reply: Reply, ownId: string): ClientLine[] | null {
  if (typeof reply !== "string") return null;
  const lines = reply.split("\n").filter((line) => line !== "");
  const clients = lines.map((line) => {
    const pairs = line.split(" ").map((pair): [string, string] => {
      const equals = pair.indexOf("=");
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    });
    return new Map(pairs);
  });
  return clients.filter((client) => client.get("id") !== ownId);
}

/** The text of INFO; empty for a reply that is none. */
export function readInfo(reply: Reply): InfoFields {
  return new InfoFields(typeof reply === "string" ? reply : "");
}
