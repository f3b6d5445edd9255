/**
 * What a leader of ours makes of commands on bits and HyperLogLogs reaches its followers, ours and
 * a real redis-server, as effects: after a random mix all three have the same bytes and times.
 * Replay with BIT_EFFECTS_SEED=n.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { bitCommand, sketchCommand } from "../support/bit-commands.ts";
import { type Member, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { oracle, ours } from "../support/servers.ts";
import { contentsOf } from "../support/write-load.ts";

setDefaultTimeout(2 * caseMsMax);

const rounds = repetitions(6, 100);
const batch = 200;

async function startFollowers(stack: AsyncDisposableStack, leader: Member): Promise<Member[]> {
  const followers: Member[] = [
    stack.use(await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`])),
  ];
  if (!oracle.isMissing) {
    const theirs = await oracle.start(["--replicaof", "127.0.0.1", `${leader.port}`]);
    followers.push(stack.use(theirs as Member));
  }
  await untilCaughtUp(leader, followers);
  return followers;
}

for (const threads of variants([2], [1, 3])) {
  test(`followers of a leader with ${threads} data threads have its bits and sketches`, async () => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await ours.start(["--threads", `${threads}`]));
    const followers = await startFollowers(stack, leader);
    const peer = stack.use(await Peer.connect(leader.port));
    const random = new Random(seedFor("BIT_EFFECTS_SEED"));
    for (let round = 0; round < rounds; round++) {
      const isTransaction = random.chance(0.3);
      if (isTransaction) peer.send("MULTI");
      for (let i = 0; i < batch; i++) {
        peer.send(...(random.chance(0.5) ? bitCommand : sketchCommand)(random));
      }
      if (isTransaction) peer.send("EXEC");
      await peer.replies(batch + (isTransaction ? 2 : 0));
      await untilCaughtUp(leader, followers);
      const wanted = await contentsOf(leader.port);
      expect(wanted.size).toBeGreaterThan(2);
      for (const { port } of followers) expect(await contentsOf(port)).toEqual(wanted);
    }
  });
}

test("a PFCOUNT on a follower changes no byte of it, and one on the leader reaches it", async () => {
  await using stack = new AsyncDisposableStack();
  const leader = stack.use(await ours.start());
  const followers = await startFollowers(stack, leader);
  const [own] = followers as [Member];
  const peer = stack.use(await Peer.connect(leader.port));
  const reader = stack.use(await Peer.connect(own.port));
  await peer.ask("PFADD", "k", "a", "b", "c");
  await untilCaughtUp(leader, followers);
  expect(await reader.ask("PFCOUNT", "k")).toBe(":3");
  expect(await reader.ask("GET", "k")).toBe(await peer.ask("GET", "k"));
  expect(await peer.ask("PFCOUNT", "k")).toBe(":3");
  await untilCaughtUp(leader, followers);
  for (const { port } of followers) {
    expect(await contentsOf(port)).toEqual(await contentsOf(leader.port));
  }
  expect(await reader.ask("BITCOUNT", "k")).toBe(await peer.ask("BITCOUNT", "k"));
  expect(await reader.ask("SETBIT", "k", "0", "1")).toStartWith("-READONLY ");
  expect(await reader.ask("BITFIELD", "k", "GET", "u8", "0")).toStartWith("-READONLY ");
  expect(await reader.ask("BITFIELD_RO", "k", "GET", "u8", "0")).toBe("*[:72]");
});
