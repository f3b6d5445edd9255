/**
 * A chain of three of our nodes with several data threads each, under writes from several
 * connections: either link is cut, the last node is killed and restarted, and in the end keys,
 * values, times and offsets are equal on all three. For one data thread, see cut-links.test.ts.
 * Replay with REPLICATION_SEED=n.
 * Invariant: the counters of each leader say which syncs there were.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Member, standingOf, syncsOf, untilCaughtUp } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { ours } from "../support/servers.ts";
import { contentsOf, fill, settledContentsOf, WriteLoad } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const threads = repetitions(2, 4);
const threaded = ["--threads", `${threads}`];
const writerCount = 3;
const cutCount = repetitions(1, 3);

function follow(port: number): Promise<Member> {
  return ours.start([...threaded, "--leaderaddr", `127.0.0.1:${port}`]);
}

test(`a chain with ${threads} data threads a node survives cut links and a kill`, async () => {
  const random = new Random(seedFor("REPLICATION_SEED"));
  await using stack = new AsyncDisposableStack();
  const leader = stack.use(await ours.start(threaded));
  const upper = stack.use(await LinkProxy.start(leader.port));
  const middle = stack.use(await follow(upper.port));
  await fill(leader.port, 1_000);
  await untilCaughtUp(leader, [middle]);
  const lower = stack.use(await LinkProxy.start(middle.port));
  const doomed = stack.use(await follow(lower.port));
  await waitFor(async () => (await standingOf(doomed.port)).link === "connected");
  const loads = await Promise.all(
    Array.from({ length: writerCount }, async () => {
      const own = new Random(random.below(2 ** 32));
      return stack.use(await WriteLoad.start(leader.port, own, true)); // a flush ends a full sync
    }),
  );
  const more = (count: number) => Promise.all(loads.map((load) => load.more(count)));
  for (let cut = 1; cut <= cutCount; cut++) {
    for (const [proxy, from] of [[upper, leader] as const, [lower, middle] as const]) {
      const before = await syncsOf(from.port);
      await more(100);
      proxy.cut();
      await more(100);
      proxy.heal();
      await waitFor(async () => (await syncsOf(from.port)).partial > before.partial);
    }
  }
  doomed.process.kill("SIGKILL");
  await doomed.process.exited;
  await more(100);
  const reborn = stack.use(await follow(lower.port));
  await more(200);
  await Promise.all(loads.map((load) => load.stop()));

  const wanted = await settledContentsOf(leader.port);
  await untilCaughtUp(leader, [middle, reborn]);
  for (const { port } of [middle, reborn]) expect(await contentsOf(port)).toEqual(wanted);
  expect(await syncsOf(leader.port)).toEqual({ full: 1, partial: cutCount });
  expect(await syncsOf(middle.port)).toMatchObject({ full: 2 }); // of the killed and the reborn
});
