/**
 * TCP keepalive: the system probes a silent peer, on the sockets of clients and on both ends of a
 * link, as the connection table of Linux shows. Nothing is unplugged here: what follows a missing
 * answer is up to the system.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** The kind of timer that means keepalive in /proc/net/tcp. */
const keepalive = "02";
const ticksPerSecond = 100;

/**
 * Seconds until each connection's next probe, for those of which `port` is this side's (or, with
 * `isPeer`, the other side's) port; null where none is due.
 */
function probes(port: number, isPeer = false): (number | null)[] {
  const lines = readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1);
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return rows
    .filter(([, local, remote, state]) => {
      return state === "01" && (isPeer ? remote : local).split(":")[1] === wanted;
    })
    .map(([, , , , , timer]) => {
      const [kind, ticks] = timer.split(":");
      return kind === keepalive ? Number.parseInt(ticks, 16) / ticksPerSecond : null;
    });
}

describe.skipIf(process.platform !== "linux")("keepalive", () => {
  test.each([
    ["mscache", ours, []],
    ["mscache with two threads", ours, ["--threads", "2"]],
    [oracle.name, oracle, []],
  ] as const)(
    "%s probes a client after 300 s, or what CONFIG SET says",
    async (_, server, args) => {
      if (server.isMissing) return;
      await using node = await server.start([...args]);
      await using first = await Peer.connect(node.port);
      expect(await first.ask("CONFIG", "GET", "tcp-keepalive")).toBe("*[$tcp-keepalive $300]");
      // Data that wait for the peer's acknowledgement have a timer of their own.
      await waitFor(() =>
        probes(node.port).every((due) => due !== null && due > 200 && due <= 300),
      );
      expect(await first.ask("CONFIG", "SET", "tcp-keepalive", "60")).toBe("+OK");
      await using second = await Peer.connect(node.port);
      await second.ask("PING");
      await waitFor(() => {
        const due = probes(node.port).sort((a, b) => (a ?? 0) - (b ?? 0));
        return due.length === 2 && due[0] !== null && due[0] <= 60 && (due[1] ?? 0) > 60;
      });
      expect(await first.ask("CONFIG", "SET", "tcp-keepalive", "0")).toBe("+OK");
      await using third = await Peer.connect(node.port);
      await third.ask("PING");
      await waitFor(() => probes(node.port).filter((due) => due === null).length === 1);
    },
  );

  test("both ends of a link between leader and follower are probed", async () => {
    await using leader = await ours.start();
    await using follower = await ours.start(["--leaderaddr", leader.address]);
    await using peer = await Peer.connect(follower.port);
    await waitFor(async () => (await peer.ask("ROLE")).includes("$connected"), {});
    await waitFor(() => {
      const ends = [...probes(leader.port), ...probes(leader.port, true)];
      return ends.length === 2 && ends.every((due) => due !== null);
    });
  });
});
