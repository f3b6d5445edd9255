/**
 * Each command's time is charged to it, and once: whether it is sent alone, in a pipeline, in an
 * EXEC or by a script. The times are compared with each other, never with a clock.
 */
import { expect, test } from "bun:test";
import { waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { ours } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

const lcs = ["LCS", "k", "k", "LEN"];
const get = ["GET", "absent"];
const byScript = ["EVAL", "return redis.call('LCS', KEYS[1], KEYS[1], 'LEN')", "1", "k"];

interface Way {
  readonly commands: readonly (readonly string[])[];
  /** What the slow log then tells of, in the order of the alphabet. */
  readonly logged: string;
  /** The command that is charged with the LCS. */
  readonly charged: string;
}

/** Ways to run one LCS. */
const ways: readonly Way[] = [
  { commands: [lcs], logged: "lcs", charged: "lcs" },
  { commands: [get, lcs, get], logged: "get get lcs", charged: "lcs" },
  { commands: [["MULTI"], lcs, ["EXEC"]], logged: "lcs multi", charged: "exec" },
  { commands: [byScript], logged: "eval lcs", charged: "eval" },
  { commands: [get, byScript, get], logged: "eval get get lcs", charged: "eval" },
];

async function sendOneByOne(peer: Peer, { commands }: Way): Promise<void> {
  for (const command of commands) await peer.ask(...command);
}

async function sendAtOnce(peer: Peer, { commands }: Way): Promise<void> {
  peer.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
  await peer.replies(commands.length);
}

/** Calls of this command and their time in microseconds, by INFO. */
async function callsOf(peer: Peer, command: string): Promise<{ calls: number; usec: number }> {
  const info = await peer.ask("INFO", "commandstats");
  const [, calls, usec] =
    new RegExp(`cmdstat_${command}:calls=(\\d+),usec=(\\d+)`).exec(info) ?? [];
  return { calls: Number(calls), usec: Number(usec) };
}

/** The commands in the slow log, without those that look at it. */
async function loggedBy(peer: Peer): Promise<string> {
  const log = (await peer.ask("SLOWLOG", "GET", "-1")).toLowerCase();
  const names = [...log.matchAll(/\*\[\$([a-z]+)/g)].map(([, name]) => name);
  return names
    .filter((name) => !/^(slowlog|config|info)$/.test(name))
    .toSorted()
    .join(" ");
}

async function reset(peer: Peer): Promise<void> {
  await peer.ask("CONFIG", "RESETSTAT");
  await peer.ask("SLOWLOG", "RESET");
}

/** The GETs beside it take less time; on a busy machine perhaps not at the first trial. */
async function isDearest(peer: Peer, way: Way, send: typeof sendAtOnce): Promise<void> {
  const looksDearest = async () => {
    await reset(peer);
    await send(peer, way);
    return (await callsOf(peer, "get")).usec < (await callsOf(peer, way.charged)).usec;
  };
  await waitFor(looksDearest, { message: "the GETs to take less than the LCS" });
}

test.each([
  ["1", "one by one", sendOneByOne],
  ["1", "in one write", sendAtOnce],
  ["2", "one by one", sendOneByOne],
  ["2", "in one write", sendAtOnce],
] as const)("with --threads %s, commands sent %s are timed once each", async (threads, _, send) => {
  await using node = await ours.start(["--threads", threads, "--slowlog-log-slower-than", "0"]);
  await using peer = await Peer.connect(node.port);
  await peer.ask("SET", "k", "abcdefgh".repeat(512));
  for (const way of ways) {
    await reset(peer);
    await send(peer, way);
    expect(await loggedBy(peer)).toBe(way.logged);
    const whole = await callsOf(peer, way.charged);
    const inner = await callsOf(peer, "lcs");
    expect([whole.calls, inner.calls]).toEqual([1, 1]);
    expect(inner.usec).toBeGreaterThan(0);
    expect(whole.usec).toBeGreaterThanOrEqual(inner.usec);
    if (way.logged.includes("get")) await isDearest(peer, way, send);
  }
});
