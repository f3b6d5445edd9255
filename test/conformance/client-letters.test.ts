/**
 * The letters after `flags=` in CLIENT LIST, which operators grep for: in each state of a
 * connection our node reports the same as redis-server, with one data thread and with two.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** Commands, sent and not waited for, and the letters that they lead to. */
const states: readonly [what: string, commands: string[], letters: string][] = [
  ["nothing special", ["PING"], "N"],
  ["a subscriber", ["SUBSCRIBE c"], "P"],
  ["a subscriber by pattern", ["PSUBSCRIBE c*"], "P"],
  ["a transaction", ["MULTI"], "x"],
  ["a subscriber with a transaction", ["HELLO 3", "SUBSCRIBE c", "MULTI"], "Px"],
  ["one that waits for followers", ["WAIT 1 0"], "b"],
  ["one that is never evicted", ["CLIENT NO-EVICT on"], "e"],
  ["all of it", ["CLIENT NO-EVICT on", "HELLO 3", "SUBSCRIBE c", "WAIT 1 0"], "Pbe"],
  ["a follower", ["REPLCONF capa psync2", "PSYNC ? -1"], "S"],
];

const letters = async (asker: Peer, id: string) => {
  const list = await asker.ask("CLIENT", "LIST");
  return new RegExp(`id=${id} .*? flags=(\\w+) `).exec(list)?.[1];
};

for (const contestant of [oracle, oursWithThreads(1), oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    test.each(states)("%s", async (_, commands, wanted) => {
      await using asker = await Peer.connect(server().port);
      await using peer = await Peer.connect(server().port);
      const id = (await peer.ask("CLIENT", "ID")).slice(1);
      // Redis refuses PSYNC to a client that has not been sent all its answers.
      for (const command of commands.slice(0, -1)) await peer.askRaw(`${command}\r\n`);
      peer.write(`${commands.at(-1) ?? ""}\r\n`);
      await waitFor(async () => (await letters(asker, id)) === wanted, {
        message: `flags=${wanted}`,
      });
    });

    test("one that has queued two commands", async () => {
      await using asker = await Peer.connect(server().port);
      await using peer = await Peer.connect(server().port);
      const id = (await peer.ask("CLIENT", "ID")).slice(1);
      for (const command of ["MULTI", "PING", "ECHO e"]) await peer.ask(...command.split(" "));
      const list = await asker.ask("CLIENT", "LIST");
      expect(list).toMatch(new RegExp(`id=${id} .*? flags=x .*? multi=2 .*? cmd=echo `));
    });

    test("the last command is named though it is refused, and NULL if there is no such", async () => {
      await using asker = await Peer.connect(server().port);
      await using peer = await Peer.connect(server().port);
      const id = (await peer.ask("CLIENT", "ID")).slice(1);
      const names: (string | undefined)[] = [];
      for (const command of ["GET", "NONE", "CLIENT NONE", "MULTI", "CONFIG GET", "NONE"]) {
        await peer.ask(...command.split(" "));
        const list = await asker.ask("CLIENT", "LIST");
        names.push(new RegExp(`id=${id} .*? cmd=(\\S+)`).exec(list)?.[1]);
      }
      expect(names).toEqual(["get", "NULL", "NULL", "multi", "config|get", "NULL"]);
    });

    test("one whose write a pause holds", async () => {
      await using asker = await Peer.connect(server().port);
      await using peer = await Peer.connect(server().port);
      const id = (await peer.ask("CLIENT", "ID")).slice(1);
      await asker.ask("CLIENT", "PAUSE", "60000", "WRITE");
      peer.send("SET", "k", "v");
      await waitFor(async () => (await letters(asker, id)) === "b", { message: "flags=b" });
      await asker.ask("CLIENT", "UNPAUSE");
      expect(await peer.shown()).toBe("+OK");
      expect(await letters(asker, id)).toBe("N");
    });
  });
}
