/**
 * What leaders and followers reply and how they change roles: READONLY, ROLE and INFO, REPLICAOF,
 * and that a key expires at the same moment on every node. Over every line-up. For data under load,
 * see convergence.test.ts.
 * Invariant: every wait is for a condition, and every node is a process of its own.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import {
  isOurs,
  lineUps,
  type Member,
  replicationField,
  standingOf,
  untilCaughtUp,
} from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { fill } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const readonly = "-READONLY You can't write against a read only replica.";

/** Here ours says more than Redis: where to write instead. Clients look at the first word. */
function readOnlyBy(follower: Member, leader: Member): string {
  return isOurs(follower) ? `${readonly} Its leader is 127.0.0.1:${leader.port}.` : readonly;
}

for (const lineUp of lineUps) {
  describe.skipIf(lineUp.isMissing)(lineUp.name, () => {
    test("a follower refuses writes, serves reads, and names its leader", async () => {
      await using members = new AsyncDisposableStack();
      const leader = members.use(await lineUp.leader());
      await fill(leader.port, 10);
      const follower = members.use(await lineUp.follower(leader));
      await untilCaughtUp(leader, [follower]);
      await using peer = await Peer.connect(follower.port);
      await expectReadOnly(peer, readOnlyBy(follower, leader));
      expect(await peer.ask("GET", "fill:3")).toBe("$value of 3");
      expect(await peer.ask("DBSIZE")).toBe(":10");
      expect(await peer.ask("ROLE")).toMatch(
        new RegExp(`^\\*\\[\\$slave \\$127\\.0\\.0\\.1 :${leader.port} \\$connected :\\d+\\]$`),
      );
      const fields = [
        "role",
        "master_host",
        "master_port",
        "master_link_status",
        "slave_read_only",
      ];
      const told = await Promise.all(fields.map((name) => replicationField(follower.port, name)));
      expect(told).toEqual(["slave", "127.0.0.1", `${leader.port}`, "up", "1"]);
      await expectCounted(leader, follower);
    });

    test("REPLICAOF NO ONE makes a leader that keeps its data and accepts writes", async () => {
      await using members = new AsyncDisposableStack();
      const leader = members.use(await lineUp.leader());
      await fill(leader.port, 100);
      const follower = members.use(await lineUp.follower(leader));
      await untilCaughtUp(leader, [follower]);
      await using peer = await Peer.connect(follower.port);
      expect(await peer.ask("REPLICAOF", "NO", "ONE")).toBe("+OK");
      expect((await standingOf(follower.port)).role).toBe("leader");
      expect(await peer.ask("SET", "fill:3", "its own")).toBe("+OK");
      expect(await peer.ask("DBSIZE")).toBe(":100");
      await using other = await Peer.connect(leader.port);
      await other.ask("SET", "fill:4", "no longer followed");
      expect(await other.ask("GET", "fill:3")).toBe("$value of 3");
      expect(await peer.ask("GET", "fill:4")).toBe("$value of 4");
    });

    test("REPLICAOF makes a leader follow, and replaces its data", async () => {
      await using members = new AsyncDisposableStack();
      const leader = members.use(await lineUp.leader());
      const other = members.use(await lineUp.leader());
      await fill(leader.port, 50);
      await using peer = await Peer.connect(other.port);
      await peer.ask("SET", "mine", "1");
      expect(await peer.ask("REPLICAOF", "127.0.0.1", `${leader.port}`)).toBe("+OK");
      await untilCaughtUp(leader, [other]);
      await using again = await Peer.connect(other.port);
      expect(await again.ask("EXISTS", "mine")).toBe(":0");
      expect(await again.ask("DBSIZE")).toBe(":50");
      expect(await again.ask("REPLICAOF", "127.0.0.1", `${leader.port}`)).toBe(
        "+OK Already connected to specified master",
      );
      await expectReadOnly(again, readOnlyBy(other, leader));
    });

    test("a key has the same expiry time on every node, and expires on all of them", async () => {
      await using members = new AsyncDisposableStack();
      const leader = members.use(await lineUp.leader());
      await using writer = await Peer.connect(leader.port);
      await writer.ask("SET", "early", "x", "PX", "1500");
      const follower = members.use(await lineUp.follower(leader));
      await untilCaughtUp(leader, [follower]);
      await using reader = await Peer.connect(follower.port);
      await writer.ask("SET", "late", "x", "PX", "1000");
      await writer.ask("SET", "extended", "x");
      await writer.ask("PEXPIRE", "extended", "1200");
      await untilCaughtUp(leader, [follower]);
      for (const key of ["early", "late", "extended"]) {
        const moment = await writer.ask("PEXPIRETIME", key);
        expect(await reader.ask("PEXPIRETIME", key)).toBe(moment);
        await waitFor(() => Date.now() > Number(moment.slice(1)), { message: `${key} to be over` });
        // The follower hides it by its own clock, whether the leader's DEL has come or not.
        expect(await reader.ask("GET", key)).toBe("$null");
        expect(await reader.ask("TTL", key)).toBe(":-2");
        expect(await reader.ask("EXISTS", key)).toBe(":0");
      }
      await waitFor(async () => (await reader.ask("DBSIZE")) === ":0", { message: "the DELs" });
    });

    test("a follower that lost its leader keeps serving, and follows another on command", async () => {
      await using members = new AsyncDisposableStack();
      const former = members.use(await lineUp.leader());
      await fill(former.port, 5);
      const follower = members.use(await lineUp.follower(former));
      await untilCaughtUp(former, [follower]);
      former.process.kill("SIGKILL");
      await waitFor(async () => (await standingOf(follower.port)).link !== "connected");
      await using peer = await Peer.connect(follower.port);
      await expectReadOnly(peer, readOnlyBy(follower, former));
      expect(await replicationField(follower.port, "master_link_status")).toBe("down");
      expect(await peer.ask("GET", "fill:3")).toBe("$value of 3");
      const leader = members.use(await lineUp.leader());
      await fill(leader.port, 20);
      await peer.ask("REPLICAOF", "127.0.0.1", `${leader.port}`);
      await untilCaughtUp(leader, [follower]);
      await using again = await Peer.connect(follower.port);
      expect(await again.ask("DBSIZE")).toBe(":20");
    });
  });
}

async function expectReadOnly(peer: Peer, refusal: string): Promise<void> {
  const lines = ["SET a 1", "DEL a", "INCR a", "EXPIRE a 10", "FLUSHALL", "MSET a 1", "APPEND a b"];
  for (const line of lines) {
    expect([line, await peer.askRaw(`${line}\r\n`)]).toEqual([line, refusal]);
  }
  expect(await peer.ask("MULTI")).toBe("+OK");
  expect(await peer.ask("SET", "a", "1")).toBe(refusal);
  expect(await peer.ask("EXEC")).toStartWith("-EXECABORT");
  // Arity is looked at first, as in Redis.
  expect(await peer.ask("SET", "a")).toBe("-ERR wrong number of arguments for 'set' command");
}

/** The leader counts the follower and shows where it stands. */
async function expectCounted(leader: Member, follower: Member): Promise<void> {
  expect(await standingOf(leader.port)).toMatchObject({ role: "leader", followers: 1 });
  expect(await replicationField(leader.port, "connected_slaves")).toBe("1");
  const line = new RegExp(
    `^ip=127\\.0\\.0\\.1,port=${follower.port},state=online,offset=\\d+,lag=\\d+$`,
  );
  await waitFor(async () => line.test(await replicationField(leader.port, "slave0")));
  const offset = await replicationField(follower.port, "slave_repl_offset");
  await waitFor(async () =>
    (await replicationField(leader.port, "slave0")).includes(`offset=${offset},`),
  );
}
