/**
 * Clients that close their half of the connection after their last command: they get all replies,
 * from whichever thread, and then the connection closes. `printf ... | nc` is such a client.
 */
import { describe, expect, test } from "bun:test";
import { waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";
import { type Argument, encodeCommand } from "../support/wire.ts";

const servers = [ours, oursWithThreads(2), oracle];

const cases: readonly [name: string, requests: Argument[][], answer: RegExp][] = [
  ["GET", [["GET", "absent"]], /^\$-1\r\n$/],
  ["ROLE", [["ROLE"]], /^\*3\r\n\$6\r\nmaster\r\n/],
  ["INFO", [["INFO", "server"]], /^\$\d+\r\n# Server\r\n/],
  ["CLIENT LIST", [["CLIENT", "LIST"]], /^\$\d+\r\nid=/],
  [
    "EXEC with INFO",
    [["MULTI"], ["INFO", "server"], ["EXEC"]],
    /^\+OK\r\n\+QUEUED\r\n\*1\r\n\$\d+/,
  ],
  ["a SET of 10 MB", [["SET", "big", "v".repeat(10_000_000)]], /^\+OK\r\n$/],
  ["control commands between others", [["SET", "a", "1"], ["ROLE"], ["INCR", "a"]], /:2\r\n$/],
  ["UNSUBSCRIBE", [["UNSUBSCRIBE"]], /^\*3\r\n\$11\r\nunsubscribe\r\n/],
];

for (const { name, isMissing, start } of servers) {
  describe.skipIf(isMissing)(name, () => {
    const server = forAllCases(() => start());

    test.each(cases)("answers %s", async (_, requests, answer) => {
      await using client = await Peer.connect(server().port);
      client.write(Buffer.concat(requests.map(encodeCommand)));
      client.end();
      expect((await client.raw.closed(60_000)).toString("latin1")).toMatch(answer);
    });

    test("closes a client that has nothing more to send or to receive", async () => {
      await using operator = await Peer.connect(server().port);
      await using subscriber = await Peer.connect(server().port);
      await using waiter = await Peer.connect(server().port);
      await subscriber.ask("SUBSCRIBE", "channel");
      subscriber.end();
      waiter.send("WAIT", "5", "0");
      waiter.end();
      await waitFor(
        async () =>
          /^:1$/.test(`:${(await operator.ask("CLIENT", "LIST")).split("id=").length - 1}`),
        {
          timeoutMs: 60_000,
          message: "only the operator to be left",
        },
      );
    });
  });
}

test("a client that leaves behind a WAIT without end and much more input is gone", async () => {
  await using server = await ours.start();
  await using operator = await Peer.connect(server.port);
  const client = await Peer.connect(server.port);
  const rest = Array.from({ length: 20_000 }, () => encodeCommand(["SET", "key", "value"]));
  client.write(Buffer.concat([encodeCommand(["WAIT", "5", "0"]), ...rest]));
  await waitFor(async () => (await operator.ask("CLIENT", "LIST")).includes("cmd=wait"));
  await client[Symbol.asyncDispose]();
  await waitFor(async () => !(await operator.ask("CLIENT", "LIST")).includes("cmd=wait"), {
    timeoutMs: 60_000,
  });
});

// A redis-server drops what it has not sent when it reads the end.
test("a client in WAIT gets the number of followers, as after a timeout, and what is behind", async () => {
  await using server = await ours.start();
  await using client = await Peer.connect(server.port);
  client.write("SET a 1\r\nWAIT 1 0\r\nGET a\r\n");
  client.end();
  expect((await client.raw.closed()).toString()).toBe("+OK\r\n:0\r\n$1\r\n1\r\n");
});

test("a value larger than all buffers is answered whole to a half-closed client", async () => {
  await using server = await ours.start();
  await using writer = await Peer.connect(server.port);
  expect(await writer.ask("SET", "huge", Buffer.alloc(20_000_000, "h"))).toBe("+OK");
  await using client = await Peer.connect(server.port);
  client.write(Buffer.concat([["GET", "huge"], ["PING"]].map(encodeCommand)));
  client.end();
  const answer = await client.raw.closed(60_000);
  expect(answer.length).toBe(20_000_000 + "$20000000\r\n\r\n+PONG\r\n".length);
});
