// Long scripts that are suspended between the parts of something else: of a command that acts on
// the node and waits, of a transaction with such a command, and of what began just before them.

import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { spawnNode, startNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { variants, whenShort } from "../support/repetitions.ts";
import {
  type Contestant,
  optimizedEarly,
  oracle,
  ours,
  oursWithThreads,
} from "../support/servers.ts";

/** For a node whose script calls commands a hundred thousand times. */
const early = { environment: optimizedEarly };
const busy =
  "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

/** A server for MIGRATE that answers only when told. */
class SlowTarget implements AsyncDisposable {
  private readonly sockets: Socket[] = [];
  private mayAnswer = false;
  private readonly server = createServer((socket) => {
    this.sockets.push(socket);
    socket.on("error", () => undefined); // the node may end first
    socket.on("data", () => this.mayAnswer && socket.write("+OK\r\n"));
  });

  static async listen(): Promise<SlowTarget> {
    const target = new SlowTarget();
    await new Promise<void>((resolve) => target.server.listen(0, "127.0.0.1", resolve));
    return target;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  get isAsked(): boolean {
    return this.sockets.length > 0;
  }

  answer(): void {
    this.mayAnswer = true;
    for (const socket of this.sockets) socket.write("+OK\r\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const counting =
  "redis.call('SET', 'n', 0) while redis.call('GET', 'seen') == '0' and " +
  "redis.call('INCR', 'n') < tonumber(ARGV[1]) do end return redis.call('GET', 'seen')";

async function isBusy(other: Peer): Promise<void> {
  await waitFor(async () => (await other.ask("PING")) === busy);
}

for (const threads of variants(["2"], ["1"])) {
  describe(`a long script between the parts of a wait: ${threads} data threads`, () => {
    test("sees nothing of an EXEC whose MIGRATE waits, and EXEC waits for its end", async () => {
      await using node = await spawnNode(
        ["--threads", threads, "--busy-reply-threshold", "20"],
        early,
      );
      await using target = await SlowTarget.listen();
      await using peer = await Peer.connect(node.port);
      await using caller = await Peer.connect(node.port);
      await using other = await Peer.connect(node.port);
      await peer.ask("MSET", "k", "v", "seen", "0");
      await peer.ask("MULTI");
      await peer.ask("MIGRATE", "127.0.0.1", `${target.port}`, "k", "0", "60000");
      await peer.ask("INCR", "seen");
      await peer.ask("EVAL", "return redis.call('INCR', 'seen')", "0");
      peer.send("EXEC");
      await waitFor(() => target.isAsked);
      caller.send("EVAL", counting, "0", "30000");
      await isBusy(other);
      target.answer();
      expect(await caller.shown()).toBe("$0");
      expect(await peer.shown()).toMatch(/^\*\[(-BUSY .*|\+OK) :1 :2\]$/);
      expect(await other.ask("MGET", "n", "seen")).toBe("*[$30000 $2]");
    }, 120_000);
  });
}

for (const contestant of variants<Contestant>([ours, oursWithThreads(2)], [oracle])) {
  describe.skipIf(contestant.isMissing)(`a long script: ${contestant.name}`, () => {
    test("keeps a key whose time passes, though another client watches it", async () => {
      await using node = await contestant.start(["--busy-reply-threshold", "20"]);
      await using caller = await Peer.connect(node.port);
      await using other = await Peer.connect(node.port);
      const code =
        "for i = 1, tonumber(ARGV[1]) do if not redis.call('GET', KEYS[1]) then return 'gone' end " +
        "end return 'there'";
      const count = contestant === oracle ? 500_000 : 120_000;
      const began = performance.now();
      // In one write, so that the key is there when the script begins.
      caller.sendAll([
        ["SET", "k", "v", "PX", "150"],
        ["EVAL", code, "1", "k", count],
      ]);
      await isBusy(other);
      await waitFor(() => performance.now() - began > 155);
      expect(await other.ask("WATCH", "k")).toBe("+OK");
      expect(await caller.shown()).toBe("+OK");
      expect(await caller.shown()).toBe("$there");
      await waitFor(async () => (await other.ask("GET", "k")) === "$null");
    }, 120_000);

    test("leaves its time to none of the commands before it in a pipeline", async () => {
      await using node = await contestant.start(["--busy-reply-threshold", "20"]);
      await using caller = await Peer.connect(node.port);
      const turns = contestant === oracle ? "1e7" : "5e6";
      const loop = `local n = 0 for i = 1, ${turns} do n = n + 1 end return n`;
      for (let i = 0; i < 5; i++) caller.send("GET", "k");
      caller.send("EVAL", loop, "0");
      expect(await caller.replies(6)).toHaveLength(6);
      const text = await caller.ask("INFO", "commandstats");
      const usec = (name: string) =>
        Number(new RegExp(`_${name}:calls=\\d+,usec=(\\d+)`).exec(text)?.[1]);
      expect(usec("eval")).toBeGreaterThan(20_000);
      // If the time of the batch were shared, the five would have most of it. A busy processor may
      // give them some milliseconds.
      expect(usec("get")).toBeLessThan(usec("eval") / 2);
    }, 120_000);
  });
}

describe("a script on a follower", () => {
  for (const threads of variants(["2"], ["1"])) {
    test(`is over before another snapshot replaces what it reads: ${threads} data threads`, async () => {
      await using old = await startNode();
      await using following = await startNode();
      const busyFlag = ["--threads", threads, "--busy-reply-threshold", "20"];
      await using follower = await spawnNode(["--leaderaddr", old.address, ...busyFlag]);
      await using writer = await Peer.connect(old.port);
      await using later = await Peer.connect(following.port);
      await using caller = await Peer.connect(follower.port);
      await using other = await Peer.connect(follower.port);
      await writer.ask("SET", "k", "before");
      await later.ask("SET", "k", "after");
      await waitFor(async () => (await other.ask("GET", "k")) === "$before");
      const code = "while redis.call('GET', 'k') == 'before' do end return 'changed'";
      caller.send("EVAL_RO", code, "0");
      await isBusy(other);
      // The leader becomes a follower of another: its own follower has to load anew.
      await writer.ask("REPLICAOF", "127.0.0.1", `${following.port}`);
      await waitFor(() => follower.log().includes("have to stand still"));
      expect(await other.ask("SCRIPT", "KILL")).toBe("+OK");
      expect(await caller.shown()).toStartWith("-ERR Script killed");
      await waitFor(async () => (await other.ask("GET", "k")) === "$after");
    }, 120_000);
  }
});

describe("a command that acts on the node", () => {
  whenShort(() =>
    test("never changes the role in the middle of a script, wherever that runs", async () => {
      await using node = await spawnNode(
        ["--threads", "4", "--busy-reply-threshold", "150"],
        early,
      );
      await using other = await Peer.connect(node.port);
      await other.ask("SET", "seen", "0");
      // It runs where its client is only if all threads know it.
      await other.ask("SCRIPT", "LOAD", counting);
      for (let pings = 1; ; pings++) {
        await using caller = await Peer.connect(node.port);
        caller.send("EVAL", counting, "0", "90000");
        for (let i = 0; i < pings; i++) await other.ask("PING");
        const reply = await other.ask("REPLICAOF", "127.0.0.1", "1");
        if (reply === busy) return expect(await caller.shown()).toBe("$0");
        // It came before the script, which then has not begun.
        expect(await caller.shown().catch(() => "closed")).toMatch(/^-READONLY|^closed/);
        expect(await other.ask("GET", "n")).toBe("$null");
        await other.ask("REPLICAOF", "NO", "ONE");
      }
    }, 120_000),
  );
});
