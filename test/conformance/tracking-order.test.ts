/**
 * The order in which clients that track keys are told of changes while one of them is disconnected
 * for being too slow: against our node, and against redis-server. With several data threads that
 * client ends in another thread than the one that reads the event log.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { contestants, forAllCases } from "../support/servers.ts";
import { pushOf, TrackingRoom } from "../support/tracking-room.ts";

setDefaultTimeout(caseMsMax);

/** So little that a few messages are too much, however small the turns are in which they come. */
const outputBytesMax = 1024;
const keys = Array.from({ length: 300 }, (_, i) => `key ${i} `.padEnd(outputBytesMax / 2, "."));

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    test("the others are told of each change in the order of the changes", async () => {
      await using room = await TrackingRoom.open(server().port);
      const { reader, writer } = room;
      const bound = async (bytes: number) => {
        await writer.ask("CONFIG", "SET", "client-output-buffer-limit", `normal ${bytes} 0 0`);
      };
      await bound(outputBytesMax);
      await using slow = await room.connect();
      await slow.ask("HELLO", "3");
      await reader.typed("SUBSCRIBE", "c"); // it has the bound of subscribers, which is larger
      for (const client of [slow, reader]) {
        await client.ask("CLIENT", "TRACKING", "ON");
        for (const key of keys) await client.typed("GET", key); // the slow one is told first
      }
      await writer.ask("MSET", ...keys.flatMap((key) => [key, "v"]));
      const told: string[] = [];
      while (told.length < keys.length) told.push(await reader.shown());
      expect(told).toEqual(keys.map((key) => pushOf(key)));
      await bound(0); // INFO is longer
      await room.untilInfo({ clients: 1, keys: 0, items: 0, prefixes: 0 });
    });
  });
}
