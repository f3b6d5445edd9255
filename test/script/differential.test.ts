/**
 * The differential fuzz of scripts: random scripts run by EVAL on a real redis-server and on our
 * node, over RESP2 and RESP3, with one data thread and with several; every reply and the keyspace
 * left behind must agree, and so must the keyspace of a follower.
 * Replay with SCRIPT_SEED=n; run longer with SCRIPT_COUNT=n (20,000 take some minutes).
 * Invariant: replies are equal when all their bytes are; nothing is compared more loosely.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";
import { ScriptJudge } from "./script-judge.ts";

setDefaultTimeout(caseMsMax);

const count = numberFromEnvironment("SCRIPT_COUNT", repetitions(200, 3_000));
/** With several threads each script is handed over twice, which takes long on a busy machine. */
const timeoutMs = 60_000 + count * 200;

const lineUps = [
  { name: "over RESP2", node: ours, protocol: "2" },
  {
    name: "over RESP3, with several data threads",
    node: oursWithThreads(repetitions(2, 3)),
    protocol: "3",
  },
] as const;

for (const { name, node, protocol } of lineUps) {
  test.skipIf(oracle.isMissing)(
    `random scripts get the replies of redis-server ${name}${redisNote}`,
    async () => {
      await using reference = await oracle.start();
      await using leader = await node.start();
      await using follower = await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]);
      await using left = await Peer.connect(reference.port);
      await using right = await Peer.connect(leader.port);
      await using copy = await Peer.connect(follower.port);
      for (const peer of [left, right]) await peer.typed("HELLO", protocol);
      const judge = new ScriptJudge(left, right, copy, protocol === "3");
      const random = new Random(seedFor("SCRIPT_SEED"));
      await judge.run(random, count);
      expect(judge.differences.join("\n\n")).toBe("");
    },
    timeoutMs,
  );
}
