/**
 * WRITEOFFSET and WAITOFFSET: a writer learns where its write is, and a reader at a follower waits
 * until it is there; with one data thread and with two. Redis has neither.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type SpawnedNode, waitFor } from "../harness.ts";
import { untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { ours } from "../support/servers.ts";
import { partsOf, type Reply, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const forever = "0";
const other = "f".repeat(40);

for (const threads of [1, 2]) {
  describe.skipIf(threads > 1 && process.platform !== "linux")(`${threads} data threads`, () => {
    const members = new AsyncDisposableStack();
    let leader: SpawnedNode;
    let follower: SpawnedNode;
    beforeAll(async () => {
      leader = members.use(await start());
      follower = members.use(await start(leader));
      await untilCaughtUp(leader, [follower]);
    });
    afterAll(() => members.disposeAsync());

    function start(upstream?: SpawnedNode) {
      const following = upstream === undefined ? [] : ["--leaderaddr", upstream.address];
      return ours.start(["--threads", `${threads}`, ...following]);
    }

    test("a follower that was waited for has the write of that place", async () => {
      await using writer = await Peer.connect(leader.port);
      await using reader = await Peer.connect(follower.port);
      for (let i = 0; i < 50; i++) {
        writer.send("SET", "k", i);
        writer.send("WRITEOFFSET");
        const [stored, place] = await writer.replies(2);
        expect(textOf(stored as Reply)).toBe("OK");
        const [replid, offset] = placeIn(place as Reply);
        reader.send("WAITOFFSET", replid, offset, forever);
        reader.send("GET", "k");
        expect(await reader.shown()).toBe(":1");
        expect(await reader.shown()).toBe(`$${i}`);
      }
    });

    test("a place inside a transaction is behind the writes before it", async () => {
      await using writer = await Peer.connect(leader.port);
      await using reader = await Peer.connect(follower.port);
      for (const command of ["MULTI", "SET t 1", "WRITEOFFSET"]) {
        await writer.typed(...command.split(" "));
      }
      const [, place] = partsOf(await writer.typed("EXEC"));
      const [replid, offset] = placeIn(place as Reply);
      expect(await reader.ask("WAITOFFSET", replid, offset, forever)).toBe(":1");
      expect(await reader.ask("GET", "t")).toBe("$1");
    });

    test("whoever has written nothing gets the present place, of a follower too", async () => {
      await using reader = await Peer.connect(follower.port);
      await using writer = await Peer.connect(leader.port);
      await writer.ask("SET", "k", "seen");
      const [replid, offset] = placeIn(await writer.typed("WRITEOFFSET"));
      expect(await reader.ask("WAITOFFSET", replid, offset, forever)).toBe(":1");
      const [sameReplid, present] = placeIn(await reader.typed("WRITEOFFSET"));
      expect(sameReplid).toBe(replid);
      expect(Number(present)).toBeGreaterThanOrEqual(Number(offset));
    });

    test("a place that is not reached in time is answered 0, a later one when it is", async () => {
      await using reader = await Peer.connect(follower.port);
      await using writer = await Peer.connect(leader.port);
      const [replid, offset] = placeIn(await writer.typed("WRITEOFFSET"));
      const later = Number(offset) + 1000;
      expect(await reader.ask("WAITOFFSET", replid, later, "5")).toBe(":0");
      reader.send("WAITOFFSET", replid, later, forever);
      await untilBlocked(follower, 1);
      await writer.ask("SET", "long", "v".repeat(2000));
      expect(await reader.shown()).toBe(":1");
    });

    test("another history is refused at once, on a leader as well", async () => {
      await using reader = await Peer.connect(follower.port);
      await using writer = await Peer.connect(leader.port);
      const [replid] = placeIn(await writer.typed("WRITEOFFSET"));
      for (const peer of [reader, writer]) {
        expect(await peer.ask("WAITOFFSET", other, "1", forever)).toBe(
          `-OTHERHISTORY the history of this node is ${replid}`,
        );
      }
    });

    test("a wait ends by CLIENT UNBLOCK, with its connection, and in a transaction at once", async () => {
      await using reader = await Peer.connect(follower.port);
      await using operator = await Peer.connect(follower.port);
      const [replid, offset] = placeIn(await operator.typed("WRITEOFFSET"));
      const never = Number(offset) + 1e9;
      const id = (await reader.ask("CLIENT", "ID")).slice(1);
      reader.send("WAITOFFSET", replid, never, forever);
      await untilBlocked(follower, 1);
      expect(await operator.ask("CLIENT", "UNBLOCK", id)).toBe(":1");
      expect(await reader.shown()).toBe(":0");
      reader.send("WAITOFFSET", replid, never, forever);
      await untilBlocked(follower, 1);
      reader.breakOff();
      await untilBlocked(follower, 0);
      await using killed = await Peer.connect(follower.port);
      const its = (await killed.ask("CLIENT", "ID")).slice(1);
      killed.send("WAITOFFSET", replid, never, forever);
      await untilBlocked(follower, 1);
      expect(await operator.ask("CLIENT", "KILL", "ID", its)).toBe(":1");
      expect((await killed.raw.closed()).toString()).toBe("");
      await operator.ask("MULTI");
      await operator.ask("WAITOFFSET", replid, never, forever);
      expect(await operator.ask("EXEC")).toBe("*[:0]");
    });

    test("arguments are checked", async () => {
      await using client = await Peer.connect(leader.port);
      const refused = async (...args: string[]) => await client.ask("WAITOFFSET", ...args);
      expect(await refused("x", "1", "0")).toBe("-ERR a replid has forty hexadecimal digits");
      const notInteger = "-ERR value is not an integer or out of range";
      expect(await refused(other, "-1", "0")).toBe(notInteger);
      expect(await refused(other, "1", "-1")).toBe("-ERR timeout is negative");
    });

    test("a promoted follower knows the places before, and refuses those that never came", async () => {
      await using upstream = await start();
      await using promoted = await start(upstream);
      await untilCaughtUp(upstream, [promoted]);
      await using writer = await Peer.connect(upstream.port);
      await using reader = await Peer.connect(promoted.port);
      await using operator = await Peer.connect(promoted.port);
      await writer.ask("SET", "k", "v");
      const [replid, offset] = placeIn(await writer.typed("WRITEOFFSET"));
      expect(await reader.ask("WAITOFFSET", replid, offset, forever)).toBe(":1");
      const never = Number(offset) + 1e9;
      reader.send("WAITOFFSET", replid, never, forever);
      await untilBlocked(promoted, 1);
      await operator.ask("REPLICAOF", "NO", "ONE");
      expect(await reader.shown()).toStartWith("-OTHERHISTORY the history of this node is ");
      expect(await reader.ask("WAITOFFSET", replid, offset, forever)).toBe(":1");
    });
  });
}

function placeIn(reply: Reply): [replid: string, offset: string] {
  const [replid, offset] = partsOf(reply).map(textOf);
  return [replid ?? "", offset ?? ""];
}

async function untilBlocked(node: SpawnedNode, count: number): Promise<void> {
  await using peer = await Peer.connect(node.port);
  await waitFor(async () => {
    return textOf(await peer.typed("INFO", "clients")).includes(`blocked_clients:${count}\r\n`);
  });
}
