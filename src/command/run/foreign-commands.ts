// The commands of Redis for types of data that this node does not keep, by name, so that the error
// can say so. Names only, from redis 7.0's COMMAND DOCS with the additions of 7.4 and 8; a command
// of another type that is not listed gets the error of an unknown command.

/** By the types of data, in the plural. */
export const namesByType: Readonly<Record<string, string>> = {
  lists:
    "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx " +
    "lrange lrem lset ltrim rpop rpoplpush rpush rpushx",
  sets:
    "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember " +
    "smove spop srandmember srem sscan sunion sunionstore",
  "sorted sets":
    "bzmpop bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard " +
    "zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex " +
    "zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore " +
    "zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore",
  hashes:
    "hdel hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat " +
    "hkeys hlen hmget hmset hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan " +
    "hset hsetex hsetnx hstrlen httl hvals",
  streams:
    "xack xackdel xadd xautoclaim xclaim xdel xdelex xgroup xinfo xlen xpending xrange xread " +
    "xreadgroup xrevrange xsetid xtrim",
  "geospatial indexes":
    "geoadd geodist geohash geopos georadius georadius_ro georadiusbymember " +
    "georadiusbymember_ro geosearch geosearchstore",
  "lists, sets and sorted sets": "sort sort_ro",
};

const types: ReadonlyMap<string, string> = new Map(
  Object.entries(namesByType).flatMap(([type, names]) =>
    names.split(" ").map((name) => [name, type] as const),
  ),
);

/** What the command works on, in the plural; undefined if this is no such command. */
export function foreignTypeOf(name: string): string | undefined {
  return types.get(name.toLowerCase());
}
