/**
 * Every command that redis-server lets a script call and MSCache knows, called from a script on
 * both: the replies are the same, or have the same shape where they tell of the node. A command
 * without an example here fails the suite. What its arguments may be is tested elsewhere.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, noRedis, redisInstalled } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);
if (!redisInstalled()) console.warn(noRedis);

/** Calls whose replies are equal, by the command as COMMAND names it. */
const equal: Readonly<Record<string, readonly string[]>> = {
  append: ["k 1", "new x"],
  asking: [""],
  bitcount: ["k", "k 0 -1 BIT"],
  bitfield: ["bits INCRBY u8 0 255", "bits GET u8 0"],
  bitfield_ro: ["bits GET u8 0"],
  bitop: ["NOT out k"],
  bitpos: ["k 1"],
  cluster: ["INFO"],
  "command|getkeys": ["MSET a 1 b 2", "GET", "PING"],
  "command|getkeysandflags": ["SET a 1"],
  "command|info": ["nothing"],
  copy: ["k copied", "k copied DB 1 REPLACE"],
  dbsize: [""],
  decr: ["n"],
  decrby: ["n 3"],
  del: ["k", "none"],
  echo: ["word"],
  exists: ["k none"],
  expire: ["k 100", "k 100 NX"],
  expireat: ["k 4102444800"],
  expiretime: ["k"],
  flushall: ["", "SYNC"],
  flushdb: ["", "ASYNC"],
  get: ["k", "none"],
  getbit: ["k 1"],
  getdel: ["k"],
  getex: ["k EX 100", "k"],
  getrange: ["k 0 1"],
  getset: ["k w"],
  incr: ["n", "k"],
  incrby: ["n 5"],
  incrbyfloat: ["n 0.5"],
  keys: ["k*"],
  lcs: ["k n", "k k LEN"],
  "memory|purge": [""],
  mget: ["k none n"],
  module: ["LIST"],
  move: ["k 1"],
  mset: ["a 1 b 2"],
  msetnx: ["a 1 k 2"],
  "object|encoding": ["k", "n", "none"],
  "object|idletime": ["k"],
  "object|refcount": ["k"],
  persist: ["k"],
  pexpire: ["k 100000"],
  pexpireat: ["k 4102444800000"],
  pexpiretime: ["k"],
  pfadd: ["h a b c"],
  pfdebug: ["ENCODING h"],
  pfcount: ["h"],
  pfmerge: ["other h"],
  pfselftest: [""],
  ping: ["", "word"],
  psetex: ["k 100000 v"],
  pttl: ["k", "none"],
  publish: ["channel word"],
  "pubsub|channels": [""],
  "pubsub|numpat": [""],
  "pubsub|numsub": ["channel"],
  "pubsub|shardchannels": [""],
  "pubsub|shardnumsub": ["channel"],
  readonly: [""],
  readwrite: [""],
  rename: ["k k2", "none k2"],
  renamenx: ["k n"],
  scan: ["0 MATCH k* COUNT 1000"],
  select: ["1", "99"],
  set: ["k w", "k w NX GET", "k w EX 100"],
  setbit: ["bits 7 1"],
  setex: ["k 100 v"],
  setnx: ["k w"],
  setrange: ["k 2 xy"],
  "slowlog|get": [""],
  "slowlog|len": [""],
  "slowlog|reset": [""],
  spublish: ["channel word"],
  strlen: ["k"],
  substr: ["k 0 1"],
  swapdb: ["0 1"],
  touch: ["k none"],
  ttl: ["k", "none"],
  type: ["k", "none"],
  unlink: ["k none"],
};

/** Calls whose replies tell of the node: only their shapes are equal. */
const alike: Readonly<Record<string, readonly string[]>> = {
  "acl|help": [""],
  "client|help": [""],
  command: [""],
  "command|count": [""],
  "command|docs": ["none"],
  "command|help": [""],
  "command|list": ["FILTERBY PATTERN get"],
  "config|help": [""],
  dump: ["k"],
  "function|help": [""],
  info: ["", "server"],
  lastsave: [""],
  "latency|help": [""],
  "memory|doctor": [""],
  "memory|help": [""],
  "memory|malloc-stats": [""],
  "memory|stats": [""],
  "memory|usage": ["k"],
  "module|help": [""],
  "object|freq": ["k"],
  "object|help": [""],
  "pubsub|help": [""],
  randomkey: [""],
  "script|help": [""],
  "slowlog|help": [""],
  time: [""],
};

/** What cannot be called without a cluster, a second node or a payload: tested elsewhere. */
const elsewhere = /^(cluster\||migrate$|restore$)/;
/** All data threads have entries, so a script cannot wait for them (src/protocol/README.md). */
const ofOneThread = /^slowlog\|(get|len)$/;
/** Only containers of the subcommands above. */
const containers =
  /^(acl|client|config|function|latency|memory|object|pubsub|script|slowlog|command)$/;

const reset = ["FLUSHALL", "MSET k foobar n 10 h2 x", "PFADD h z", "SLOWLOG RESET"];

async function called(peer: Peer, name: string, args: string): Promise<string> {
  for (const line of reset) await peer.ask(...line.split(" "));
  const words = [...name.split("|"), ...args.split(" ").filter((word) => word !== "")];
  const list = words.map((word) => `'${word}'`).join(", ");
  return await peer.ask("EVAL", `return redis.pcall(${list})`, 0);
}

const shapeOf = (reply: string) => reply.slice(0, reply.startsWith("*[") ? 3 : 1);

type Row = readonly [string, number, readonly string[], ...unknown[]];

/** Of commands and their subcommands, those that scripts may call. */
async function allowedBy(peer: Peer): Promise<string[]> {
  const rows = (await peer.call("COMMAND")) as unknown as Row[];
  const all = rows.flatMap((row) => [row, ...((row[9] ?? []) as Row[])]);
  return all.filter(([, , flags]) => !flags.includes("noscript")).map(([name]) => name);
}

describe.skipIf(!redisInstalled())("what redis-server lets a script call", () => {
  const flags = ["--slowlog-log-slower-than", "-1"];
  // An eviction that counts uses, as ours does.
  const redis = forAllCases(() => oracle.start([...flags, "--maxmemory-policy", "allkeys-lfu"]));
  for (const threads of [1, 2]) {
    const contestant = threads === 1 ? ours : oursWithThreads(threads);
    const node = forAllCases(() => contestant.start(flags));

    test(`answers the same with ${contestant.name}`, async () => {
      await using there = await Peer.connect(redis().port);
      await using here = await Peer.connect(node().port);
      const known = new Set(await allowedBy(here));
      const differences: string[] = [];
      for (const name of await allowedBy(there)) {
        if (!known.has(name) || elsewhere.test(name) || containers.test(name)) continue;
        const examples = equal[name] ?? alike[name] ?? [];
        if (examples.length === 0) differences.push(`${name}: no example`);
        if (threads > 1 && ofOneThread.test(name)) continue;
        const view = name in equal ? (reply: string) => reply : shapeOf;
        for (const args of examples) {
          const reply = await called(here, name, args);
          const expected = await called(there, name, args);
          if (view(reply) === view(expected)) continue;
          differences.push(`${name} ${args}: ${reply.slice(0, 80)}, not ${expected.slice(0, 80)}`);
        }
      }
      expect(differences).toEqual([]);
    });
  }
});
