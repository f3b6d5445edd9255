/**
 * Effects of a command on the later ones of the same packet: a login, its loss, the protocol. The
 * bounds of requests before a login are checked when a request runs, not when the packet is
 * decoded.
 */
import { describe, expect, test } from "bun:test";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours } from "../support/servers.ts";
import { type Argument, encodeCommand } from "../support/wire.ts";

const many = ["MSET", ...Array.from({ length: 20 }, (_, index) => `k${index}`)];
const large = ["SET", "large", "v".repeat(32 * 1024)];

function packet(...requests: Argument[][]): Buffer {
  return Buffer.concat(requests.map(encodeCommand));
}

const servers = [
  ours,
  {
    name: "mscache, 2 data threads",
    isMissing: false,
    passwordFlag: ours.passwordFlag,
    start: (args: readonly string[]) => ours.start([...args, "--threads", "2"]),
  },
  oracle,
];

for (const { name, isMissing, passwordFlag, start } of servers) {
  describe.skipIf(isMissing)(name, () => {
    const server = forAllCases(() => start([passwordFlag, "secret"]));

    test.each([
      ["AUTH", [["AUTH", "secret"]], "+OK"],
      ["HELLO 3 AUTH", [["HELLO", "3", "AUTH", "default", "secret"]], "%["],
    ])("%s counts for what follows in the same packet", async (_, login, reply) => {
      await using client = await Peer.connect(server().port);
      client.write(packet(...login, many, large, ["STRLEN", "large"], ["PING"]));
      expect(await client.shown()).toStartWith(reply);
      expect(await client.shown()).toBe("+OK");
      expect(await client.shown()).toBe("+OK");
      expect(await client.shown()).toBe(":32768");
      expect(await client.shown()).toBe("+PONG");
    });

    test("a packet that is cut anywhere after the login is the same", async () => {
      const bytes = packet(["AUTH", "secret"], many, ["PING"]);
      for (let at = 1; at < bytes.length; at += 17) {
        await using client = await Peer.connect(server().port);
        client.write(bytes.subarray(0, at));
        client.write(bytes.subarray(at));
        expect([await client.shown(), await client.shown(), await client.shown()]).toEqual([
          "+OK",
          "+OK",
          "+PONG",
        ]);
      }
    });

    test.each([
      ["many arguments", many, "unauthenticated multibulk length"],
      ["a long one", large, "unauthenticated bulk length"],
    ])("a failed login leaves the bounds: %s", async (_, request, error) => {
      await using client = await Peer.connect(server().port);
      client.write(packet(["AUTH", "wrong"], request, ["PING"]));
      const got = (await client.raw.closed()).toString();
      expect(got).toStartWith("-WRONGPASS");
      expect(got).toEndWith(`-ERR Protocol error: ${error}\r\n`);
    });

    test("RESET revokes the login for the commands that follow", async () => {
      await using client = await Peer.connect(server().port);
      client.write(packet(["AUTH", "secret"], ["SET", "a", "1"], ["RESET"], ["GET", "a"]));
      expect(await client.shown()).toBe("+OK");
      expect(await client.shown()).toBe("+OK");
      expect(await client.shown()).toBe("+RESET");
      expect(await client.shown()).toStartWith("-NOAUTH");
    });
  });
}
