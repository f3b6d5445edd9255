// What must hold before a target is told to follow a source, so that a mistake is a sentence and
// not lost data. Nothing is changed here.

import { databasesOf } from "../../move/item-loader.ts";
import { MoveError } from "../../move/move-error.ts";
import { usedDatabases } from "../../move/scan.ts";
import { count } from "../moving.ts";
import type { Contact } from "./contact.ts";
import { leaderIn } from "./lag.ts";

export interface Plan {
  /** The source as the target is told to follow it. */
  readonly host: string;
  readonly port: number;
  readonly sourceIs: string;
  /** The source's databases that have keys, with the number of keys. */
  readonly sourceKeys: ReadonlyMap<number, number>;
  readonly targetDatabases: number;
  /** Keys that the target will lose. */
  readonly targetKeys: number;
  /** Whether the target is of ours and holds strings alone. */
  readonly holdsStringsAlone: boolean;
  /** Whether the target follows this source already. */
  readonly isUnderWay: boolean;
  /** Sentences about what may go wrong. */
  readonly warnings: readonly string[];
}

/** Rejects with a MoveError. */
export async function plan(source: Contact, target: Contact, replaces: boolean): Promise<Plan> {
  const { host, port, unixPath } = source.target.place;
  if (unixPath !== undefined) {
    throw new MoveError(
      "the source must have a host and a port: the target cannot follow a socket",
    );
  }
  const [theirs, ours] = [await source.info("server"), await target.info("server")];
  if (theirs.text("run_id") === ours.text("run_id")) {
    throw new MoveError(`${source.name} and ${target.name} are the same server`);
  }
  const leader = leaderIn(await target.info("replication"));
  const isUnderWay = leader === `${host}:${port}`;
  if (leader !== null && !isUnderWay) {
    throw new MoveError(`${target.name} follows ${leader}; REPLICAOF NO ONE ends that`);
  }
  const targetKeys = sum(usedDatabases(await target.text("INFO", "keyspace")));
  if (targetKeys > 0 && !replaces && !isUnderWay) {
    const keys = count(targetKeys, "key");
    throw new MoveError(`${target.name} has ${keys}, which it would lose; --replace allows that`);
  }
  return {
    ...{ host, port, isUnderWay, targetKeys },
    sourceIs: kindOf(theirs),
    sourceKeys: usedDatabases(await source.text("INFO", "keyspace")),
    targetDatabases: await databasesOf(await target.link()),
    holdsStringsAlone: ours.text("mscache_version") !== null,
    warnings: await warnings(source, target),
  };
}

function sum(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((total, keys) => total + keys, 0);
}

function kindOf(server: { text(name: string): string | null }): string {
  const kinds = [
    ["mscache_version", "MSCache"],
    ["valkey_version", "Valkey"],
  ] as const;
  const [name, kind] = kinds.find(([field]) => server.text(field) !== null) ?? [
    "redis_version",
    "Redis",
  ];
  return `${kind} ${server.text(name) ?? ""}`.trim();
}

async function warnings(source: Contact, target: Contact): Promise<string[]> {
  const [theirs, ours] = [await source.info("memory"), await target.info("memory")];
  const [used, limit] = [theirs.number("used_memory") ?? 0, ours.number("maxmemory") ?? 0];
  const found: string[] = [];
  if (limit > 0 && used > limit) {
    found.push(
      `${source.name} uses ${used} bytes and ${target.name} may use ${limit}: not all may fit`,
    );
  }
  const leader = leaderIn(await source.info("replication"));
  if (leader !== null) {
    found.push(`${source.name} follows ${leader}: writes that are made there are not paused here`);
  }
  return found;
}
