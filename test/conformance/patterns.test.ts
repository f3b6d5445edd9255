/**
 * Patterns as clients give them to KEYS, SCAN, PSUBSCRIBE and PUBSUB CHANNELS: random ones over
 * bytes of every kind, judged by redis-server. What a pattern means is told case by case in
 * unit/base/glob.test.ts.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { Random, seedFor } from "../support/seed.ts";
import { contestants, oracle, ours, redisNote } from "../support/servers.ts";
import { partsOf, show } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

/**
 * Bytes around the ends of a signed one, letters of both cases, and what has a meaning in a
 * pattern.
 */
const plain = [0x00, 0x01, 0x41, 0x5a, 0x61, 0x7a, 0x7f, 0x80, 0x81, 0xc3, 0xe9, 0xfe, 0xff];
const special = [..."*?[]^-\\"].map((character) => character.charCodeAt(0));

function bytesFrom(random: Random, alphabet: readonly number[], lengthMax: number): Buffer {
  return Buffer.from(
    Array.from({ length: random.below(lengthMax + 1) }, () => random.pick(alphabet)),
  );
}

test.skipIf(oracle.isMissing)(
  `KEYS and PUBSUB CHANNELS take and refuse what redis-server does${redisNote}`,
  async () => {
    await using reference = await oracle.start();
    await using node = await ours.start();
    await using left = await Peer.connect(reference.port);
    await using right = await Peer.connect(node.port);
    const random = new Random(seedFor("PATTERNS_SEED"));
    const names = [
      Buffer.alloc(0),
      ...Array.from({ length: 60 }, () => bytesFrom(random, plain, 4)),
    ];
    for (const single of plain) names.push(Buffer.from([single]));
    for (const peer of [left, right]) {
      await peer.ask("MSET", ...names.flatMap((name) => [name, "v"]));
      await peer.typed("HELLO", "3");
      peer.send("SUBSCRIBE", ...names);
      await peer.replies(names.length);
    }
    for (let i = 0; i < 1500; i++) {
      const pattern = bytesFrom(random, [...plain, ...special, ...special, ...special], 7);
      for (const before of [["KEYS"], ["PUBSUB", "CHANNELS"]]) {
        const [wanted, got] = [
          await found(left, before, pattern),
          await found(right, before, pattern),
        ];
        expect([before, pattern.toString("latin1"), got]).toEqual([
          before,
          pattern.toString("latin1"),
          wanted,
        ]);
      }
    }
  },
);

async function found(peer: Peer, before: readonly string[], pattern: Buffer): Promise<string[]> {
  return partsOf(await peer.typed(...before, pattern))
    .map(show)
    .sort();
}

for (const contestant of contestants) {
  test.skipIf(contestant.isMissing)(
    `${contestant.name}: a star takes no message of the empty channel`,
    async () => {
      await using server = await contestant.start();
      await using subscriber = await Peer.connect(server.port);
      await using publisher = await Peer.connect(server.port);
      expect(await subscriber.ask("PSUBSCRIBE", "*")).toBe("*[$psubscribe $* :1]");
      expect(await publisher.ask("PUBLISH", "", "unheard")).toBe(":0");
      expect(await publisher.ask("PUBLISH", "c", "heard")).toBe(":1");
      expect(await subscriber.shown()).toBe("*[$pmessage $* $c $heard]");
      expect(await publisher.ask("KEYS", "*")).toBe("*[]");
      await publisher.ask("SET", "", "the empty key");
      expect(await publisher.ask("KEYS", "*")).toBe("*[$]");
      expect(await publisher.ask("SCAN", "0", "MATCH", "*")).toBe("*[$0 *[$]]");
    },
  );
}

test("a pattern beyond the bounds is refused wherever one is taken", async () => {
  await using node = await ours.start();
  await using peer = await Peer.connect(node.port);
  await peer.ask("SET", "k", "v");
  const refusal = "-ERR pattern is too long or too complex";
  for (const pattern of [`*${"a".repeat(1025)}*`, "[ab]".repeat(1025), "a".repeat(2 ** 20 + 1)]) {
    expect(await peer.ask("KEYS", pattern)).toBe(refusal);
    expect(await peer.ask("SCAN", "0", "MATCH", pattern)).toBe(refusal);
    expect(await peer.ask("PUBSUB", "CHANNELS", pattern)).toBe(refusal);
    expect(await peer.ask("PSUBSCRIBE", pattern)).toBe(refusal);
  }
  expect(await peer.ask("KEYS", `${"*?".repeat(1000)}`)).toBe("*[]");
});
