/**
 * Transactions with very many commands cost about what they sent, also where they go to another
 * thread as a whole or another client asks about them.
 */
import { describe, expect, test } from "bun:test";
import { Peer } from "../support/peer.ts";
import { peakBytes, residentBytes, tellsMemory } from "../support/process-memory.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { forAllCases, ours, oursWithThreads } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

const MiB = 1024 * 1024;
const count = repetitions(120_000, 300_000);

/** Has queued `count` commands when it returns. */
async function queueMany(port: number): Promise<Peer> {
  const client = await Peer.connect(port);
  client.send("MULTI");
  const ping = encodeCommand(["PING"]);
  client.write(Buffer.concat(Array.from({ length: count }, () => ping)));
  await client.raw.readExactly("+OK\r\n".length + count * "+QUEUED\r\n".length, 60_000);
  return client;
}

for (const threads of variants([2], [1, 4])) {
  const start = () => ours.start(["--threads", `${threads}`]);

  describe(`a transaction of ${count} commands, with ${threads} data threads,`, () => {
    test("is one line for CLIENT LIST, with its number of commands", async () => {
      await using server = await start();
      await using operator = await Peer.connect(server.port);
      await using client = await queueMany(server.port);
      const before = tellsMemory ? residentBytes(server.process.pid) : 0;
      const list = await operator.ask("CLIENT", "LIST");
      expect(list).toContain(` multi=${count} `);
      if (tellsMemory) expect(peakBytes(server.process.pid) - before).toBeLessThan(64 * MiB);
      expect(await client.ask("DISCARD")).toBe("+OK");
      expect(await operator.ask("CLIENT", "LIST")).toContain(" multi=-1 ");
    });

    test("runs with a command for the whole node in it", async () => {
      await using server = await start();
      await using client = await queueMany(server.port);
      const before = tellsMemory ? residentBytes(server.process.pid) : 0;
      client.send("ROLE");
      client.send("SET", "key", "value");
      client.send("EXEC");
      client.send("GET", "key");
      await client.raw.readExactly(2 * "+QUEUED\r\n".length, 60_000);
      const answer = await client.raw.readExactly(`*${count + 2}\r\n`.length, 60_000);
      expect(answer.toString()).toBe(`*${count + 2}\r\n`);
      await client.raw.readExactly(count * "+PONG\r\n".length, 60_000);
      expect(await client.shown()).toStartWith("*[$master");
      expect(await client.shown()).toBe("+OK");
      expect(await client.shown()).toBe("$value");
      if (tellsMemory) expect(peakBytes(server.process.pid) - before).toBeLessThan(300 * MiB);
    });
  });
}

describe("a client that watches very many keys", () => {
  const common = forAllCases(() => oursWithThreads(repetitions(2, 4)).start());

  test("may ask other threads for something without sending them the keys", async () => {
    const server = common();
    await using client = await Peer.connect(server.port);
    for (let i = 0; i < 60; i++) {
      const keys = Array.from({ length: 1000 }, (_, j) => `key:${i}:${j}`);
      expect(await client.ask("WATCH", ...keys)).toBe("+OK");
    }
    await using other = await Peer.connect(server.port);
    expect(await client.ask("PUBLISH", "nobody", "1")).toBe(":0");
    expect(await other.ask("SET", "key:59:999", "changed")).toBe("+OK");
    expect(await client.ask("MULTI")).toBe("+OK");
    expect(await client.ask("ROLE")).toBe("+QUEUED");
    expect(await client.ask("EXEC")).toBe("*null");
  });

  test("watches nothing after RESET, and what it queued is forgotten", async () => {
    const server = common();
    await using client = await Peer.connect(server.port);
    await using other = await Peer.connect(server.port);
    expect(await client.ask("WATCH", "key")).toBe("+OK");
    expect(await client.ask("MULTI")).toBe("+OK");
    expect(await client.ask("SET", "key", "queued")).toBe("+QUEUED");
    expect(await client.ask("RESET")).toBe("+RESET");
    expect(await other.ask("SET", "key", "changed")).toBe("+OK");
    expect(await client.ask("MULTI")).toBe("+OK");
    expect(await client.ask("ROLE")).toBe("+QUEUED");
    expect(await client.ask("EXEC")).toStartWith("*[*[$master");
    expect(await client.ask("GET", "key")).toBe("$changed");
  });
});
