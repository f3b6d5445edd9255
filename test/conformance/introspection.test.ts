/**
 * Introspection: COMMAND compared with redis-server for the whole table, the fields of INFO and
 * CLIENT LIST that tools read, CLIENT KILL, and the password. Texts of our own (summaries,
 * versions) are only checked for presence.
 * Invariant: the table here is the one of the roadmap; a command missing from the server fails.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { commands } from "../../src/command/table.ts";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { contestants, forAllCases, oracle, ours, redisNote } from "../support/servers.ts";
import { partsOf, type Reply, show, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const table = `
  GET SET SETNX SETEX PSETEX GETSET GETDEL GETEX MGET MSET MSETNX APPEND STRLEN GETRANGE SETRANGE
  INCR INCRBY DECR DECRBY INCRBYFLOAT DEL UNLINK EXISTS TOUCH TYPE KEYS SCAN RANDOMKEY DBSIZE RENAME
  RENAMENX COPY FLUSHDB FLUSHALL EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME
  PERSIST DUMP RESTORE LCS PING ECHO HELLO AUTH QUIT RESET SELECT TIME INFO COMMAND CONFIG CLIENT REPLICAOF SLAVEOF
  ROLE REPLCONF PSYNC MULTI EXEC DISCARD WATCH UNWATCH SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE
  PUBLISH PUBSUB SCRIPT SHUTDOWN SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO PFADD PFCOUNT PFMERGE PFDEBUG PFSELFTEST OBJECT MEMORY SLOWLOG LATENCY MODULE CLUSTER READONLY READWRITE ASKING SSUBSCRIBE SUNSUBSCRIBE SPUBLISH`
  .trim()
  .toLowerCase()
  .split(/\s+/);

const subcommands = [
  ...["config|rewrite", "script|kill", "script|help"],
  ...["pubsub|channels", "pubsub|numsub", "pubsub|numpat", "pubsub|help"],
  ...["pubsub|shardchannels", "pubsub|shardnumsub"],
  ...["object|encoding", "object|freq", "object|idletime", "object|refcount", "object|help"],
  ...["slowlog|get", "slowlog|len", "slowlog|reset", "slowlog|help"],
  ...["latest", "history", "graph", "doctor", "reset", "histogram", "help"].map(
    (name) => `latency|${name}`,
  ),
  ...["cluster|info", "cluster|slots", "cluster|setslot", "cluster|addslotsrange", "cluster|help"],
  ...["module|list", "module|load", "module|unload", "module|help"],
  ...["count", "docs", "getkeys", "getkeysandflags", "info", "list", "help"].map(
    (name) => `command|${name}`,
  ),
  ...["memory|usage", "memory|stats", "memory|doctor", "memory|malloc-stats", "memory|purge"],
];

describe.skipIf(oracle.isMissing)(`COMMAND INFO as redis-server tells it${redisNote}`, () => {
  const reference = forAllCases(() => oracle.start());
  const node = forAllCases(() => ours.start());

  test.each([...table, ...subcommands])("%s", async (name) => {
    await using left = await Peer.connect(reference().port);
    await using right = await Peer.connect(node().port);
    const wanted = commandInfo(await left.typed("COMMAND", "INFO", name));
    expect(commandInfo(await right.typed("COMMAND", "INFO", name))).toEqual(wanted);
  });

  test.each([2, 3])("COMMAND DOCS has redis-server's arguments in RESP%d", async (version) => {
    await using left = await Peer.connect(reference().port);
    await using right = await Peer.connect(node().port);
    for (const peer of [left, right]) await peer.typed("HELLO", String(version));
    const all = partsOf(await right.typed("COMMAND", "LIST", "FILTERBY", "PATTERN", "*"));
    const known: string[] = [];
    for (const name of all.map(textOf)) {
      const wanted = partsOf(await left.typed("COMMAND", "DOCS", name));
      if (wanted.length === 0) continue; // redis 7.0 has no such command
      known.push(name);
      const ours = partsOf(await right.typed("COMMAND", "DOCS", name));
      expect([name, argumentsIn(ours)]).toEqual([name, argumentsIn(wanted)]);
    }
    expect(known).toEqual(expect.arrayContaining([...table, ...subcommands]));
  });

  test("COMMAND DOCS has redis-server's groups and versions", async () => {
    await using left = await Peer.connect(reference().port);
    await using right = await Peer.connect(node().port);
    const wanted = await originsOf(left);
    const found = [...(await originsOf(right))].filter(([name]) => wanted.has(name));
    expect(found).toEqual(found.map(([name]) => [name, wanted.get(name) ?? ""]));
  });

  test("a row says which subcommands of redis-server are not there, and of no others", async () => {
    await using left = await Peer.connect(reference().port);
    const theirs = [...(await originsOf(left)).keys()].filter((name) => name.includes("|"));
    for (const { name, row, subcommands: present } of commands) {
      const ours = present.map((one) => one.name);
      const lacking = theirs.filter((it) => it.startsWith(`${name}|`) && !ours.includes(it));
      const said = /^No ((?:[A-Z-]+(?:, | and )?)+)/.exec(row.differs ?? "")?.[1] ?? "";
      const words = said.match(/[A-Z-]+/g) ?? [];
      const named = words.map((word) => `${name}|${word.toLowerCase()}`);
      expect(named.sort()).toEqual(lacking.sort());
    }
  });

  test.each(["get|key", "config|", "|get", "config|get|key", "config|get|"])(
    "there is no command %s",
    async (name) => {
      await using left = await Peer.connect(reference().port);
      await using right = await Peer.connect(node().port);
      for (const peer of [left, right]) {
        expect(await peer.ask("COMMAND", "INFO", name)).toBe("*[$null]");
        expect(await peer.ask("COMMAND", "DOCS", name)).toBe("*[]");
      }
    },
  );

  test("COMMAND INFO and GETKEYS find the keys of MSETEX by their number", async () => {
    await using peer = await Peer.connect(node().port);
    const [info] = partsOf(await peer.typed("COMMAND", "INFO", "msetex"));
    expect(show(info)).toBe(
      "*[$msetex :-4 *[+write +denyoom +movablekeys] :0 :0 :0 *[+@write +@string +@slow] *[] " +
        "*[*[$flags *[+OW +update] $begin_search *[$type $index $spec *[$index :1]] " +
        "$find_keys *[$type $keynum $spec *[$keynumidx :0 $firstkey :1 $keystep :2]]]] *[]]",
    );
    const getKeys = (words: string) => peer.ask("COMMAND", "GETKEYS", ...words.split(" "));
    expect(await getKeys("MSETEX 2 a 1 b 2 EX 10")).toBe("*[$a $b]");
    for (const count of ["0", "-1", "x", "3"]) {
      expect(await getKeys(`MSETEX ${count} a 1 b 2`)).toBe(
        "-ERR Invalid arguments specified for command",
      );
    }
  });

  test.each([
    [],
    ["PATTERN", "CONFIG|[^h]*"],
    ["PATTERN", "p*"],
    ["ACLCAT", "pubsub"],
    ["ACLCAT", "hyperloglog"],
    ["ACLCAT", "bitmap"],
    ["ACLCAT", "nosuch"],
    ["MODULE", "nosuch"],
  ])("COMMAND LIST filtered by %s %s lists what redis-server lists of ours", async (...by) => {
    await using left = await Peer.connect(reference().port);
    await using right = await Peer.connect(node().port);
    const listed = async (peer: Peer, ...words: string[]) =>
      new Set(partsOf(await peer.typed("COMMAND", "LIST", ...words)).map(textOf));
    const every = ["FILTERBY", "PATTERN", "*"];
    const both = (await listed(left, ...every)).intersection(await listed(right, ...every));
    const filter = by.length > 0 ? ["FILTERBY", ...by] : by;
    const wanted = (await listed(left, ...filter)).intersection(both);
    expect((await listed(right, ...filter)).intersection(both)).toEqual(wanted);
  });
});

/**
 * Name, arity, flags, key positions and categories; lists that are sets in order of the alphabet.
 */
function commandInfo(reply: Reply): Record<string, string> {
  const [entry] = partsOf(reply);
  if (entry === undefined || entry.value === null) return { error: "unknown" };
  // After these seven come tips, which are free to be richer.
  const parts = partsOf(entry);
  const [name, arity, flags, first, last, step, categories] = parts.slice(0, 7).map((part) => {
    return typeof part.value === "string" ? part.value : setOf(part);
  });
  const keys = partsOf(parts[8] as Reply)
    .map(keySpecification)
    .join("; ");
  return { name, arity, flags, first, last, step, categories, keys } as Record<string, string>;
}

/** All but the notes, which are texts. */
function keySpecification(reply: Reply): string {
  const fields = partsOf(reply);
  const field = (wanted: string) => fields[fields.findIndex((one) => one.value === wanted) + 1];
  const [flags, begin, find] = ["flags", "begin_search", "find_keys"].map(field) as Reply[];
  return `${setOf(flags)} from ${show(begin)} on ${show(find)}`;
}

/**
 * The arguments in the answer for one command, however a map is written in this version of RESP.
 */
function argumentsIn([, docs]: readonly Reply[]): unknown {
  const { arguments: told } = fieldsOf(docs as Reply);
  return told === undefined
    ? []
    : partsOf(told as Reply)
        .filter(isKnownTo7)
        .map(argumentOf);
}

/** The group and the version of each command and subcommand, as COMMAND DOCS tells them. */
async function originsOf(peer: Peer): Promise<Map<string, string>> {
  const origins = new Map<string, string>();
  const read = (docs: Reply) => {
    for (const [name, reply] of Object.entries(fieldsOf(docs))) {
      const { since, group, subcommands: inner } = fieldsOf(reply);
      origins.set(name, `${textOf(group as Reply)} ${textOf(since as Reply)}`);
      if (inner !== undefined) read(inner);
    }
  };
  read(await peer.typed("COMMAND", "DOCS"));
  return origins;
}

/** An argument of a newer Redis says so. */
function isKnownTo7(reply: Reply): boolean {
  const { since } = fieldsOf(reply);
  return since === undefined || Number(textOf(since).split(".")[0]) <= 7;
}

function argumentOf(reply: Reply): unknown {
  const { arguments: inner, flags, ...texts } = fieldsOf(reply);
  const own = Object.entries(texts).map(([field, value]) => [field, value.type, value.value]);
  return {
    ...{ own: own.sort(), flags: flags && [flags.type, setOf(flags)] },
    inner: inner && partsOf(inner).filter(isKnownTo7).map(argumentOf),
  };
}

function fieldsOf(reply: Reply): Record<string, Reply> {
  const parts = partsOf(reply);
  return Object.fromEntries(
    parts.flatMap((part, i) => (i % 2 === 0 ? [[textOf(part), parts[i + 1]]] : [])),
  );
}

function setOf(reply: Reply): string {
  return partsOf(reply).map(textOf).sort().join(" ");
}

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());
    const connect = () => Peer.connect(server().port);
    catalogueCases(connect);
    clientCases(connect);
    infoCases(connect);
  });
}

function catalogueCases(connect: () => Promise<Peer>): void {
  test("a bare COMMAND lists as many commands as COMMAND COUNT counts", async () => {
    await using peer = await connect();
    const all = partsOf(await peer.typed("COMMAND"));
    expect(await peer.ask("COMMAND", "COUNT")).toBe(`:${all.length}`);
    const names = all.map((entry) => textOf(partsOf(entry)[0] as Reply));
    expect(names).toEqual(expect.arrayContaining(table));
    expect((await peer.typed("COMMAND", "INFO")).value).toHaveLength(all.length);
  });

  test("COMMAND DOCS has a summary, a group, a complexity and the version of each", async () => {
    await using peer = await connect();
    for (const name of table) {
      const docs = partsOf(await peer.typed("COMMAND", "DOCS", name));
      expect(docs.map((part) => part.type)).toEqual(["$", "*"]);
      const fields = partsOf(docs[1] as Reply)
        .filter((_, i) => i % 2 === 0)
        .map(textOf);
      expect([name, fields]).toEqual([name, expect.arrayContaining(["summary", "since", "group"])]);
    }
  });
}

function clientCases(connect: () => Promise<Peer>): void {
  test("CLIENT LIST has a line for each connection with the fields that tools read", async () => {
    await using peer = await connect();
    await using other = await connect();
    const id = (await other.ask("CLIENT", "ID")).slice(1);
    await other.ask("CLIENT", "SETNAME", "other");
    const lines = textOf(await peer.typed("CLIENT", "LIST"))
      .trim()
      .split("\n");
    const line = lines.find((text) => text.startsWith(`id=${id} `)) ?? "";
    const fields = line.split(" ").map((field) => field.split("=")[0]);
    const wanted = "id addr laddr name age idle flags db sub psub multi cmd user resp".split(" ");
    expect(fields).toEqual(expect.arrayContaining(wanted));
    expect(line).toMatch(/ name=other /);
    expect(line).toMatch(/ cmd=client\|setname /);
    expect(line).toMatch(/ user=default /);
    expect(await peer.ask("CLIENT", "LIST", "ID", id)).toContain("name=other");
    expect(textOf(await peer.typed("CLIENT", "LIST", "TYPE", "normal"))).toContain(`id=${id} `);
  });

  test("connection ids increase and are never reused", async () => {
    const ids: number[] = [];
    for (let i = 0; i < 5; i++) {
      await using peer = await connect();
      ids.push(Number((await peer.ask("CLIENT", "ID")).slice(1)));
    }
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  });

  test("CLIENT KILL ID closes that connection and counts it", async () => {
    await using peer = await connect();
    await using victim = await connect();
    const id = (await victim.ask("CLIENT", "ID")).slice(1);
    expect(await peer.ask("CLIENT", "KILL", "ID", id)).toBe(":1");
    await victim.raw.closed();
    expect(await peer.ask("CLIENT", "KILL", "ID", id)).toBe(":0");
  });

  test("CLIENT KILL closes by address, in the old and the new form", async () => {
    await using peer = await connect();
    for (const form of [["KILL"], ["KILL", "ADDR"]]) {
      await using victim = await connect();
      const [, address] = /addr=(\S+)/.exec(await victim.ask("CLIENT", "INFO")) ?? [];
      const answer = await peer.ask("CLIENT", ...form, `${address}`);
      expect(answer).toBe(form.length === 1 ? "+OK" : ":1");
      await victim.raw.closed();
    }
  });

  test("CLIENT KILL spares the caller unless SKIPME is no, and then replies first", async () => {
    await using peer = await connect();
    const id = (await peer.ask("CLIENT", "ID")).slice(1);
    expect(await peer.ask("CLIENT", "KILL", "ID", id)).toBe(":0");
    expect(await peer.ask("CLIENT", "KILL", "ID", id, "SKIPME", "no")).toBe(":1");
    await peer.raw.closed(3_000);
  });
}

test.skipIf(oracle.isMissing)(
  `INFO everything has redis-server's fields, each once${redisNote}`,
  async () => {
    await using reference = await oracle.start();
    await using node = await ours.start();
    const fieldsOfInfo = async (port: number) => {
      await using peer = await Peer.connect(port);
      await peer.ask("SET", "k", "v");
      const text = textOf(await peer.typed("INFO", "everything"));
      const names = [...text.matchAll(/^([\w.]+):/gm)].map((match) => match[1] as string);
      return names.filter((name) => !/^(cmdstat|errorstat|latency_percentiles)_/.test(name));
    };
    const here = await fieldsOfInfo(node.port);
    expect((await fieldsOfInfo(reference.port)).filter((name) => !here.includes(name))).toEqual([]);
    expect(here.filter((name, i) => here.indexOf(name) !== i)).toEqual([]);
  },
);

function infoCases(connect: () => Promise<Peer>): void {
  const wanted: Readonly<Record<string, string>> = {
    server: "redis_version redis_mode os arch_bits process_id run_id tcp_port uptime_in_seconds",
    clients: "connected_clients blocked_clients maxclients tracking_clients",
    memory:
      "used_memory used_memory_human used_memory_rss used_memory_peak used_memory_peak_perc " +
      "used_memory_overhead used_memory_dataset used_memory_dataset_perc total_system_memory " +
      "used_memory_lua number_of_cached_scripts maxmemory maxmemory_policy mem_fragmentation_ratio " +
      "mem_fragmentation_bytes mem_allocator",
    stats:
      "total_connections_received total_commands_processed instantaneous_ops_per_sec " +
      "total_net_input_bytes total_net_output_bytes instantaneous_input_kbps " +
      "instantaneous_output_kbps rejected_connections sync_full sync_partial_ok sync_partial_err " +
      "expired_keys evicted_keys keyspace_hits keyspace_misses pubsub_channels pubsub_patterns " +
      "latest_fork_usec total_error_replies total_reads_processed",
    replication:
      "role connected_slaves master_replid master_replid2 master_repl_offset second_repl_offset",
    cpu: "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children",
  };
  test.each(Object.entries(wanted))("INFO %s has the fields %s", async (section, names) => {
    await using peer = await connect();
    const text = textOf(await peer.typed("INFO", section));
    expect(text).toMatch(new RegExp(`^# ${section}\r\n`, "i"));
    const fields = [...text.matchAll(/^([\w.]+):/gm)].map((match) => match[1] as string);
    expect(fields).toEqual(expect.arrayContaining(names.split(" ")));
  });

  test("INFO keyspace counts the keys and those with an expiry", async () => {
    await using peer = await connect();
    await peer.ask("FLUSHALL");
    expect(await peer.ask("INFO", "keyspace")).toBe("$# Keyspace\\x0d\\x0a");
    await peer.ask("MSET", "a", "1", "b", "2");
    await peer.ask("EXPIRE", "a", "100");
    expect(await peer.ask("INFO", "keyspace")).toMatch(/db0:keys=2,expires=1,avg_ttl=\d+/);
  });

  test("INFO stats counts reads and writes of sockets", async () => {
    await using peer = await connect();
    const counted = async (name: string) => {
      const text = await peer.ask("INFO", "stats");
      return Number(new RegExp(`total_${name}_processed:(\\d+)`).exec(text)?.[1]);
    };
    const before = [await counted("reads"), await counted("writes")];
    for (let i = 0; i < 5; i++) await peer.ask("PING");
    const [reads = 0, writes = 0] = [await counted("reads"), await counted("writes")];
    expect(reads - before[0]).toBeWithin(7, 9);
    expect(writes - before[1]).toBeWithin(7, 9);
  });

  test("INFO keyspace measures how long keys have to live", async () => {
    await using peer = await connect();
    await peer.ask("FLUSHALL");
    for (let i = 0; i < 50; i++) await peer.ask("SET", `k:${i}`, "v", "EX", "1000");
    // Redis measures it now and then, while its sweeper looks through the keys.
    const averageMs = async () => {
      const text = await peer.ask("INFO", "keyspace");
      return Number(/expires=50,avg_ttl=(\d+)/.exec(text)?.[1]);
    };
    await waitFor(async () => (await averageMs()) > 0, { message: "avg_ttl" });
    expect(await averageMs()).toBeWithin(900_000, 1_000_001);
    await peer.ask("FLUSHALL");
  });

  test("an error within EXEC is a failure of its command, and not of EXEC", async () => {
    await using peer = await connect();
    await peer.ask("CONFIG", "RESETSTAT");
    const failed = async (name: string) => {
      const text = await peer.ask("INFO", "commandstats");
      return new RegExp(`cmdstat_${name}:.*?failed_calls=(\\d+)`).exec(text)?.[1];
    };
    await peer.ask("SET", "text", "v");
    for (const words of [["MULTI"], ["SET", "a", "b"], ["INCR", "text"], ["INCR", "text"]]) {
      await peer.ask(...words);
    }
    expect(await peer.ask("EXEC")).toContain("-ERR value is not an integer");
    for (const [name, count] of [
      ["exec", "0"],
      ["set", "0"],
      ["incr", "2"],
    ] as const) {
      expect([name, await failed(name)]).toEqual([name, count]);
    }
    expect(await peer.ask("EXEC")).toStartWith("-ERR EXEC without MULTI");
    expect(await failed("exec")).toBe("1");
  });

  test("INFO counts a command that a pause holds as a blocked client", async () => {
    await using peer = await connect();
    await using writer = await connect();
    const blocked = async () => (await peer.ask("INFO", "clients")).includes("blocked_clients:1");
    await peer.ask("CLIENT", "PAUSE", "100000", "WRITE");
    writer.send("SET", "k", "v");
    await waitFor(blocked);
    await peer.ask("CLIENT", "UNPAUSE");
    expect(await writer.shown()).toBe("+OK");
    expect(await blocked()).toBe(false);
  });
}

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(`${contestant.name} with a password`, () => {
    const server = forAllCases(() => contestant.start([contestant.passwordFlag, "secret"]));

    test("nothing but AUTH, HELLO, QUIT and RESET is served before the password", async () => {
      await using peer = await Peer.connect(server().port);
      const refused = "-NOAUTH Authentication required.";
      for (const line of ["GET k", "SET k v", "PING", "INFO", "CLIENT ID", "CONFIG GET save"]) {
        expect([line, await peer.askRaw(`${line}\r\n`)]).toEqual([line, refused]);
      }
      expect(await peer.ask("HELLO", "3")).toStartWith("-NOAUTH HELLO must be called with");
      expect(await peer.ask("RESET")).toBe("+RESET");
      expect(await peer.ask("NOSUCH")).toStartWith("-ERR unknown command");
      expect(await peer.ask("GET")).toStartWith("-ERR wrong number of arguments");
      const wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
      expect(await peer.ask("AUTH", "guess")).toBe(wrong);
      expect(await peer.ask("AUTH", "nobody", "secret")).toBe(wrong);
      expect(await peer.ask("HELLO", "3", "AUTH", "default", "guess")).toBe(wrong);
      expect(await peer.ask("AUTH", "secret")).toBe("+OK");
      expect(await peer.ask("PING")).toBe("+PONG");
      expect(await peer.ask("RESET")).toBe("+RESET");
      expect(await peer.ask("PING")).toBe(refused);
      expect((await peer.typed("HELLO", "3", "AUTH", "default", "secret")).type).toBe("%");
    });

    test.each([
      ["*11\r\n", "unauthenticated multibulk length"],
      ["*2\r\n$4\r\nECHO\r\n$16385\r\n", "unauthenticated bulk length"],
    ])("%j is too much to say before the password", async (bytes, error) => {
      await using peer = await Peer.connect(server().port);
      peer.write(bytes);
      expect((await peer.raw.closed(3_000)).toString()).toBe(`-ERR Protocol error: ${error}\r\n`);
    });
  });
}

test("the binary protocol, which cannot log in, is refused if a password is set", async () => {
  await using node = await ours.start(["--password", "secret"]);
  for (const first of [2, 4]) {
    await using peer = await Peer.connect(node.port);
    peer.write(Buffer.of(first, 1, 0, 0, 0, 107));
    expect(show({ type: "$", value: (await peer.raw.closed(3_000)).toString("latin1") })).toBe("$");
  }
});
