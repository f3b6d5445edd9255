/**
 * What a script may ask the node itself: INFO, LASTSAVE, MEMORY and SLOWLOG, with one data thread
 * and with several, in a function and in EXEC too. What a script cannot wait for is an error.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const asked = "return redis.call(unpack(ARGV))";

for (const contestant of [oracle, ours, oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(`with ${contestant.name}, a script`, () => {
    const node = forAllCases(() => contestant.start(["--slowlog-log-slower-than", "-1"]));

    test("gets INFO as a client does", async () => {
      await using peer = await Peer.connect(node().port);
      await peer.ask("SET", "a", "1");
      for (const words of [["INFO"], ["INFO", "keyspace"], ["INFO", "stats"], ["INFO", "no"]]) {
        const [name = "", ...sections] = words;
        const names = namesOf(await peer.ask(name, ...sections));
        expect(namesOf(await peer.ask("EVAL", asked, 0, ...words))).toEqual(names);
      }
      expect(await peer.ask("EVAL", asked, 0, "INFO", "keyspace")).toContain("db0:keys=1,");
      const clients = "return redis.call('INFO', 'clients'):match('connected_clients:(%d+)')";
      await waitFor(async () => (await peer.ask("EVAL", clients, 0)) === "$1");
      const typed = "redis.setresp(3) return redis.call('INFO', 'cpu').verbatim_string.format";
      expect(await peer.ask("EVAL", typed, 0)).toBe("$txt");
    });

    test("gets LASTSAVE and MEMORY as a client does", async () => {
      await using peer = await Peer.connect(node().port);
      expect(await peer.ask("EVAL", asked, 0, "LASTSAVE")).toBe(await peer.ask("LASTSAVE"));
      expect(await peer.ask("EVAL", asked, 0, "MEMORY", "PURGE")).toBe("+OK");
      expect(await peer.ask("EVAL", "return redis.call('MEMORY', 'PURGE')", 0)).toBe("+OK");
      for (const word of ["DOCTOR", "MALLOC-STATS"]) {
        expect(await peer.ask("EVAL", asked, 0, "MEMORY", word)).toMatch(/^\$[\s\S]{20}/);
      }
      expect(await peer.ask("EVAL", asked, 0, "MEMORY", "STATS")).toStartWith(
        "*[$peak.allocated :",
      );
      const twice = `local n = #${asked.replace("return ", "")} ${asked}`;
      expect(await peer.ask("EVAL_RO", twice, 0, "MEMORY", "STATS")).toStartWith("*[$peak");
    });

    test("may empty the slow log", async () => {
      await using peer = await Peer.connect(node().port);
      await peer.ask("CONFIG", "SET", "slowlog-log-slower-than", "0");
      await peer.ask("SET", "a", "1");
      await peer.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1");
      expect(await peer.ask("SLOWLOG", "LEN")).not.toBe(":0");
      expect(await peer.ask("EVAL", asked, 0, "SLOWLOG", "RESET")).toBe("+OK");
      expect(await peer.ask("SLOWLOG", "LEN")).toBe(":0");
    });

    test("asks in a function and within EXEC", async () => {
      await using peer = await Peer.connect(node().port);
      const code = "redis.register_function('ask', function() return redis.call('LASTSAVE') end)";
      await peer.ask("FUNCTION", "LOAD", `#!lua name=asks\n${code}`);
      const last = await peer.ask("LASTSAVE");
      expect(await peer.ask("FCALL", "ask", 0)).toBe(last);
      await peer.ask("MULTI");
      await peer.ask("EVAL", "return #redis.call('INFO', 'cpu') > 0", 0);
      await peer.ask("EVAL", asked, 0, "LASTSAVE");
      expect(await peer.ask("EXEC")).toBe(`*[:1 ${last}]`);
    });

    test("asks what its user may ask", async () => {
      await using peer = await Peer.connect(node().port);
      await peer.ask("ACL", "SETUSER", "u", "on", "nopass", "+eval", "+lastsave");
      await peer.ask("AUTH", "u", "any");
      expect(await peer.ask("EVAL", asked, 0, "LASTSAVE")).toStartWith(":");
      expect(await peer.ask("EVAL", asked, 0, "INFO")).toStartWith(
        "-ERR The user executing the script can't run this command or subcommand",
      );
    });

    test("asks for nothing that would wait", async () => {
      await using peer = await Peer.connect(node().port);
      for (const words of [["SAVE"], ["CONFIG", "GET", "*"], ["CLIENT", "LIST"], ["ROLE"]]) {
        expect(await peer.ask("EVAL", asked, 0, ...words)).toStartWith(
          "-ERR This Redis command is not allowed from script",
        );
      }
    });
  });
}

test("a script reads the slow log if there is one data thread", async () => {
  const read = "redis.call('SLOWLOG', 'RESET') return #redis.call('SLOWLOG', 'GET', 3)";
  for (const contestant of [oracle, ours]) {
    if (contestant.isMissing) continue;
    await using node = await contestant.start(["--slowlog-log-slower-than", "-1"]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("EVAL", read, 0)).toBe(":0");
    expect(await peer.ask("EVAL", asked, 0, "SLOWLOG", "LEN")).toBe(":0");
    expect(await peer.ask("EVAL", asked, 0, "SLOWLOG", "GET", "x")).toStartWith("-ERR");
  }
  await using node = await oursWithThreads(2).start();
  await using peer = await Peer.connect(node.port);
  for (const word of ["GET", "LEN"]) {
    expect(await peer.ask("EVAL", asked, 0, "SLOWLOG", word)).toStartWith(
      "-ERR With several data threads, a script cannot read the slow log",
    );
  }
});

function namesOf(info: string): string[] {
  return [...info.matchAll(/(\w+):/g)].map(([, name = ""]) => name);
}
