/**
 * The differential fuzz: random command sequences over the whole table, sent to a real redis-server
 * and to our node over RESP2 and RESP3; every reply and the keyspace left at the end must agree.
 * Replay with DIFFERENTIAL_SEED=n; run longer with DIFFERENTIAL_STEPS=n (50,000 take some seconds).
 * Invariant: nothing is compared more loosely than the Comparison of its step says.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Judge, showDifference } from "../support/judge.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const sequenceSteps = 2_000;
const steps = numberFromEnvironment("DIFFERENTIAL_STEPS", repetitions(4_000, 60_000));
/** A long run is limited by its steps, not by this. */
const timeoutMs = 60_000 + steps * 10;

for (const protocol of ["2", "3"]) {
  test.skipIf(oracle.isMissing)(
    `random commands over RESP${protocol} get the replies of redis-server${redisNote}`,
    async () => {
      await using reference = await oracle.start();
      await using node = await ours.start();
      await using left = await Peer.connect(reference.port);
      await using right = await Peer.connect(node.port);
      for (const peer of [left, right]) await peer.typed("HELLO", protocol);
      const judge = new Judge(left, right);
      const random = new Random(seedFor("DIFFERENTIAL_SEED"));
      for (let done = 0; done < steps && !judge.hasEnough; done += sequenceSteps) {
        await judge.sequence(random, Math.min(sequenceSteps, steps - done));
      }
      expect(judge.differences.map(showDifference).join("\n\n")).toBe("");
    },
    timeoutMs,
  );
}
