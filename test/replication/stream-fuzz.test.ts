/**
 * Our follower, in its own process, and a leader whose bytes are damaged: a good snapshot with a
 * damaged stream after it, a damaged snapshot, and both with false lengths. Whatever arrives, the
 * follower survives, serves its clients and reconnects; given good bytes in the end, it is a copy.
 * The parts alone are fuzzed harder in
 * unit/replication/follower/leader-stream-fuzz.test.ts.
 * Replay with STREAM_FUZZ_SEED=n; run longer with STREAM_FUZZ_ROUNDS=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { waitFor } from "../harness.ts";
import { standingOf } from "../support/line-ups.ts";
import { mutated } from "../support/mutations.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { type Answer, ScriptedLeader } from "../support/scripted-leader.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { ours } from "../support/servers.ts";
import { type Argument, encodeCommand } from "../support/wire.ts";
import { contentsOf } from "../support/write-load.ts";

const rounds = numberFromEnvironment("STREAM_FUZZ_ROUNDS", repetitions(20, 200));
setDefaultTimeout(60_000 + rounds * 1_000);

const replid = "5eed".repeat(10);
const offset = 1_000;
const mark = "f".repeat(40);

/** A snapshot made by hand: strings only, and zeros for its checksum, which stand for none. */
function snapshot(items: readonly (readonly [string, string])[]): Buffer {
  const text = (bytes: string) => `${String.fromCharCode(bytes.length)}${bytes}`;
  const records = items.map(([key, value]) => `\0${text(key)}${text(value)}`);
  return Buffer.from(`REDIS0009\xfe\0${records.join("")}\xff${"\0".repeat(8)}`, "latin1");
}

const good = snapshot([
  ["a", "1"],
  ["n", "41"],
]);

function fullSync(payload: Uint8Array, stream: Uint8Array, isMarked: boolean): Buffer {
  const head = isMarked ? `$EOF:${mark}` : `$${payload.length}`;
  const parts = [Buffer.from(`+FULLRESYNC ${replid} ${offset}\r\n${head}\r\n`), payload];
  return Buffer.concat([...parts, Buffer.from(isMarked ? mark : ""), stream]);
}

type Line = readonly [number, (random: Random) => Argument[]];
const key = (random: Random) => `k${random.below(10)}`;

const lines: readonly Line[] = [
  [6, (r) => ["SET", key(r), r.bytes(r.below(100))]],
  [2, (r) => ["SET", key(r), "x", "PXAT", 4_000_000_000_000 + r.below(1_000)]],
  [2, (r) => ["DEL", key(r), key(r)]],
  [2, (r) => ["SETRANGE", key(r), r.below(1_000), r.bytes(5)]],
  [1, (r) => ["APPEND", key(r), "more"]],
  [1, (r) => ["PEXPIREAT", key(r), 4_000_000_000_000]],
  [1, (r) => ["RENAME", key(r), key(r)]],
  [1, () => ["INCRBY", "n", 1]],
  [1, () => ["SELECT", 0]],
  [1, () => ["PING"]],
  [1, () => ["REPLCONF", "GETACK", "*"]],
  [1, () => ["PUBLISH", "channel", "message"]],
  [1, () => ["FLUSHALL"]],
  [2, () => ["MULTI"]],
  [2, () => ["EXEC"]],
  // What no stream should hold, and what must not harm whoever finds it there.
  [
    1,
    (r) => [r.pick(["REPLICAOF", "NOSUCH", "WAIT", "SUBSCRIBE", "CLIENT", "WATCH"]), "NO", "ONE"],
  ],
];

function damagedStream(random: Random): Buffer {
  const commands = Array.from({ length: random.between(1, 30) }, () => {
    return encodeCommand(random.weighted(lines)(random));
  });
  let bytes: Buffer = Buffer.concat(commands);
  for (let i = random.below(4); i > 0 && bytes.length > 0; i--) bytes = mutated(random, bytes);
  return bytes;
}

/** What the leader of one round sends. */
function damagedSync(random: Random): Buffer {
  const isMarked = random.chance(0.5);
  const payload = random.chance(0.3) ? mutated(random, Buffer.from(good)) : Buffer.from(good);
  const bytes = fullSync(payload, damagedStream(random), isMarked);
  // The head of all, where the replid, the offset and the length are.
  return random.chance(0.1) ? mutated(random, bytes) : bytes;
}

for (const threads of variants([2], [1, 4])) {
  describe(`a follower with ${threads} data threads`, () => {
    test.concurrent("survives every stream and is a copy when it gets a good one", async () => {
      const random = new Random(seedFor("STREAM_FUZZ_SEED"));
      let isGood = false;
      const rest = encodeCommand(["INCRBY", "n", 1]);
      const answer = (): Answer => {
        if (isGood) return { bytes: fullSync(good, rest, false), staysOpen: true };
        return { bytes: damagedSync(random), staysOpen: false };
      };
      await using stack = new AsyncDisposableStack();
      const leaders = [
        stack.use(await ScriptedLeader.start(answer)),
        stack.use(await ScriptedLeader.start(answer)),
      ];
      const served = () => leaders.reduce((sum, leader) => sum + leader.served, 0);
      const address = `127.0.0.1:${leaders[0]?.port}`;
      const node = stack.use(
        await ours.start([
          "--threads",
          `${threads}`,
          "--leaderaddr",
          address,
          "--log-level",
          "info",
        ]),
      );
      const peer = stack.use(await Peer.connect(node.port));
      for (let round = 1; round <= rounds; round++) {
        await waitFor(() => served() >= round, { message: `the follower to leave ${round}` });
        // While it loads what it was sent, it says so.
        await waitFor(async () => (await peer.ask("PING")) === "+PONG");
        expect(await peer.ask("SET", "k", "v")).toMatch(/^-(READONLY|LOADING)/);
        // By itself it comes less and less often; an order makes it begin anew.
        if (round % 3 > 0) continue;
        const other = `${leaders[(round / 3) % 2]?.port}`;
        expect(await peer.ask("REPLICAOF", "127.0.0.1", other)).toStartWith("+OK");
      }
      isGood = true;
      await waitFor(async () => (await standingOf(node.port)).offset === offset + rest.length);
      const copy = [
        ["a", "$1 until :-1"],
        ["n", "$42 until :-1"],
      ] as const;
      expect(await contentsOf(node.port)).toEqual(new Map(copy));
      expect(node.process.exitCode).toBeNull();
    });
  });
}

test("control commands in a stream are not obeyed, but its changes are applied", async () => {
  const orders = [
    ["REPLICAOF", "NO", "ONE"],
    ["CONFIG", "SET", "max-clients", "7"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["SHUTDOWN", "NOSAVE"],
    ["SET", "a", "2"],
  ];
  const stream = Buffer.concat(orders.map(encodeCommand));
  const answer = () => ({ bytes: fullSync(good, stream, true), staysOpen: true });
  await using leader = await ScriptedLeader.start(answer);
  await using node = await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]);
  await waitFor(async () => (await standingOf(node.port)).offset === offset + stream.length);
  await using peer = await Peer.connect(node.port);
  expect(await peer.ask("GET", "a")).toBe("$2");
  expect(await peer.ask("CONFIG", "GET", "max-clients")).not.toContain("$7]");
  expect((await standingOf(node.port)).role).toBe("follower");
  expect(node.log().match(/a command that is not applied here/g)).toHaveLength(4);
});
