/**
 * Random rules of users, and commands to try them with: those that our nodes and redis-server both
 * have. Mostly right, sometimes at an edge, sometimes wrong.
 */
import type { Random } from "./seed.ts";

const categories = [
  ...["keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "geo"],
  ...["hyperloglog", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous"],
  ...["connection", "transaction", "scripting", "all", "ALL", "String", "nope", ""],
];

const names = [
  ...["get", "SET", "mget", "mset", "del", "client", "client|id", "CLIENT|KILL", "config|set"],
  ...["config", "ping", "publish", "subscribe", "psubscribe", "select", "lpush", "xinfo|stream"],
  ...["xinfo", "debug", "acl|whoami", "acl", "exec", "multi", "object|encoding", "nope", "get|k"],
  ...["client|nope", "client|", "|", "", "config|get|x", "getex", "eval", "function|load"],
];

const firstArguments = ["select|0", "select|1", "debug|object", "echo|a", "ECHO|B", "ping|"];
const patterns = ["*", "a*", "b", "b?", "[ab]c", "k\\*", "", "ab*c", "a b", "c:*"];
const prefixes = ["~", "%R~", "%W~", "%RW~", "%r~", "%wr~", "%~", "%x~", "%", "%R"];
const words = [
  ...["on", "off", "nopass", "resetpass", "reset", "allkeys", "resetkeys", "allchannels", "ON"],
  ...["resetchannels", "allcommands", "nocommands", "clearselectors", "sanitize-payload"],
  ...["skip-sanitize-payload", "nope", "+", "-", "", "(", ")", "( +get )", "(+@string ~a*)"],
];
const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

export function randomRule(random: Random): string {
  const sign = random.pick(["+", "-"]);
  return random.weighted<() => string>([
    [3, () => `${sign}@${random.pick(categories)}`],
    [5, () => `${sign}${random.pick(names)}`],
    [1, () => `${sign}${random.pick(firstArguments)}`],
    [4, () => `${random.pick(prefixes)}${random.pick(patterns)}`],
    [2, () => `&${random.pick(patterns)}`],
    [2, () => random.pick(words)],
    [1, () => random.pick([">secret", "<secret", `#${hash}`, `!${hash}`, "#abc", ">", "<"])],
    [1, () => selector(random)],
  ])();
}

function selector(random: Random): string {
  const inside = Array.from({ length: random.between(0, 4) }, () =>
    random.pick(["+get", "-get", "+@read", "~a*", "%R~b", "%W~*", "&c*", "+@all", '"~b c"', "+x"]),
  );
  return `(${inside.join(" ")})`;
}

const keys = ["a", "ab", "abc", "b", "bc", "c:1", "k*", "kx", ""];

/** A command with arguments, as DRYRUN takes it. */
export function triedCommand(random: Random): string[] {
  const key = () => random.pick(keys);
  return random.pick<() => string[]>([
    () => ["GET", key()],
    () => ["SET", key(), "v", ...random.pick([[], ["GET"], ["EX", "9"], ["ex", "9", "get"]])],
    () => [random.pick(["MGET", "DEL", "EXISTS", "TOUCH", "WATCH", "UNLINK"]), key(), key()],
    () => ["MSET", key(), "v", key(), "v"],
    () => [random.pick(["COPY", "RENAME", "LCS", "PFMERGE", "PFCOUNT"]), key(), key()],
    () => ["BITOP", "AND", key(), key(), key()],
    () => ["BITFIELD", key(), random.pick(["GET", "SET"]), "u8", "0", "1"],
    () => [random.pick(["GETEX", "GETDEL", "TTL", "DUMP", "TYPE", "STRLEN", "INCR"]), key()],
    () => ["GETRANGE", key(), "0", "1"],
    () => [random.pick(["SETRANGE", "SETBIT"]), key(), "0", "1"],
    () => [random.pick(["PUBLISH", "SPUBLISH"]), key(), "m"],
    () => [random.pick(["SUBSCRIBE", "SSUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE"]), key(), "a*"],
    () => ["OBJECT", "ENCODING", key()],
    () => ["MEMORY", "USAGE", key()],
    () => ["CONFIG", random.pick(["GET", "SET"]), "a", "b"],
    () => ["CLIENT", random.pick(["ID", "LIST", "INFO", "NO-EVICT"])],
    () => ["SELECT", random.pick(["0", "1"])],
    () => ["ECHO", random.pick(["a", "b", "B"])],
    () => [random.pick(["PING", "MULTI", "EXEC", "FLUSHALL", "INFO", "DBSIZE", "RESET", "QUIT"])],
    () => ["ACL", random.pick(["WHOAMI", "LIST"])],
    () => ["AUTH", "x"],
    () => ["KEYS", "*"],
    () => ["NOPE", "x"],
    () => ["CLIENT", "NOPE"],
  ])();
}
