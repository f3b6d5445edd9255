/**
 * When a node closes a silent client (`timeout`): only if it sends nothing, waits for nothing, and
 * has nothing to read; and what CLIENT LIST reports about it. Each case also runs against a real
 * redis-server. For steps of the clock, see clock-steps.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { type Contestant, oracle, ours } from "../support/servers.ts";
import { encodeCommand, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const withTwoThreads: Contestant = {
  ...ours,
  name: "mscache with two threads",
  start: (args = []) => ours.start(["--threads", "2", ...args]),
};

/** A client that speaks now and then must be heard of within it, on a busy machine, too. */
const timeoutSeconds = 5;
/** Longer than the time-out and the second in which it is looked at. */
const pastTimeoutMs = timeoutSeconds * 1_000 + 2_500;

/** Nearly the time-out: who was not heard of for so long may have been closed with reason. */
const stallMs = timeoutSeconds * 1_000 - 1_500;
const attemptsMax = 5;

describe.each([ours, withTwoThreads, oracle])("$name", (contestant) => {
  // They wait nearly all of their time.
  const judge = contestant.isMissing ? test.skip : test.concurrent;

  judge("closes a client that was silent, and no other", async () => {
    // A process that did not run for the time-out was silent itself: the case says nothing then.
    for (let attempt = 1; !(await closesTheSilent(contestant)); attempt++) {
      expect(attempt).toBeLessThan(attemptsMax);
    }
  });

  judge("keeps a client that reads a long answer slowly", async () => {
    await using node = await contestant.start();
    await using operator = await Peer.connect(node.port);
    // At 4 MB a second this is read for longer than a client without a sign of life is kept.
    const bytes = 40 * 1024 * 1024;
    expect(await operator.ask("SET", "large", Buffer.alloc(bytes, "x"))).toBe("+OK");
    expect(await operator.ask("CONFIG", "SET", "timeout", timeoutSeconds)).toBe("+OK");
    const began = performance.now();
    const read = await readSlowly(node.port, encodeCommand(["GET", "large"]), bytes);
    expect(read).toBeGreaterThan(bytes);
    // Otherwise it was no slow reader, and the case says nothing.
    expect(performance.now() - began).toBeGreaterThan(pastTimeoutMs);
  });

  judge(
    "reports age and idle time in seconds, and an idle time of 0 for the asking client",
    async () => {
      await using node = await contestant.start();
      await using asking = await Peer.connect(node.port);
      await using other = await Peer.connect(node.port);
      await other.ask("CLIENT", "SETNAME", "other");
      const field = async (name: string) => {
        const lines = textOf(await asking.typed("CLIENT", "LIST")).split("\n");
        const line = lines.find((it) => it.includes(" name=other "));
        return Number(new RegExp(` ${name}=(\\d+)`).exec(line ?? "")?.[1]);
      };
      await waitFor(async () => (await field("idle")) >= 2);
      expect(await field("age")).toBeGreaterThanOrEqual(2);
      await other.ask("PING");
      expect(await field("idle")).toBeLessThan(2);
      expect(textOf(await asking.typed("CLIENT", "INFO"))).toContain(" idle=0 ");
    },
  );
});

/** Reads at some 4 MB a second; resolves to how much came before the end, or all of it. */
function readSlowly(port: number, request: Uint8Array, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let read = 0;
    socket.on("data", (chunk: Buffer) => {
      read += chunk.length;
      if (read > bytes) socket.destroy();
      socket.pause();
      setTimeout(() => socket.resume(), chunk.length / 4_000);
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(read));
    socket.write(request);
  });
}

/** False if this process did not get to speak for nearly the time-out. */
async function closesTheSilent(contestant: Contestant): Promise<boolean> {
  await using node = await contestant.start();
  await using operator = await Peer.connect(node.port);
  expect(await operator.ask("CONFIG", "SET", "timeout", timeoutSeconds)).toBe("+OK");
  await using silent = await Peer.connect(node.port);
  await using talking = await Peer.connect(node.port);
  await using waiting = await Peer.connect(node.port);
  await using subscriber = await Peer.connect(node.port);
  await using held = await Peer.connect(node.port);
  const began = performance.now();
  expect(await subscriber.ask("SUBSCRIBE", "c")).toBe("*[$subscribe $c :1]");
  expect(await waiting.ask("SET", "k", "v")).toBe("+OK");
  waiting.send("WAIT", 1, pastTimeoutMs);
  expect(await operator.ask("CLIENT", "PAUSE", pastTimeoutMs, "WRITE")).toBe("+OK");
  held.send("SET", "k", "held");
  for (let heardMs = began; performance.now() - began < pastTimeoutMs; ) {
    if (performance.now() - heardMs > stallMs) return false;
    expect(await talking.ask("PING")).toBe("+PONG");
    expect(await operator.ask("PING")).toBe("+PONG");
    heardMs = performance.now();
    // The time that must pass is the time-out; these two are heard of within it.
    await Bun.sleep(100);
  }
  expect(await waiting.shown()).toBe(":0");
  expect(await held.shown()).toBe("+OK");
  await waitFor(() => silent.raw.isClosed);
  expect(subscriber.raw.isClosed).toBe(false);
  // Their waits are over, and from then on they are silent like others.
  await waitFor(() => waiting.raw.isClosed && held.raw.isClosed);
  await using late = await Peer.connect(node.port);
  expect(await late.ask("PUBLISH", "c", "m")).toBe(":1");
  expect(await subscriber.shown()).toBe("*[$message $c $m]");
  return true;
}
