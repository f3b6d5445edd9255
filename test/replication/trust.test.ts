/**
 * What makes replication reliable: WAIT, CLIENT PAUSE, --min-followers-to-write, --stale-reads and
 * FAILOVER. Over our nodes with one and several data threads, and over real redis-servers, whose
 * texts are the standard. For data under load, see cut-links.test.ts and convergence.test.ts.
 * Invariant: a follower that must not answer is stopped by SIGSTOP, never by timing.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, startRedis, waitFor } from "../harness.ts";
import { type Member, replicationField, standingOf, syncsOf } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import { ours, redisNote } from "../support/servers.ts";
import { partsOf, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

interface Kind {
  readonly name: string;
  readonly isMissing: boolean;
  start(leaderPort?: number): Promise<Member>;
}

function ourKind(threads: number): Kind {
  return {
    name: threads === 1 ? "mscache" : `mscache with ${threads} data threads`,
    isMissing: false,
    start: (port) => {
      const leader = port === undefined ? [] : ["--leaderaddr", `127.0.0.1:${port}`];
      return ours.start(["--threads", `${threads}`, ...leader]);
    },
  };
}

const redisKind: Kind = {
  name: `redis-server${redisNote}`,
  isMissing: !redisInstalled(),
  start: (port) => {
    const diskless = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"];
    const leader = port === undefined ? [] : ["--replicaof", "127.0.0.1", `${port}`];
    return startRedis([...diskless, ...leader]) as Promise<Member>;
  },
};

const single = ourKind(1);
const several = ourKind(repetitions(2, 4));
const kinds: Kind[] = [several];
const pairs: [leader: Kind, follower: Kind][] = [[several, several]];
// A long run would do the same once more with the others.
whenShort(() => {
  kinds.push(single, redisKind);
  pairs.push([single, single], [single, redisKind], [redisKind, single]);
});

/** A leader with one follower that is online, both gone at the end of the stack. */
async function startPair(
  [leaderKind, followerKind]: readonly [Kind, Kind],
  stack: AsyncDisposableStack,
): Promise<{ leader: Member; follower: Member; peer: Peer }> {
  const leader = stack.use(await leaderKind.start());
  const follower = stack.use(await followerKind.start(leader.port));
  await untilOnline(leader);
  return { leader, follower, peer: stack.use(await Peer.connect(leader.port)) };
}

function untilOnline(leader: Member): Promise<unknown> {
  return waitFor(async () => (await standingOf(leader.port)).followers === 1);
}

/** Stops a process for the length of a scope. */
function stopped({ process }: Member): Disposable {
  process.kill("SIGSTOP");
  return { [Symbol.dispose]: () => void process.kill("SIGCONT") };
}

async function clientField(peer: Peer, name: string): Promise<string> {
  const text = textOf(await peer.typed("INFO", "clients"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? `no field ${name}`;
}

/** Whether a reply is still out; the bytes of one that came meanwhile stay unread. */
async function isWaiting(peer: Peer, other: Peer): Promise<boolean> {
  await other.ask("ECHO", "a round trip to the same node");
  return peer.raw.unread.length === 0;
}

for (const pair of pairs) {
  const [leaderKind, followerKind] = pair;
  const isMissing = leaderKind.isMissing || followerKind.isMissing;
  describe.skipIf(isMissing)(`${leaderKind.name} followed by ${followerKind.name}`, () => {
    const shared = new AsyncDisposableStack();
    /** Of the cases that leave a pair as it was, and of the last one. */
    let started: Awaited<ReturnType<typeof startPair>>;

    beforeAll(async () => {
      started = await startPair(pair, shared);
    }, caseMsMax);
    afterAll(() => shared.disposeAsync());

    test("WAIT counts the followers that have this connection's writes", async () => {
      const { leader, follower, peer } = started;
      await using waiting = await Peer.connect(leader.port);
      for (let i = 0; i < 20; i++) {
        await waiting.ask("SET", "k", `${i}`);
        expect(await waiting.ask("WAIT", 1, 5_000)).toBe(":1");
      }
      expect(await waiting.ask("WAIT", 2, 50)).toBe(":1");
      using _ = stopped(follower);
      // A pipeline: the write that WAIT means may be in the same chunk.
      waiting.write("SET k 1\r\nWAIT 1 50\r\n");
      expect([await waiting.shown(), await waiting.shown()]).toEqual(["+OK", ":0"]);
      // This connection has written nothing that anybody could lack.
      expect(await peer.ask("WAIT", 1, 5_000)).toBe(":1");
    });

    test("WAIT holds only its own connection, and ends when the follower is back", async () => {
      const { leader, follower, peer } = started;
      await using waiting = await Peer.connect(leader.port);
      const id = (await waiting.ask("CLIENT", "ID")).slice(1);
      {
        using _ = stopped(follower);
        await waiting.ask("SET", "k", "1");
        for (const [reason, answer] of [
          [["TIMEOUT"], ":0"],
          [["ERROR"], "-UNBLOCKED client unblocked via CLIENT UNBLOCK"],
          [[], ":0"],
        ] as const) {
          waiting.send("WAIT", 1, 0);
          await waitFor(async () => (await clientField(peer, "blocked_clients")) === "1");
          expect(await peer.ask("CLIENT", "UNBLOCK", id, ...reason)).toBe(":1");
          expect(await waiting.shown()).toBe(answer);
        }
        expect(await peer.ask("CLIENT", "UNBLOCK", id)).toBe(":0");
        expect(await clientField(peer, "blocked_clients")).toBe("0");
        waiting.send("WAIT", 1, 0);
        expect(await isWaiting(waiting, peer)).toBe(true);
      }
      expect(await waiting.shown()).toBe(":1");
    });

    test("a closed connection no longer waits", async () => {
      const { leader, peer } = started;
      const waiting = await Peer.connect(leader.port);
      await waiting.ask("SET", "k", "1");
      waiting.send("WAIT", 5, 0);
      await waitFor(async () => (await clientField(peer, "blocked_clients")) === "1");
      await waiting[Symbol.asyncDispose]();
      await waitFor(async () => (await clientField(peer, "blocked_clients")) === "0");
    });

    test("a client that is killed while it waits gets no reply", async () => {
      const { leader, peer } = started;
      await using waiting = await Peer.connect(leader.port);
      const id = (await waiting.ask("CLIENT", "ID")).slice(1);
      await waiting.ask("SET", "k", "1");
      waiting.send("WAIT", 5, 0);
      await waitFor(async () => (await clientField(peer, "blocked_clients")) === "1");
      expect(await peer.ask("CLIENT", "KILL", "ID", id)).toBe(":1");
      expect((await waiting.raw.closed()).toString()).toBe("");
    });

    test.concurrent("writes are refused while fewer followers are in sync than they need", async () => {
      await using stack = new AsyncDisposableStack();
      const { follower, peer } = await startPair(pair, stack);
      const refusal = "-NOREPLICAS Not enough good replicas to write.";
      await peer.ask("CONFIG", "SET", "min-slaves-max-lag", 1);
      expect(await peer.ask("CONFIG", "SET", "min-replicas-to-write", 2)).toBe("+OK");
      expect(await peer.ask("SET", "k", "1")).toBe(refusal);
      expect(await peer.ask("GET", "k")).toBe("$null");
      await peer.ask("CONFIG", "SET", "min-replicas-to-write", 1);
      await waitFor(async () => (await peer.ask("SET", "k", "1")) === "+OK");
      {
        using _ = stopped(follower);
        await waitFor(async () => (await peer.ask("SET", "k", "2")) === refusal);
        expect(await peer.ask("DEL", "k")).toBe(refusal);
      }
      await waitFor(async () => (await peer.ask("SET", "k", "3")) === "+OK");
      const names = ["min-replicas-max-lag", "min-slaves-to-write"];
      const shown = await Promise.all(names.map((name) => peer.typed("CONFIG", "GET", name)));
      expect(shown.flatMap((reply) => partsOf(reply).map(textOf))).toEqual([
        ...["min-replicas-max-lag", "1", "min-slaves-to-write", "1"],
      ]);
    });

    test.concurrent("FAILOVER makes the follower the leader without losing a write", async () => {
      await using stack = new AsyncDisposableStack();
      const { leader, follower, peer } = await startPair(pair, stack);
      let written = 0;
      const writer = stack.use(await Peer.connect(leader.port));
      const writing = (async () => {
        for (; ; written++) {
          // A write that was held is refused when the pause ends, or its connection is closed.
          const reply = await writer.ask("SET", `k:${written}`, `${written}`).catch(() => "closed");
          if (reply !== "+OK") return reply;
        }
      })();
      await waitFor(() => written > 200);
      expect(await peer.ask("FAILOVER", "TO", "127.0.0.1", follower.port)).toBe("+OK");
      await waitFor(async () => (await standingOf(follower.port)).role === "leader");
      await waitFor(async () => (await standingOf(leader.port)).link === "connected");
      expect(await writing).toMatch(/^-READONLY|^closed/);
      expect(await replicationField(leader.port, "master_failover_state")).toBe("no-failover");
      await using reader = await Peer.connect(follower.port);
      expect(await reader.ask("DBSIZE")).toBe(`:${written}`);
      expect(await reader.ask("SET", "after", "1")).toBe("+OK");
      expect(await reader.ask("WAIT", 1, 5_000)).toBe(":1");
      const stats = textOf(await reader.typed("INFO", "stats"));
      expect(stats).toMatch(/^sync_full:0\r\nsync_partial_ok:1\r$/m);
    });

    test.concurrent("a FAILOVER between the writes of a transaction keeps the stream whole", async () => {
      await using stack = new AsyncDisposableStack();
      const { leader, follower, peer } = await startPair(pair, stack);
      for (const words of ["MULTI", "SET t 1", "FAILOVER", "SET u 2"]) {
        await peer.ask(...words.split(" "));
      }
      expect(await peer.ask("EXEC")).toBe("*[+OK +OK +OK]");
      await waitFor(async () => (await standingOf(follower.port)).role === "leader");
      await waitFor(async () => (await standingOf(leader.port)).link === "connected");
      expect(await syncsOf(follower.port)).toEqual({ full: 0, partial: 1 });
      await using other = await Peer.connect(follower.port);
      expect(await other.ask("MGET", "t", "u")).toBe("*[$1 $2]");
    });

    test("a FAILOVER whose target stays behind ends at its timeout, or is forced then", async () => {
      const { leader, follower, peer } = started;
      const state = () => replicationField(leader.port, "master_failover_state");
      const target = ["127.0.0.1", follower.port] as const;
      {
        using _ = stopped(follower);
        await peer.ask("SET", "k", "1");
        expect(await peer.ask("FAILOVER", "TO", ...target, "TIMEOUT", 2_000)).toBe("+OK");
        expect(await state()).toBe("waiting-for-sync");
        expect(await peer.ask("FAILOVER")).toBe("-ERR FAILOVER already in progress.");
        expect(await peer.ask("REPLICAOF", "127.0.0.1", 1)).toBe(
          "-ERR REPLICAOF not allowed while failing over.",
        );
        expect(await peer.ask("SET", "k", "2")).toBe("+OK"); // when its time is over
        expect(await state()).toBe("no-failover");
        expect(await peer.ask("FAILOVER")).toBe("+OK");
        expect(await peer.ask("FAILOVER", "ABORT")).toBe("+OK");
        expect(await peer.ask("SET", "k", "3")).toBe("+OK");
        expect(await peer.ask("FAILOVER", "TO", ...target, "TIMEOUT", 50, "FORCE")).toBe("+OK");
        await waitFor(async () => (await state()) === "failover-in-progress");
      }
      await waitFor(async () => (await standingOf(follower.port)).role === "leader");
      await waitFor(async () => (await state()) === "no-failover");
      expect((await standingOf(leader.port)).role).toBe("follower");
    });
  });
}

for (const kind of kinds) {
  describe.skipIf(kind.isMissing)(kind.name, () => {
    /** Of the cases that need no follower, and of the last one's. */
    let node: Member;

    beforeAll(async () => {
      node = await kind.start();
    }, caseMsMax);
    afterAll(() => node[Symbol.asyncDispose]());

    test("CLIENT PAUSE WRITE holds writes but not reads", async () => {
      await using peer = await Peer.connect(node.port);
      await using writer = await Peer.connect(node.port);
      await writer.ask("SET", "k", "before");
      expect(await peer.ask("CLIENT", "PAUSE", 60_000, "WRITE")).toBe("+OK");
      writer.write("GET k\r\nSET k after\r\nGET k\r\nDEL k\r\nGET k\r\n");
      expect(await writer.shown()).toBe("$before");
      expect(await isWaiting(writer, peer)).toBe(true);
      expect(await peer.ask("GET", "k")).toBe("$before");
      expect(await peer.ask("CLIENT", "UNPAUSE")).toBe("+OK");
      expect((await writer.replies(4)).map((reply) => reply.value)).toEqual([
        ...["OK", "after", "1", null],
      ]);
    });

    test("CLIENT PAUSE holds all commands for its time, but not the links of followers", async () => {
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await kind.start());
      const follower = stack.use(await single.start(leader.port));
      await untilOnline(leader);
      await using peer = await Peer.connect(leader.port);
      await using other = await Peer.connect(leader.port);
      const begin = performance.now();
      expect(await peer.ask("CLIENT", "PAUSE", 800)).toBe("+OK");
      other.send("PING");
      await waitFor(() => performance.now() - begin > 500);
      expect(other.raw.unread.length).toBe(0);
      expect(await replicationField(follower.port, "master_link_status")).toBe("up");
      expect(await other.shown()).toBe("+PONG");
      expect(performance.now() - begin).toBeGreaterThan(780);
    });

    test("a pause of writes also holds expiry, but an expired key is still hidden", async () => {
      await using peer = await Peer.connect(node.port);
      await peer.ask("FLUSHALL");
      // In one write, or a machine under load would let it expire before the pause.
      peer.write("SET brief x PX 1000\r\nCLIENT PAUSE 60000 WRITE\r\n");
      expect([await peer.shown(), await peer.shown()]).toEqual(["+OK", "+OK"]);
      await waitFor(async () => (await peer.ask("GET", "brief")) === "$null");
      // Longer than several rounds of the sweeper would take.
      const deadline = performance.now() + 500;
      await waitFor(() => performance.now() > deadline);
      expect(await peer.ask("DBSIZE")).toBe(":1");
      await peer.ask("CLIENT", "UNPAUSE");
      await waitFor(async () => (await peer.ask("DBSIZE")) === ":0");
    });

    test("invalid requests are refused in Redis's words", async () => {
      await using peer = await Peer.connect(node.port);
      const cases: readonly (readonly [string, string])[] = [
        ["WAIT x 1", "-ERR value is not an integer or out of range"],
        ["WAIT 1 x", "-ERR timeout is not an integer or out of range"],
        ["WAIT 1 -1", "-ERR timeout is negative"],
        ["WAIT 0 0", ":0"],
        ["CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"],
        ["CLIENT PAUSE 1 READ", "-ERR CLIENT PAUSE mode must be WRITE or ALL"],
        ["CLIENT UNBLOCK x", "-ERR value is not an integer or out of range"],
        ["CLIENT UNBLOCK 1 WHY", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"],
        ["CLIENT UNBLOCK 999999", ":0"],
        ["FAILOVER ABORT", "-ERR No failover in progress."],
        ["FAILOVER", "-ERR FAILOVER requires connected replicas."],
        ["FAILOVER TO 127.0.0.1", "-ERR syntax error"],
        ["FAILOVER TO 127.0.0.1 x", "-ERR value is not an integer or out of range"],
        ["FAILOVER TIMEOUT 0", "-ERR FAILOVER timeout must be greater than 0"],
        ["FAILOVER TIMEOUT 1 TIMEOUT 1", "-ERR syntax error"],
        ["PSYNC x 1 FAILOVER", "-ERR PSYNC FAILOVER can't be sent to a master."],
      ];
      for (const [request, answer] of cases) {
        expect([request, await peer.askRaw(`${request}\r\n`)]).toEqual([request, answer]);
      }
      await using follower = await kind.start(node.port);
      await untilOnline(node);
      expect(await peer.ask("FAILOVER", "FORCE")).toBe(
        "-ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
      );
      expect(await peer.ask("FAILOVER", "TO", "127.0.0.1", 1)).toBe(
        "-ERR FAILOVER target HOST and PORT is not a replica.",
      );
      await using below = await Peer.connect(follower.port);
      expect(await below.ask("WAIT", 0, 0)).toStartWith("-ERR WAIT cannot be used with replica");
      expect(await below.ask("FAILOVER")).toBe(
        "-ERR FAILOVER is not valid when server is a replica.",
      );
      expect(await below.askRaw("PSYNC x 1 FAILOVER\r\n")).toBe(
        "-ERR PSYNC FAILOVER replid must match my replid.",
      );
    });

    test("a follower without its leader says so, and refuses stale reads if configured", async () => {
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await kind.start());
      const node = stack.use(await kind.start(leader.port));
      await untilOnline(leader);
      await using peer = await Peer.connect(node.port);
      expect(await replicationField(node.port, "master_link_status")).toBe("up");
      expect(await peer.ask("CONFIG", "SET", "slave-serve-stale-data", "no")).toBe("+OK");
      expect(await peer.ask("GET", "k")).toBe("$null");
      leader.process.kill("SIGKILL");
      await waitFor(async () => {
        return (await replicationField(node.port, "master_link_status")) === "down";
      });
      expect(await peer.ask("CONFIG", "SET", "slave-serve-stale-data", "yes")).toBe("+OK");
      const since = () => replicationField(node.port, "master_link_down_since_seconds");
      await waitFor(async () => Number(await since()) >= 1);
      expect(await peer.ask("GET", "k")).toBe("$null");
      expect(await peer.ask("CONFIG", "SET", "replica-serve-stale-data", "no")).toBe("+OK");
      const refusal =
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
      expect([await peer.ask("GET", "k"), await peer.ask("PING")]).toEqual([refusal, refusal]);
      expect(await peer.ask("REPLICAOF", "NO", "ONE")).toBe("+OK");
      await using after = await Peer.connect(node.port);
      expect(await after.ask("GET", "k")).toBe("$null");
    });
  });
}
