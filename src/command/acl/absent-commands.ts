// The commands of redis 7.0 that this node does not have, with their ACL categories. Rules may name
// them, so that the users of a Redis can move here as they are and are shown as Redis shows them;
// no client can run them. Facts from `ACL CAT` of redis-server 7.0.
// Invariant: a command that the table has is not taken from here.

/** Names by the categories that they share. */
const namesByCategories: Readonly<Record<string, string>> = {
  slow: "function xgroup xinfo",
  "admin slow dangerous": "bgrewriteaof module|loadex monitor",
  "write list slow blocking": "blmove blmpop blpop brpop brpoplpush",
  "write sortedset slow blocking": "bzmpop",
  "write sortedset fast blocking": "bzpopmax bzpopmin",
  "slow connection": "client|caching client|getredir client|tracking client|trackinginfo",
  "slow scripting":
    "eval eval_ro evalsha evalsha_ro fcall fcall_ro function|dump function|help " +
    "function|kill function|list function|stats script|debug script|exists script|flush " +
    "script|load",
  "write slow scripting": "function|delete function|flush function|load function|restore",
  "write geo slow": "geoadd georadius georadiusbymember geosearchstore",
  "read geo slow": "geodist geohash geopos georadius_ro georadiusbymember_ro geosearch",
  "write hash fast": "hdel hincrby hincrbyfloat hmset hset hsetnx",
  "read hash fast": "hexists hget hlen hmget hstrlen",
  "read hash slow": "hgetall hkeys hrandfield hscan hvals",
  "read list slow": "lindex lpos lrange",
  "write list slow": "linsert lmove lmpop lrem lset ltrim rpoplpush",
  "read list fast": "llen",
  "read fast": "lolwut",
  "write list fast": "lpop lpush lpushx rpop rpush rpushx",
  "keyspace write slow dangerous": "restore-asking",
  "write set fast": "sadd smove spop srem",
  "read set fast": "scard sismember smismember",
  "read set slow": "sdiff sinter sintercard smembers srandmember sscan sunion",
  "write set slow": "sdiffstore sinterstore sunionstore",
  "write set sortedset list slow dangerous": "sort",
  "read set sortedset list slow dangerous": "sort_ro",
  "write stream fast": "xack xadd xautoclaim xclaim xdel xsetid",
  "write stream slow":
    "xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy " + "xgroup|setid xtrim",
  "stream slow": "xgroup|help xinfo|help",
  "read stream slow": "xinfo|consumers xinfo|groups xinfo|stream xpending xrange xrevrange",
  "read stream fast": "xlen",
  "read stream slow blocking": "xread",
  "write stream slow blocking": "xreadgroup",
  "write sortedset fast": "zadd zincrby zpopmax zpopmin zrem",
  "read sortedset fast": "zcard zcount zlexcount zmscore zrank zrevrank zscore",
  "read sortedset slow":
    "zdiff zinter zintercard zrandmember zrange zrangebylex zrangebyscore zrevrange " +
    "zrevrangebylex zrevrangebyscore zscan zunion",
  "write sortedset slow":
    "zdiffstore zinterstore zmpop zrangestore zremrangebylex zremrangebyrank " +
    "zremrangebyscore zunionstore",
};

export interface AbsentCommand {
  /** In lower case; a subcommand is `container|name`. */
  readonly name: string;
  readonly categories: readonly string[];
}

export const absentCommands: readonly AbsentCommand[] = Object.entries(namesByCategories).flatMap(
  ([categories, names]) =>
    names.split(" ").map((name) => ({ name, categories: categories.split(" ") })),
);
