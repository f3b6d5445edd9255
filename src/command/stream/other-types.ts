// The commands of a leader's stream that this node does not have, as data: the type of each, and
// the key that it replaces whatever its value. Nothing is executed here. Commands that only read or
// that work on keys of any type are not listed. From redis 7.0 `src/commands`, with the additions
// of 7.4, 8 and Valkey 9.

import type { Request } from "../../protocol/request.ts";
import { argumentIs } from "../core/words.ts";

const namesByType: Readonly<Record<string, string>> = {
  list:
    "lpush rpush lpushx rpushx linsert lset lrem ltrim lpop rpop rpoplpush lmove lmpop " +
    "blpop brpop brpoplpush blmove blmpop sort",
  set: "sadd srem spop smove sunionstore sinterstore sdiffstore",
  zset:
    "zadd zincrby zrem zremrangebyscore zremrangebyrank zremrangebylex zpopmin zpopmax zmpop " +
    "bzpopmin bzpopmax bzmpop zunionstore zinterstore zdiffstore zrangestore geoadd " +
    "geosearchstore georadius georadiusbymember",
  hash:
    "hset hsetnx hmset hincrby hincrbyfloat hdel hexpire hpexpire hexpireat hpexpireat " +
    "hpersist hgetdel hgetex hsetex",
  /** Old Redis versions send scripts as they are. */
  script: "eval evalsha fcall",
  /** It changes no key. */
  none: "script",
  stream: "xadd xdel xdelex xtrim xsetid xgroup xack xackdel xclaim xautoclaim xreadgroup xcfgset",
};

const types = new Map<string, string>();
for (const [type, names] of Object.entries(namesByType)) {
  for (const name of names.split(" ")) types.set(name, type);
}

const nameBytesMax = 64;
const decoder = new TextDecoder();

/**
 * The name in lower case, cut off: an argument may be megabytes long, the name of a command is not.
 */
export function nameOf({ buf, start, end }: Request): string {
  const last = Math.min(end[0], start[0] + nameBytesMax);
  return decoder.decode(buf.subarray(start[0], last)).toLowerCase();
}

/** The type of a command, given in lower case; undefined if it is not listed here. */
export function otherTypeOf(name: string): string | undefined {
  return types.get(name);
}

/** The position of the key under which a command stores its result, or a function that finds it. */
const destinations: Readonly<Record<string, number | ((request: Request) => number)>> = {
  sunionstore: 1,
  sinterstore: 1,
  sdiffstore: 1,
  zunionstore: 1,
  zinterstore: 1,
  zdiffstore: 1,
  zrangestore: 1,
  geosearchstore: 1,
  sort: destinationOfSort,
  georadius: (request) => destinationOfRadius(request, 6),
  georadiusbymember: (request) => destinationOfRadius(request, 5),
};

/**
 * The position of the key that the command replaces, or removes if its result is empty; 0 for none.
 */
export function destinationOf(name: string, request: Request): number {
  const destination = Object.hasOwn(destinations, name) ? destinations[name] : 0;
  const index = typeof destination === "number" ? destination : destination(request);
  return index < request.argc ? index : 0;
}

/**
 * SORT key [BY pattern] [LIMIT offset count] [GET pattern]... [ASC|DESC] [ALPHA] [STORE
 * destination]
 */
function destinationOfSort(request: Request): number {
  let destination = 0;
  for (let i = 2; i < request.argc; i++) {
    if (argumentIs(request, i, "STORE")) destination = ++i;
    else if (argumentIs(request, i, "BY") || argumentIs(request, i, "GET")) i++;
    else if (argumentIs(request, i, "LIMIT")) i += 2;
  }
  return destination;
}

/** GEORADIUS ... [COUNT n [ANY]] [ASC|DESC] [STORE key | STOREDIST key]: the last key counts. */
function destinationOfRadius(request: Request, options: number): number {
  let destination = 0;
  for (let i = options; i < request.argc; i++) {
    if (argumentIs(request, i, "STORE") || argumentIs(request, i, "STOREDIST")) destination = ++i;
    else if (argumentIs(request, i, "COUNT")) i++;
  }
  return destination;
}
