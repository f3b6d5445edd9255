/**
 * Many clients that do everything at once, in an order given by chance: pipelines of commands that
 * hand over, hold, pause, kill, mute, subscribe, take over or end their connection, cut anywhere,
 * unread, half-closed, broken off. A bystander notices nothing, and no connection is left behind.
 * MSCACHE_CHAOS_SEED=n repeats a run, as far as the system gives packets in the same order.
 */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { startNode, waitFor } from "../harness.ts";
import { Bystander } from "../support/bystander.ts";
import { infoNumber } from "../support/info-number.ts";
import { Peer } from "../support/peer.ts";
import { residentBytes, tellsMemory } from "../support/process-memory.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { ours } from "../support/servers.ts";
import { type Argument, encodeCommand } from "../support/wire.ts";

setDefaultTimeout(300_000);

const MiB = 1024 * 1024;
const seed = seedFor("MSCACHE_CHAOS_SEED");
const chaosMs = repetitions(500, 30_000);
const clientsMax = 60;

// ---- what they say ------------------------------------------------------------------------------

const values = [1, 100, 5_000, 100_000].map((length) => Buffer.alloc(length, "v"));
const password = "secret";

function commandOf(random: Random, port: number): readonly Argument[] {
  const key = `key:${random.below(20)}`;
  const channel = `channel:${random.below(3)}`;
  const self = `127.0.0.1:${port}`;
  return random.weighted<readonly Argument[]>([
    [20, ["GET", key]],
    [20, ["SET", key, random.pick(values)]],
    [3, ["MGET", ...Array.from({ length: 50 }, () => `key:${random.below(20)}`)]],
    [5, ["INCR", `counter:${random.below(3)}`]],
    [2, ["APPEND", `short:${random.below(3)}`, "x"]],
    [2, ["EXPIRE", key, "1"]],
    [1, ["KEYS", "*"]],
    [1, ["SCAN", "0", "COUNT", "1000000"]],
    [6, ["MULTI"]],
    [8, ["EXEC"]],
    [2, ["DISCARD"]],
    [3, ["WATCH", key, `${key}:more`]],
    [4, ["SUBSCRIBE", channel]],
    [2, ["PSUBSCRIBE", "channel:*"]],
    [4, ["UNSUBSCRIBE"]],
    [2, ["PUNSUBSCRIBE"]],
    [8, ["PUBLISH", channel, random.pick(values)]],
    [3, ["HELLO", random.pick(["2", "3"])]],
    [3, ["RESET"]],
    [1, ["QUIT"]],
    [1, ["CLIENT", "KILL", self]],
    [1, ["CLIENT", "KILL", "TYPE", random.pick(["pubsub", "replica"])]],
    [2, ["CLIENT", "REPLY", "OFF"]],
    [3, ["CLIENT", "REPLY", "ON"]],
    [3, ["CLIENT", "REPLY", "SKIP"]],
    [1, ["CLIENT", "PAUSE", `${random.below(30)}`, random.pick(["WRITE", "ALL"])]],
    [2, ["CLIENT", "UNPAUSE"]],
    [2, ["CLIENT", "LIST"]],
    [1, ["CLIENT", "UNBLOCK", `${random.below(100)}`]],
    [3, ["INFO"]],
    [3, ["ROLE"]],
    [1, ["CONFIG", "GET", "*"]],
    [1, ["COMMAND"]],
    [1, ["CONFIG", "SET", "requirepass", random.pick(["", password])]],
    [2, ["AUTH", random.pick([password, "wrong"])]],
    [2, ["WAIT", "1", `${random.between(1, 30)}`]],
    [1, ["REPLCONF", "listening-port", "1", "capa", "eof"]],
    [0.5, ["PSYNC", "?", "-1"]],
    [0.3, ["SYNC"]],
    [2, ["NONSENSE", random.pick(values)]],
    [1, ["GET"]],
  ]);
}

/** Bytes for the socket: mostly whole commands, at times none at all. */
function speech(random: Random, port: number): Buffer {
  const count = random.weighted([
    [5, 1],
    [4, random.between(2, 30)],
    [1, random.between(100, 400)],
  ]);
  const whole = Buffer.concat(
    Array.from({ length: count }, () => encodeCommand(commandOf(random, port))),
  );
  if (random.chance(0.03)) return Buffer.concat([whole, random.bytes(random.between(1, 50))]);
  return random.chance(0.1) ? whole.subarray(0, random.below(whole.length)) : whole;
}

// ---- what they do -------------------------------------------------------------------------------

/** One that lives until it, or the server, has had enough. */
async function live(port: number, random: Random, untilMs: number, remaining: Set<Socket>) {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const ended = Promise.withResolvers<void>();
  remaining.add(socket);
  socket.on("error", () => undefined); // its end follows
  socket.on("data", () => undefined);
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    remaining.delete(socket);
    ended.resolve();
  });
  socket.on("connect", () => {
    if (random.chance(0.05)) socket.write(Uint8Array.of(random.pick([1, 2, 4, 0x16])));
  });
  while (performance.now() < untilMs && remaining.has(socket)) {
    const step = random.below(100);
    if (step < 80 && socket.writable) socket.write(speech(random, socket.localPort ?? 0));
    else if (step < 88) socket.pause();
    else if (step < 97) socket.resume();
    else if (step === 97) socket.end();
    else if (step === 98) socket.destroy();
    // The pace of a client, which its seed gives.
    await Promise.race([ended.promise, Bun.sleep(random.below(20))]);
  }
}

async function chaos(port: number, name: number): Promise<void> {
  const untilMs = performance.now() + chaosMs;
  const remaining = new Set<Socket>();
  const lives = async (number: number) => {
    const random = new Random(seed + name * 1000 + number);
    while (performance.now() < untilMs) await live(port, random, untilMs, remaining);
  };
  await Promise.all(Array.from({ length: clientsMax }, (_, number) => lives(number)));
  // Whatever state they are in: who closes its half is answered, and then it is over.
  for (const socket of remaining) {
    socket.resume();
    socket.end();
  }
  await waitFor(() => remaining.size === 0, {
    timeoutMs: 120_000,
    message: "the server to end every connection",
  });
}

// ---- what is left -------------------------------------------------------------------------------

async function restsAlone(operator: Peer): Promise<void> {
  const patience = { timeoutMs: 120_000 };
  expect(await operator.ask("PING")).toBe("+PONG");
  for (const [field, value] of [
    ["connected_clients", 1],
    ["connected_slaves", 0],
    ["mem_clients_normal", 0],
    ["blocked_clients", 0],
    ["pubsub_channels", 0],
    ["pubsub_patterns", 0],
  ] as const) {
    const message = `${field} to be ${value}`;
    await waitFor(async () => (await infoNumber(operator, field)) === value, {
      ...patience,
      message,
    });
  }
}

for (const threads of variants([2], [1, 4])) {
  describe(`${threads} data threads`, () => {
    test("serve a bystander through all of it, and are themselves again afterwards", async () => {
      const bounds = [
        "--max-client-memory",
        "8mb",
        "--max-memory",
        "128mb",
        "--journal-size",
        "4mb",
      ];
      await using server = await ours.start([...bounds, "--threads", `${threads}`]);
      await using operator = await Peer.connect(server.port);
      const bystander = await Bystander.start(server.port);
      await bystander.noticedNothing();
      const before = tellsMemory ? residentBytes(server.process.pid) : 0;
      await chaos(server.port, threads);
      await bystander.noticedNothing().catch((error) => {
        throw new Error(`${error}; the node's log ends with:\n${server.log().slice(-20_000)}`);
      });
      await bystander[Symbol.asyncDispose]();
      await restsAlone(operator);
      if (tellsMemory) {
        await waitFor(() => residentBytes(server.process.pid) < before + 128 * MiB, {
          timeoutMs: 60_000,
          message: "resident memory to be near where it was",
        });
      }
      server.process.kill("SIGTERM");
      expect(await server.process.exited).toBe(0);
    });
  });
}

test("leaves a store in order", async () => {
  await using node = await startNode({ threads: 1, maxClientMemory: 8 * MiB });
  await using operator = await Peer.connect(node.port);
  await chaos(node.port, 0);
  await restsAlone(operator);
  node.store.invariants();
});
