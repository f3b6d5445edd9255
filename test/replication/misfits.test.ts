/**
 * A leader that this node cannot follow: its stream keeps having changes that only a snapshot can
 * show, or its snapshot is refused each time. The node makes one full sync at a time, with growing
 * waits between them; the log says why, and the present data stay.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { rdbFixtures } from "../../scripts/rdb-fixtures.ts";
import { caseMsMax, waitFor } from "../harness.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { ours } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const snapshot = "REDIS0009\xfe\0\0\x07counter\x011\xff\0\0\0\0\0\0\0\0";
const select = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";

function fullSync(payload: string, stream = ""): Buffer {
  const head = `+FULLRESYNC ${"5eed".repeat(10)} 1\r\n$${payload.length}\r\n`;
  return Buffer.from(head + payload + stream, "latin1");
}

function command(...words: readonly string[]): string {
  return encodeCommand(words).toString("latin1");
}

/** A leader of which each full sync ends the same way, and when it was asked for each. */
async function leaderOf(bytes: Buffer): Promise<{ leader: ScriptedLeader; askedAtMs: number[] }> {
  const askedAtMs: number[] = [];
  const leader = await ScriptedLeader.start(() => {
    askedAtMs.push(performance.now());
    return { bytes, staysOpen: true };
  });
  return { leader, askedAtMs };
}

test.each([
  ["an unknown command that names a key", command("FUTURE.ADD", "counter", "1")],
  ["a form of SET that is not known", command("SET", "counter", "2", "IFMORE", "1")],
  ["a form of MSETEX that is not known", command("MSETEX", "1", "counter", "2", "EVER")],
])("%s leads to a full sync, and the wait before each further one grows", async (_, line) => {
  const { leader, askedAtMs } = await leaderOf(fullSync(snapshot, select + line));
  await using _leader = leader;
  await using node = await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]);
  await waitFor(() => askedAtMs.length >= 6);
  // Waits of 100 ms and on, doubling, of which jitter takes half at most.
  expect(askedAtMs[5] - askedAtMs[0]).toBeGreaterThan((100 + 200 + 400 + 800 + 1_600) / 2);
  await waitFor(() => node.log().includes("6 times in a row"));
  expect(node.log()).toContain(`cannot follow 127.0.0.1:${leader.port}`);
  await using peer = await Peer.connect(node.port);
  expect(await peer.ask("GET", "counter")).toBe("$1");
  expect(await replicationField(node.port, "master_link_status")).toBe("down");
  expect(askedAtMs.length).toBeLessThan(9);
});

test("a snapshot that is refused each time leaves the old data and is requested ever less often", async () => {
  let bytes = fullSync(snapshot);
  const askedAtMs: number[] = [];
  await using leader = await ScriptedLeader.start(() => {
    askedAtMs.push(performance.now());
    return { bytes, staysOpen: false };
  });
  await using node = await ours.start([
    ...["--leaderaddr", `127.0.0.1:${leader.port}`],
    ...["--other-types", "refuse"],
  ]);
  await using peer = await Peer.connect(node.port);
  await waitFor(async () => (await peer.ask("GET", "counter")) === "$1");
  const newest = rdbFixtures.find(({ name }) => name === "redis0015.rdb");
  bytes = fullSync(newest?.bytes.toString("latin1") ?? "");
  await waitFor(() => node.log().includes("5 times in a row"));
  expect(node.log()).toContain("a value of type hash, and --other-types is refuse");
  expect(await peer.ask("GET", "counter")).toBe("$1");
  // It comes back as soon as there is something that it can follow.
  bytes = fullSync(snapshot.replace("\x011", "\x012"));
  await waitFor(async () => (await peer.ask("GET", "counter")) === "$2");
});
