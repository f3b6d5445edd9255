// The replies of the server's commands as types of the client, which no row says: V is a value, a
// string or bytes. client-table.ts reads them, and fails if a command has none.
// Invariant: each type is true of our server and of redis-server, with RESP3;
// test/client/typed-commands.test.ts compares replies with them.

/** The names of the commands that have each type, with spaces between them, subcommands as a|b. */
const namesByReply: Readonly<Record<string, string>> = {
  '"OK"':
    "setex psetex mset flushdb flushall swapdb rename restore pfmerge pfselftest " +
    "client|setname client|setinfo client|no-evict client|no-touch client|pause client|unpause " +
    "acl|load acl|save acl|setuser config|set config|rewrite config|resetstat slowlog|reset " +
    "module|load module|unload readonly readwrite asking save replicaof slaveof memory|purge " +
    "script|flush script|kill script|debug function|delete function|flush function|restore " +
    "function|kill failover",
  '"OK" | V | null': "set",
  "V | null": "get getdel getex getset randomkey dump object|encoding digest client|getname",
  "(V | null)[]": "mget",
  V:
    "getrange substr echo info client|info client|list acl|genpass acl|whoami memory|doctor " +
    "memory|malloc-stats latency|graph latency|doctor script|load script|show function|load " +
    "function|dump incrbyfloat cluster|info cluster|myid cluster|nodes",
  string: "type bgsave shutdown",
  "V | string": "ping migrate acl|dryrun",
  "0 | 1":
    "setnx msetnx msetex setbit getbit delex delifeq move renamenx copy expire pexpire expireat " +
    "pexpireat persist pfadd client|unblock",
  number:
    "strlen append setrange bitcount bitpos bitop pfcount del unlink exists touch dbsize ttl pttl " +
    "expiretime pexpiretime client|id client|getredir " +
    "acl|deluser command|count slowlog|len latency|reset lastsave publish spublish pubsub|numpat " +
    "wait cluster|countkeysinslot cluster|count-failure-reports cluster|keyslot",
  "number | bigint": "incr incrby decr decrby",
  "[value: number | bigint, change: number | bigint]": "increx",
  "(number | bigint | null)[]": "bitfield bitfield_ro",
  "number | null": "memory|usage object|freq object|idletime object|refcount",
  "V[]":
    "keys acl|list acl|users command|list command|getkeys time pubsub|channels pubsub|shardchannels",
  "[cursor: V, keys: V[]]": "scan",
  "V | number | Map<V, CommandReply>": "lcs",
  "string[]":
    "object|help client|help acl|help config|help command|help memory|help slowlog|help " +
    "latency|help module|help pubsub|help script|help function|help cluster|help",
  "(0 | 1)[]": "script|exists",
  "Map<V, V>": "config|get",
  "Map<V, CommandReply>":
    "client|trackinginfo acl|getuser command|docs memory|stats latency|histogram function|stats",
  "(V | number)[]": "pubsub|numsub pubsub|shardnumsub",
  "Map<V, CommandReply>[]": "function|list module|list",
  "CommandReply[]":
    "command command|info command|getkeysandflags slowlog|get latency|latest latency|history role " +
    "cluster|links cluster|shards cluster|slots cluster|replicas cluster|slaves writeoffset",
  CommandReply:
    "object pfdebug client client|kill acl acl|cat acl|log config memory slowlog latency module debug " +
    "cluster pubsub eval evalsha eval_ro evalsha_ro script function fcall fcall_ro waitoffset " +
    "cluster|getkeysinslot cluster|addslots cluster|addslotsrange cluster|bumpepoch " +
    "cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget " +
    "cluster|meet cluster|replicate cluster|reset cluster|saveconfig cluster|set-config-epoch " +
    "cluster|setslot",
};

/** What client.command() refuses, as it would change a connection that all calls share. */
const refused =
  "hello auth select quit reset client|reply client|tracking client|caching monitor replconf " +
  "psync sync multi exec discard unwatch watch subscribe unsubscribe psubscribe punsubscribe " +
  "ssubscribe sunsubscribe";

const replies = new Map(
  Object.entries(namesByReply).flatMap(([reply, names]) =>
    names.split(" ").map((name) => [name, reply] as const),
  ),
);
const refusedNames = new Set(refused.split(" "));

/** The type of a command's reply; null for one that the client refuses. Throws for a new one. */
export function replyType(name: string): string | null {
  if (refusedNames.has(name)) return null;
  const reply = replies.get(name);
  if (reply === undefined) throw new Error(`${name} has no reply in scripts/command-replies.ts`);
  return reply;
}
