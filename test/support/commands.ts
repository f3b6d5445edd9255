/**
 * Random commands over the whole command table: mostly right, often at an edge, sometimes wrong.
 * Leaves out what would end or change the connection itself (QUIT, RESET, HELLO, CLIENT KILL,
 * PSYNC, REPLICAOF to a host): those have tests of their own.
 * Invariant: a step says how its two replies are to be compared, and the same Random gives the same
 * steps.
 */
import { bitCommand, sketchCommand } from "./bit-commands.ts";
import { payloadOf } from "./payload.ts";
import type { Random } from "./seed.ts";
import { float, index, integer, key, keys, offset, patterns, type Times, value } from "./values.ts";
import type { Argument } from "./wire.ts";

/**
 * How the replies of two servers are compared: "equal" byte for byte; times left with
 * a tolerance, as the clock runs, and moments too unless they were given as such; "unordered" as a
 * set; "member" (RANDOMKEY) as any key that is there; "walk" (SCAN) by all keys of a whole
 * iteration; "payload" (DUMP) by what the other server restores from it; "loose" by shape, as the
 * content must differ; "cut echo" as equal up to where we cut an argument that an error repeats
 * (limits.ts, textBytesMax).
 */
export type Comparison =
  | "equal"
  | "seconds left"
  | "milliseconds left"
  | "moment in seconds"
  | "moment in milliseconds"
  | "unordered"
  | "member"
  | "walk"
  | "payload"
  | "loose"
  | "cut echo";

export interface Step {
  readonly args: readonly Argument[];
  readonly compare: Comparison;
  /** What must pass before it is sent, for the step before to run out. */
  readonly pauseMs?: number;
}

/** What we repeat of an argument, at most. */
export const echoBytesMax = 4096;

type Maker = (random: Random, times: Times) => Argument[];

/** Draws one argument list per call; the weights follow how much there is to get wrong. */
const makers: readonly (readonly [number, Maker])[] = [
  [14, (r, t) => ["SET", key(r), value(r), ...setOptions(r, t)]],
  [5, (r, t) => ["GETEX", key(r), ...getexOptions(r, t)]],
  [5, (r) => ["GET", key(r)]],
  [2, (r) => ["SETNX", key(r), value(r)]],
  [2, (r, t) => ["SETEX", key(r), t.relative("s"), value(r)]],
  [2, (r, t) => ["PSETEX", key(r), t.relative("ms"), value(r)]],
  [2, (r) => ["GETSET", key(r), value(r)]],
  [2, (r) => ["GETDEL", key(r)]],
  [2, (r) => ["MGET", ...severalKeys(r)]],
  [2, (r) => ["MSET", ...pairs(r)]],
  [2, (r) => ["MSETNX", ...pairs(r)]],
  [4, (r) => ["APPEND", key(r), value(r)]],
  [2, (r) => ["STRLEN", key(r)]],
  [5, (r) => [r.pick(["GETRANGE", "GETRANGE", "SUBSTR"]), key(r), index(r), index(r)]],
  [5, (r) => ["SETRANGE", key(r), offset(r), value(r)]],
  [4, (r) => [r.pick(["INCR", "DECR"]), key(r)]],
  [6, (r) => [r.pick(["INCRBY", "DECRBY"]), key(r), integer(r)]],
  [6, (r) => ["INCRBYFLOAT", key(r), float(r)]],
  [4, (r) => [r.pick(["DEL", "UNLINK", "EXISTS", "TOUCH"]), ...severalKeys(r)]],
  [1, (r) => ["TYPE", key(r)]],
  [2, (r) => ["KEYS", r.pick(patterns)]],
  [3, (r) => ["SCAN", "0", ...scanOptions(r)]],
  [1, () => ["RANDOMKEY"]],
  [2, (r) => [r.pick(["RENAME", "RENAMENX"]), key(r), key(r)]],
  [4, (r) => ["COPY", key(r), key(r), ...copyOptions(r)]],
  [2, (r) => ["SELECT", database(r)]],
  [2, (r) => ["MOVE", key(r), databaseOrNone(r)]],
  [0.7, (r) => ["SWAPDB", databaseOrNone(r), databaseOrNone(r)]],
  [0.5, (r) => [r.pick(["FLUSHALL", "FLUSHDB"]), ...r.pick([[], ["ASYNC"], ["sync"], ["NOW"]])]],
  [5, (r, t) => ["EXPIRE", key(r), t.relative("s"), ...expireOptions(r)]],
  [5, (r, t) => ["PEXPIRE", key(r), t.relative("ms"), ...expireOptions(r)]],
  [5, (r, t) => ["EXPIREAT", key(r), t.absolute("s"), ...expireOptions(r)]],
  [5, (r, t) => ["PEXPIREAT", key(r), t.absolute("ms"), ...expireOptions(r)]],
  [6, (r) => [r.pick(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]), key(r)]],
  [3, (r) => ["PERSIST", key(r)]],
  [10, bitCommand],
  [6, sketchCommand],
  [2, (r) => ["DUMP", key(r)]],
  [2, (r) => ["LCS", key(r), key(r), ...lcsOptions(r)]],
  [4, (r, t) => ["RESTORE", key(r), ...restoreArguments(r, t)]],
  [2, (r) => askAboutKey(r)],
  [4, (r) => connectionCommand(r)],
  [5, (r) => anyArguments(r)],
];

/** Reads of the clock differ by what passed between the two servers' turns. */
const comparisons: Readonly<Record<string, Comparison>> = {
  TTL: "seconds left",
  PTTL: "milliseconds left",
  EXPIRETIME: "moment in seconds",
  PEXPIRETIME: "moment in milliseconds",
  KEYS: "unordered",
  RANDOMKEY: "member",
  DUMP: "payload",
  TIME: "loose",
  "CLIENT ID": "loose",
  "OBJECT REFCOUNT": "loose",
  "MEMORY USAGE": "loose",
};

/** One client command, made of one or (where a server may lag behind) a few steps. */
export function nextSteps(random: Random, times: Times): Step[] {
  if (random.chance(0.02)) return sizeAfterSweep();
  if (random.chance(0.003)) return runningOut(random);
  if (random.chance(0.01)) return askEncoding(random);
  const args = random.weighted(makers)(random, times);
  return [{ args: withRandomCase(random, args), compare: comparisonOf(args) }];
}

function comparisonOf(args: readonly Argument[]): Comparison {
  const name = String(args[0]).toUpperCase();
  if (name === "SCAN" && args[1] === "0") return "walk";
  if (name === "REPLCONF" && args.some(isCutInEchoes)) return "cut echo";
  const found = comparisons[name] ?? comparisons[`${name} ${String(args[1]).toUpperCase()}`];
  return found ?? "equal";
}

function isCutInEchoes(arg: Argument): boolean {
  return typeof arg !== "number" && arg.length > echoBytesMax;
}

/** An expired key counts in DBSIZE until somebody meets it: so meet all of them first. */
function sizeAfterSweep(): Step[] {
  return [
    { args: ["EXISTS", ...keys], compare: "equal" },
    { args: ["DBSIZE"], compare: "equal" },
  ];
}

/** A key that is over before the next step, which may be any command on it. */
function runningOut(random: Random): Step[] {
  const name = key(random);
  const after = random.pick<Argument[]>([
    ["GET", name],
    ["TTL", name],
    ["APPEND", name, "x"],
    ["SET", name, "x", "KEEPTTL"],
    ["SET", name, "x", "XX"],
    ["RENAME", name, "a"],
    ["EXPIRE", name, "1000"],
    ["PERSIST", name],
    ["DEL", name],
    ["KEYS", "*"],
  ]);
  return [
    { args: ["SET", name, value(random), "PX", "1"], compare: "equal" },
    { args: after, compare: comparisonOf(after), pauseMs: 5 },
    // DBSIZE would still count a key that nobody has met.
    { args: ["EXISTS", name], compare: "equal" },
  ];
}

/** Of a value set as a whole: Redis remembers how a value came to be, we look at its bytes. */
function askEncoding(random: Random): Step[] {
  const name = key(random);
  return [
    { args: ["SET", name, value(random)], compare: "equal" },
    { args: ["OBJECT", "ENCODING", name], compare: "equal" },
  ];
}

/** OBJECT and MEMORY USAGE; what differs rightly is asked about a key that nobody writes. */
function askAboutKey(random: Random): Argument[] {
  return random.pick<Argument[]>([
    ["OBJECT", random.pick(["FREQ", "IDLETIME", "ENCODING", "REFCOUNT"]), "never-written"],
    ["OBJECT", "REFCOUNT", key(random)],
    ["OBJECT", random.pick(["NONSENSE", "", "ENCODINGS", "FREQ"])],
    ["MEMORY", "USAGE", key(random)],
    ["MEMORY", "USAGE", "never-written", ...options(random, [() => ["SAMPLES", integer(random)]])],
    ["MEMORY", random.pick(["NONSENSE", "", "USAGES", "USAGE"])],
    ["CLUSTER", random.pick(["INFO", "SLOTS", "NODES", "KEYSLOT", "NONSENSE", ""])],
    ["MODULE", random.pick(["LIST", "LOAD", "UNLOAD", "NONSENSE"])],
    [random.pick(["READONLY", "READWRITE", "ASKING"]), ...random.pick([[], [], ["x"]])],
    ["COMMAND", random.pick(["GETKEYS", "GETKEYSANDFLAGS"]), ...anyArguments(random)],
    ["LATENCY", random.pick(["NONSENSE", "", "LATEST", "RESET"])],
    ["LATENCY", random.pick(["HISTORY", "GRAPH", "RESET", "HISTOGRAM"]), "nosuch"],
    ["PUBSUB", random.pick(["SHARDCHANNELS", "SHARDNUMSUB", "NONSENSE"]), ...severalKeys(random)],
    ["SPUBLISH", key(random), value(random)],
    ["SLOWLOG", "GET", random.pick(["x", "-2", "1.5", "0"])],
    ["SLOWLOG", random.pick(["NONSENSE", "", "LENGTH", "RESET"])],
  ]);
}

function withRandomCase(random: Random, args: Argument[]): Argument[] {
  const [name] = args;
  if (typeof name !== "string") return args;
  const changed = random.pick([
    name,
    name,
    name.toLowerCase(),
    name[0] + name.slice(1).toLowerCase(),
  ]);
  return [changed, ...args.slice(1)];
}

function severalKeys(random: Random): Buffer[] {
  return Array.from({ length: random.between(1, 4) }, () => key(random));
}

function pairs(random: Random): Argument[] {
  const list: Argument[] = [];
  for (let i = random.between(1, 3); i > 0; i--) list.push(key(random), value(random));
  if (random.chance(0.1)) list.pop();
  return list;
}

/** Zero to three options, each with what it needs, now and then without it or with nonsense. */
function options(random: Random, choices: readonly (() => Argument[])[]): Argument[] {
  const count = random.pick([0, 0, 1, 1, 1, 2, 2, 3]);
  const list: Argument[] = [];
  for (let i = 0; i < count; i++) list.push(...random.pick(choices)());
  if (random.chance(0.03)) list.pop();
  if (random.chance(0.02)) list.push(random.pick(["NONSENSE", "", "EX", "ex\0"]));
  return random.chance(0.2) ? list.map((o) => String(o).toLowerCase()) : list;
}

function setOptions(random: Random, times: Times): Argument[] {
  return options(random, [
    () => ["NX"],
    () => ["XX"],
    () => ["GET"],
    () => ["KEEPTTL"],
    () => ["EX", times.relative("s")],
    () => ["PX", times.relative("ms")],
    () => ["EXAT", times.absolute("s")],
    () => ["PXAT", times.absolute("ms")],
    () => [random.pick(["PERSIST", "IFNX", "REPLACE"])],
  ]);
}

function getexOptions(random: Random, times: Times): Argument[] {
  return options(random, [
    () => ["PERSIST"],
    () => ["EX", times.relative("s")],
    () => ["PX", times.relative("ms")],
    () => ["EXAT", times.absolute("s")],
    () => ["PXAT", times.absolute("ms")],
    () => [random.pick(["KEEPTTL", "NX", "GET"])],
  ]);
}

function expireOptions(random: Random): Argument[] {
  const choices = ["NX", "XX", "GT", "LT"].map((name) => () => [name]);
  return options(random, choices);
}

function copyOptions(random: Random): Argument[] {
  return options(random, [() => ["REPLACE"], () => ["DB", databaseOrNone(random)], () => ["DB"]]);
}

/** Few, so that keys meet. */
export function database(random: Random): string {
  return String(random.below(3));
}

function databaseOrNone(random: Random): string {
  if (random.chance(0.8)) return database(random);
  return random.pick(["15", "16", "-1", "x", "", "0 ", "99999999999", "99999999999999999999"]);
}

function scanOptions(random: Random): Argument[] {
  return options(random, [
    () => ["MATCH", random.pick(patterns)],
    () => ["COUNT", random.pick(["1", "2", "10", "1000", "0", "-1", "x", "9223372036854775807"])],
    () => ["TYPE", random.pick(["string", "STRING", "list", "nothing"])],
  ]);
}

function lcsOptions(random: Random): Argument[] {
  return options(random, [
    () => ["LEN"],
    () => ["IDX"],
    () => ["IDX"],
    () => ["MINMATCHLEN", random.pick(["0", "1", "2", "3", "-1", "x", "9223372036854775807"])],
    () => ["WITHMATCHLEN"],
  ]);
}

/** Redis overflows at the largest time from now, and drops the value; we keep it. */
function restoreArguments(random: Random, times: Times): Argument[] {
  const isAbsolute = random.chance(0.4);
  const drawn = isAbsolute ? times.absolute("ms") : times.relative("ms");
  const time = random.chance(0.5) || drawn === String(2n ** 63n - 1n) ? "0" : drawn;
  const list = options(random, [
    () => ["REPLACE"],
    () => ["REPLACE"],
    () => ["IDLETIME", random.pick(["0", "10", "-1", "x"])],
    () => ["FREQ", random.pick(["0", "255", "256", "-1", "x"])],
  ]);
  return [time, payload(random), ...(isAbsolute ? ["ABSTTL"] : []), ...list];
}

/** Mostly whole: a broken one has a changed bit, a missing end or a version of the far future. */
function payload(random: Random): Buffer {
  if (random.chance(0.03)) return payloadOf(value(random), 0xffff);
  const bytes = payloadOf(value(random));
  if (random.chance(0.03)) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
  return random.chance(0.03) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

function connectionCommand(random: Random): Argument[] {
  return random.pick<Argument[]>([
    ["PING"],
    ["PING", value(random)],
    ["ECHO", value(random)],
    ["SELECT", databaseOrNone(random)],
    ["TIME"],
    ["CLIENT", "ID"],
    ["CLIENT", "GETNAME"],
    ["CLIENT", "SETNAME", random.pick(["judge", "", "a b", "new\nline", "é"])],
    ["CLIENT", "NO-EVICT", random.pick(["on", "OFF", "maybe"])],
    ["CLIENT", "REPLY", "ON"],
    ["CLIENT", "REPLY", "LOUD"],
    ["CLIENT", random.pick(["NONSENSE", "", "id\r\nx"])],
    ["COMMAND", random.pick(["NONSENSE", "count2", "INFOS"])],
    ["CONFIG", random.pick(["NONSENSE", "get", "SET"])],
    ["CONFIG", "GET", "no-such-parameter"],
    ["CONFIG", "SET", "no-such-parameter", "1"],
    ["CONFIG", "SET", "maxmemory", "plenty"],
    [
      "REPLCONF",
      random.pick(["capa", "listening-port", "nonsense"]),
      random.pick(["eof", "7", "x"]),
    ],
    ["SCAN", random.pick(["x", "0 ", " 0", "1.5", "99999999999999999999", "0x1"])],
    ["AUTH", "password"],
    ["AUTH", "default", "password"],
    ["AUTH", "nobody", "password"],
  ]);
}

/** Names that take any number of any arguments without harm to the connection or the machine. */
const harmless = [
  ..."GET SET SETNX SETEX PSETEX GETSET GETDEL GETEX MGET MSET MSETNX APPEND STRLEN GETRANGE".split(
    " ",
  ),
  ..."LCS INCR INCRBY DECR DECRBY INCRBYFLOAT DEL UNLINK EXISTS TOUCH TYPE KEYS RENAME RENAMENX".split(
    " ",
  ),
  ..."COPY MOVE SWAPDB DUMP RESTORE PERSIST TTL PTTL EXPIRETIME PEXPIRETIME ECHO SELECT TIME RANDOMKEY DBSIZE PING".split(
    " ",
  ),
  ..."SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO PFCOUNT PFDEBUG".split(" "),
  ..."NOSUCHCOMMAND nosuch CLIENT CONFIG COMMAND REPLCONF OBJECT MEMORY".split(" "),
];

/** Wrong arity, unknown commands, and whatever else a wrong number of arguments leads to. */
function anyArguments(random: Random): Argument[] {
  const name = random.chance(0.05) ? value(random) : random.pick(harmless);
  const count = random.below(7);
  // A bare COMMAND lists the whole table, which is not the same table: left to another test.
  if (name === "COMMAND" && count === 0) return ["COMMAND", "NONSENSE"];
  // Right DBSIZE and RANDOMKEY need the special comparisons: here they are wrong by an argument.
  const least = name === "DBSIZE" || name === "RANDOMKEY" || name === "SELECT" ? 2 : 0;
  const args = Array.from({ length: Math.max(count, least) }, () => {
    return random.chance(0.5) ? key(random) : value(random);
  });
  // Right SETEX and PSETEX here would draw times that run out while the test runs.
  if (/SETEX/.test(String(name)) && args.length === 3) args.pop();
  return [name, ...args];
}
