// The options of a client over several shards, checked before anything is opened. What a shard
// does not say, the options beside the list say for all.
// Invariant: no name and no group of nodes comes twice, as a key would have two places.

import { clientShardsMax } from "../../base/limits.ts";
import { formatPlace } from "../../base/place.ts";
import { checkBag, isArgument, type Names, wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import {
  type ConnectOptions,
  connectNames,
  resolveOptions,
  type Settings,
} from "../client-options.ts";
import { ShardMap } from "./shard-map.ts";

/**
 * One shard: a leader with its followers, or what a Sentinel names. Its options win over those
 * beside the list.
 */
export interface ShardOptions extends ConnectOptions {
  /**
   * Says which keys the shard has, whatever its addresses are. With another name it has other keys.
   * A text of one character or more, which no other shard has.
   */
  name: string;
  /** Its nodes, or its Sentinels, as {@link connect} takes them. */
  addresses: string | readonly string[];
}

const shardNames: Names<ShardOptions> = { ...connectNames, name: true, addresses: true };

/** The options of {@link connect} for several shards; beside the list, options for all of them. */
export interface ShardedOptions extends ConnectOptions {
  /** From 1 to 1,024. Their order means nothing. */
  shards: readonly ShardOptions[];
}

const shardedNames: Names<ShardedOptions> = { ...connectNames, shards: true };

/** The shards with every option filled in. @internal */
export interface ShardedSettings {
  readonly map: ShardMap;
  /** One for each name of the map. */
  readonly shards: readonly Settings[];
}

/** @internal */
export function resolveShards(options: ShardedOptions): ShardedSettings {
  checkBag("options", options, shardedNames);
  const { shards, ...common } = options;
  if (!Array.isArray(shards)) throw wrongKind("shards", "an array", shards);
  if (shards.length < 1 || shards.length > clientShardsMax) {
    const count = shards.length;
    throw new InvalidArgumentError(
      `shards must have from 1 to ${clientShardsMax} elements, not ${count}`,
    );
  }
  const named = Array.from(shards, (shard, i) => namedShard(shard, `shards[${i}]`));
  const settings = named.map(({ name, addresses, ...own }, i) =>
    about(`shards[${i}]`, () => resolveOptions(addresses, { ...common, ...own })),
  );
  const names = named.map(({ name }) => name);
  refuseTwins(
    names.map((name) => [name]),
    "the same name",
  );
  refuseTwins(settings.map(groupsOf), "a node in common");
  return { map: new ShardMap(names), shards: settings };
}

// --- internal ---

function namedShard(shard: unknown, where: string): ShardOptions {
  checkBag(where, shard, shardNames);
  const { name, addresses } = shard as ShardOptions;
  if (typeof name !== "string" || !isArgument(name)) {
    throw wrongKind(`${where}.name`, "a string", name);
  }
  if (name === "" || !name.isWellFormed()) {
    throw new InvalidArgumentError(`${where}.name must be a text of one character or more`);
  }
  if (addresses === undefined) throw wrongKind(`${where}.addresses`, "given", addresses);
  return shard as ShardOptions;
}

/** Says in which shard an option is wrong. */
function about<T>(where: string, resolve: () => T): T {
  try {
    return resolve();
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(`${where}: ${cause.message}`);
  }
}

/** What no other shard may have: a database of a node, or what Sentinels watch by a name. */
function groupsOf({ places, sentinel, database }: Settings): string[] {
  const leaderName = sentinel?.leaderName ?? null;
  return places.map((place) => JSON.stringify([formatPlace(place), leaderName, database]));
}

function refuseTwins(ofShards: readonly (readonly string[])[], what: string): void {
  const owners = new Map<string, number>();
  for (const [i, things] of ofShards.entries()) {
    for (const thing of things) {
      const owner = owners.get(thing) ?? i;
      if (owner !== i) throw new InvalidArgumentError(`shards[${owner}] and [${i}] have ${what}`);
      owners.set(thing, i);
    }
  }
}
