/**
 * Commands that a pause holds, in every way in which a command runs: directly, by the control
 * thread, queued, in a pipeline, across the pause of writes and of everything; with one data thread
 * and with several. * Redis is the reference for the replies. test/replication/trust.test.ts covers
 * the pause itself.
 */
import { describe, expect, test } from "bun:test";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";
import { type Argument, encodeCommand } from "../support/wire.ts";

const pauseMs = 150;

const servers = [ours, oursWithThreads(2), oracle];

/** Each with how the reply to it begins. */
const commands: readonly [name: string, requests: Argument[][], replies: string[]][] = [
  ["GET", [["GET", "absent"]], ["$null"]],
  ["SET", [["SET", "a", "1"]], ["+OK"]],
  ["ROLE", [["ROLE"]], ["*[$master"]],
  ["INFO", [["INFO", "server"]], ["$# Server"]],
  ["CONFIG GET", [["CONFIG", "GET", "maxmemory"]], ["*[$maxmemory"]],
  ["CLIENT LIST", [["CLIENT", "LIST"]], ["$id="]],
  ["PUBLISH", [["PUBLISH", "nobody", "1"]], [":0"]],
  ["WAIT", [["WAIT", "0", "0"]], [":0"]],
  [
    "a transaction with a write and a control command",
    [["MULTI"], ["SET", "b", "1"], ["INFO", "server"], ["GET", "b"], ["EXEC"]],
    ["+OK", "+QUEUED", "+QUEUED", "+QUEUED", "*[+OK $# Server"],
  ],
  [
    "a pipeline of all kinds",
    [["SET", "c", "1"], ["ROLE"], ["INCR", "c"], ["INFO", "server"], ["INCR", "c"], ["GET", "c"]],
    ["+OK", "*[$master", ":2", "$# Server", ":3", "$3"],
  ],
];

/** Those that a pause of writes holds. */
const changing = commands.filter(([, requests]) =>
  requests.some(([command]) => command === "SET" || command === "PUBLISH"),
);

for (const { name, isMissing, start } of servers) {
  describe.skipIf(isMissing)(name, () => {
    const server = forAllCases(() => start());

    for (const kind of ["ALL", "WRITE"]) {
      test.each(commands)(
        `CLIENT PAUSE ${kind} holds %s, which is answered after it`,
        async (_, requests, replies) => {
          await using operator = await Peer.connect(server().port);
          await using client = await Peer.connect(server().port);
          expect(await operator.ask("CLIENT", "PAUSE", pauseMs, kind)).toBe("+OK");
          client.write(Buffer.concat(requests.map(encodeCommand)));
          for (const reply of replies) expect(await client.shown()).toStartWith(reply);
          expect(await client.ask("PING")).toBe("+PONG");
        },
      );
    }

    test("many pauses and many held clients leave the server idle afterwards", async () => {
      await using operator = await Peer.connect(server().port);
      const clients = await Promise.all(
        Array.from({ length: 20 }, () => Peer.connect(server().port)),
      );
      for (let round = 0; round < 5; round++) {
        expect(await operator.ask("CLIENT", "PAUSE", 20)).toBe("+OK");
        for (const client of clients) {
          client.write(Buffer.concat([["ROLE"], ["SET", "d", "1"], ["ROLE"]].map(encodeCommand)));
        }
        for (const client of clients) {
          const shown = [await client.shown(), await client.shown(), await client.shown()];
          expect(shown[1]).toBe("+OK");
        }
      }
      for (const client of clients) await client[Symbol.asyncDispose]();
      expect(await operator.ask("PING")).toBe("+PONG");
    });

    test("a client that is killed or disconnects while held is removed", async () => {
      await using operator = await Peer.connect(server().port);
      await using held = await Peer.connect(server().port);
      await using leaving = await Peer.connect(server().port);
      const id = (await held.ask("CLIENT", "ID")).slice(1);
      expect(await operator.ask("CLIENT", "PAUSE", pauseMs, "WRITE")).toBe("+OK");
      held.send("SET", "e", "1");
      leaving.send("SET", "e", "2");
      expect(await operator.ask("CLIENT", "KILL", "ID", id)).toBe(":1");
      await leaving[Symbol.asyncDispose]();
      expect((await held.raw.closed()).toString()).toBe("");
      expect(await operator.ask("SET", "f", "1")).toBe("+OK");
    });

    test.each(changing)(
      "a client that closes its half while %s is held is gone at once, and nothing runs",
      async (_, requests) => {
        await using operator = await Peer.connect(server().port);
        await using leaving = await Peer.connect(server().port);
        expect(await operator.ask("CLIENT", "PAUSE", 1_000_000, "WRITE")).toBe("+OK");
        leaving.write(Buffer.concat([...requests, ["SET", "of the gone", "1"]].map(encodeCommand)));
        leaving.end();
        await leaving.raw.closed();
        expect(await operator.ask("CLIENT", "UNPAUSE")).toBe("+OK");
        expect(await operator.ask("GET", "of the gone")).toBe("$null");
      },
    );

    test("of a pipeline that publishes, nothing runs if its client leaves before", async () => {
      await using operator = await Peer.connect(server().port);
      await using reader = await Peer.connect(server().port);
      await using leaving = await Peer.connect(server().port);
      await reader.ask("SUBSCRIBE", "news");
      const id = (await leaving.ask("CLIENT", "ID")).slice(1);
      expect(await operator.ask("CLIENT", "PAUSE", 1_000_000, "WRITE")).toBe("+OK");
      const pipeline = [["PING"], ...Array(5).fill(["PUBLISH", "news", "of the dead"])];
      leaving.write(Buffer.concat(pipeline.map(encodeCommand)));
      expect(await leaving.shown()).toBe("+PONG");
      expect(await operator.ask("CLIENT", "KILL", "ID", id)).toBe(":1");
      await leaving.raw.closed();
      expect(await operator.ask("CLIENT", "UNPAUSE")).toBe("+OK");
      expect(await operator.ask("PUBLISH", "news", "of the living")).toBe(":1");
      expect(await reader.shown()).toBe("*[$message $news $of the living]");
    });

    test("a held transaction never runs if its client is killed before", async () => {
      await using operator = await Peer.connect(server().port);
      await using killed = await Peer.connect(server().port);
      const id = (await killed.ask("CLIENT", "ID")).slice(1);
      expect(await operator.ask("CLIENT", "PAUSE", 1_000_000, "WRITE")).toBe("+OK");
      const queue = [["MULTI"], ["SET", "of the killed", "1"], ["INFO", "server"], ["EXEC"]];
      killed.write(Buffer.concat(queue.map(encodeCommand)));
      expect(await killed.shown()).toBe("+OK"); // then all of this packet has run or is held
      expect(await operator.ask("CLIENT", "KILL", "ID", id)).toBe(":1");
      await killed.raw.closed();
      expect(await operator.ask("CLIENT", "UNPAUSE")).toBe("+OK");
      expect(await operator.ask("SET", "f", "1")).toBe("+OK");
      expect(await operator.ask("EXISTS", "of the killed")).toBe(":0");
    });
  });
}
