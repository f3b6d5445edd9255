/**
 * A harmless call of each command that a client may name, so that all of them are counted. Most
 * have too few arguments and end with an error, which counts as well: a command that is refused has
 * counters of its own.
 */
import { commands } from "../../src/command/table.ts";

const leftOut: ReadonlySet<string> = new Set([
  ...["shutdown", "quit", "monitor", "psync", "sync", "subscribe", "psubscribe", "ssubscribe"],
  ...["multi", "reset", "hello", "replicaof", "slaveof", "failover", "debug", "client"],
]);

const named = commands
  .map(({ name }) => name)
  .filter((name) => !leftOut.has(name) && /^[a-z_]+$/.test(name));

export const calledCommands: readonly (readonly [string, ...string[]])[] = named.map(
  (name) => [name.toUpperCase(), "key"] as const,
);
