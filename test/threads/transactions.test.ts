/**
 * Transactions over several data threads: connections of different threads move amounts between
 * accounts, guarded by WATCH or in one EXEC, while others look at all of them at once. The sum
 * never changes. What EXEC answers is compared with redis-server in
 * conformance/transactions.test.ts.
 * Invariant: nothing depends on which thread a connection falls to.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, startNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { Random, seedFor } from "../support/seed.ts";
import { forAllCases } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const accounts = Array.from({ length: 8 }, (_, i) => `account:${i}`);
const startBalance = 1000;
const total = accounts.length * startBalance;

const run = (threads: number) => startNode({ threads, journalSize: 4 * 1024 * 1024 });

function amounts(shown: string): number[] {
  return [...shown.matchAll(/\$(-?\d+)/g)].map(([, digits]) => Number(digits));
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** Commands of one transaction in one write, and what EXEC answers. */
async function transact(peer: Peer, ...commands: (readonly string[])[]): Promise<string> {
  peer.send("MULTI");
  for (const args of commands) peer.send(...(args as [string]));
  peer.send("EXEC");
  const replies = await peer.replies(commands.length + 1);
  for (const reply of replies.slice(1)) expect(reply.value).toBe("QUEUED");
  return await peer.shown();
}

/** Reads, decides and writes; true when nobody came between. */
async function transferWatched(peer: Peer, from: string, to: string): Promise<boolean> {
  await peer.ask("WATCH", from, to);
  const [left = 0, right = 0] = amounts(await peer.ask("MGET", from, to));
  const commands = [
    ["SET", from, `${left - 1}`],
    ["SET", to, `${right + 1}`],
  ];
  return (await transact(peer, ...commands)) !== "*null";
}

describe.skipIf(process.platform !== "linux")("with 4 data threads", () => {
  const shared = forAllCases(() => run(4));

  test("transactions of many connections never show or leave a part", async () => {
    const node = shared();
    await using stack = new AsyncDisposableStack();
    const peers = await Promise.all(Array.from({ length: 16 }, () => Peer.connect(node.port)));
    for (const peer of peers) stack.use(peer);
    const [first, ...others] = peers as [Peer, ...Peer[]];
    await first.ask("MSET", ...accounts.flatMap((name) => [name, startBalance]));
    const random = new Random(seedFor("ACCOUNTS_SEED"));
    let conflicts = 0;
    const worker = async (peer: Peer, index: number): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        const [from, to] = [random.pick(accounts), random.pick(accounts)];
        if (from === to) continue;
        if (index % 3 === 0) {
          const shown = await transact(peer, ...accounts.map((name) => ["GET", name]));
          expect(sum(amounts(shown))).toBe(total);
        } else if (index % 3 === 1) {
          await transact(peer, ["DECR", from], ["INCR", to]);
        } else if (!(await transferWatched(peer, from, to))) conflicts++;
      }
    };
    await Promise.all(others.map(worker));
    expect(sum(amounts(await first.ask("MGET", ...accounts)))).toBe(total);
    expect(conflicts).toBeGreaterThan(0);
    node.store.invariants();
  });

  test("walks and FLUSHALL in a transaction see the whole keyspace at one moment", async () => {
    const node = shared();
    await using writer = await Peer.connect(node.port);
    await using walker = await Peer.connect(node.port);
    await walker.ask("FLUSHALL"); // of what the last case has left
    let stopped = false;
    const writing = (async () => {
      while (!stopped) await transact(writer, ["MSET", "a", "1", "b", "1"], ["DEL", "a", "b"]);
    })();
    for (let i = 0; i < 100; i++) {
      const shown = await transact(walker, ["DBSIZE"], ["KEYS", "*"], ["FLUSHALL"], ["DBSIZE"]);
      expect(shown).toBe("*[:0 *[] +OK :0]");
    }
    stopped = true;
    await writing;
  });

  test("a transaction that is too large for a data thread's journal is still executed", async () => {
    const node = shared();
    await using peer = await Peer.connect(node.port);
    const value = "x".repeat(200_000);
    const commands = accounts.map((name) => ["SET", name, value]);
    expect(await transact(peer, ...commands)).toBe(`*[${accounts.map(() => "+OK").join(" ")}]`);
    for (const name of accounts) expect(await peer.ask("STRLEN", name)).toBe(`:${value.length}`);
  });

  test("control commands in a transaction act on the connections of all threads", async () => {
    const node = shared();
    await using stack = new AsyncDisposableStack();
    const victims = await Promise.all(Array.from({ length: 12 }, () => Peer.connect(node.port)));
    for (const peer of victims) await stack.use(peer).ask("PING");
    await using peer = await Peer.connect(node.port);
    await waitFor(async () => {
      const clients = await peer.ask("INFO", "clients"); // without those of the last case
      return new RegExp(`connected_clients:${victims.length + 1}\\b`).test(clients);
    });
    await peer.ask("WATCH", "a");
    const commands = [
      ["SET", "a", "1"],
      ["CLIENT", "KILL", "TYPE", "normal"],
      ["GET", "a"],
    ];
    expect(await transact(peer, ...commands)).toBe(`*[+OK :${victims.length} $1]`);
    await Promise.all(victims.map(({ raw }) => raw.closed()));
    await waitFor(async () => (await peer.ask("MULTI")) === "+OK");
    expect(await peer.ask("EXEC")).toBe("*[]");
  });
});

test.skipIf(process.platform !== "linux")(
  "transactions that write and act on the node go on beside writes of all threads",
  async () => {
    await using node = await run(4);
    await using follower = await startNode({ leaderAddr: { host: "127.0.0.1", port: node.port } });
    await using stack = new AsyncDisposableStack();
    const writers = await Promise.all(Array.from({ length: 8 }, () => Peer.connect(node.port)));
    for (const peer of writers) stack.use(peer);
    await using peer = await Peer.connect(node.port);
    await waitFor(async () => (await peer.ask("ROLE")).includes(`$${follower.port} `));
    let stopped = false;
    const writing = writers.map(async (writer, i) => {
      while (!stopped) await transact(writer, ["SET", `a${i}`, "1"], ["SET", `b${i}`, "1"]);
    });
    for (let i = 0; i < 50; i++) {
      const commands = [
        ["SET", "c", `${i}`],
        ["CLIENT", "PAUSE", "1", "WRITE"],
        ["CLIENT", "UNPAUSE"],
        ["REPLICAOF", "NO", "ONE"],
        ["CONFIG", "SET", "maxclients", "1000"],
        ["SET", "d", `${i}`],
      ];
      expect(await transact(peer, ...commands)).toBe("*[+OK +OK +OK +OK +OK +OK]");
    }
    stopped = true;
    await Promise.all(writing);
    await using reader = await Peer.connect(follower.port);
    await waitFor(async () => (await reader.ask("MGET", "c", "d")) === "*[$49 $49]");
  },
);

test("a transaction that does not fit is refused as a whole if nothing may be evicted", async () => {
  await using node = await startNode({ maxMemory: 4 * 1024 * 1024, eviction: "none" });
  await using peer = await Peer.connect(node.port);
  const value = "x".repeat(50_000);
  let count = 0;
  while ((await peer.ask("SET", `fill:${count}`, value)) === "+OK") count++;
  await peer.ask("MULTI");
  expect(await peer.ask("SET", "one", value)).toStartWith("-OOM ");
  expect(await peer.ask("EXEC")).toStartWith("-EXECABORT ");
  expect(await peer.ask("DBSIZE")).toBe(`:${count}`);
  expect(await transact(peer, ["DEL", "fill:0", "fill:1"], ["GET", "one"])).toBe("*[:2 $null]");
});
