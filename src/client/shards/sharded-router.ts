// Requests of a client over several shards. It stands where the router of one group stands: it
// finds the shard of a command and gives the command to that shard's router, splits what can be
// split, and refuses the rest. Which shard has a key is in shard-map.ts.
// Invariant: a command is sent whole to the shard of its keys, or in parts of which each is.
// Hot path: read() and write() of one key cost the hash of the key.

import { inspected, shownAs } from "../../base/inspected.ts";
import type { Place } from "../../base/place.ts";
import { checkBag } from "../arguments.ts";
import { InvalidArgumentError, type MSCacheError } from "../client-errors.ts";
import { type Requester, type RequestOptions, requestNames } from "../routing/request-scope.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Argument, Command } from "../wire/command-writer.ts";
import { type Join, keyRowOf, keysEnd } from "./command-keys.ts";
import { everyResult } from "./every-result.ts";
import type { KeyRow } from "./key-table.ts";
import type { ShardMap } from "./shard-map.ts";

export class ShardedRouter implements Requester {
  private readonly map: ShardMap;
  private readonly routers: readonly Requester[];
  /** Bounds of the requests made here; null: none. */
  private readonly options: RequestOptions | null;
  /** The routers with these bounds, as they are needed. */
  private readonly scopes: (Requester | undefined)[] = [];

  /** One router for each name of the map. */
  constructor(map: ShardMap, routers: readonly Requester[], options: RequestOptions | null = null) {
    this.map = map;
    this.routers = routers;
    this.options = options;
  }

  /** What holds a router or a ledger shows neither its requests nor the password. */
  [inspected](): string {
    return shownAs("ShardedRouter", { address: this.address });
  }

  /** The nodes that serve reads, one of each shard. */
  get address(): string {
    return this.routers.map(({ address }) => address).join(", ");
  }

  get readPlace(): Place {
    throw wantsShard();
  }

  get leaderPlace(): Place {
    throw wantsShard();
  }

  hasOwnWrites(): Promise<boolean> {
    return Promise.reject(wantsShard());
  }

  refusal(): MSCacheError {
    return wantsShard();
  }

  /** A connection of its own belongs to one shard, whose router bounds its requests. */
  bound(): void {}

  within(options: RequestOptions): ShardedRouter {
    checkBag("options", options, requestNames);
    const view = new ShardedRouter(this.map, this.routers, { ...this.options, ...options });
    view.at(0); // throws now if an option is invalid
    return view;
  }

  read<T>(command: Command, shape: Shape<T>): Promise<T> {
    const index = this.map.indexOfCommand(command);
    return index >= 0 ? this.at(index).read(command, shape) : this.spread(command, shape, false);
  }

  write<T>(command: Command, shape: Shape<T>): Promise<T> {
    const index = this.map.indexOfCommand(command);
    return index >= 0 ? this.at(index).write(command, shape) : this.spread(command, shape, true);
  }

  transact<T>(commands: readonly Command[], shape: Shape<T>, isWrite: boolean): Promise<T> {
    const index = this.map.indexOfAll(commands);
    if (typeof index !== "number") return Promise.reject(index);
    return this.at(index).transact(commands, shape, isWrite);
  }

  // --- internal ---

  private at(index: number): Requester {
    const { options, scopes } = this;
    const router = this.routers[index] as Requester;
    if (options === null) return router;
    scopes[index] ??= router.within(options);
    return scopes[index];
  }

  /** Sends what has no shard of its own, to all or in parts. */
  private async spread<T>(command: Command, shape: Shape<T>, isWrite: boolean): Promise<T> {
    const join = this.map.joinOf(command);
    if (typeof join !== "string") throw join;
    const row = keyRowOf(command);
    const parts = row === undefined ? this.forAll(command) : this.parts(command, row);
    const results = await everyResult(
      parts.map(({ index, words }) =>
        isWrite ? this.at(index).write(words, shape) : this.at(index).read(words, shape),
      ),
    );
    return joined(join, results, parts) as T;
  }

  private forAll(words: Command): Part[] {
    return this.routers.map((_, index) => ({ index, words, order: [] }));
  }

  /** The command for each shard with its own of the keys, and of what follows each key. */
  private parts(command: Command, row: KeyRow): Part[] {
    const [, first, , step] = row;
    const end = keysEnd(row, command);
    const parts = new Map<number, Part & { words: Argument[]; order: number[] }>();
    for (let at = first; at < end; at += step) {
      const index = this.map.indexOfKey(command[at] as Argument);
      const part = parts.get(index) ?? { index, words: command.slice(0, first), order: [] };
      parts.set(index, part);
      part.words.push(...command.slice(at, at + step));
      part.order.push((at - first) / step);
    }
    return [...parts.values()];
  }
}

// --- internal ---

/** What one shard gets of a command. */
interface Part {
  readonly index: number;
  readonly words: Command;
  /** Where its results stand among those of the whole. */
  readonly order: readonly number[];
}

function joined(join: Join, results: readonly unknown[], parts: readonly Part[]): unknown {
  switch (join) {
    case "first":
      return results[0];
    case "sum":
      return (results as number[]).reduce((sum, one) => sum + one, 0);
    case "one list":
      return results.flat();
    case "in order":
      return inOrder(results as unknown[][], parts);
  }
}

function inOrder(results: readonly unknown[][], parts: readonly Part[]): unknown[] {
  const whole: unknown[] = [];
  for (const [i, { order }] of parts.entries()) {
    for (const [j, place] of order.entries()) whole[place] = results[i]?.[j] ?? null;
  }
  return whole;
}

function wantsShard(): InvalidArgumentError {
  return new InvalidArgumentError("several shards have no node in common: use client.shard(name)");
}
