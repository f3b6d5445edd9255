/**
 * A follower whose stream is held: by CLIENT PAUSE, or because its subscribers are slower than its
 * leader's publishers. What the leader sends is read up to a bound, and applied later.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Crowd } from "../support/crowd.ts";
import { lineUps, replicationField, standingOf, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { forgetPeak, peakBytes, residentBytes, tellsMemory } from "../support/process-memory.ts";
import { ours } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;

async function readAhead(port: number): Promise<number> {
  const read = await replicationField(port, "slave_read_repl_offset");
  return Number(read) - Number(await replicationField(port, "slave_repl_offset"));
}

for (const lineUp of lineUps) {
  describe.skipIf(lineUp.isMissing)(lineUp.name, () => {
    test("CLIENT PAUSE on a follower holds the leader's stream as well", async () => {
      await using leader = await lineUp.leader();
      await using follower = await lineUp.follower(leader);
      await untilCaughtUp(leader, [follower]);
      await using writer = await Peer.connect(leader.port);
      await using reader = await Peer.connect(follower.port);
      await writer.ask("SET", "k", "before");
      await untilCaughtUp(leader, [follower]);
      expect(await reader.ask("CLIENT", "PAUSE", "600000", "WRITE")).toBe("+OK");
      for (const words of ["MULTI", "SET k held", "SET l held", "EXEC", "SET k last"]) {
        await writer.ask(...words.split(" "));
      }
      await waitFor(async () => {
        const read = Number(await replicationField(follower.port, "slave_read_repl_offset"));
        return read >= (await standingOf(leader.port)).offset;
      });
      expect(await reader.ask("MGET", "k", "l")).toBe("*[$before $null]");
      expect(await readAhead(follower.port)).toBeGreaterThan(50);
      for (const words of ["MULTI", "CLIENT UNPAUSE", "GET k"])
        await reader.ask(...words.split(" "));
      expect(await reader.ask("EXEC")).toBe("*[+OK $before]");
      await untilCaughtUp(leader, [follower]);
      expect(await reader.ask("MGET", "k", "l")).toBe("*[$last $held]");
    });
  });
}

describe("a follower that is paused", () => {
  const [{ leader: startLeader, follower: startFollower }] = lineUps;

  test("reads a bounded part of the stream ahead, and loses nothing", async () => {
    await using leader = await startLeader();
    await using follower = await startFollower(leader);
    await untilCaughtUp(leader, [follower]);
    await using writer = await Peer.connect(leader.port);
    await using reader = await Peer.connect(follower.port);
    await reader.ask("CLIENT", "PAUSE", "600000", "WRITE");
    for (let i = 0; i < 32; i++) await writer.ask("SET", `k${i}`, Buffer.alloc(MiB / 2, `${i}`));
    await waitFor(async () => (await readAhead(follower.port)) > MiB);
    expect(await readAhead(follower.port)).toBeLessThan(3 * MiB);
    await reader.ask("CLIENT", "UNPAUSE");
    await untilCaughtUp(leader, [follower]);
    expect(await reader.ask("DBSIZE")).toBe(":32");
    expect(await reader.ask("STRLEN", "k31")).toBe(`:${MiB / 2}`);
  });

  test.skipIf(!tellsMemory)(
    "with data threads takes no more messages than a busy thread can deliver",
    async () => {
      await using leader = await startLeader();
      const options = ["--threads", "2", "--journal-size", "1mb", "--leaderaddr", leader.address];
      await using follower = await ours.start(options);
      await using writer = await Peer.connect(leader.port);
      const letters = Buffer.from(Array.from({ length: 11_000 }, (_, i) => (i * i) % 251));
      await writer.ask("MSET", "x", letters, "y", Buffer.from(letters).reverse());
      await untilCaughtUp(leader, [follower]);
      await using subscribers = await Crowd.of(follower.port, 1);
      const [subscriber] = subscribers.members;
      for (const args of [
        ["HELLO", "3"],
        ["SUBSCRIBE", "c"],
      ])
        subscriber.send(encodeCommand(args));
      await waitFor(() => subscriber.text.includes("subscribe"));
      const { pid } = follower.process;
      const before = residentBytes(pid);
      forgetPeak(pid);
      const busy = encodeCommand(["LCS", "x", "y", "IDX"]); // 0.1 s
      subscriber.send(Buffer.concat(Array.from({ length: 20 }, () => busy)));
      const message = Buffer.alloc(MiB, "m");
      for (let i = 0; i < 128; i++) await writer.ask("PUBLISH", "c", message);
      await waitFor(() => subscriber.receivedBytes > 128 * MiB);
      expect(subscriber.isClosed).toBe(false);
      expect(peakBytes(pid) - before).toBeLessThan(80 * MiB);
    },
  );

  test("loads a snapshot, and then holds the stream", async () => {
    await using leader = await startLeader();
    await using follower = await startLeader();
    await using writer = await Peer.connect(leader.port);
    await using reader = await Peer.connect(follower.port);
    await writer.ask("SET", "k", "v");
    await reader.ask("CLIENT", "PAUSE", "600000", "WRITE");
    await reader.ask("REPLICAOF", "127.0.0.1", `${leader.port}`);
    await using client = await Peer.connect(follower.port);
    await waitFor(async () => (await standingOf(follower.port)).link === "connected");
    await writer.ask("SET", "k", "held");
    await waitFor(async () => (await readAhead(follower.port)) > 0);
    expect(await client.ask("GET", "k")).toBe("$v");
    await client.ask("CLIENT", "UNPAUSE");
    await waitFor(async () => (await client.ask("GET", "k")) === "$held");
  });
});
