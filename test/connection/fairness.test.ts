/**
 * One client with a long pipeline beside others: the others are served in between, in whatever
 * order their commands arrive, and the pipeline gets all its replies. It checks only the order of
 * replies; what many do together is timed in abuse/.
 */
import { expect, test } from "bun:test";
import { startNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { ours } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

const commandCount = 300_000;

test.each([
  ["SETs", encodeCommand(["SET", "key", "value"]), "+OK\r\n".length],
  ["PINGs", encodeCommand(["PING"]), "+PONG\r\n".length],
  ["GETs of nothing", encodeCommand(["GET", "absent"]), "$-1\r\n".length],
])("a PING is answered long before the %s that were sent before it", async (_, command, bytes) => {
  await using server = await ours.start();
  await using busy = await Peer.connect(server.port);
  await using client = await Peer.connect(server.port);
  busy.write(Buffer.concat(Array.from({ length: commandCount }, () => command)));
  let answered = 0;
  const all = busy.raw
    .readExactly(commandCount * bytes, 60_000)
    .then(() => (answered = commandCount));
  let pings = 0;
  while (answered === 0) {
    expect(await client.ask("PING")).toBe("+PONG");
    pings++;
  }
  await all;
  expect(pings).toBeGreaterThan(10);
});

test("a client that reads nothing does not have the long replies of its pipeline made at once", async () => {
  const getCount = 16;
  await using server = await ours.start(["--threads", "1"]);
  await using busy = await Peer.connect(server.port);
  await using client = await Peer.connect(server.port);
  await client.ask("SET", "v", Buffer.alloc(8 * 1024 * 1024, "v"));
  busy.pause();
  busy.write(Buffer.concat(Array.from({ length: getCount }, () => encodeCommand(["GET", "v"]))));
  const seen = new Set<number>();
  while (!seen.has(getCount)) {
    const calls = /cmdstat_get:calls=(\d+)/.exec(await client.ask("INFO", "commandstats"))?.[1];
    seen.add(Number(calls ?? 0));
  }
  expect(seen.size).toBeGreaterThan(2);
});

test("a PING is answered between two commands that compute for long", async () => {
  const lcsCount = 12;
  await using server = await ours.start();
  await using busy = await Peer.connect(server.port);
  await using client = await Peer.connect(server.port);
  await client.ask("SET", "k", "abcdefgh".repeat(1448)); // the longest pair that LCS takes
  busy.write(
    Buffer.concat(Array.from({ length: lcsCount }, () => encodeCommand(["LCS", "k", "k"]))),
  );
  let pings = 0;
  let isAnswered = false;
  const all = busy.replies(lcsCount).then(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    expect(await client.ask("PING")).toBe("+PONG");
    pings++;
  }
  await all;
  expect(pings).toBeGreaterThan(lcsCount / 2);
});

test("a client waits for one long command of others, however many send such commands", async () => {
  const [clients, each] = [8, 12];
  // In this process, so that the client asks again in the very round in which it was answered.
  await using server = await startNode({ threads: 1 });
  await using client = await Peer.connect(server.port);
  const script = "for i = 1, 6e5 do end return redis.call('INCR', 'done')";
  let isAnswered = false;
  const all = Promise.all(
    Array.from({ length: clients }, async () => {
      await using busy = await Peer.connect(server.port);
      for (let i = 0; i < each; i++) await busy.ask("EVAL", script, "0");
    }),
  ).then(() => {
    isAnswered = true;
  });
  const seen = new Set<number>();
  while (!isAnswered) {
    seen.add(Number(/^\$(\d+)$/.exec(await client.ask("GET", "done"))?.[1] ?? 0));
  }
  await all;
  // It sees every second of these scripts; it would see every eighth.
  expect(seen.size).toBeGreaterThan((clients * each) / 4);
});
