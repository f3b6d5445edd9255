// The replies that scripts/command-replies.ts promises are those that servers give: a sample of
// every type, on real servers, with values as strings and as bytes. What the compiler makes of them
// is in test/types/command-types.ts.

import { expect, test } from "bun:test";
import { replyType } from "../../scripts/command-replies.ts";
import type { Client, CommandArgument } from "../../src/index.ts";
import { eachServer } from "../support/client-servers.ts";
import { connectPatiently } from "../support/patient-client.ts";

type Check = (reply: unknown, isValue: Check) => boolean;

const isNumber: Check = (reply) => typeof reply === "number";
const isInteger: Check = (reply) => isNumber(reply, isNumber) || typeof reply === "bigint";
const isText: Check = (reply) => typeof reply === "string";
const isBit: Check = (reply) => reply === 0 || reply === 1;
const isArray = Array.isArray;

/** What each type says, as a question to a reply. */
const checks: Readonly<Record<string, Check>> = {
  '"OK"': (reply) => reply === "OK",
  '"OK" | V | null': (reply, isValue) =>
    reply === "OK" || reply === null || isValue(reply, isValue),
  "V | null": (reply, isValue) => reply === null || isValue(reply, isValue),
  "(V | null)[]": (reply, isValue) =>
    isArray(reply) && reply.every((one) => one === null || isValue(one, isValue)),
  V: (reply, isValue) => isValue(reply, isValue),
  string: isText,
  "V | string": (reply, isValue) => isText(reply, isText) || isValue(reply, isValue),
  "0 | 1": isBit,
  number: isNumber,
  "number | bigint": isInteger,
  "[value: number | bigint, change: number | bigint]": (reply) =>
    isArray(reply) && reply.length === 2 && reply.every((one) => isInteger(one, isInteger)),
  "(number | bigint | null)[]": (reply) =>
    isArray(reply) && reply.every((one) => one === null || isInteger(one, isInteger)),
  "number | null": (reply) => reply === null || typeof reply === "number",
  "V[]": (reply, isValue) => isArray(reply) && reply.every((one) => isValue(one, isValue)),
  "[cursor: V, keys: V[]]": (reply, isValue) =>
    isArray(reply) &&
    isValue(reply[0], isValue) &&
    isArray(reply[1]) &&
    reply[1].every((one) => isValue(one, isValue)),
  "V | number | Map<V, CommandReply>": (reply, isValue) =>
    isValue(reply, isValue) || typeof reply === "number" || reply instanceof Map,
  "string[]": (reply) => isArray(reply) && reply.every((one) => isText(one, isText)),
  "(0 | 1)[]": (reply) => isArray(reply) && reply.every((one) => isBit(one, isBit)),
  "Map<V, V>": (reply, isValue) =>
    reply instanceof Map && [...reply].flat().every((one) => isValue(one, isValue)),
  "Map<V, CommandReply>": (reply, isValue) =>
    reply instanceof Map && [...reply.keys()].every((one) => isValue(one, isValue)),
  "(V | number)[]": (reply, isValue) =>
    isArray(reply) && reply.every((one) => isValue(one, isValue) || typeof one === "number"),
  "Map<V, CommandReply>[]": (reply) => isArray(reply) && reply.every((one) => one instanceof Map),
  "CommandReply[]": isArray,
  CommandReply: () => true,
};

/** Commands of Redis 7.0, with words that any server takes; the last group only ours has. */
const calls: readonly string[] = [
  ...["SET k v", "SET k v NX", "SET k v GET", "GET k", "GET none", "MGET k none", "STRLEN k"],
  ...["GETEX k", "GETSET k w", "GETDEL none", "SETNX k v", "SETEX e 9 v", "PSETEX e 9000 v"],
  ...["MSET a 1 b 2", "MSETNX a 1 b 2", "GETRANGE k 0 -1", "SUBSTR k 0 -1", "APPEND k x"],
  ...["SETRANGE k 1 z", "INCR n", "INCRBY n 2305843009213693952", "DECR n", "DECRBY n 2"],
  ...["INCRBYFLOAT f 1.5", "SETBIT s 1 1", "GETBIT s 1", "BITCOUNT s", "BITPOS s 1"],
  ...["BITOP NOT d s", "BITFIELD s GET u8 0", "BITFIELD_RO s GET u8 0", "PFADD p a"],
  ...["PFCOUNT p", "PFMERGE q p", "PFSELFTEST", "LCS a b", "LCS a b LEN", "LCS a b IDX"],
  ...["DEL none", "UNLINK none", "EXISTS k", "TOUCH k", "TYPE k", "DBSIZE", "MOVE none 1"],
  ...["KEYS *", "SCAN 0", "RANDOMKEY", "RENAME k k", "RENAMENX k k", "COPY a c", "EXPIRE a 99"],
  ...["PEXPIRE a 99000", "EXPIREAT a 99999999999", "PEXPIREAT a 99999999999000", "TTL a"],
  ...["PTTL a", "EXPIRETIME a", "PEXPIRETIME a", "PERSIST a", "DUMP none", "OBJECT ENCODING a"],
  ...["OBJECT IDLETIME none", "OBJECT REFCOUNT a", "OBJECT HELP", "PING", "PING m", "ECHO m"],
  ...["CLIENT ID", "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT INFO", "CLIENT LIST"],
  ...["CLIENT NO-EVICT OFF", "CLIENT GETREDIR", "CLIENT TRACKINGINFO", "CLIENT UNPAUSE"],
  ...["CLIENT UNBLOCK 99999", "CLIENT HELP", "ACL WHOAMI", "ACL USERS", "ACL LIST", "ACL GENPASS"],
  ...["ACL GETUSER default", "ACL DELUSER nobody", "ACL DRYRUN default PING", "ACL CAT"],
  ...["ACL LOG", "CONFIG GET max*", "CONFIG SET slowlog-max-len 99", "CONFIG RESETSTAT"],
  ...["COMMAND", "COMMAND COUNT", "COMMAND INFO get", "COMMAND DOCS get", "COMMAND LIST"],
  ...["COMMAND GETKEYS GET k", "COMMAND GETKEYSANDFLAGS GET k", "INFO server", "TIME"],
  ...["MEMORY USAGE a", "MEMORY STATS", "MEMORY DOCTOR", "MEMORY PURGE", "SLOWLOG GET"],
  ...["SLOWLOG LEN", "SLOWLOG RESET", "LATENCY LATEST", "LATENCY HISTORY event", "LATENCY RESET"],
  ...["LATENCY DOCTOR", "LATENCY HISTOGRAM get", "MODULE LIST", "LASTSAVE", "ROLE", "PUBLISH c m"],
  ...[
    "SPUBLISH c m",
    "PUBSUB CHANNELS",
    "PUBSUB NUMSUB c",
    "PUBSUB NUMPAT",
    "PUBSUB SHARDCHANNELS",
  ],
  ...["PUBSUB SHARDNUMSUB c", "SCRIPT EXISTS a b", "SCRIPT FLUSH", "FUNCTION LIST"],
  ...["FUNCTION STATS", "FUNCTION DUMP", "FUNCTION FLUSH", "WAIT 0 1", "SWAPDB 1 2", "FLUSHDB"],
];
const ownCalls: readonly string[] = [
  ...["INCREX i", "MSETEX 1 a 1", "DELEX none", "DELIFEQ none v", "DIGEST none", "DIGEST a"],
];

/** The calls whose reply is not of its type. */
async function strays(client: Client, lines: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const line of lines) {
    const [words, args] = split(line);
    const type = replyType(words.replace(" ", "|").toLowerCase()) ?? "";
    const check = checks[type];
    const texts: unknown = await client.command(words as string, ...args);
    const bytes: unknown = await client.commandBytes(words as string, ...args);
    if (check?.(texts, isText) !== true) found.push(`${line}: ${Bun.inspect(texts)} is no ${type}`);
    const isBytes: Check = (reply) => reply instanceof Uint8Array;
    if (check?.(bytes, isBytes) !== true) {
      found.push(`${line}: ${Bun.inspect(bytes)} is no ${type} of bytes`);
    }
  }
  return found;
}

const containers =
  /^(OBJECT|CLIENT|ACL|CONFIG|COMMAND|MEMORY|SLOWLOG|LATENCY|MODULE|PUBSUB|SCRIPT|FUNCTION) /;

function split(line: string): [string, CommandArgument[]] {
  const words = line.split(" ");
  const count = containers.test(line) ? 2 : 1;
  return [words.slice(0, count).join(" "), words.slice(count)];
}

eachServer("the type of a reply", (node, { isRedis }) => {
  test("is that of each command", async () => {
    await using client = await connectPatiently(node().address);
    expect(await strays(client, isRedis ? calls : [...calls, ...ownCalls])).toEqual([]);
  });
});
