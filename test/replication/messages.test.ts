/**
 * What a leader's stream has beside single writes: messages of channels, and whole transactions;
 * between our nodes and redis-server in both directions. For data under load, see
 * convergence.test.ts.
 * Invariant: the line-up of redis-servers alone must pass every test, or the test is wrong.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { lineUps, type Member, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

for (const lineUp of lineUps) {
  describe.skipIf(lineUp.isMissing)(lineUp.name, () => {
    test("a message reaches the leader's subscribers and its followers'", async () => {
      await using pair = await startPair();
      const { leader, follower } = pair;
      await using near = await Peer.connect(leader.port);
      await using far = await Peer.connect(follower.port);
      await near.ask("SUBSCRIBE", "news");
      await far.ask("PSUBSCRIBE", "n*");
      await using writer = await Peer.connect(leader.port);
      expect(await writer.ask("PUBLISH", "news", "hello")).toBe(":1");
      expect(await near.shown()).toBe("*[$message $news $hello]");
      expect(await far.shown()).toBe("*[$pmessage $n* $news $hello]");
    });

    test("a shard message reaches the leader's subscribers and its followers'", async () => {
      await using pair = await startPair();
      const { leader, follower } = pair;
      await using near = await Peer.connect(leader.port);
      await using far = await Peer.connect(follower.port);
      for (const peer of [near, far]) await peer.ask("SSUBSCRIBE", "news");
      await using writer = await Peer.connect(leader.port);
      expect(await writer.ask("SPUBLISH", "news", "hello")).toBe(":1");
      for (const peer of [near, far]) expect(await peer.shown()).toBe("*[$smessage $news $hello]");
    });

    test("a message to a follower stays there", async () => {
      await using pair = await startPair();
      const { leader, follower } = pair;
      await using near = await Peer.connect(leader.port);
      await using far = await Peer.connect(follower.port);
      await near.ask("SUBSCRIBE", "news");
      await far.ask("SUBSCRIBE", "news");
      await using writer = await Peer.connect(follower.port);
      expect(await writer.ask("PUBLISH", "news", "hello")).toBe(":1");
      expect(await far.shown()).toBe("*[$message $news $hello]");
      expect(await near.ask("PING")).toBe("*[$pong $]");
    });

    test("a follower tells its own subscribers of the keys that its leader changes", async () => {
      await using pair = await startPair();
      const { leader, follower } = pair;
      await using far = await Peer.connect(follower.port);
      await far.ask("CONFIG", "SET", "notify-keyspace-events", "KA");
      await far.ask("PSUBSCRIBE", "__key*__:*");
      await using writer = await Peer.connect(leader.port);
      const event = (name: string) => `*[$pmessage $__key*__:* $__keyspace@0__:k $${name}]`;
      await writer.ask("SET", "k", "v");
      expect(await far.shown()).toBe(event("set"));
      await writer.ask("EXPIRE", "k", "100");
      expect(await far.shown()).toBe(event("expire"));
      await writer.ask("DEL", "k");
      expect(await far.shown()).toBe(event("del"));
    });

    test("a follower never shows half of a transaction", async () => {
      await using pair = await startPair();
      const { leader, follower } = pair;
      await using writer = await Peer.connect(leader.port);
      await using reader = await Peer.connect(follower.port);
      const rounds = 300;
      const writing = (async () => {
        for (let i = 0; i < rounds; i++) {
          for (const args of [
            ["MULTI"],
            ["SET", "a", i],
            ["SET", "b", i],
            ["INCR", "n"],
          ] as const) {
            writer.send(...args);
          }
          await writer.replies(4);
          expect(await writer.ask("EXEC")).toBe(`*[+OK +OK :${i + 1}]`);
        }
      })();
      const seen = new Set<string>();
      await waitFor(async () => {
        const [, a, b] = /^\*\[\$(\S+) \$(\S+)\]$/.exec(await reader.ask("MGET", "a", "b")) ?? [];
        expect(a).toBe(`${b}`);
        seen.add(`${a}`);
        return a === `${rounds - 1}`;
      });
      await writing;
      await untilCaughtUp(leader, [follower]);
      expect(await reader.ask("GET", "n")).toBe(`$${rounds}`);
      expect(seen.size).toBeGreaterThan(1);
    });
  });

  async function startPair() {
    const members = new AsyncDisposableStack();
    const leader: Member = members.use(await lineUp.leader());
    const follower: Member = members.use(await lineUp.follower(leader));
    await untilCaughtUp(leader, [follower]);
    return { leader, follower, [Symbol.asyncDispose]: () => members.disposeAsync() };
  }
}
