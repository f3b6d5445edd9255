/**
 * SLOWLOG as redis 7.0's own tests ask it, against redis-server and our node with one and with
 * several data threads: what is logged, what is cut, what is hidden.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, respClient, type Value } from "../harness.ts";
import { contestants, forAllCases, oracle, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

type Entry = [number, number, number, string[], string, string];

for (const contestant of [...contestants, oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    /** A client of a server that logs what takes this long, and has logged nothing. */
    async function logging(usec: number, entries = 128) {
      const client = await respClient(server().port);
      await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
      await client.call("SLOWLOG", "RESET");
      await client.call("CONFIG", "SET", "slowlog-max-len", entries);
      await client.call("CONFIG", "SET", "slowlog-log-slower-than", usec);
      return client;
    }

    async function entriesOf(client: { call(...args: (string | number)[]): Promise<Value> }) {
      await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
      return (await client.call("SLOWLOG", "GET", "-1")) as Entry[];
    }

    test("logs nothing that is faster than the bound", async () => {
      await using client = await logging(60_000_000);
      await client.call("PING");
      expect(await client.call("SLOWLOG", "LEN")).toBe(0);
      expect(await client.call("SLOWLOG", "GET")).toEqual([]);
    });

    test("keeps slowlog-max-len entries, of which GET shows 10 or as many as asked", async () => {
      await using client = await logging(0, 12);
      for (let i = 0; i < 50; i++) await client.call("PING");
      expect(await client.call("SLOWLOG", "LEN")).toBe(12);
      expect(await client.call("SLOWLOG", "GET")).toHaveLength(10);
      expect(await client.call("SLOWLOG", "GET", "5")).toHaveLength(5);
      expect(await client.call("SLOWLOG", "GET", "-1")).toHaveLength(12);
      expect(await client.call("SLOWLOG", "GET", "0")).toHaveLength(0);
    });

    test("keeps nothing if slowlog-max-len is 0", async () => {
      await using client = await logging(0, 0);
      for (let i = 0; i < 20; i++) await client.call("PING");
      expect(await client.call("SLOWLOG", "LEN")).toBe(0);
    });

    test("an entry names the client, and numbers grow also after RESET", async () => {
      await using client = await logging(0);
      await client.call("CLIENT", "SETNAME", "foobar");
      await client.call("SET", "k", "v");
      const [newest] = await entriesOf(client);
      const [id, at, usec, args, address, name] = newest as Entry;
      expect(args).toEqual(["SET", "k", "v"]);
      expect(Math.abs(at - Date.now() / 1000)).toBeLessThan(600);
      expect(usec).toBeWithin(0, 60_000_000);
      expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(name).toBe("foobar");
      await client.call("SLOWLOG", "RESET");
      await client.call("CONFIG", "SET", "slowlog-log-slower-than", "0");
      const later = await entriesOf(client);
      expect(later.every(([one]) => one > id)).toBe(true);
    });

    test("logs each command of a pipeline and of a transaction, but not EXEC", async () => {
      await using client = await logging(0);
      const sent = [
        ["GET", "a"],
        ["KEYS", "x*"],
        ["GET", "b"],
        ["MULTI"],
        ["SET", "a", "1"],
        ["EXEC"],
      ];
      for (const args of sent) client.send(...args);
      for (let i = 0; i < sent.length; i++) await client.reply();
      const logged = (await entriesOf(client)).map(([, , , args]) => args);
      const wanted = [["GET", "a"], ["KEYS", "x*"], ["GET", "b"], ["MULTI"], ["SET", "a", "1"]];
      const own = (args: string[]) => !["CONFIG", "SLOWLOG"].includes(args[0] ?? "");
      expect(logged.filter(own).toSorted()).toEqual(wanted.toSorted());
    });

    test("hides secrets", async () => {
      await using client = await logging(0);
      await client.call("CONFIG", "SET", "masterauth", "");
      await client.call("AUTH", "nobody", "secret");
      await client.call("HELLO", "2", "AUTH", "nobody", "secret");
      const long = "secret".repeat(50); // longer than what is shown of an argument
      await client.call("AUTH", long, long);
      await client.call("CONFIG", "SET", "masterauth", long, "masterauth", "");
      await client.call("MIGRATE", "127.0.0.1", "1", "none", "0", "1", "AUTH2", "me", long);
      const logged = (await entriesOf(client)).map(([, , , args]) => args);
      expect(logged).toContainEqual(["CONFIG", "SET", "masterauth", "(redacted)"]);
      expect(logged).toContainEqual(["AUTH", "(redacted)", "(redacted)"]);
      expect(logged).toContainEqual(["HELLO", "2", "AUTH", "(redacted)", "(redacted)"]);
      const migrate = ["MIGRATE", "127.0.0.1", "1", "none", "0", "1", "AUTH2"];
      expect(logged).toContainEqual([...migrate, "(redacted)", "(redacted)"]);
      expect(JSON.stringify(logged)).not.toContain("more bytes");
      expect(JSON.stringify(logged)).not.toContain("secret");
    });

    // Redis shows it.
    if (contestant !== oracle) {
      test("hides what may be a secret of a mistyped name", async () => {
        await using client = await logging(0);
        await client.call("CONFIG", "SET", "maxclients", "100", "requirepas", "secret");
        const logged = (await entriesOf(client)).map(([, , , args]) => args);
        const wanted = ["CONFIG", "SET", "maxclients", "100", "requirepas", "(redacted)"];
        expect(logged).toContainEqual(wanted);
      });
    }

    test("logs the commands of all clients together", async () => {
      await using client = await logging(0);
      for (let i = 0; i < 12; i++) {
        await using other = await respClient(server().port);
        await other.call("SET", `key:${i}`, "v");
      }
      const logged = (await entriesOf(client)).filter(([, , , args]) => args[0] === "SET");
      const keys = Array.from({ length: 12 }, (_, i) => `key:${11 - i}`);
      expect(logged.map(([, , , args]) => args[1])).toEqual(keys);
    });

    test.each([
      ["SLOWLOG GET -2", "ERR count should be greater than or equal to -1"],
      ["SLOWLOG GET x", "ERR count should be greater than or equal to -1"],
      ["SLOWLOG GET 1 2", /SLOWLOG HELP/],
      ["SLOWLOG LEN 1", "ERR wrong number of arguments for 'slowlog|len' command"],
      ["SLOWLOG NONSENSE", "ERR unknown subcommand 'NONSENSE'. Try SLOWLOG HELP."],
    ])("%s is refused", async (line, error) => {
      await using client = await respClient(server().port);
      const { error: text } = (await client.call(...line.split(" "))) as { error: string };
      if (typeof error === "string") expect(text).toBe(error);
      else expect(text).toMatch(error);
    });
  });
}
