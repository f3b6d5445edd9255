/**
 * BCAST tracking whose invalidations have numbers: a client that lost its connection goes on from
 * the last one and drops only what has changed meanwhile; with one data thread and with two. Redis
 * has nothing like it.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { CachingClient, numberedMode } from "../support/caching-client.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { forAllCases, ours } from "../support/servers.ts";
import { partsOf, show, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

for (const threads of variants([2], [1, 4])) {
  describe.skipIf(threads > 1 && process.platform !== "linux")(`${threads} data threads`, () => {
    const server = forAllCases(() => ours.start(["--threads", `${threads}`]));
    const connect = async () => {
      const peer = await Peer.connect(server().port);
      await peer.ask("HELLO", "3");
      return peer;
    };

    test("invalidations have numbers that grow, and the run of the node has a name", async () => {
      await using reader = await connect();
      await using writer = await connect();
      const { runId, sequence, resumed } = await track(reader, "NUMBERED");
      expect(textOf(await writer.typed("INFO", "server"))).toContain(`run_id:${runId}\r\n`);
      expect(resumed).toBe(0);
      await writer.ask("SET", "a", "1");
      const first = await pushed(reader);
      await writer.ask("SET", "b", "1");
      const second = await pushed(reader);
      await writer.ask("FLUSHALL");
      const third = await pushed(reader);
      expect([first.keys, second.keys, third.keys]).toEqual(["*[$a]", "*[$b]", "_null"]);
      const numbers = [sequence, first.number, second.number, third.number];
      expect(numbers).toEqual([...new Set(numbers)].sort((x, y) => x - y));
    });

    test("a client that comes back is told of what has changed under its prefixes", async () => {
      await using writer = await connect();
      const options = ["PREFIX", "u:", "PREFIX", "v:", "NUMBERED"];
      const before = await connect();
      const { runId } = await track(before, ...options);
      await writer.ask("SET", "u:1", "1");
      const { number } = await pushed(before);
      before.breakOff();
      await writer.ask("MSET", "v:1", "1", "other", "1", "u:2", "1", "v:1", "2");
      await writer.ask("DEL", "u:1");
      await using after = await connect();
      const back = await track(after, ...options, "FROM", runId, `${number}`);
      expect(back).toEqual({ runId, sequence: number, resumed: 1 });
      const missed = await pushed(after);
      expect(missed.keys).toBe("*[$u:1 $u:2 $v:1]");
      await writer.ask("SET", "u:3", "1");
      const next = await pushed(after);
      expect(next.keys).toBe("*[$u:3]");
      expect(next.number).toBeGreaterThan(missed.number);
    });

    test("a number counts for all prefixes of a client, though many change at once", async () => {
      await using writer = await connect();
      const prefixes = ["a", "b", "c"].flatMap((prefix) => ["PREFIX", prefix]);
      const before = await connect();
      const { runId } = await track(before, ...prefixes, "NUMBERED");
      await writer.ask("MSET", "c", "1", "a", "1", "b", "1");
      const first = await pushed(before);
      before.breakOff();
      await using after = await connect();
      await track(after, ...prefixes, "NUMBERED", "FROM", runId, `${first.number}`);
      const missed = await pushed(after);
      const told = [first, missed].flatMap(({ keys }) => keys.slice(2, -1).split(" "));
      expect(told).toEqual(expect.arrayContaining(["$a", "$b", "$c"]));
    });

    test("a client that missed nothing is told the present number", async () => {
      await using before = await connect();
      const { runId, sequence } = await track(before, "NUMBERED");
      await using after = await connect();
      const back = await track(after, "NUMBERED", "FROM", runId, `${sequence}`);
      expect(back.resumed).toBe(1);
      expect(await pushed(after)).toEqual({ keys: "*[]", number: sequence });
    });

    test("many missed keys come in parts, of which only the last has the new number", async () => {
      await using writer = await connect();
      const before = await connect();
      const { runId, sequence } = await track(before, "NUMBERED");
      before.breakOff();
      const names = Array.from({ length: 2500 }, (_, i) => `key ${i}`);
      await using present = await connect();
      await track(present, "PREFIX", "key 2499", "NUMBERED");
      await writer.typed("MSET", ...names.flatMap((name) => [name, "v"]));
      expect((await pushed(present)).keys).toBe("*[$key 2499]"); // all of it has been read
      await using after = await connect();
      await track(after, "NUMBERED", "FROM", runId, `${sequence}`);
      const parts = [await pushed(after), await pushed(after), await pushed(after)];
      expect(parts.map(({ number }) => number > sequence)).toEqual([false, false, true]);
      const told = parts.flatMap(({ keys }) => keys.slice(2, -1).split(" $"));
      expect(told.length).toBe(2500);
    });

    test("who cannot go on is told so: another run, no such place, a FLUSHALL in between", async () => {
      await using writer = await connect();
      const before = await connect();
      const { runId, sequence } = await track(before, "NUMBERED");
      before.breakOff();
      await writer.ask("SET", "k", "1");
      for (const [run, from] of [
        ["f".repeat(40), sequence],
        [runId, sequence + 8],
        [runId, sequence + 1e9],
        [runId, -1],
      ] as const) {
        await using after = await connect();
        const back = await track(after, "NUMBERED", "FROM", run, `${from}`);
        expect(back.resumed).toBe(0);
        expect(back.sequence).toBeGreaterThan(sequence);
      }
      await writer.ask("FLUSHALL");
      await using after = await connect();
      expect((await track(after, "NUMBERED", "FROM", runId, `${sequence}`)).resumed).toBe(0);
    });

    test("a quiet client gets new numbers while others change much, so that it can go on", async () => {
      await using writer = await connect();
      const quiet = await connect();
      const { runId, sequence } = await track(quiet, "PREFIX", "quiet:", "NUMBERED");
      const name = "k".repeat(10_000);
      for (let i = 0; i < 2500; i += 50) {
        for (let j = 0; j < 50; j++) writer.send("SET", `${name}${i + j}`, "v");
        await writer.replies(50);
      }
      let last = { keys: "", number: sequence };
      while (last.number < sequence + 20_000_000) {
        last = await pushed(quiet);
        expect(last.keys).toBe("*[]");
      }
      quiet.breakOff();
      await using after = await connect();
      const options = ["PREFIX", "quiet:", "NUMBERED", "FROM", runId, `${last.number}`];
      expect((await track(after, ...options)).resumed).toBe(1);
    });

    test("it needs BCAST, RESP3, no REDIRECT, and a connection that does not track yet", async () => {
      await using client = await Peer.connect(server().port);
      const ask = async (...args: string[]) =>
        await client.ask("CLIENT", "TRACKING", "ON", ...args);
      const needs = "-ERR NUMBERED requires BCAST mode, RESP3 and no REDIRECT";
      expect(await ask("BCAST", "NUMBERED")).toBe(needs);
      await client.ask("HELLO", "3");
      expect(await ask("NUMBERED")).toBe(needs);
      const id = (await client.ask("CLIENT", "ID")).slice(1);
      expect(await ask("BCAST", "NUMBERED", "REDIRECT", id)).toBe(needs);
      const from = "-ERR FROM requires NUMBERED, on a connection that does not track";
      expect(await ask("BCAST", "FROM", "x", "1")).toBe(from);
      await ask("BCAST", "NUMBERED");
      expect(await ask("BCAST", "NUMBERED", "FROM", "x", "1")).toBe(from);
      expect(await ask("BCAST", "FROM", "x", "y")).toStartWith("-ERR value is not an integer");
    });

    test("what clients keep over cut connections is never older than what they were told", async () => {
      await workload(server().port);
    });
  });
}

async function workload(port: number): Promise<void> {
  const random = new Random(seedFor("NUMBERED_SEED"));
  await using writer = await Peer.connect(port);
  let reader = await CachingClient.open(port, numberedMode);
  let resumed = 0;
  const key = () => `n${random.below(12)}`;
  for (let rest = 0; rest < repetitions(25, 200); rest++) {
    for (let i = 0; i < 30; i++) {
      if (random.chance(0.6)) reader.read(key());
      else await writer.ask("SET", key(), `${rest}.${i}`);
    }
    if (random.chance(0.7)) {
      reader.breakOff();
      for (let i = random.below(5); i > 0; i--) await writer.ask("SET", key(), `cut ${rest}.${i}`);
      reader = await CachingClient.open(port, numberedMode, reader);
      if (reader.hasResumed) resumed++;
    }
    await reader.settled();
    await writer.ask("SET", `end${rest}`, "1");
    await reader.toldOf(`end${rest}`);
    for (const [name, kept] of reader.cache) {
      expect([name, kept === null ? "$null" : `$${kept}`]).toEqual([
        name,
        await writer.ask("GET", name),
      ]);
    }
  }
  expect(resumed).toBeGreaterThan(0);
  await reader[Symbol.asyncDispose]();
}

async function track(peer: Peer, ...options: string[]) {
  const reply = await peer.typed("CLIENT", "TRACKING", "ON", "BCAST", ...options);
  const [runId, sequence, resumed] = partsOf(reply).map(textOf);
  return { runId: runId ?? "", sequence: Number(sequence), resumed: Number(resumed) };
}

/** The next message: its keys as a short text, and its number. */
async function pushed(peer: Peer) {
  const reply = await waitFor(() => peer.reply());
  const [kind, keys, number] = partsOf(reply);
  if (reply.type !== ">" || kind === undefined || keys === undefined || number === undefined) {
    throw new Error(`no invalidation with a number: ${show(reply)}`);
  }
  return { keys: show(keys), number: Number(textOf(number)) };
}
