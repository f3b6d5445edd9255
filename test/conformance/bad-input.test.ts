/**
 * Malformed and hostile bytes, against our node and a real redis-server: the reply is Redis's
 * error or the connection closes, the server stays up, and a bystander is not affected. Replay the
 * fuzz with BAD_INPUT_SEED=n; run longer with BAD_INPUT_ROUNDS=n.
 * Invariant: every case runs beside a bystander that checks its own work before the case ends.
 */
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { caseMsMax, type TestNode } from "../harness.ts";
import { Bystander } from "../support/bystander.ts";
import { mutatedFrames } from "../support/mutations.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { contestants, oracle, ours, redisNote } from "../support/servers.ts";
import { encodeCommand, quote } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;

/** What is sent, and the error with which the connection ends. */
const protocolErrors: readonly (readonly [string, string])[] = [
  ["*x\r\n", "invalid multibulk length"],
  ["*\r\n", "invalid multibulk length"],
  ["*01\r\n$4\r\nPING\r\n", "invalid multibulk length"],
  ["*+1\r\n$4\r\nPING\r\n", "invalid multibulk length"],
  ["*1\n$4\nPING\r\n", "invalid multibulk length"],
  ["*2147483648\r\n", "invalid multibulk length"],
  ["*99999999999999999999\r\n", "invalid multibulk length"],
  ["*1\r\n!3\r\n", "expected '$', got '!'"],
  ["*1\r\n\r\n", "expected '$', got ' '"],
  ["*2\r\n$3\r\nGET\r\n:1\r\n", "expected '$', got ':'"],
  ["*1\r\n$-1\r\n", "invalid bulk length"],
  ["*1\r\n$\r\n", "invalid bulk length"],
  ["*1\r\n$4x\r\nPING\r\n", "invalid bulk length"],
  ["*1\r\n$536870913\r\n", "invalid bulk length"],
  ["*1\r\n$9223372036854775808\r\n", "invalid bulk length"],
  [`*${"1".repeat(70_000)}`, "too big mbulk count string"],
  [`*1\r\n$${"1".repeat(70_000)}`, "too big bulk count string"],
  ["A".repeat(70_000), "too big inline request"],
];

/** What is wrong with the command only: the connection goes on. */
const commandErrors: readonly (readonly [string, string])[] = [
  ["NOSUCH a b\r\n", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "],
  ["*1\r\n$0\r\n\r\n", "-ERR unknown command '', with args beginning with: "],
  [
    "*2\r\n$3\r\nNO\n\r\n$2\r\n\r\n\r\n",
    "-ERR unknown command 'NO ', with args beginning with: '  ' ",
  ],
  [
    `${"z".repeat(200)}\r\n`,
    `-ERR unknown command '${"z".repeat(128)}', with args beginning with: `,
  ],
  ["GET\r\n", "-ERR wrong number of arguments for 'get' command"],
  ["get a b\r\n", "-ERR wrong number of arguments for 'get' command"],
  ["CLIENT\r\n", "-ERR wrong number of arguments for 'client' command"],
  ["CLIENT ID x\r\n", "-ERR wrong number of arguments for 'client|id' command"],
  ["*-5\r\nCONFIG NOSUCH\r\n", "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP."],
];

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    let server: TestNode;
    let bystander: Bystander;
    beforeAll(async () => {
      server = await contestant.start();
      bystander = await Bystander.start(server.port);
    });
    afterAll(async () => {
      await bystander[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });
    const use = () => ({ port: server.port, bystander });
    malformedCases(use);
    abandonedCases(use);
  });
}

/** A short name for each case: some of the bytes are long. */
function labelled(cases: readonly (readonly [string, string])[]): [string, string, string][] {
  return cases.map(([bytes, error]) => [JSON.stringify(bytes).slice(0, 50), bytes, error]);
}

type Use = () => { port: number; bystander: Bystander };

function malformedCases(use: Use): void {
  test.each(labelled(protocolErrors))("%s ends the connection", async (_, bytes, error) => {
    const { port, bystander } = use();
    await using peer = await Peer.connect(port);
    expect(await peer.askRaw("PING\r\n")).toBe("+PONG");
    peer.write(bytes);
    expect((await peer.raw.closed(3_000)).toString()).toBe(`-ERR Protocol error: ${error}\r\n`);
    await bystander.noticedNothing();
  });

  test.each(labelled(commandErrors))("%s is answered and forgiven", async (_, bytes, error) => {
    const { port, bystander } = use();
    await using peer = await Peer.connect(port);
    expect(await peer.askRaw("PING\r\n")).toBe("+PONG");
    expect(await peer.askRaw(bytes)).toBe(error);
    expect(await peer.ask("PING")).toBe("+PONG");
    await bystander.noticedNothing();
  });

  test.each(["POST / HTTP/1.1\r\n", "post x\r\n", "Host: cache\r\n", "PING\r\nHOST: x\r\n"])(
    "%j, a browser's line, closes the connection and what follows is not executed",
    async (bytes) => {
      const { port, bystander } = use();
      await using peer = await Peer.connect(port);
      peer.write(`${bytes}SET from-a-browser 1\r\n`);
      await peer.raw.closed(3_000);
      await using other = await Peer.connect(port);
      expect(await other.ask("EXISTS", "from-a-browser")).toBe(":0");
      await bystander.noticedNothing();
    },
  );

  test("the answers before a protocol error still arrive", async () => {
    await using peer = await Peer.connect(use().port);
    peer.write("PING\r\nECHO a\r\n*1\r\n$-1\r\nPING\r\n");
    const bytes = await peer.raw.closed(3_000);
    expect(bytes.toString()).toBe(
      "+PONG\r\n$1\r\na\r\n-ERR Protocol error: invalid bulk length\r\n",
    );
  });

  test("a first byte that starts no protocol is answered with an error or the end", async () => {
    const { port, bystander } = use();
    for (const start of ["$3\r\n", "+OK\r\n", "\0\r\n", "\xff\xfe\r\n", "{}\r\n", "\x7fELF\r\n"]) {
      await using peer = await Peer.connect(port);
      peer.write(`${start}PING\r\nQUIT\r\n`);
      // A zero byte hides the end of its line from redis-server, which waits for more.
      peer.end();
      expect(quote((await peer.raw.closed(3_000)).toString("latin1"))).toMatch(/^(-ERR |\+PONG|$)/);
    }
    await bystander.noticedNothing();
  });
}

function abandonedCases(use: Use): void {
  test("connections abandoned in the middle of a frame leave nothing behind", async () => {
    const { port, bystander } = use();
    const frame = encodeCommand(["SET", "abandoned", "x".repeat(1000)]);
    for (let i = 1; i < frame.length; i += 37) {
      await using peer = await Peer.connect(port);
      expect(
        await peer.askRaw(Buffer.concat([Buffer.from("PING\r\n"), frame.subarray(0, i)])),
      ).toBe("+PONG");
    }
    await using peer = await Peer.connect(port);
    expect(await peer.ask("EXISTS", "abandoned")).toBe(":0");
    await bystander.noticedNothing();
  });

  test("bytes of pure chance do no harm", async () => {
    const { port, bystander } = use();
    const random = new Random(seedFor("BAD_INPUT_SEED"));
    for (let i = 0; i < 60; i++) {
      await using peer = await Peer.connect(port);
      peer.write(random.bytes(random.between(1, 3000)));
      await bystander.noticedNothing();
    }
  });
}

// ---- compared with the oracle -------------------------------------------------------------------

test.skipIf(oracle.isMissing)(
  `mutated frames are answered byte for byte as by redis-server${redisNote}`,
  async () => {
    await using reference = await oracle.start();
    await using node = await ours.start();
    await using bystander = await Bystander.start(node.port);
    const random = new Random(seedFor("BAD_INPUT_SEED"));
    const rounds = numberFromEnvironment("BAD_INPUT_ROUNDS", repetitions(150, 1_500));
    const differences: object[] = [];
    for (let round = 0; round < rounds && differences.length < 10; round++) {
      const bytes = mutatedFrames(random);
      if (announcesMillions(bytes)) continue;
      const [wanted, got] = await Promise.all(
        [reference, node].map(({ port }) => answerTo(port, bytes)),
      );
      const sent = quote(bytes.toString("latin1"));
      if (!isSameAnswer(`${wanted}`, `${got}`)) differences.push({ round, sent, wanted, got });
    }
    expect(differences).toEqual([]);
    await bystander.noticedNothing();
  },
  60_000 + numberFromEnvironment("BAD_INPUT_ROUNDS", repetitions(150, 1_500)) * 20,
);

/** Between our bound on arguments and Redis's, the two rightly differ. */
const announcesMillions = (bytes: Buffer) => /\*\d{7,10}\r/.test(bytes.toString("latin1"));

/**
 * A server may complain before the line with the mistake has ended, for which redis-server waits.
 */
function isSameAnswer(wanted: string, got: string): boolean {
  if (wanted === got) return true;
  return got.startsWith(wanted) && got.slice(wanted.length).startsWith("-ERR Protocol error: ");
}

/** Everything that the server says until it has answered the end of the input, or has hung up. */
async function answerTo(port: number, bytes: Buffer): Promise<string> {
  await using peer = await Peer.connect(port);
  // The first command settles which protocol the connection speaks.
  peer.write(Buffer.concat([Buffer.from("PING\r\n"), bytes]));
  peer.end();
  return quote((await peer.raw.closed(3_000)).toString("latin1"));
}

// ---- memory -------------------------------------------------------------------------------------

const hasProc = existsSync("/proc/self/status");
const procNote = hasProc ? "" : " (skipped: no /proc to read the memory of a process from)";

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing || !hasProc)(`${contestant.name}, memory${procNote}`, () => {
    let server: TestNode & { process: { pid: number } };
    beforeEach(async () => {
      server = (await contestant.start()) as typeof server;
    });
    const hostile = {
      "a bulk of 512 MB": "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n",
      "a million arguments": "*1048576\r\n",
    };
    test.each(Object.entries(hostile))("announcing %s allocates nothing", async (_, bytes) => {
      await using _server = server;
      await using bystander = await Bystander.start(server.port);
      const before = residentBytes(server.process.pid);
      await using peers = new AsyncDisposableStack();
      for (let i = 0; i < 24; i++) {
        const peer = peers.use(await Peer.connect(server.port));
        expect(await peer.askRaw(`PING\r\n${bytes}`)).toBe("+PONG");
      }
      await bystander.noticedNothing();
      expect(residentBytes(server.process.pid) - before).toBeLessThan(48 * MiB);
    });
  });
}

function residentBytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

// ---- what only our port has to know -------------------------------------------------------------

describe("mscache, other protocols on its port", () => {
  const refused = {
    "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "memcached's binary protocol": "\x80\x00\x00\x01\x00\x00\x00\x00",
    "a POST": "POST / HTTP/1.1\r\nHost: cache\r\n\r\n",
  };
  test.each(Object.entries(refused))(
    "%s closes the connection with one log line",
    async (_, bytes) => {
      await using node = await ours.start();
      await using bystander = await Bystander.start(node.port);
      const lines = () => node.log().split("\n").length;
      await bystander.noticedNothing();
      const before = lines();
      await using peer = await Peer.connect(node.port);
      peer.write(bytes);
      await peer.raw.closed(3_000);
      await bystander.noticedNothing();
      expect(lines() - before).toBe(1);
    },
  );

  test("memcached lines are answered or closed, never left hanging", async () => {
    await using node = await ours.start();
    await using bystander = await Bystander.start(node.port);
    for (const line of [
      "get k\r\n",
      "set k 0 0 1\r\nx\r\n",
      "incr k 1\r\n",
      "stats\r\n",
      "mn\r\n",
    ]) {
      await using peer = await Peer.connect(node.port);
      peer.write(line);
      await Promise.race([peer.raw.readSome(), peer.raw.closed()]);
    }
    await bystander.noticedNothing();
  });
});
